//! `GET /docs`: a page to read and try a role's API, which works offline; and
//! what is the same in every role's description. The description itself, at
//! `GET /openapi.json`, is each role's own.

#![expect(clippy::unused_async, reason = "axum takes nothing else for a handler")]

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa::Modify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_swagger_ui::Config;

use super::problem::{Detail, Problem};

/// What is asked for beyond loopback by whatever changes something.
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
#[utoipa::path(get, path = "/docs", tag = "documentation", responses(
    (status = 307, description = "To the page"),
))]
pub async fn index() -> Redirect {
    Redirect::temporary(DIRECTORY)
}

/// What the documentation page is made of.
#[utoipa::path(get, path = "/docs/{file}", tag = "documentation",
    params(("file" = String, Path, description = "The file's name")),
    responses(
        (status = 200, description = "The file", body = String),
        (status = 404, description = "There is no such file", body = Detail),
    ),
)]
pub async fn file(Path(name): Path<String>) -> Response {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));
    match utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => {
            let headers = [(header::CONTENT_TYPE, file.content_type)];
            (headers, file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::new(StatusCode::NOT_FOUND, "The documentation has no such file")
            .into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}
