//! `GET /docs`: a page to read and try a role's API, which works offline; and
//! what is the same in every role's description. The description itself, at
//! `GET /openapi.json`, is each role's own.

#![expect(clippy::unused_async, reason = "axum takes nothing else for a handler")]

use std::io::Read as _;
use std::sync::LazyLock;

use axum::Extension;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use flate2::read::GzDecoder;
use utoipa::Modify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::asset;
use super::problem::Problem;
use super::watched_service::SharedBody;

/// The token that requests need beyond loopback to change something.
#[derive(Debug)]
pub struct ControlToken;

impl Modify for ControlToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("control_token", SecurityScheme::Http(bearer));
    }
}

/// Names each operation after its method and path, such as `patch_control_faults`.
/// Handlers of several endpoints share a name, and an operation's must be unique.
#[derive(Debug)]
pub struct OperationIds;

impl Modify for OperationIds {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut openapi.paths.paths {
            let words = path.split(|c: char| !c.is_ascii_alphanumeric());
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            for (method, operation) in [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ] {
                if let Some(operation) = operation {
                    let id = [&[method], words.as_slice()].concat().join("_");
                    operation.operation_id = Some(id);
                }
            }
        }
    }
}

/// The page's assets are relative to a directory.
const DIRECTORY: &str = "/docs/index.html";

/// A page to read and try the API, which works offline.
pub async fn index() -> Redirect {
    Redirect::temporary(DIRECTORY)
}

/// A file of the documentation page.
pub async fn file(Path(name): Path<String>) -> Response {
    let Some((content_type, body)) = swagger_ui(&name) else {
        return Problem::new(StatusCode::NOT_FOUND, "Not Found").into_response();
    };
    let headers = [(header::CONTENT_TYPE, content_type)];
    (Extension(SharedBody), headers, body).into_response()
}

/// The files of `swagger-ui/`: Swagger UI 5.35.0 from the npm package
/// `swagger-ui-dist`, its script and style sheet unchanged, with a page and
/// settings of our own.
fn swagger_ui(name: &str) -> Option<(&'static str, &'static [u8])> {
    macro_rules! embedded {
        ($file:literal) => {
            include_bytes!(concat!("../swagger-ui/", $file)).as_slice()
        };
    }
    /// Compressed in the repository and in the program: it is most of the
    /// page's bytes, and few processes are ever asked for it.
    static BUNDLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut text = Vec::new();
        let read = GzDecoder::new(embedded!("swagger-ui-bundle.js.gz")).read_to_end(&mut text);
        read.expect("a test has read it");
        text
    });

    Some(match name {
        "index.html" => (asset::HTML, embedded!("index.html")),
        "index.css" => (asset::CSS, embedded!("index.css")),
        "swagger-ui.css" => (asset::CSS, embedded!("swagger-ui.css")),
        "swagger-ui-bundle.js" => (asset::JS, &BUNDLE),
        "swagger-ui-bundle.js.LICENSE.txt" => {
            (asset::TEXT, embedded!("swagger-ui-bundle.js.LICENSE.txt"))
        }
        "swagger-initializer.js" => (asset::JS, embedded!("swagger-initializer.js")),
        "favicon-32x32.png" => ("image/png", embedded!("favicon-32x32.png")),
        "LICENSE" => (asset::TEXT, embedded!("LICENSE")),
        "NOTICE" => (asset::TEXT, embedded!("NOTICE")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_whole() {
        let (_, bundle) = swagger_ui("swagger-ui-bundle.js").unwrap();
        let text = std::str::from_utf8(bundle).unwrap();
        assert!(text.contains("SwaggerUIBundle=") && bundle.len() > 1_000_000);
    }
}
