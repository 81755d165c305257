//! The service's `/control/incident`, asked over HTTP.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use golden_http_client::exchange;
use http::{Method, Request, header};
use serde_json::{Value, json};

use crate::options::{At, NewGame};

/// The service answers at once.
const TIMEOUT: Duration = Duration::from_secs(10);

/// More than any of its answers has.
const MAX_BYTES: usize = 256 * 1024;

const PATH: &str = "/control/incident";

/// The service.
pub(crate) struct Service(At);

impl Service {
    pub(crate) fn new(at: At) -> Self {
        Self(at)
    }

    pub(crate) async fn state(&self) -> anyhow::Result<Value> {
        self.ask(Method::GET, PATH, None).await
    }

    pub(crate) async fn arm(&self, game: &NewGame) -> anyhow::Result<Value> {
        let mut body = json!({
            "hidden": game.name,
            "window": humantime::format_duration(game.window).to_string(),
        });
        if let Some(level) = game.level {
            body["level"] = level.into();
        }
        self.ask(Method::PUT, PATH, Some(&body)).await
    }

    pub(crate) async fn declare(&self) -> anyhow::Result<Value> {
        let path = format!("{PATH}/declare");
        self.ask(Method::POST, &path, None).await
    }

    pub(crate) async fn diagnose(&self, answer: &Value) -> anyhow::Result<Value> {
        let path = format!("{PATH}/diagnose");
        self.ask(Method::POST, &path, Some(answer)).await
    }

    pub(crate) async fn end(&self) -> anyhow::Result<Value> {
        self.ask(Method::DELETE, PATH, None).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = self.0.app.join(path, &[]);
        let mut request = Request::builder().method(method).uri(url.clone());
        if let Some(token) = self.0.control_token.get() {
            let bearer = format!("Bearer {}", token.expose());
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(body).context("the request")?;
        let answer = exchange(request, TIMEOUT, MAX_BYTES)
            .await
            .map_err(|error| anyhow!("{url}: {error}; is the service running? --app says where"))?;
        let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if answer.status().is_success() {
            return Ok(json);
        }
        Err(anyhow!(
            "{url}: {}: {}",
            answer.status().as_u16(),
            detail(&json)
        ))
    }
}

/// What an error response says, on one line.
fn detail(answer: &Value) -> String {
    let one = |error: &Value| {
        let field = error["loc"].as_array().and_then(|loc| loc.last());
        let field = field.and_then(Value::as_str).unwrap_or("body");
        format!("{field}: {}", error["msg"].as_str().unwrap_or("is invalid"))
    };
    match &answer["detail"] {
        Value::String(detail) => detail.clone(),
        Value::Array(errors) => errors.iter().map(one).collect::<Vec<_>>().join("; "),
        _ => "not an answer of the service".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_fields() {
        let answer = json!({"detail": [
            {"loc": ["body", "level"], "msg": "must be 1, 2 or 3"},
            {"loc": ["body", "scope"], "msg": "must be one of all"},
        ]});
        assert_eq!(
            detail(&answer),
            "level: must be 1, 2 or 3; scope: must be one of all"
        );
        assert_eq!(detail(&json!({"detail": "no game"})), "no game");
        assert_eq!(detail(&Value::Null), "not an answer of the service");
    }
}
