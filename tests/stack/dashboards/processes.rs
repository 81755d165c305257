//! Every query of the dashboard *Processes*, on a real Prometheus with the
//! repository's rules that scrapes a real manager, which hears from two real
//! proplets over a real broker.

use serde_json::json;

use super::answers::shows_something;
use super::dashboard::{Selection, all, list, text};
use super::names::names_only_what_exists;
use crate::support::manager::{Directory, Manager};
use crate::support::mosquitto::Mosquitto;
use crate::support::peers;
use crate::support::prometheus::{Prometheus, Targets, percent_encoded, stub};
use crate::support::proplet::Running;

#[test]
fn every_query_of_processes_shows_what_happens_now() {
    let (Some(mosquitto), Some(prometheus)) =
        (peers::require("mosquitto"), peers::require("prometheus"))
    else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let _proplets = [("north", "burns", "cpu"), ("south", "writes", "disk")].map(
        |(proplet, task, workload)| {
            let task = json!({
                "id": task, "name": workload, "daemon": true, "monitoring_profile": "intensive"
            });
            let task = task.to_string();
            let arguments = [
                "--entity-id",
                proplet,
                "--metrics-interval",
                "1s",
                "--task",
                &task,
            ];
            Running::proplet(broker.address(), &arguments)
        },
    );
    let targets = Targets {
        manager: manager.metrics_address(),
        ..Targets::service(stub())
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
        &["burns", "writes"],
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
