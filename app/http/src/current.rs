//! The request that this thread is working on, so that a line of the log says which one
//! it belongs to, and so that no span has to be made for a request that logs nothing.
//! Only the layer sets it, for as long as it polls the handler or the body.

use std::cell::Cell;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::labels::MethodLabel;
use super::problem::Problem;

/// A request in progress.
#[derive(Clone, Copy, Debug)]
pub struct CurrentRequest {
    pub(crate) trace_id: u128,
    pub(crate) method: MethodLabel,
    /// The route's pattern, or [`UNMATCHED`](crate::requests::UNMATCHED).
    pub(crate) route: &'static str,
}

thread_local! {
    static CURRENT: Cell<Option<CurrentRequest>> = const { Cell::new(None) };
}

impl CurrentRequest {
    /// The one that the calling thread is working on at this moment. A task or a thread
    /// that a handler starts works on none.
    #[must_use]
    pub fn get() -> Option<Self> {
        CURRENT.get()
    }

    /// Which trace it belongs to, as in its exemplars.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The name and value of what identifies it in a line of the log.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("trace_id", format!("{:032x}", self.trace_id)),
            ("method", self.method.as_str().to_owned()),
            ("route", self.route.to_owned()),
        ]
    }

    /// Makes it the current one until the result is dropped.
    pub(crate) fn enter(self) -> Entered {
        Entered {
            // One request may be sent from within another, as tests do.
            outer: CURRENT.replace(Some(self)),
        }
    }
}

/// A request is being worked on.
#[derive(Debug)]
pub(crate) struct Entered {
    outer: Option<CurrentRequest>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}

/// An argument of a handler.
impl<S: Sync> FromRequestParts<S> for CurrentRequest {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A route that nothing measures: its author sees it with the first request.
        let missing = || {
            tracing::error!("a handler asks for its request, which no layer measures");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        };
        Self::get().ok_or_else(missing)
    }
}
