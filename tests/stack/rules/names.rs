//! What rules and runbook name exists in the running stack: metrics, labels and their
//! values, as the service and its neighbours really expose them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{WATCHDOG, list, repository, rules, text};
use crate::support::alertmanager::Alertmanager;
use crate::support::manager::{Directory, Manager};
use crate::support::mosquitto::Mosquitto;
use crate::support::pager::Pager;
use crate::support::peers;
use crate::support::prometheus::{Prometheus, Targets, percent_encoded};
use crate::support::proplet::Running;
use crate::support::pushgateway::Pushgateway;
use crate::support::server::Server;
use crate::support::training::Job;

/// Long windows are evaluated four times a minute.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Prometheus as in the stack, and those it watches: the service with more traffic, a
/// training with its gateway, a manager that receives from a proplet with a task,
/// Alertmanager.
fn stack() -> Option<(Prometheus, impl Sized)> {
    let prometheus = peers::require("prometheus")?;
    let gateway = Pushgateway::start(&peers::require("prometheus-pushgateway")?);
    let job = Job::new("stack", gateway.address());
    let training = job.start(&["--examples-per-second=5000", "--evaluate-every=20"]);
    let alertmanager = peers::require("prometheus-alertmanager")?;
    let service = Server::start(&[
        "--traffic=50",
        "--error-rate=0.002",
        "--seed=1",
        "--model-max-age=30days",
    ]);
    let pager = Pager::start(&[]);
    let alertmanager = Alertmanager::of_the_stack(&alertmanager, pager.address());
    let watched = Watched::start()?;
    let targets = Targets {
        alertmanager: alertmanager.address(),
        manager: watched.manager.metrics_address(),
        metrics_gateway: gateway.address(),
        pager: pager.address(),
        ..Targets::service(service.address())
    };
    let prometheus = Prometheus::of_the_stack(&prometheus, &targets);
    let others = (
        alertmanager,
        pager,
        service,
        training,
        job,
        gateway,
        watched,
    );
    Some((prometheus, others))
}

/// A proplet with a task, and a manager that receives from it.
struct Watched {
    _proplet: Running,
    manager: Manager,
    _broker: Mosquitto,
    _directory: Directory,
}

impl Watched {
    fn start() -> Option<Self> {
        let broker = Mosquitto::start(&peers::require("mosquitto")?, "");
        let directory = Directory::new();
        let manager = Manager::start(&broker.url(), &directory, &[]);
        let task =
            r#"{"id": "t", "name": "idle", "daemon": true, "monitoring_profile": "intensive"}"#;
        Some(Self {
            _proplet: Running::proplet(broker.address(), &["--task", task]),
            manager,
            _broker: broker,
            _directory: directory,
        })
    }
}

/// Collects what selects series, and the labels by which is grouped or matched.
fn collect(node: &Value, selectors: &mut BTreeSet<String>, labels: &mut BTreeSet<String>) {
    match node {
        Value::Object(fields) => {
            if let Some(matchers) = fields.get("matchers") {
                let matchers: Vec<_> = list(matchers)
                    .iter()
                    .map(|matcher| {
                        let [name, kind] = ["name", "type"].map(|field| text(&matcher[field]));
                        format!("{name}{kind}{}", matcher["value"])
                    })
                    .collect();
                selectors.insert(format!("{{{}}}", matchers.join(", ")));
            }
            for by in [node.get("grouping"), node["matching"].get("labels")] {
                let by = by.map_or(&[][..], list);
                labels.extend(by.iter().map(|label| text(label).to_owned()));
            }
            for field in fields.values() {
                collect(field, selectors, labels);
            }
        }
        Value::Array(nodes) => {
            for node in nodes {
                collect(node, selectors, labels);
            }
        }
        _ => (),
    }
}

/// The labels of the series that are selected, once there are some.
fn labels_of(prometheus: &Prometheus, selector: &str) -> BTreeSet<String> {
    let start = Instant::now();
    loop {
        let series = prometheus.query(selector);
        let labels = series
            .iter()
            .filter_map(|series| series["metric"].as_object());
        let labels: BTreeSet<_> = labels.flat_map(|labels| labels.keys().cloned()).collect();
        if !labels.is_empty() {
            return labels;
        }
        assert!(start.elapsed() < TIMEOUT, "nothing is {selector}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A rule that names what does not exist never fires.
#[test]
fn every_name_in_a_rule_and_every_query_of_the_runbook_exists() {
    let Some(rules) = rules() else { return };
    let Some((prometheus, _others)) = stack() else {
        return;
    };
    let mut known = BTreeMap::new();
    for rule in &rules {
        let name = text(rule.get("alert").unwrap_or(&rule["record"]));
        let tree = format!("parse_query?query={}", percent_encoded(text(&rule["expr"])));
        let (mut selectors, mut by) = (BTreeSet::new(), BTreeSet::new());
        collect(&prometheus.api(&tree), &mut selectors, &mut by);
        // The Watchdog depends on nothing.
        let selects = !selectors.is_empty() || name == WATCHDOG;
        assert!(selects, "{name} selects nothing");
        let mut labels = BTreeSet::new();
        for mut selector in selectors {
            // What is usual of a process is known after a quarter of an hour; its
            // labels are those of what is now.
            for usual in [":avg15m", ":stddev15m", ":rate15m"] {
                let now = if usual == ":rate15m" {
                    ":rate1m"
                } else {
                    ":avg1m"
                };
                selector = selector.replace(usual, now);
            }
            let of_it = known
                .entry(selector)
                .or_insert_with_key(|selector| labels_of(&prometheus, selector));
            labels.extend(of_it.iter().cloned());
        }
        let unknown: Vec<_> = by.difference(&labels).collect();
        assert!(unknown.is_empty(), "{name}: no series has {unknown:?}");
    }

    // The runbook shows what there is to see in a healthy stack too.
    let runbook = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    let mut asked = 0;
    for section in runbook.split("\n## ").skip(1) {
        let (heading, _) = section.split_once('\n').expect("a section has text");
        let blocks: Vec<_> = section.split("```promql\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{heading} says nothing to look at");
        for block in blocks {
            let (queries, _) = block.split_once("\n```").expect("a block ends");
            for query in queries.lines() {
                let start = Instant::now();
                while prometheus.query(query).is_empty() {
                    assert!(start.elapsed() < TIMEOUT, "{heading}: nothing is {query}");
                    thread::sleep(Duration::from_millis(200));
                }
                asked += 1;
            }
        }
    }
    println!(
        "{} selectors of {} rules, {asked} queries",
        known.len(),
        rules.len()
    );
}
