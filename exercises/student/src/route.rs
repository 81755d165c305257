//! The route of a request. Given to you: how axum keeps it is no part of any exercise.

use axum::extract::{MatchedPath, Request};

/// The route that matched, as the program knows it: `/random/{name}`, not `/random/anna`.
/// `unmatched` if the path leads nowhere. Ask before `next.run` takes the request away.
#[allow(dead_code, reason = "exercises 1 and 2 begin to use it")]
pub fn route_of(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or("unmatched", MatchedPath::as_str).to_owned()
}
