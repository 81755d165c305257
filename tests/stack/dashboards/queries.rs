//! Every query of every dashboard, on a real Prometheus with the repository's rules
//! that scrapes the real service under traffic: "everything is up but the graph is
//! empty" must not happen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answers::{last_points, now_s, placeholders, shows_something};
use super::dashboard::{Dashboard, Query, Selection, all, list, text};
use super::dead::a_dead_service_has_no_numbers;
use super::names::names_only_what_exists;
use super::stack::{Stack, TRAININGS};
use crate::support::http;
use crate::support::prometheus::percent_encoded;
use crate::support::steps::{self, steps};

/// What is rightly empty while the service is healthy: alerts, of which there are none. Errors
/// raised by /control/faults fill them.
const EMPTY_WITHOUT_ALERTS: [&str; 9] = [
    "alerts: What fired when A",
    "alerts: Firing and pending now A",
    "alerts: annotation Alerts ",
    "distributions: annotation Alerts ",
    "golden-signals: annotation Alerts ",
    "model: annotation Alerts ",
    "process: annotation Alerts ",
    "training: annotation Alerts ",
    "your-turn: annotation Alerts ",
];

/// Empty unless the process runs under `ulimit -v`.
const EMPTY_WITHOUT_LIMIT: &str = "process: Virtual memory by instance B";

/// The stack, and what is asked of it.
pub(super) struct Asked {
    pub(super) stack: Stack,
    pub(super) queries: Vec<Query>,
}

impl Asked {
    fn of(&self, wanted: impl Fn(&str) -> bool) -> Vec<&Query> {
        let queries = self.queries.iter();
        queries.filter(|query| wanted(&query.dashboard)).collect()
    }

    fn of_trainings(&self) -> Vec<&Query> {
        self.of(|dashboard| dashboard == "training")
    }

    /// Of the dashboard that shows the alerts of all jobs.
    fn of_jobs(&self) -> Vec<&Query> {
        self.of(|dashboard| dashboard == "alerts")
    }

    fn of_a_job(&self) -> Vec<&Query> {
        self.of(|dashboard| !["alerts", "training"].contains(&dashboard))
    }
}

/// All instances of a job.
fn job(job: &str) -> Selection<'_> {
    Selection {
        job,
        instance: None,
    }
}

/// The steps share the stack, because starting it is expensive. The service is healthy at
/// first; then faults are injected into both instances.
#[test]
fn every_query_shows_what_happens_now() {
    let Some(stack) = Stack::start() else {
        return;
    };
    // What proplets report has a test of its own.
    let dashboards = all();
    let of_services = dashboards.iter().filter(|it| it.name != "processes");
    let queries: Vec<_> = of_services.flat_map(Dashboard::queries).collect();
    assert!(
        queries.len() > 100,
        "only {} queries were found",
        queries.len()
    );
    steps::run(
        &Asked { stack, queries },
        &steps![
            a_service_that_is_well_is_shown,
            another_job_fits_without_a_change_and_has_a_limit_to_show,
            every_training_is_shown,
            trainings_are_shown_side_by_side_and_apart,
            persia_s_own_dashboard_has_data_in_every_panel,
            every_query_names_only_what_exists,
            variables_list_what_is_there,
            exemplars_are_shown,
            alerts_are_shown_when_both_instances_fall_ill,
            selecting_an_instance_changes_the_picture,
            a_dead_service_has_no_numbers,
        ],
    );
}

fn a_service_that_is_well_is_shown(asked: &Asked) {
    let prometheus = &asked.stack.prometheus;
    let without_limit = well(&asked.of_a_job(), &[EMPTY_WITHOUT_LIMIT]);
    shows_something(prometheus, &without_limit, &job("app"));
    shows_something(prometheus, &well(&asked.of_jobs(), &[]), &job(".*"));
    shows_something(prometheus, &well(&asked.of_jobs(), &[]), &job("app"));
}

fn another_job_fits_without_a_change_and_has_a_limit_to_show(asked: &Asked) {
    let queries = well(&asked.of_a_job(), &[]);
    shows_something(&asked.stack.prometheus, &queries, &job("student"));
}

fn every_training_is_shown(asked: &Asked) {
    let queries = well(&asked.of_trainings(), &[]);
    for training in TRAININGS {
        shows_something(&asked.stack.prometheus, &queries, &job(training));
    }
}

/// The queries of the twelve panels of Persia's last dashboard, `{}` and all
/// (resources/grafana/dashboards/perisa-training.json).
const PANELS_OF_PERSIA: [&str; 12] = [
    "staleness{}",
    "num_pending_batches{}",
    "batch_unique_indices_rate{}",
    "index_miss_ratio{}",
    "index_miss_count{}",
    "gradient_id_miss_count{}",
    "lookup_hashmap_time_cost_sec{}",
    "lookup_preprocess_time_cost_sec{}",
    "lookup_rpc_time_cost_sec{}",
    "update_gradient_time_cost_sec{}",
    "lookup_postprocess_time_cost_sec{}",
    "lookup_total_time_cost_sec{}",
];

fn persia_s_own_dashboard_has_data_in_every_panel(asked: &Asked) {
    let prometheus = &asked.stack.prometheus;
    for query in PANELS_OF_PERSIA {
        let trainings = format!("count(count by (job) ({query} >= 0))");
        prometheus.number_when(&trainings, |count| count == TRAININGS.len() as f64);
        if query.ends_with("_sec{}") {
            // Seconds, and of a batch: nothing of it takes as long as one.
            let most = prometheus.number(&format!("max({query})"));
            assert!(
                most.is_some_and(|most| most > 0.0 && most < 1.0),
                "{query}: {most:?}"
            );
        }
    }
}

fn every_query_names_only_what_exists(asked: &Asked) {
    for query in &asked.queries {
        let selection = match query.dashboard.as_str() {
            "alerts" => job(".*"),
            "training" => job("training"),
            _ => job("student"),
        };
        names_only_what_exists(&asked.stack.prometheus, query, &query.filled(&selection));
    }
}

/// One instance gets more faults than the other.
fn alerts_are_shown_when_both_instances_fall_ill(asked: &Asked) {
    let Asked { stack, queries } = asked;
    for (instance, error_rate, delay) in [(0, 0.6, "300ms"), (1, 0.3, "150ms")] {
        let faults = json!({"error_rate": error_rate, "delay": format!("constant({delay})")});
        let change = http::request(
            stack.app[instance].address(),
            "PATCH",
            "/control/faults",
            &[("content-type", "application/json")],
            faults.to_string().as_bytes(),
        );
        assert_eq!(change.status, 200, "{}", change.text());
    }
    let of_alerts: Vec<_> = queries
        .iter()
        .filter(|query| EMPTY_WITHOUT_ALERTS.contains(&query.place().as_str()))
        .collect();
    assert_eq!(
        of_alerts.len(),
        EMPTY_WITHOUT_ALERTS.len(),
        "one is no query"
    );
    let firing = r#"count(ALERTS{alertname="ErrorRatioHigh", alertstate="firing", job="app"})"#;
    stack.prometheus.number_when(firing, |count| count > 0.0);
    shows_something(&stack.prometheus, &of_alerts, &job("app"));
}

/// Those of the queries that must show something while the service is healthy.
fn well<'a>(queries: &[&'a Query], also_empty: &[&str]) -> Vec<&'a Query> {
    let may_be_empty =
        |place: &str| EMPTY_WITHOUT_ALERTS.contains(&place) || also_empty.contains(&place);
    let filled = |query: &&&Query| !may_be_empty(&query.place());
    queries.iter().filter(filled).copied().collect()
}

/// With all of them selected every panel shows each, under a name that no other series
/// of the panel has; with one selected, that one alone.
fn trainings_are_shown_side_by_side_and_apart(asked: &Asked) {
    let prometheus = &asked.stack.prometheus;
    let queries = well(&asked.of_trainings(), &[]);
    let jobs_of = |series: &[(Value, f64)]| -> BTreeSet<String> {
        let jobs = series.iter().map(|(labels, _)| text(&labels["job"]));
        jobs.map(str::to_owned).collect()
    };
    let mut legends: BTreeSet<(&str, String)> = BTreeSet::new();
    for query in queries {
        let place = query.place();
        let series = last_points(prometheus, query, &query.filled(&job(".*")));
        assert_eq!(
            jobs_of(&series),
            TRAININGS.map(str::to_owned).into(),
            "{place}"
        );
        for (labels, _) in &series {
            let mut legend = query.legend.clone();
            for label in placeholders(&query.legend) {
                let value = labels[&label].as_str().unwrap_or_default();
                legend = legend.replace(&format!("{{{{{label}}}}}"), value);
            }
            assert!(
                legends.insert((&query.panel, legend.clone())),
                "{place}: two series are called {legend:?}"
            );
        }
        for training in TRAININGS {
            let series = last_points(prometheus, query, &query.filled(&job(training)));
            assert_eq!(jobs_of(&series), [training.to_owned()].into(), "{place}");
        }
    }
}

/// The lists on top of each dashboard, asked both as Grafana 9 and as newer ones ask.
fn variables_list_what_is_there(asked: &Asked) {
    let stack = &asked.stack;
    let address = |index: usize| stack.app[index].address().to_string();
    for dashboard in all() {
        if dashboard.name == "processes" {
            continue;
        }
        for variable in list(&dashboard.json["templating"]["list"]) {
            let place = format!("{}: {}", dashboard.name, variable["name"]);
            let query = text(&variable["query"]["query"]).replace("$job", "app");
            let (selector, label) = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|rest| rest.rsplit_once(", "))
                .unwrap_or_else(|| panic!("{place}: {query} is not label_values"));
            let matching = percent_encoded(selector);
            let values = stack
                .prometheus
                .api(&format!("label/{label}/values?match[]={matching}"));
            let values: BTreeSet<_> = list(&values).iter().map(text).map(str::to_owned).collect();
            let series = stack.prometheus.api(&format!("series?match[]={matching}"));
            let of_series: BTreeSet<_> = list(&series)
                .iter()
                .map(|series| text(&series[label]).to_owned())
                .collect();
            assert_eq!(values, of_series, "{place}");
            let expected = match (dashboard.name.as_str(), label) {
                (_, "instance") => BTreeSet::from([address(0), address(1)]),
                ("alerts", _) => [
                    "alertmanager",
                    "app",
                    "grafana",
                    "manager",
                    "metrics_gateway",
                    "pager",
                    "prometheus",
                    "student",
                ]
                .map(str::to_owned)
                .into(),
                // What it draws, the pager has as well.
                ("process", "job") => ["app", "pager", "student"].map(str::to_owned).into(),
                ("training", "job") => TRAININGS.map(str::to_owned).into(),
                (_, "job") => ["app", "student"].map(str::to_owned).into(),
                (_, other) => panic!("{place}: nobody expects {other}"),
            };
            assert_eq!(values, expected, "{place}");
        }
    }
}

/// Where a panel asks for exemplars there are some, each with the trace that the data
/// source's configuration names.
fn exemplars_are_shown(asked: &Asked) {
    let asking: Vec<_> = asked
        .queries
        .iter()
        .filter(|query| query.exemplar)
        .collect();
    assert!(!asking.is_empty());
    for query in asking {
        let expression = percent_encoded(&query.filled(&job("app")));
        let end = now_s();
        let start = end - 60.0;
        let path = format!("query_exemplars?query={expression}&start={start}&end={end}");
        let found = asked.stack.prometheus.api(&path);
        let mut exemplars = list(&found)
            .iter()
            .flat_map(|series| list(&series["exemplars"]));
        let traced = exemplars.any(|exemplar| !text(&exemplar["labels"]["trace_id"]).is_empty());
        assert!(traced, "{}: {found}", query.place());
    }
}

/// While the instances differ in all that can be seen, the panels of requests, errors and
/// durations show so.
fn selecting_an_instance_changes_the_picture(asked: &Asked) {
    let Asked { stack, queries } = asked;
    let errors = r#"rate(http_requests_total{job="app", status="500"}[15s])"#;
    let by_instance = format!("min(sum by (instance) ({errors}))");
    stack
        .prometheus
        .number_when(&by_instance, |least| least > 0.0);
    let dashboards = all();
    let golden = dashboards
        .iter()
        .find(|dashboard| dashboard.name == "golden-signals");
    let mut row = "";
    let mut titles = BTreeSet::new();
    for panel in golden.expect("it is there").panels() {
        let title = text(&panel["title"]);
        if panel["type"] == "row" {
            row = title;
        } else if ["Traffic", "Latency", "Errors"].contains(&row)
            || ["Traffic", "Latency, 99th percentile", "Errors"].contains(&title)
        {
            titles.insert(title);
        }
    }
    let mut compared = 0;
    for query in queries
        .iter()
        .filter(|query| query.dashboard == "golden-signals")
    {
        if !titles.contains(query.panel.as_str()) {
            continue;
        }
        let time = now_s();
        let picture = |instance: Option<&str>| {
            let expression = query.filled(&Selection {
                job: "app",
                instance,
            });
            let expression = percent_encoded(&expression);
            let answer = stack
                .prometheus
                .api(&format!("query?query={expression}&time={time}"));
            let series = list(&answer["result"]).iter();
            let picture: BTreeSet<_> = series
                .map(|series| {
                    (
                        series["metric"].to_string(),
                        text(&series["value"][1]).to_owned(),
                    )
                })
                .collect();
            picture
        };
        let all = picture(None);
        if all.iter().all(|(_, value)| value == "0") {
            // Nothing was shed, timed out or panicked: there is nothing to distinguish.
            continue;
        }
        let [first, second] =
            [0, 1].map(|index| picture(Some(&stack.app[index].address().to_string())));
        let place = query.place();
        assert!(
            !first.is_empty() && !second.is_empty(),
            "{place}: an instance shows nothing"
        );
        assert!(
            first != second && first != all && second != all,
            "{place}: {first:?}, {second:?}"
        );
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} queries were compared");
}
