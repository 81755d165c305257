//! Every query of every dashboard, on a real Prometheus with the repository's rules
//! that scrapes the real service under traffic: "everything is up but the graph is
//! empty" must not happen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::answers::{last_points, now_s, placeholders, shows_something};
use crate::dashboard::{Dashboard, Query, Selection, all, list, text};
use crate::promql;
use crate::stack::{Stack, TRAININGS};
use crate::support::http;
use crate::support::prometheus::{Prometheus, percent_encoded};

/// What is rightly empty while the service is well: alerts, of which there are none. Errors
/// raised by /control/faults fill them.
const EMPTY_WITHOUT_ALERTS: [&str; 8] = [
    "alerts: What fired when A",
    "alerts: Firing and pending now A",
    "alerts: annotation Alerts ",
    "distributions: annotation Alerts ",
    "golden-signals: annotation Alerts ",
    "process: annotation Alerts ",
    "training: annotation Alerts ",
    "your-turn: annotation Alerts ",
];

/// Empty unless the process runs under `ulimit -v`.
const EMPTY_WITHOUT_LIMIT: &str = "process: Virtual memory by instance B";

/// Of the alerts' labels, those that no rule of ours gives: Prometheus does.
const ALERT_LABELS: [&str; 2] = ["alertname", "alertstate"];

/// One test, because the stack is the expensive part.
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

    let app = Selection {
        job: "app",
        instance: None,
    };
    let student = Selection {
        job: "student",
        instance: None,
    };
    let everything = Selection {
        job: ".*",
        instance: None,
    };
    let training = Selection {
        job: "training",
        instance: None,
    };
    let (of_training, of_services): (Vec<_>, Vec<_>) = queries
        .iter()
        .partition(|query| query.dashboard == "training");
    let (of_jobs, of_a_job): (Vec<_>, Vec<_>) = of_services
        .into_iter()
        .partition(|query| query.dashboard == "alerts");

    // The service is well.
    let without_limit = well(&of_a_job, &[EMPTY_WITHOUT_LIMIT]);
    shows_something(&stack.prometheus, &without_limit, &app);
    shows_something(&stack.prometheus, &well(&of_jobs, &[]), &everything);
    shows_something(&stack.prometheus, &well(&of_jobs, &[]), &app);
    // Another job fits without a change, and has a limit to show.
    shows_something(&stack.prometheus, &well(&of_a_job, &[]), &student);
    let of_training = well(&of_training, &[]);
    for job in TRAININGS {
        let selection = Selection {
            job,
            instance: None,
        };
        shows_something(&stack.prometheus, &of_training, &selection);
    }
    trainings_are_shown_side_by_side_and_apart(&stack.prometheus, &of_training);
    for query in &queries {
        let selection = match query.dashboard.as_str() {
            "alerts" => &everything,
            "training" => &training,
            _ => &student,
        };
        names_only_what_exists(&stack.prometheus, query, &query.filled(selection));
    }
    variables_list_what_is_there(&stack);
    exemplars_are_shown(&stack.prometheus, &queries, &app);

    // Both fall ill, one more than the other.
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
    shows_something(&stack.prometheus, &of_alerts, &app);

    let errors = r#"rate(http_requests_total{job="app", status="500"}[15s])"#;
    let by_instance = format!("min(sum by (instance) ({errors}))");
    stack
        .prometheus
        .number_when(&by_instance, |least| least > 0.0);
    selecting_an_instance_changes_the_picture(&stack, &queries);
}

/// Those of the queries that must show something while the service is well.
fn well<'a>(queries: &[&'a Query], also_empty: &[&str]) -> Vec<&'a Query> {
    let may_be_empty =
        |place: &str| EMPTY_WITHOUT_ALERTS.contains(&place) || also_empty.contains(&place);
    let filled = |query: &&&Query| !may_be_empty(&query.place());
    queries.iter().filter(filled).copied().collect()
}

/// With all of them selected every panel shows each, under a name that no other series
/// of the panel has; with one selected, that one alone.
fn trainings_are_shown_side_by_side_and_apart(prometheus: &Prometheus, queries: &[&Query]) {
    let jobs_of = |series: &[(Value, f64)]| -> BTreeSet<String> {
        let jobs = series.iter().map(|(labels, _)| text(&labels["job"]));
        jobs.map(str::to_owned).collect()
    };
    let mut legends: BTreeSet<(&str, String)> = BTreeSet::new();
    for query in queries {
        let place = query.place();
        let all = Selection {
            job: ".*",
            instance: None,
        };
        let series = last_points(prometheus, query, &query.filled(&all));
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
        for job in TRAININGS {
            let one = Selection {
                job,
                instance: None,
            };
            let series = last_points(prometheus, query, &query.filled(&one));
            assert_eq!(jobs_of(&series), [job.to_owned()].into(), "{place}");
        }
    }
}

/// Every metric or rule, and every label that is matched, grouped by or shown.
pub(crate) fn names_only_what_exists(prometheus: &Prometheus, query: &Query, expression: &str) {
    let place = query.place();
    let names = promql::names(prometheus, expression);
    let rules = prometheus.api("rules?type=alert");
    let mut labels: BTreeSet<String> = BTreeSet::new();
    for selector in &names.selectors {
        let (name, matchers) = selector.split_once('{').expect("it has matchers, if none");
        if name == "ALERTS" {
            let groups = list(&rules["groups"]).iter();
            let alerts = groups.flat_map(|group| list(&group["rules"]));
            for alert in alerts {
                labels.extend(keys(&alert["labels"]));
            }
            labels.extend(ALERT_LABELS.map(str::to_owned));
            labels.extend(["job", "instance", "role", "slo"].map(str::to_owned));
        } else {
            let found = prometheus.api(&format!("labels?match[]={}", percent_encoded(name)));
            let found: Vec<_> = list(&found)
                .iter()
                .map(|label| text(label).to_owned())
                .collect();
            assert!(!found.is_empty(), "{place}: there is no {name}");
            labels.extend(found);
        }
        for matcher in matchers
            .trim_end_matches('}')
            .split(", ")
            .filter(|text| !text.is_empty())
        {
            let label: String = matcher
                .chars()
                .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
                .collect();
            assert!(
                labels.contains(&label),
                "{place}: {selector} has no label {label}"
            );
        }
    }
    for label in names.labels.iter().chain(&placeholders(&query.legend)) {
        assert!(
            labels.contains(label),
            "{place}: nothing has a label {label}"
        );
    }
}

fn keys(object: &Value) -> impl Iterator<Item = String> + '_ {
    object
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys().cloned())
}

/// The lists on top of each dashboard, asked both as Grafana 9 and as newer ones ask.
fn variables_list_what_is_there(stack: &Stack) {
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
                    "prometheus",
                    "student",
                ]
                .map(str::to_owned)
                .into(),
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
fn exemplars_are_shown(prometheus: &Prometheus, queries: &[Query], selection: &Selection<'_>) {
    let asking: Vec<_> = queries.iter().filter(|query| query.exemplar).collect();
    assert!(!asking.is_empty());
    for query in asking {
        let expression = percent_encoded(&query.filled(selection));
        let end = now_s();
        let start = end - 60.0;
        let path = format!("query_exemplars?query={expression}&start={start}&end={end}");
        let found = prometheus.api(&path);
        let mut exemplars = list(&found)
            .iter()
            .flat_map(|series| list(&series["exemplars"]));
        let traced = exemplars.any(|exemplar| !text(&exemplar["labels"]["trace_id"]).is_empty());
        assert!(traced, "{}: {found}", query.place());
    }
}

/// While the instances differ in all that can be seen, the panels of requests, errors and
/// durations show so.
fn selecting_an_instance_changes_the_picture(stack: &Stack, queries: &[Query]) {
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
            // Nothing was shed, timed out or panicked: there is nothing to tell apart.
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
