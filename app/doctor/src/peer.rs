//! Asks a peer over HTTP, bounded: a time for the whole answer, a size for its
//! body, no redirect followed, no proxy. What goes wrong becomes a finding that
//! says where and what to do.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use golden_http_client::{BaseUrl, ExchangeError, exchange};
use http::{Request, StatusCode, Uri, header};
use serde_json::Value;

use super::report::Finding;

/// A longer body is not read. The largest that is right is Prometheus' list of
/// rules or a dashboard, some 100 KiB.
const MAX_BYTES: usize = 8 << 20;

/// So much of an unexpected body is shown.
const EXCERPT_CHARACTERS: usize = 200;

/// The services of the stack, by their names in compose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    App,
    Prometheus,
    Grafana,
    Alertmanager,
    Pager,
}

impl Service {
    /// As compose and the flag call it.
    fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Prometheus => "prometheus",
            Self::Grafana => "grafana",
            Self::Alertmanager => "alertmanager",
            Self::Pager => "pager",
        }
    }

    /// How it is started without compose.
    fn natively(self) -> &'static str {
        match self {
            Self::App => "`cargo run --release`",
            Self::Prometheus => "`prometheus --config.file=prometheus/prometheus.yml`",
            Self::Grafana => "`grafana server`, or leave it out with --skip grafana",
            Self::Alertmanager => {
                "`alertmanager --config.file=prometheus/alertmanager.yml`, or leave it out with --skip alertmanager"
            }
            Self::Pager => "`golden-signals pager`, or leave it out with --skip pager",
        }
    }
}

/// One of the servers of the stack.
pub(super) struct Peer {
    service: Service,
    base: BaseUrl,
    timeout: Duration,
}

/// What a peer answered, whatever the status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) url: Uri,
    location: Option<String>,
}

impl Peer {
    pub(super) fn new(service: Service, base: &BaseUrl, timeout: Duration) -> Self {
        Self {
            service,
            base: base.clone(),
            timeout,
        }
    }

    pub(super) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// `GET path?query`, whatever the status.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Finding> {
        self.ask(Request::get(self.base.join(path, query)), Bytes::new())
            .await
    }

    /// `GET path` in Prometheus' text format, which must be there.
    pub(super) async fn get_text_format(&self, path: &str) -> Result<String, Finding> {
        let request = Request::get(self.base.join(path, &[]))
            .header(header::ACCEPT, "text/plain;version=0.0.4");
        let answer = self.ask(request, Bytes::new()).await?;
        if answer.status != StatusCode::OK {
            return Err(self.unexpected(&answer));
        }
        Ok(answer.text().into_owned())
    }

    /// `POST path` of JSON, whatever the status.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Finding> {
        let request = Request::post(self.base.join(path, &[]))
            .header(header::CONTENT_TYPE, "application/json");
        self.ask(request, body.to_string().into()).await
    }

    /// `GET path?query`, which must be answered with 200 and JSON.
    pub(super) async fn get_json(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, Finding> {
        let answer = self.get(path, query).await?;
        self.json(&answer)
    }

    /// The answer's JSON, if its status is 200.
    pub(super) fn json(&self, answer: &Answer) -> Result<Value, Finding> {
        let parsed = serde_json::from_slice(&answer.body).ok();
        parsed
            .filter(|_| answer.status == StatusCode::OK)
            .ok_or_else(|| self.unexpected(answer))
    }

    /// What to say of an answer that should not be.
    pub(super) fn unexpected(&self, answer: &Answer) -> Finding {
        let name = self.service.name();
        let remedy = if answer.location.is_some() {
            format!(
                "Redirects are not followed. Give the final address with --{name} URL, with its path if it has one."
            )
        } else if matches!(answer.status.as_u16(), 401 | 403) && self.service == Service::Grafana {
            "Anonymous viewing is off. In compose: GF_AUTH_ANONYMOUS_ENABLED=true and GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer.\n\
             Natively: enabled = true and org_role = Viewer under [auth.anonymous] of grafana.ini."
                .to_owned()
        } else {
            format!(
                "This is not what {name} says: something else may listen there. See `docker compose ps {name}` and `docker compose logs {name}`,\n\
                 or natively which process has the port; then give the right address with --{name} URL."
            )
        };
        Finding::broken(answer.describe(), remedy).asked(&answer.url)
    }

    async fn ask(&self, request: http::request::Builder, body: Bytes) -> Result<Answer, Finding> {
        const AGENT: &str = concat!("golden-signals-doctor/", env!("CARGO_PKG_VERSION"));

        let request = request.header(header::USER_AGENT, AGENT).body(body);
        let request = request.expect("URLs and headers are ours, and valid");
        let url = request.uri().clone();
        match exchange(request, self.timeout, MAX_BYTES).await {
            Ok(response) => {
                let status = response.status();
                let location = response.headers().get(header::LOCATION);
                let location = location
                    .filter(|_| status.is_redirection())
                    .map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
                Ok(Answer {
                    status,
                    location,
                    url,
                    body: response.into_body(),
                })
            }
            Err(error) => Err(self.unanswered(&Trouble::from(error)).asked(&url)),
        }
    }

    fn unanswered(&self, trouble: &Trouble) -> Finding {
        let name = self.service.name();
        let natively = self.service.natively();
        let remedy = match trouble {
            Trouble::Refused => format!(
                "Nothing listens there. In compose: `docker compose up -d {name}`, then `docker compose logs {name}`.\n\
                 Natively: start it with {natively}. If it listens elsewhere, say so with --{name} URL."
            ),
            Trouble::NoSuchHost => format!(
                "The host's name is not known here. The names of compose services ({name}) are known only inside its network;\n\
                 from outside use the published port: --{name} http://127.0.0.1:PORT."
            ),
            Trouble::Silent => format!(
                "It does not answer in time: `docker compose logs {name}`, or natively its log; perhaps it is stopped,\n\
                 overloaded or still starting (--wait 60s), or a firewall drops what is sent. --timeout gives it longer."
            ),
            Trouble::TooLarge | Trouble::Garbled(_) => format!(
                "This is not what {name} says: something else may listen there. Give the right address with --{name} URL."
            ),
        };
        Finding::broken(format!("{}: {trouble}", self.base), remedy)
    }
}

impl Answer {
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The status and what it came with, on one line.
    pub(super) fn describe(&self) -> String {
        let status = self.status;
        if let Some(location) = &self.location {
            return format!("{status}, which leads to {location}");
        }
        let text = self.text();
        let words: Vec<_> = text.split_whitespace().collect();
        let mut excerpt = words.join(" ");
        if let Some((end, _)) = excerpt.char_indices().nth(EXCERPT_CHARACTERS) {
            excerpt.truncate(end);
            excerpt.push('…');
        }
        if excerpt.is_empty() {
            format!("{status} without a body")
        } else {
            format!("{status}: {excerpt}")
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("connection refused")]
    Refused,
    #[error("no such host")]
    NoSuchHost,
    #[error("no complete answer in time")]
    Silent,
    #[error("an answer of more than {} MiB", MAX_BYTES >> 20)]
    TooLarge,
    #[error("{0}")]
    Garbled(String),
}

impl From<ExchangeError> for Trouble {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Self::Refused
            }
            ExchangeError::NoSuchHost(_) => Self::NoSuchHost,
            ExchangeError::Timeout(_) => Self::Silent,
            ExchangeError::TooLarge(_) => Self::TooLarge,
            ExchangeError::Connect(_) | ExchangeError::Protocol(_) => {
                Self::Garbled(error.to_string())
            }
        }
    }
}
