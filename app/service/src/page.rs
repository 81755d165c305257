//! `GET /` and `GET /page/{file}`: the live page.
//!
//! Plain HTML, CSS and JavaScript modules, embedded in the binary: nothing to
//! build, nothing to install, nothing fetched from elsewhere ([`Asset`]). The page
//! holds no fact of its own: numbers come from [`super::live`], what the controls
//! may do from the service's answers. `alerts.js` and `alerts.css` are the pager's, whose
//! alerts are shown.
//!
//! `uplot/` is uPlot 1.6.32 from the npm package `uplot`, unchanged, with its
//! licence.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use golden_http::asset::{Asset, CSS, HTML, JS, SVG, TEXT};
use golden_http::problem::Problem;

macro_rules! assets {
    ($($name:literal from $file:literal: $content_type:expr,)*) => {
        &[$(Asset { name: $name, content_type: $content_type, body: include_str!(concat!("../page/", $file)) },)*]
    };
}

/// Every file under `/page/`.
const ASSETS: &[Asset] = assets! {
    "alerts.css" from "../../pager/page/alerts.css": CSS,
    "alerts.js" from "../../pager/page/alerts.js": JS,
    "chart.js" from "chart.js": JS,
    "colors.css" from "colors.css": CSS,
    "controls.js" from "controls.js": JS,
    "distribution.js" from "distribution.js": JS,
    "format.js" from "format.js": JS,
    "icon.svg" from "icon.svg": SVG,
    "layout.css" from "layout.css": CSS,
    "main.js" from "main.js": JS,
    "model.js" from "model.js": JS,
    "pager.js" from "pager.js": JS,
    "panels.js" from "panels.js": JS,
    "parts.css" from "parts.css": CSS,
    "promql.js" from "promql.js": JS,
    "runbook.css" from "runbook.css": CSS,
    "scores.js" from "scores.js": JS,
    "stream.js" from "stream.js": JS,
    "uPlot.iife.min.js" from "uplot/uPlot.iife.min.js": JS,
    "uPlot.min.css" from "uplot/uPlot.min.css": CSS,
    "uPlot.LICENSE.txt" from "uplot/LICENSE": TEXT,
};

const INDEX: Asset = Asset {
    name: "index.html",
    content_type: HTML,
    body: include_str!("../page/index.html"),
};

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path as FilePath;

    use axum::http::header;

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
        let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let present = fs::read_dir(folder).unwrap().count();
        let vendored = ASSETS
            .iter()
            .filter(|asset| asset.name.starts_with("uPlot"))
            .count();
        // Two are on the pager's page too, and lie there. Beside the assets: index.html,
        // runbook.html, and uplot as one folder.
        assert_eq!(present, ASSETS.len() - 2 - vendored + 3);
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
