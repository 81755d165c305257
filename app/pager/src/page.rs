//! `GET /` and `GET /page/{file}`: the pager's own page, which shows what fires and what
//! has fired. Plain HTML, CSS and JavaScript, embedded ([`Asset`]); `alerts.js` and
//! `alerts.css` are on the service's live page too.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use golden_http::asset::{Asset, CSS, HTML, JS, SVG};
use golden_http::problem::Problem;

macro_rules! asset {
    ($name:literal, $content_type:expr) => {
        Asset {
            name: $name,
            content_type: $content_type,
            body: include_str!(concat!("../page/", $name)),
        }
    };
}

const INDEX: Asset = asset!("index.html", HTML);

/// Every file under `/page/`.
const ASSETS: [Asset; 5] = [
    asset!("alerts.css", CSS),
    asset!("alerts.js", JS),
    asset!("icon.svg", SVG),
    asset!("main.js", JS),
    asset!("style.css", CSS),
];

/// The page.
pub(super) async fn index(headers: HeaderMap) -> Response {
    INDEX.answer(&headers)
}

/// A file of the page.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => asset.answer(&headers),
        None => Problem::new(StatusCode::NOT_FOUND, "Not Found").into_response(),
    }
}
