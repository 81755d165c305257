//! So many notifications are read at once, since each may be large: the place of one of
//! them, taken before its body is read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;

use super::Role;
use super::delivery::busy;

/// Maximum notifications that are read at once. More get 503, and senders try again.
pub(super) const MAX_AT_ONCE: usize = 8;

/// An argument of handlers that read a large body, before the body.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit);

impl FromRequestParts<Role> for Place {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, role: &Role) -> Result<Self, Response> {
        let place = std::sync::Arc::clone(&role.places).try_acquire_owned();
        place
            .map(Self)
            .map_err(|_| busy("too many notifications at once; try again"))
    }
}
