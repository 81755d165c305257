//! `GET /` and `GET /page/{file}`: the live page.
//!
//! Plain HTML, CSS and JavaScript modules, embedded in the binary: nothing to
//! build, nothing to install, nothing fetched from elsewhere, which the
//! `Content-Security-Policy` enforces. The page holds no fact of its own: numbers
//! come from [`super::live`], what the controls may do from the service's answers.
//!
//! `uplot/` is uPlot 1.6.32 from the npm package `uplot`, unchanged, with its
//! licence.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::problem::{Detail, Problem};

/// One embedded file.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    body: &'static str,
}

macro_rules! assets {
    ($($name:literal from $file:literal: $content_type:expr,)*) => {
        &[$(Asset { name: $name, content_type: $content_type, body: include_str!($file) },)*]
    };
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Every file under `/page/`.
const ASSETS: &[Asset] = assets! {
    "chart.js" from "chart.js": JS,
    "colors.css" from "colors.css": CSS,
    "controls.js" from "controls.js": JS,
    "distribution.js" from "distribution.js": JS,
    "format.js" from "format.js": JS,
    "icon.svg" from "icon.svg": SVG,
    "layout.css" from "layout.css": CSS,
    "main.js" from "main.js": JS,
    "pager.js" from "pager.js": JS,
    "panels.js" from "panels.js": JS,
    "parts.css" from "parts.css": CSS,
    "promql.js" from "promql.js": JS,
    "stream.js" from "stream.js": JS,
    "uPlot.iife.min.js" from "uplot/uPlot.iife.min.js": JS,
    "uPlot.min.css" from "uplot/uPlot.min.css": CSS,
    "uPlot.LICENSE.txt" from "uplot/LICENSE": TEXT,
};

const INDEX: Asset = Asset {
    name: "index.html",
    content_type: "text/html; charset=utf-8",
    body: include_str!("index.html"),
};

/// Only what this service serves may run, load or be spoken to, and no other site
/// may frame the page to have its controls clicked.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The live page.
#[utoipa::path(
    get,
    path = "/",
    tag = "page",
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String),
        (status = 304, description = "The page has not changed"),
    ),
)]
pub async fn index(headers: HeaderMap) -> Response {
    INDEX.answer(&headers)
}

/// What the live page is made of.
#[utoipa::path(
    get,
    path = "/page/{file}",
    tag = "page",
    params(("file" = String, Path, description = "The file's name")),
    responses(
        (status = 200, description = "The file", body = String),
        (status = 304, description = "The file has not changed"),
        (status = 404, description = "There is no such file", body = Detail),
    ),
)]
pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => asset.answer(&headers),
        None => Problem::new(StatusCode::NOT_FOUND, "Not Found").into_response(),
    }
}

impl Asset {
    fn answer(&self, request: &HeaderMap) -> Response {
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
            // the service never runs with an old page.
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, self.body).into_response()
    }

    /// A tag that changes when the content does.
    fn etag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.body.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path as FilePath;

    use super::*;

    #[test]
    fn every_file_that_is_asked_for_is_served() {
        let names: BTreeSet<_> = ASSETS.iter().map(|asset| asset.name).collect();
        let asked = |text: &'static str, before: &'static str| {
            let after = text.split(before).skip(1);
            after.filter_map(|rest| rest.split('"').next())
        };
        for asset in ASSETS.iter().chain([&INDEX]) {
            for name in asked(asset.body, "\"/page/").chain(asked(asset.body, "from \"./")) {
                assert!(names.contains(name), "{} asks for {name}", asset.name);
            }
        }
        // And nothing lies about that is not.
        let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("app/service/page");
        let present = fs::read_dir(folder).unwrap().count();
        let vendored = ASSETS
            .iter()
            .filter(|asset| asset.name.starts_with("uPlot"))
            .count();
        // Beside the assets: mod.rs, index.html, and uplot as one folder.
        assert_eq!(present, ASSETS.len() - vendored + 3);
    }

    #[tokio::test]
    async fn what_the_browser_has_already_is_not_sent_again() {
        let first = index(HeaderMap::new()).await;
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].clone();
        for known in [
            tag.to_str().unwrap(),
            "*",
            &format!("\"other\", W/{}", tag.to_str().unwrap()),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
            let again = index(headers).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(again.headers()[header::ETAG], tag);
        }
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, "\"other\"".parse().unwrap())]);
        assert_eq!(index(headers).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_file_comes_with_its_type_and_others_are_not_there() {
        for (name, content_type) in [("main.js", JS), ("parts.css", CSS), ("icon.svg", SVG)] {
            let answer = file(Path(name.to_owned()), HeaderMap::new()).await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], content_type);
            assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
        for name in ["", "mod.rs", "../mod.rs", "index.html"] {
            let answer = file(Path(name.to_owned()), HeaderMap::new()).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}
