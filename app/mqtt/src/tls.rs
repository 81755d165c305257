//! The TLS that a broker is reached through. Certificates are always verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// What is wrong with the files of TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is missing or holds something else.
    #[error("{flag} {}: {reason}; give a PEM file that holds {holds}", path.display())]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What it should hold.
        holds: &'static str,
    },
    /// A client's certificate needs its key, and a key its certificate.
    #[error(
        "--mqtt-tls-client-cert and --mqtt-tls-client-key belong together; give both or neither"
    )]
    Half,
    /// Nothing to verify a broker's certificate with.
    #[error("the system has no root certificates; give --mqtt-tls-ca-cert")]
    NoRoots,
    /// What TLS itself objects to.
    #[error(
        "--mqtt-tls-client-cert and --mqtt-tls-client-key do not fit: {0}; give a certificate and its own key"
    )]
    Mismatch(String),
}

/// Which certificates and keys.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsFiles {
    /// Instead of the system's roots.
    pub(super) ca: Option<PathBuf>,
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_key: Option<PathBuf>,
}

impl TlsFiles {
    /// Reads them.
    pub(super) fn connector(&self) -> Result<TlsConnector, TlsError> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                let flag = "--mqtt-tls-ca-cert";
                for certificate in certificates(flag, path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| file(flag, path, &error, "certificates"))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("this provider has the ciphers of both versions")
            .with_root_certificates(roots);
        let config = match (&self.client_certificate, &self.client_key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let certificates = certificates("--mqtt-tls-client-cert", certificate)?;
                let flag = "--mqtt-tls-client-key";
                let text = fs::read(key).map_err(|error| file(flag, key, &error, "a key"))?;
                let key = PrivateKeyDer::from_pem_slice(&text)
                    .map_err(|error| file(flag, key, &error, "a key"))?;
                builder
                    .with_client_auth_cert(certificates, key)
                    .map_err(|error| TlsError::Mismatch(error.to_string()))?
            }
            _ => return Err(TlsError::Half),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn certificates(flag: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let holds = "certificates";
    let text = fs::read(path).map_err(|error| file(flag, path, &error, holds))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| file(flag, path, &error, holds))?;
    if found.is_empty() {
        return Err(file(flag, path, &"no certificate in it", holds));
    }
    Ok(found)
}

fn file(
    flag: &'static str,
    path: &Path,
    reason: &dyn std::fmt::Display,
    holds: &'static str,
) -> TlsError {
    TlsError::File {
        flag,
        path: path.to_owned(),
        reason: reason.to_string(),
        holds,
    }
}
