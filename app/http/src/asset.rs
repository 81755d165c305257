//! The files of a page, embedded in the binary: how they are answered.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::Extension;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::watched_service::SharedBody;

/// The type of a style sheet.
pub const CSS: &str = "text/css; charset=utf-8";
/// The type of a page.
pub const HTML: &str = "text/html; charset=utf-8";
/// The type of a script.
pub const JS: &str = "text/javascript; charset=utf-8";
/// The type of a picture.
pub const SVG: &str = "image/svg+xml";
/// The type of plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// Only what this server serves may run, load or be spoken to, and no other site
/// may frame the page to have its controls clicked.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// One embedded file.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name.
    pub name: &'static str,
    /// Its type, one of those above.
    pub content_type: &'static str,
    /// What is in it.
    pub body: &'static str,
}

impl Asset {
    /// The file, or 304 to a browser that has it.
    #[must_use]
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let etag = self.etag();
        let known = request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|tags| tags.to_str().ok())
            .flat_map(|tags| tags.split(','))
            .any(|tag| tag.trim().trim_start_matches("W/") == etag || tag.trim() == "*");
        let headers = [
            (header::CONTENT_TYPE, self.content_type),
            (header::ETAG, etag.as_str()),
            // Ask each time (an answer of 304 is cheap), so that a new version of
            // the program never runs with an old page.
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (Extension(SharedBody), headers, self.body).into_response()
    }

    /// A tag that changes when the content does.
    fn etag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}
