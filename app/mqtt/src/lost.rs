//! Why there is no connection: the cause, and what helps.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio_rustls::rustls::{CertificateError, Error as TlsFailure};

use super::packet::Malformed;

/// Why a connection ended, or could not be made.
#[derive(Debug, Error)]
pub(super) enum Lost {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the broker closed the connection")]
    Closed,
    /// MQTT 3.1.1 has no packet that says why.
    #[error(
        "the broker closes each connection soon after it accepts it, as it does when another client has the client id {0}; give each client its own"
    )]
    ThrownOut(Arc<str>),
    #[error(
        "the broker closed the connection instead of accepting it; if this port is for TLS, give the address as ssl://"
    )]
    NotAccepted,
    #[error("the broker answered in TLS; give the address as ssl://, or its port for plain MQTT")]
    AnsweredInTls,
    #[error("{0}")]
    Handshake(String),
    #[error("the broker refuses: {0}")]
    Refused(&'static str),
    #[error("the broker refuses the subscription {0}")]
    Subscription(String),
    #[error("the broker sent {0}")]
    Malformed(#[from] Malformed),
    #[error("the broker sent a packet out of turn")]
    OutOfTurn,
    #[error("the address asks for TLS, and the settings have no certificates")]
    NoCertificates,
}

/// The first byte of a message of TLS that says what went wrong: RFC 8446, section 5.1.
const TLS_ALERT: u8 = 0x15;

impl Lost {
    /// What the broker's first bytes say, where no TLS was spoken: an alert of TLS.
    pub(super) fn check_plain(bytes: &[u8]) -> Result<(), Self> {
        if bytes.first() == Some(&TLS_ALERT) {
            return Err(Self::AnsweredInTls);
        }
        Ok(())
    }

    /// What ended the connection before the broker had accepted it: one that speaks TLS, and
    /// is not spoken to so, resets it.
    pub(super) fn before_accepted(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset => Self::NotAccepted,
            _ => Self::Io(error),
        }
    }

    /// Why a handshake of TLS failed.
    pub(super) fn handshake(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let remedy = match inner {
            Some(TlsFailure::InvalidCertificate(certificate)) => match certificate {
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "give the broker's address by a name that its certificate is for"
                }
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => {
                    "renew the broker's certificate, or set the clock of this machine"
                }
                _ => {
                    "give the certificate of the CA that signed the broker's; a self-signed one is its own CA, and must not be marked as one (basicConstraints=CA:FALSE)"
                }
            },
            Some(TlsFailure::InvalidMessage(_)) => {
                "the broker does not speak TLS on this port; give the address as tcp://, or its port for TLS"
            }
            None if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
            ) =>
            {
                "the broker closed the connection; if this port is for plain MQTT, give the address as tcp://"
            }
            _ => return Self::Handshake(format!("no TLS with the broker: {error}")),
        };
        Self::Handshake(format!("no TLS with the broker: {error}; {remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_that_fails_says_what_helps() {
        let said = |error: io::Error| Lost::handshake(&error).to_string();
        let of = |certificate| {
            said(io::Error::other(TlsFailure::InvalidCertificate(
                certificate,
            )))
        };
        assert!(of(CertificateError::UnknownIssuer).contains("certificate of the CA"));
        assert!(of(CertificateError::NotValidForName).contains("by a name"));
        assert!(of(CertificateError::Expired).contains("clock of this machine"));
        for closed in [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset] {
            assert!(said(closed.into()).contains("tcp://"), "{closed}");
        }
        let other = said(io::ErrorKind::TimedOut.into());
        assert!(!other.contains(';'), "{other}");
    }
}
