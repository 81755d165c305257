//! A stub of Grafana, as an anonymous viewer sees it.
//!
//! Paths, statuses and shapes are those of Grafana's HTTP API (health, data
//! sources with their health and proxy, dashboards by uid), the permissions
//! those that a viewer has in Grafana without a licence: reading and querying
//! data sources, reading dashboards, nothing that writes.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::fake::{Fake, Reply, Request};
use crate::support::http;

/// How it is provisioned.
#[derive(Clone)]
pub struct Grafana {
    pub anonymous: bool,
    pub uid: &'static str,
    pub time_interval: &'static str,
    /// Where its data source leads.
    pub prometheus: SocketAddr,
    pub dashboards: Vec<Value>,
}

impl Grafana {
    /// As the workshop provisions it.
    pub fn provisioned(prometheus: SocketAddr) -> Self {
        Self {
            anonymous: true,
            uid: "prometheus",
            time_interval: "1s",
            prometheus,
            dashboards: dashboards(),
        }
    }

    pub fn start(&self) -> Fake {
        let grafana = self.clone();
        Fake::start(move |request| grafana.answer(request))
    }

    /// The dashboard of this uid, to be changed.
    pub fn dashboard(&mut self, uid: &str) -> &mut Value {
        let mut dashboards = self.dashboards.iter_mut();
        dashboards
            .find(|dashboard| dashboard["uid"] == uid)
            .expect("it is one of the workshop's")
    }

    fn answer(&self, request: &Request) -> Reply {
        let path = request.path.as_str();
        if path == "/api/health" {
            let health = json!({ "database": "ok", "version": "12.0.0", "commit": "0" });
            return Reply::json(200, &health);
        }
        if !self.anonymous {
            return Reply::json(401, &json!({ "message": "Unauthorized" }));
        }
        if request.method != "GET" {
            let message = "You'll need additional permissions to perform this action.";
            return Reply::json(403, &json!({ "message": message }));
        }
        if path == "/api/datasources" {
            return Reply::json(200, &json!([self.data_source()]));
        }
        if let Some(uid) = path.strip_prefix("/api/dashboards/uid/") {
            let mut dashboards = self.dashboards.iter();
            return match dashboards.find(|dashboard| dashboard["uid"] == uid) {
                Some(dashboard) => Reply::json(
                    200,
                    &json!({ "meta": { "provisioned": true, "canEdit": false }, "dashboard": dashboard }),
                ),
                None => Reply::json(404, &json!({ "message": "Dashboard not found" })),
            };
        }
        if let Some(rest) = path.strip_prefix("/api/datasources/proxy/uid/") {
            let (uid, path) = rest.split_once('/').unwrap_or((rest, ""));
            return if uid == self.uid {
                self.proxied(&format!("/{path}"))
            } else {
                not_found()
            };
        }
        if let Some(rest) = path.strip_prefix("/api/datasources/uid/") {
            let (uid, path) = rest.split_once('/').unwrap_or((rest, ""));
            return match path {
                _ if uid != self.uid => not_found(),
                "" => Reply::json(200, &self.data_source()),
                "health" => self.health(),
                _ => Reply::json(404, &json!({ "message": "Not found" })),
            };
        }
        Reply::json(404, &json!({ "message": "Not found" }))
    }

    fn data_source(&self) -> Value {
        json!({
            "id": 1, "uid": self.uid, "orgId": 1, "name": "Prometheus", "type": "prometheus",
            "access": "proxy", "url": format!("http://{}", self.prometheus), "isDefault": true,
            "jsonData": { "timeInterval": self.time_interval, "httpMethod": "POST" }, "readOnly": true,
        })
    }

    fn reaches(&self) -> bool {
        std::net::TcpStream::connect(self.prometheus).is_ok()
    }

    fn health(&self) -> Reply {
        if self.reaches() {
            let message = "Successfully queried the Prometheus API.";
            Reply::json(200, &json!({ "status": "OK", "message": message }))
        } else {
            let address = self.prometheus;
            let message = format!(
                "Post \"http://{address}/api/v1/query\": dial tcp {address}: connect: connection refused"
            );
            Reply::json(400, &json!({ "status": "ERROR", "message": message }))
        }
    }

    fn proxied(&self, path: &str) -> Reply {
        if !self.reaches() {
            return Reply::json(502, &json!({ "message": "" }));
        }
        let answer = http::get(self.prometheus, path, &[]);
        Reply::Text(answer.status, "application/json", answer.text().to_owned())
    }
}

fn not_found() -> Reply {
    Reply::json(404, &json!({ "message": "Data source not found" }))
}

/// A panel with these queries.
pub fn panel(title: &str, queries: &[&str]) -> Value {
    let targets: Vec<_> = queries
        .iter()
        .map(|query| json!({ "expr": query, "refId": "A", "datasource": source() }))
        .collect();
    json!({ "type": "timeseries", "title": title, "datasource": source(), "targets": targets })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "prometheus" })
}

/// All of the workshop's uids, with every way of writing a variable. No process is
/// watched and nothing is trained.
pub fn dashboards() -> Vec<Value> {
    let instance = json!({
        "name": "instance", "type": "query", "multi": true, "includeAll": true,
        "query": { "query": "label_values(http_requests_total{job=\"$job\"}, instance)" },
    });
    let job = json!({
        "name": "job", "type": "query", "query": "label_values(http_requests_total, job)",
    });
    let board = |uid: &str, panels: Value| {
        json!({
            "uid": uid, "title": uid, "panels": panels, "time": { "from": "now-15m", "to": "now" },
            "templating": { "list": [job, instance] },
        })
    };
    let row = json!({ "type": "row", "title": "Latency", "panels": [panel(
        "p99",
        &["histogram_quantile(0.99, sum by (le) (increase(http_request_duration_seconds_bucket{job=\"${job}\"}[$__range])))"],
    )]});
    let alerts = panel(
        "Firing",
        &["ALERTS{alertstate=\"firing\", level=\"1\", job=\"$job\"}"],
    );
    let text = json!({ "type": "text", "title": "Yours", "options": { "content": "# Draw" } });
    let stack = json!({
        "type": "alertlist", "title": "Notifications", "datasource": { "type": "alertmanager", "uid": "alertmanager" },
        "targets": [{ "expr": "not PromQL at all" }],
    });
    vec![
        board(
            "golden-signals",
            json!([
                panel(
                    "Traffic",
                    &[
                        "sum(rate(http_requests_total{job=\"$job\", instance=~\"$instance\"}[$__rate_interval]))"
                    ]
                ),
                panel("Objectives", &["job:slo_objective:ratio{job=\"[[job]]\"}"]),
                row,
            ]),
        ),
        board(
            "distributions",
            json!([panel("Values", &["random_value{job=\"$job\"}"])]),
        ),
        board(
            "model",
            json!([panel("Scores", &["predictions_total{job=\"$job\"}"])]),
        ),
        board(
            "process",
            json!([panel(
                "Memory",
                &["process_resident_memory_bytes{job=\"$job\"}"]
            )]),
        ),
        board("alerts", json!([alerts, stack])),
        board(
            "processes",
            json!([panel("Share of a core", &["proplet_cpu_percent"])]),
        ),
        board("training", json!([panel("Loss", &["train_loss"])])),
        board("your-turn", json!([text])),
    ]
}
