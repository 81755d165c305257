//! The body of a request: JSON, within its limits of size and time.
//!
//! Why not tower-http's `RequestBodyLimit` and `RequestBodyTimeout`: as layers they wrap
//! the body of every request; as an extractor this costs only the handlers that read one.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body::Body as _;
use utoipa::IntoResponses;

use super::problem::{Detail, Problem};

/// Maximum size of a body where the handler names no other; a larger one is answered
/// 413.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
pub struct BodyTimeout(pub Duration);

/// An argument of the handlers that read a body: all of it, of at most `MAX` bytes,
/// declared as JSON. A client that announces a body and does not send it would hold its
/// connection for ever.
#[derive(Debug)]
pub struct Body<const MAX: usize = MAX_BODY_BYTES>(pub Bytes);

/// How a body is refused, for the API's description.
#[derive(IntoResponses)]
pub enum Refused {
    /// The body is incomplete
    #[response(status = 400)]
    Incomplete(Detail),
    /// The body did not arrive in time
    #[response(status = 408)]
    Timeout(Detail),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(Detail),
    /// The content type is not application/json
    #[response(status = 415)]
    NotJson(Detail),
}

impl<S, const MAX: usize> FromRequest<S> for Body<MAX>
where
    S: Send + Sync,
    BodyTimeout: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        // Only `application/json` makes a browser ask first before it sends a
        // request from a page of another origin.
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let essence = content_type.and_then(|value| value.to_str().ok()?.split(';').next());
        if !essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json")) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, with the header Content-Type: application/json",
            ));
        }
        // A body announced as too large is refused before it is sent.
        if request.body().size_hint().lower() > MAX as u64 {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The body is larger than the limit of {MAX} bytes"),
            ));
        }
        DefaultBodyLimit::max(MAX).apply(&mut request);
        let body = Bytes::from_request(request, state);
        let BodyTimeout(timeout) = BodyTimeout::from_ref(state);
        match tokio::time::timeout(timeout, body).await {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(Problem::new(rejection.status(), rejection.body_text())),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "The body of the request did not arrive in time",
            )),
        }
    }
}
