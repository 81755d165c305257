//! The labels of the request metrics: closed sets, so that no client can make
//! a series. Nothing that a request carries becomes a label value here.

use std::fmt::{self, Write as _};

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

/// The status that is counted for a request whose client went away before the
/// whole answer was handed over. No such status is sent; 499 is the number
/// that nginx made customary for it.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The `method` label: the nine methods of RFC 9110 and RFC 5789, or `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MethodLabel {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other,
}

impl MethodLabel {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 10] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
        Self::Other,
    ];

    /// The text of the label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "other",
        }
    }
}

impl EncodeLabelValue for MethodLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

impl From<&Method> for MethodLabel {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::CONNECT => Self::Connect,
            Method::OPTIONS => Self::Options,
            Method::TRACE => Self::Trace,
            Method::PATCH => Self::Patch,
            _ => Self::Other,
        }
    }
}

/// The `outcome` label: how a request ended, as its caller saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Success,
    ClientError,
    ServerError,
    Cancelled,
}

impl Outcome {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 4] = [
        Self::Success,
        Self::ClientError,
        Self::ServerError,
        Self::Cancelled,
    ];

    /// The text of the label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome that a status stands for. Informational and redirecting
    /// answers are what the caller asked for: successes.
    pub(crate) fn of(status: u16) -> Self {
        match status {
            CLIENT_CLOSED_REQUEST => Self::Cancelled,
            400..=498 => Self::ClientError,
            500.. => Self::ServerError,
            _ => Self::Success,
        }
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// Why a request failed without its handler's will. A layer that ends a
/// request so puts this into the response's extensions; the signals layer,
/// which sees every response, is the one place that counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// Turned away because the concurrency limit and its queue were full.
    Shed,
    /// Ended by the request timeout.
    Timeout,
    /// The handler panicked.
    Panic,
}

impl FailureCause {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 3] = [Self::Shed, Self::Timeout, Self::Panic];
}

/// The `status` label: one of [`STATUSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Status(u16);

impl Status {
    /// The status at this place of a table over [`STATUSES`].
    pub(crate) fn at(index: usize) -> Self {
        let offset = u16::try_from(index).unwrap_or(u16::MAX);
        Self(STATUSES.start.saturating_add(offset))
    }
}

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        write!(encoder, "{}", self.0)
    }
}

/// The statuses that a route answers no request with may still be counted:
/// what the table of a method covers.
pub(crate) const STATUSES: std::ops::Range<u16> = 100..600;

/// The place of a status in a table over [`STATUSES`]. A status beyond the
/// standard's range is a broken handler, counted as the 500 that it is.
pub(crate) fn status_index(status: u16) -> usize {
    let status = if STATUSES.contains(&status) {
        status
    } else {
        StatusCode::INTERNAL_SERVER_ERROR.as_u16()
    };
    usize::from(status - STATUSES.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_the_places_in_all() {
        for (place, method) in MethodLabel::ALL.into_iter().enumerate() {
            assert_eq!(method as usize, place);
        }
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
        }
        for (place, cause) in FailureCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, place);
        }
    }

    #[test]
    fn a_method_of_the_clients_own_making_is_other() {
        let method = Method::from_bytes(b"BREW").expect("a token is a method");
        assert_eq!(MethodLabel::from(&method).as_str(), "other");
        assert_eq!(MethodLabel::from(&Method::PATCH).as_str(), "PATCH");
    }

    #[test]
    fn statuses_become_outcomes() {
        assert_eq!(Outcome::of(200), Outcome::Success);
        assert_eq!(Outcome::of(307), Outcome::Success);
        assert_eq!(Outcome::of(422), Outcome::ClientError);
        assert_eq!(Outcome::of(499), Outcome::Cancelled);
        assert_eq!(Outcome::of(503), Outcome::ServerError);
    }
}
