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

impl Problem {
    /// The response with this problem, whatever body a service's responses have.
    pub(crate) fn answer<B: From<Bytes>>(self) -> Response<B> {
        let (status, body, cause) = match self {
            Self::Detail { status, detail } => (status, json!({ "detail": detail }), None),
            Self::Invalid(detail) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!(ValidationError { detail }),
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
