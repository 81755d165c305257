//! Every query of the dashboard *Processes*, on a real Prometheus with the
//! repository's rules that scrapes a real manager, which hears from two proplets
//! over a real broker.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;

use crate::answers::shows_something;
use crate::dashboard::{Selection, all, list, text};
use crate::queries::names_only_what_exists;
use crate::support::manager::{Directory, Manager, alive, now_ms, rfc3339, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::peers;
use crate::support::prometheus::{Prometheus, Targets, percent_encoded, stand_in};

/// Proplets that report until they are dropped.
struct Proplets {
    over: Arc<AtomicBool>,
    reporting: Option<JoinHandle<()>>,
}

impl Proplets {
    fn start(sub: PathBuf, broker: &Mosquitto) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (stop, address) = (Arc::clone(&over), broker.address());
        let reporting = thread::spawn(move || {
            let send = |kind: &str, message: &str| publish(&sub, address, &topic(kind), message);
            while !stop.load(Relaxed) {
                for proplet in ["north", "south"] {
                    let now = now_ms();
                    send("alive", &alive(proplet, "alive"));
                    let own = json!({
                        "proplet_id": proplet, "timestamp": rfc3339(now),
                        "cpu_metrics": {"user_seconds": 1.0, "system_seconds": 1.0, "percent": 1.0},
                        "memory_metrics": {"rss_bytes": 4_000_000}
                    });
                    send("metrics", &own.to_string());
                    send(
                        "task_metrics",
                        &task_sample(proplet, "task", now).to_string(),
                    );
                }
                thread::sleep(Duration::from_millis(500));
            }
        });
        Self {
            over,
            reporting: Some(reporting),
        }
    }
}

impl Drop for Proplets {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        // Its panic is a broker's that is gone already.
        let _ = self.reporting.take().map(JoinHandle::join);
    }
}

#[test]
fn every_query_of_processes_shows_what_happens_now() {
    let (Some(mosquitto), Some(sub), Some(prometheus)) = (
        peers::require("mosquitto"),
        peers::require("mosquitto_sub"),
        peers::require("prometheus"),
    ) else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let _proplets = Proplets::start(sub, &broker);
    let targets = Targets {
        manager: manager.metrics_address(),
        ..Targets::service(stand_in())
    };
    let prometheus = Prometheus::of_the_stack(&prometheus, &targets);

    let dashboards = all();
    let dashboard = dashboards.iter().find(|it| it.name == "processes");
    let dashboard = dashboard.expect("it is there");
    let queries = dashboard.queries();
    // Of alerts there are none, and what is usual is known after minutes.
    let shown: Vec<_> = queries
        .iter()
        .filter(|query| !query.panel.starts_with("annotation"))
        .filter(|query| !query.expression.contains("avg15m"))
        .collect();
    assert!(shown.len() >= 20, "{}", shown.len());
    let selection = Selection {
        job: "manager",
        instance: None,
    };
    shows_something(&prometheus, &shown, &selection);
    for query in &shown {
        names_only_what_exists(&prometheus, query, &query.filled(&selection));
    }
    for (variable, expected) in list(&dashboard.json["templating"]["list"]).iter().zip([
        &["manager"][..],
        &["north", "south"],
        &["task"],
    ]) {
        let query = text(&variable["query"]["query"])
            .replace("$job", "manager")
            .replace("$proplet", ".*");
        let inner = query.strip_prefix("label_values(");
        let (selector, label) = inner
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|rest| rest.rsplit_once(", "))
            .expect("it is label_values");
        let matching = percent_encoded(selector);
        let values = prometheus.api(&format!("label/{label}/values?match[]={matching}"));
        assert_eq!(values, json!(expected), "{query}");
    }
}
