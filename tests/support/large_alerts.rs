//! Webhooks of Alertmanager's shape, some large, of which no two have an alert in common.

use serde_json::{Map, Value, json};

/// Large enough to fill what the pager remembers.
const BODY_BYTES: usize = 240_000;

/// One alert whose annotations are as many texts of so many bytes as fit in `bytes`.
fn alert(fingerprint: &str, text_bytes: usize, bytes: usize) -> Value {
    let annotations: Map<_, _> = (0..bytes / (text_bytes + 10))
        .map(|n| (format!("{n:05}"), json!("x".repeat(text_bytes))))
        .collect();
    json!({
        "fingerprint": fingerprint, "status": "firing", "startsAt": "2026-01-01T00:00:00Z",
        "labels": { "alertname": fingerprint, "severity": "critical" }, "annotations": annotations,
    })
}

/// The `post`th of a flood: one large alert, many small ones, or many tiny annotations.
pub fn body(post: usize) -> Value {
    let (alerts, text_bytes) = match post % 3 {
        0 => (1, 990),
        1 => (1_500, 10),
        _ => (8, 1),
    };
    let of_one = BODY_BYTES / alerts - 150;
    let alerts: Vec<_> = (0..alerts)
        .map(|n| alert(&format!("{post} {n}"), text_bytes, of_one.min(BODY_BYTES)))
        .collect();
    json!({ "version": "4", "alerts": alerts })
}
