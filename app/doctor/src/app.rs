//! The links `app` and `metrics`: the service answers, and what it exposes has
//! the four golden signals.

use http::StatusCode;

use super::peer::Peer;
use super::report::Finding;
use super::{Verdict, exposition};

/// Which metric shows which signal.
const SIGNALS: [(&str, &str); 4] = [
    ("traffic and errors", "http_requests_total"),
    ("latency", "http_request_duration_seconds_bucket"),
    ("latency", "http_request_duration_seconds_count"),
    ("saturation", "saturation_ratio"),
];

pub(super) async fn answers(app: &Peer) -> Verdict {
    let alive = app.get("/healthz", &[]).await?;
    if alive.status != StatusCode::OK {
        return Err(app.unexpected(&alive));
    }
    let ready = app.get("/readyz", &[]).await?;
    if ready.status != StatusCode::OK {
        let observed = format!("lives, but is not ready: {}", ready.describe());
        let remedy = "It is stopping, or a restart is under way; run this again in a moment.";
        return Ok(Finding::warning(observed, remedy).asked(&ready.url));
    }
    Ok(Finding::ok(format!("{} lives and is ready", app.base())))
}

pub(super) async fn has_golden_signals(app: &Peer) -> Verdict {
    let text = app.get_text_format("/metrics").await?;
    let missing: Vec<_> = SIGNALS
        .iter()
        .filter(|(_, metric)| exposition::sum(&text, metric, &[]).is_none())
        .map(|(signal, metric)| format!("{metric} ({signal})"))
        .collect();
    if missing.is_empty() {
        return Ok(Finding::ok(
            "/metrics has traffic, errors, latency and saturation",
        ));
    }
    let observed = format!("/metrics has no {}", missing.join(", no "));
    let remedy = "Nothing can be drawn of a metric that is not exposed. Is this the workshop's service? If it is your own,\n\
                  look up the metric's exact name in docs/service.md; if it is ours, take the newest image: `docker compose up -d --build app`.";
    Err(Finding::broken(observed, remedy).asked(app.base().join("/metrics", &[])))
}
