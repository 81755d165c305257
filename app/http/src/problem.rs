//! Error responses in the form that FastAPI's users expect. Only the form; each
//! endpoint decides what is wrong.
//!
//! Source: FastAPI's documentation, "Handling Errors": `{"detail": "…"}`, and
//! for what fails validation a list of `loc`, `msg` and `type`.

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::FailureCause;

/// Maximum errors of one response, and characters of a text and of a field's name in it.
/// A response to 200 kB of mistakes is not to be of 200 kB too.
const MAX_ERRORS: usize = 10;
const MAX_TEXT_CHARACTERS: usize = 500;
const MAX_NAME_CHARACTERS: usize = 100;

/// An error response.
#[derive(Debug)]
pub enum Problem {
    /// Anything but failed validation.
    Detail {
        /// The status.
        status: StatusCode,
        /// What is wrong and what would be valid.
        detail: String,
    },
    /// 422: parts of the request are invalid.
    Invalid(Vec<Invalid>),
    /// 503, to be retried after a second: the service is overloaded.
    Shed,
    /// 504: the request timed out.
    Timeout,
    /// 500: the handler panicked.
    Panic,
}

/// The body of every error but 422.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detail {
    /// What is wrong and what would be valid.
    pub detail: String,
}

/// The body of a 422.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValidationError {
    /// All errors.
    pub detail: Vec<Invalid>,
}

/// One error in a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invalid {
    /// Where: `body`, `query` or `path`, then the field.
    pub loc: Vec<String>,
    /// What is wrong and what would be valid.
    pub msg: String,
    /// Kind of error, in Pydantic's terms.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl Problem {
    /// A problem other than failed validation.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::Detail {
            status,
            detail: detail.into(),
        }
    }
}

impl Invalid {
    /// An invalid field of the body.
    pub fn field(name: &str, msg: impl Into<String>, kind: &'static str) -> Self {
        Self {
            loc: vec!["body".to_owned(), name.to_owned()],
            msg: msg.into(),
            kind,
        }
    }
}

/// The list, no longer than it may be, of texts no longer than they may be: what a client
/// has sent may be in each.
fn bounded(mut errors: Vec<Invalid>) -> Vec<Invalid> {
    let more = errors.len().saturating_sub(MAX_ERRORS);
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        truncate(&mut error.msg, MAX_TEXT_CHARACTERS);
        for part in &mut error.loc {
            truncate(part, MAX_NAME_CHARACTERS);
        }
    }
    if more > 0 {
        errors.push(Invalid {
            loc: Vec::new(),
            msg: format!("{more} more errors"),
            kind: "too_many_errors",
        });
    }
    errors
}

fn truncate(text: &mut String, characters: usize) {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
}

impl Problem {
    /// The response with this problem, whatever body a service's responses have.
    pub(crate) fn answer<B: From<Bytes>>(self) -> Response<B> {
        let (status, body, cause) = match self {
            Self::Detail { status, mut detail } => {
                truncate(&mut detail, MAX_TEXT_CHARACTERS);
                (status, json!({ "detail": detail }), None)
            }
            Self::Invalid(errors) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!(ValidationError {
                    detail: bounded(errors)
                }),
                None,
            ),
            Self::Shed => (
                StatusCode::SERVICE_UNAVAILABLE,
                json!({ "detail": "The service is overloaded: its concurrency limit and its queue limit are reached" }),
                Some(FailureCause::Shed),
            ),
            Self::Timeout => (
                StatusCode::GATEWAY_TIMEOUT,
                json!({ "detail": "The request timed out" }),
                Some(FailureCause::Timeout),
            ),
            Self::Panic => (
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({ "detail": "Internal Server Error" }),
                Some(FailureCause::Panic),
            ),
        };
        let mut response = Response::new(B::from(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        if cause == Some(FailureCause::Shed) {
            let second = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, second);
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_response_is_as_long_as_what_it_complains_about() {
        let long = "ä".repeat(200_000);
        let many =
            || (0..10_000).map(|_| Invalid::field(&long[..400], &long[..4_000], "value_error"));
        for (problem, told) in [
            (Problem::Invalid(many().collect()), "9990 more errors"),
            (
                Problem::Invalid(vec![Invalid::field(&long, &*long, "x")]),
                "ä…",
            ),
            (Problem::new(StatusCode::BAD_REQUEST, &*long), "ä…"),
        ] {
            let body = problem.into_response().into_body();
            let body = axum::body::to_bytes(body, 16 * 1024).await.unwrap();
            assert!(std::str::from_utf8(&body).unwrap().contains(told));
        }
    }
}
