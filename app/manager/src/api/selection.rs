//! Which part of a list a request asks for: `offset`, `limit`, `from`, `to`; and
//! how the description shows them ([`PageQuery`], [`TimeQuery`]).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use utoipa::{IntoParams, IntoResponses};

use crate::clock;
use crate::history::Range;
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};

/// Items returned without a `limit`, as by Propeller's manager.
pub(super) const DEFAULT_LIMIT: u32 = 100;

/// Maximum items per answer: some hundred KiB.
pub(super) const MAX_LIMIT: u32 = 1_000;

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Parameters` reads")]
pub(super) struct PageQuery {
    /// Number of newest items to skip (default 0)
    offset: Option<u32>,
    /// Maximum items to return, 0-1000 (default 100)
    limit: Option<u32>,
}

/// A range of time.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Parameters` reads")]
pub(super) struct TimeQuery {
    /// Start of the time range, inclusive: RFC 3339 or seconds since 1970
    from: Option<String>,
    /// End of the time range, exclusive
    to: Option<String>,
}

/// How reading the history fails.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what `Problem` answers")]
pub(super) enum ReadFailure {
    /// A parameter is invalid
    #[response(status = 422)]
    Invalid(ValidationError),
    /// The history cannot be read
    #[response(status = 503)]
    Unavailable(Detail),
}

/// The query parameters of a request, read one by one so that the answer can list
/// every invalid one at once.
pub struct Parameters {
    given: Vec<(String, String)>,
    invalid: Vec<Invalid>,
}

impl Parameters {
    /// A parameter; of several the last counts.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (_, text) = self.given.iter().rfind(|(given, _)| given == name)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(msg) => {
                self.invalid.push(Invalid {
                    loc: vec!["query".to_owned(), name.to_owned()],
                    msg,
                    kind: "value_error",
                });
                None
            }
        }
    }

    /// A whole number from `least` to `greatest`.
    pub(super) fn number(&mut self, name: &str, least: u32, greatest: u32, default: u32) -> u32 {
        let number = self.take(name, |text| {
            let number = text.parse().ok();
            number
                .filter(|number| (least..=greatest).contains(number))
                .ok_or_else(|| format!("must be a whole number from {least} to {greatest}"))
        });
        number.unwrap_or(default)
    }

    /// `offset` and `limit`.
    pub(super) fn page(&mut self) -> (u32, u32) {
        (
            self.number("offset", 0, u32::MAX, 0),
            self.number("limit", 0, MAX_LIMIT, DEFAULT_LIMIT),
        )
    }

    /// `from` and `to`, in nanoseconds since the epoch.
    pub(super) fn times(&mut self) -> (i64, i64) {
        let from = self.take("from", time).unwrap_or(i64::MIN);
        (from, self.take("to", time).unwrap_or(i64::MAX))
    }

    /// All four.
    pub(super) fn range(&mut self) -> Range {
        let (offset, limit) = self.page();
        let (from, to) = self.times();
        Range {
            from,
            to,
            offset,
            limit,
        }
    }

    /// Ends the check.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.invalid.is_empty() {
            Ok(())
        } else {
            Err(Problem::Invalid(self.invalid))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(Query(given)) => Ok(Self {
                given,
                invalid: Vec::new(),
            }),
            Err(error) => Err(Problem::new(error.status(), error.body_text())),
        }
    }
}

/// RFC 3339 in UTC, or seconds since the epoch.
fn time(text: &str) -> Result<i64, String> {
    // A plus sign means a space in a query.
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let moment = match seconds {
        Some(seconds) => UNIX_EPOCH.checked_add(seconds),
        None => humantime::parse_rfc3339_weak(text).ok(),
    };
    moment
        // What nanoseconds can count.
        .filter(|moment: &SystemTime| clock::of(*moment) < i64::MAX)
        .map(clock::of)
        .ok_or_else(|| "must be a time like 2025-01-15T10:30:00Z, or seconds since 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_and_programs_write_them() {
        let moment = 1_736_937_000_000_000_000;
        for text in [
            "2025-01-15T10:30:00Z",
            "2025-01-15 10:30:00",
            "1736937000",
            "1736937000.0",
        ] {
            assert_eq!(time(text), Ok(moment), "{text}");
        }
        for text in ["", "yesterday", "-1", "NaN", "1e300", "99999999999999"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
