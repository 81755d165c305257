//! The link `pager`: it answers, and hears that Prometheus and Alertmanager are alive.

use std::time::SystemTime;

use http::StatusCode;
use serde_json::Value;

use super::report::Finding;
use super::{Context, Doctor, Verdict};

const PATH: &str = "/alerts";

pub(super) async fn hears(doctor: &Doctor, context: &Context) -> Verdict {
    let pager = &doctor.pager;
    let ready = pager.get("/readyz", &[]).await?;
    if ready.status != StatusCode::OK {
        return Err(pager.unexpected(&ready));
    }
    let list = pager.get(PATH, &[]).await?;
    let json = pager.json(&list)?;
    let watchdog = &json["watchdog"];
    let Some(groups) = json["groups"].as_array() else {
        return Err(pager.unexpected(&list));
    };
    let base = pager.base();
    match watchdog["state"].as_str() {
        Some("heard") => {
            let heard = watchdog["last_heard"].as_str().unwrap_or_default();
            let ago = humantime::parse_rfc3339(heard)
                .ok()
                .and_then(|at| SystemTime::now().duration_since(at).ok())
                .unwrap_or_default();
            let firing = groups.iter().filter(|group| group["firing"] != 0).count();
            let firing = match firing {
                0 => "nothing fires".to_owned(),
                number => format!("{number} groups of alerts fire"),
            };
            Ok(Finding::ok(format!(
                "{base} heard a Watchdog {} s ago; {firing}",
                ago.as_secs()
            )))
        }
        Some("waiting") => Ok(Finding::warning(
            format!("{base} answers, and has heard no Watchdog since it started"),
            "It waits --watchdog-timeout for the first one: run this again in a minute. That alerts reach it is not known yet.",
        )
        .asked(&list.url)),
        Some("off") => Ok(Finding::warning(
            format!("{base} answers; its watchdog is off"),
            "Whether alerts reach it is not known, and nobody notices when they no longer do: start it without --watchdog-timeout 0s,\n\
             and load the rule Watchdog of prometheus/rules.",
        )
        .asked(&list.url)),
        Some("silent") => Err(silent(context, watchdog, groups).asked(&list.url)),
        _ => Err(pager.unexpected(&list)),
    }
}

/// Broken here only if nothing is on the way that explains it.
fn silent(context: &Context, watchdog: &Value, groups: &[Value]) -> Finding {
    let list = watchdog["silent"].as_array().map(Vec::as_slice);
    let who: Vec<_> = list
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let since = watchdog["silent_since"].as_str().unwrap_or("?");
    let why = groups
        .iter()
        .flat_map(|group| {
            group["alerts"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
        })
        .find(|alert| alert["labels"]["alertname"] == "WatchdogSilent")
        .and_then(|alert| alert["annotations"]["description"].as_str())
        .unwrap_or_default();
    let observed = format!(
        "fires its own alert since {since}: {} silent. {why}",
        who.join(" or ")
    );
    if context.alerts_are_cut_off {
        let remedy = "This follows from what is broken before it: fix that first.";
        return Finding::warning(observed, remedy);
    }
    let remedy = "The rule Watchdog (prometheus/rules/alerts.rules.yml) must be loaded, and its route in prometheus/alertmanager.yml lead to\n\
                  http://pager:8002/alerts in compose, http://127.0.0.1:8002/alerts natively, repeated more often than --watchdog-timeout.\n\
                  If a name or a network keeps the pager from asking them, correct its --prometheus and --alertmanager.";
    Finding::broken(observed, remedy)
}
