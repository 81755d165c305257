//! `GET /` and `GET /page/{file}`: the page of proplets and
//! tasks: the past from the history, and what arrives.
//! Plain HTML, CSS and JavaScript, embedded ([`Asset`]); nothing is fetched
//! from elsewhere. The page holds no fact of its own.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use golden_http::asset::{Asset, CSS, HTML, JS, SVG};
use golden_http::problem::Problem;

const INDEX: Asset = Asset {
    name: "index.html",
    content_type: HTML,
    body: include_str!("../../page/index.html"),
};

/// Every file under `/page/`.
const ASSETS: [Asset; 9] = [
    Asset {
        name: "actions.js",
        content_type: JS,
        body: include_str!("../../page/actions.js"),
    },
    Asset {
        name: "detail.js",
        content_type: JS,
        body: include_str!("../../page/detail.js"),
    },
    Asset {
        name: "format.js",
        content_type: JS,
        body: include_str!("../../page/format.js"),
    },
    Asset {
        name: "main.js",
        content_type: JS,
        body: include_str!("../../page/main.js"),
    },
    Asset {
        name: "model.js",
        content_type: JS,
        body: include_str!("../../page/model.js"),
    },
    Asset {
        name: "spark.js",
        content_type: JS,
        body: include_str!("../../page/spark.js"),
    },
    Asset {
        name: "table.js",
        content_type: JS,
        body: include_str!("../../page/table.js"),
    },
    Asset {
        name: "style.css",
        content_type: CSS,
        body: include_str!("../../page/style.css"),
    },
    Asset {
        name: "icon.svg",
        content_type: SVG,
        body: include_str!("../../page/icon.svg"),
    },
];

/// The live page.
pub async fn index(headers: HeaderMap) -> Response {
    INDEX.answer(&headers)
}

/// A file of the live page.
pub async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => asset.answer(&headers),
        None => Problem::new(StatusCode::NOT_FOUND, "Not Found").into_response(),
    }
}
