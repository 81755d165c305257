//! The link `panels`: the queries of the dashboards have answers.
//!
//! Broken are a query that fails and a dashboard without data in any panel. A single
//! panel may be empty in a healthy system, if what it shows has never happened; it is
//! named in a warning. Panels of alerts are rightly empty while none is firing.

use std::time::Duration;

use serde_json::Value;

use super::dashboards::Dashboard;
use super::peer::Answer;
use super::prometheus::numbers;
use super::report::Finding;
use super::template::{Variables, alternatives, label_values};
use super::{Context, Doctor, Verdict, data_source};

/// More queries are not sent.
const MAX_QUERIES: usize = 500;

/// Rows lie in dashboards, and panels in rows.
const MAX_DEPTH: usize = 4;

/// If neither Grafana nor Prometheus says anything.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(15);

/// Dashboards of what need not run: a model (a student's service has none), process
/// monitoring, a training. If all their panels are empty, that is reported and is no fault.
const OPTIONAL: [&str; 3] = ["model", "processes", "training"];

/// These series exist only while an alert is pending or fires.
const ALERT_SERIES: &str = "ALERTS";

/// How much of what is wrong is shown.
const MAX_SHOWN: usize = 12;

struct Panel<'a> {
    title: &'a str,
    interval: Option<Duration>,
    queries: Vec<Query<'a>>,
}

struct Query<'a> {
    expression: &'a str,
    /// Of the data source.
    uid: &'a str,
}

pub(super) async fn have_data(doctor: &Doctor, context: &mut Context) -> Verdict {
    let interval = context.time_interval.or(context.scrape_interval);
    let interval = interval.unwrap_or(DEFAULT_INTERVAL);
    let (mut asked, mut filled) = (0, 0);
    let (mut empty, mut idle) = (Vec::new(), Vec::new());
    for dashboard in &context.dashboards {
        let uid = dashboard.uid.as_str();
        let panels = panels(&dashboard.model);
        let variables = variables(doctor, dashboard).await?;
        let (mut judged, mut with_data) = (0, 0);
        let empty_before = empty.len();
        for panel in &panels {
            let variables = with_intervals(&variables, panel.interval.unwrap_or(interval));
            let mut has_data = false;
            for query in &panel.queries {
                asked += 1;
                if asked > MAX_QUERIES {
                    let observed = format!("more than {MAX_QUERIES} queries");
                    return Ok(Finding::warning(observed, "The rest is not examined."));
                }
                let expression = variables.substitute(query.expression);
                let answer = ask(doctor, query.uid, &expression).await?;
                let numbers = numbers(&answer)
                    .map_err(|said| erring(uid, panel.title, &said).asked(&answer.url))?;
                has_data |= !numbers.is_empty();
            }
            let of_alerts = |query: &Query<'_>| query.expression.contains(ALERT_SERIES);
            if has_data {
                with_data += 1;
            } else if !panel.queries.iter().all(of_alerts) {
                empty.push(format!("{uid} \"{}\"", panel.title));
            }
            judged += usize::from(has_data || !panel.queries.iter().all(of_alerts));
        }
        filled += with_data;
        if judged > 0 && with_data == 0 {
            if !OPTIONAL.contains(&uid) {
                return Err(all_empty(doctor, uid, judged));
            }
            empty.truncate(empty_before);
            idle.push(uid);
        }
    }
    let mut observed = format!("{filled} panels have data");
    if !idle.is_empty() {
        observed += &format!("; nothing is running that {} would show", idle.join(" or "));
    }
    if empty.is_empty() {
        return Ok(Finding::ok(observed));
    }
    let more = empty.len().saturating_sub(MAX_SHOWN);
    let number = empty.len();
    empty.truncate(MAX_SHOWN);
    let mut shown = empty.join(", ");
    if more > 0 {
        shown += &format!(" and {more} more");
    }
    observed += &format!("; {number} have none: {shown}");
    let remedy = "Right, if what they show has not happened yet (no error, no exemplar, no second instance) or if the stack has just been started:\n\
                  run this again in a minute. Otherwise open the panel, choose Inspect > Query, and try its parts in Prometheus' /graph.";
    Ok(Finding::warning(observed, remedy))
}

fn erring(dashboard: &str, panel: &str, said: &str) -> Finding {
    let observed = format!("the query of panel \"{panel}\" of dashboard {dashboard} fails: {said}");
    let remedy = "Open the panel, choose Inspect > Query, and fix the query in Prometheus' page /graph; then write it into\n\
                  grafana/provisioning/dashboards. If a data source is not found, the panel names another uid than prometheus.";
    Finding::broken(observed, remedy)
}

fn all_empty(doctor: &Doctor, dashboard: &str, panels: usize) -> Finding {
    let job = &doctor.options.job;
    let observed = format!("none of the {panels} panels of dashboard {dashboard} has data");
    let remedy = format!(
        "The service's data is there, so the queries ask for something else: is the dashboard's variable job set to {job}?\n\
         Does it draw rules that were loaded just now (run this again in a minute), or metrics of a service that does not run?"
    );
    Finding::broken(observed, remedy)
}

/// Asks the panels' way: through Grafana, if there is one.
async fn ask(doctor: &Doctor, uid: &str, expression: &str) -> Result<Answer, Finding> {
    let query = [("query", expression)];
    if doctor.options.without_grafana().is_some() {
        doctor.prometheus.get("/api/v1/query", &query).await
    } else {
        doctor.grafana.get(&data_source::proxy(uid), &query).await
    }
}

fn panels(model: &Value) -> Vec<Panel<'_>> {
    let mut found = Vec::new();
    collect(model, 0, &mut found);
    found
}

fn collect<'a>(model: &'a Value, depth: usize, found: &mut Vec<Panel<'a>>) {
    let panels = model["panels"].as_array().map(Vec::as_slice);
    for panel in panels.unwrap_or_default() {
        if depth < MAX_DEPTH {
            collect(panel, depth + 1, found);
        }
        let targets = panel["targets"].as_array().map(Vec::as_slice);
        let queries: Vec<_> = targets
            .unwrap_or_default()
            .iter()
            .filter(|target| target["hide"] != true)
            .filter_map(|target| query(target, panel))
            .collect();
        if !queries.is_empty() {
            let interval = panel["interval"].as_str();
            found.push(Panel {
                title: panel["title"].as_str().unwrap_or("(without a title)"),
                interval: interval.and_then(|text| humantime::parse_duration(text).ok()),
                queries,
            });
        }
    }
}

/// The query of a panel's target, if it goes to Prometheus.
fn query<'a>(target: &'a Value, panel: &'a Value) -> Option<Query<'a>> {
    let expression = target["expr"].as_str()?;
    let source = [&target["datasource"], &panel["datasource"]]
        .into_iter()
        .find(|source| source["uid"] != "-- Mixed --" && source.is_object());
    let named = source.and_then(|source| source["uid"].as_str());
    let kind = source.and_then(|source| source["type"].as_str());
    if kind.is_some_and(|kind| kind != "prometheus") || expression.trim().is_empty() {
        return None;
    }
    // A data source that is a variable is the one that was examined.
    let uid = named.filter(|uid| !uid.starts_with('$'));
    Some(Query {
        expression,
        uid: uid.unwrap_or(data_source::UID),
    })
}

/// The values that the dashboard's variables have when it is opened: of those
/// that may have several all, of the others the first, but the job is ours.
async fn variables(doctor: &Doctor, dashboard: &Dashboard) -> Result<Variables, Finding> {
    let mut variables = Variables::default();
    let from = dashboard.model["time"]["from"].as_str().unwrap_or_default();
    let range = from
        .strip_prefix("now-")
        .and_then(|text| humantime::parse_duration(text).ok());
    let range = range.unwrap_or(Duration::from_secs(900));
    variables.set("__range", format!("{}s", range.as_secs()));
    variables.set("__range_s", range.as_secs().to_string());
    variables.set("__range_ms", range.as_millis().to_string());
    let list = dashboard.model["templating"]["list"].as_array();
    for variable in list.map(Vec::as_slice).unwrap_or_default() {
        let Some(name) = variable["name"].as_str() else {
            continue;
        };
        let value = value(doctor, name, variable, &variables).await?;
        variables.set(name, value);
    }
    Ok(variables)
}

async fn value(
    doctor: &Doctor,
    name: &str,
    variable: &Value,
    known: &Variables,
) -> Result<String, Finding> {
    let several = variable["multi"] == true || variable["includeAll"] == true;
    let all = variable["allValue"].as_str().filter(|all| !all.is_empty());
    let asked = variable["query"]["query"]
        .as_str()
        .or_else(|| variable["query"].as_str());
    let asked = asked
        .or_else(|| variable["definition"].as_str())
        .unwrap_or_default();
    if variable["type"] == "query" {
        if name == "job" {
            return Ok(doctor.options.job.clone());
        }
        if let (true, Some(all)) = (several, all) {
            return Ok(all.to_owned());
        }
        let Some((metric, label)) = label_values(asked) else {
            return Ok(".*".to_owned());
        };
        let values = values(doctor, &known.substitute(metric), label).await?;
        return Ok(if several {
            alternatives(&values)
        } else {
            values.into_iter().next().unwrap_or_default()
        });
    }
    let current = &variable["current"]["value"];
    let current = current.as_str().or_else(|| current[0].as_str());
    let first = asked.split(',').next().unwrap_or_default().trim();
    Ok(match current {
        Some(current) if current != "$__all" => current.to_owned(),
        Some(_) => all.unwrap_or(".*").to_owned(),
        None => first.to_owned(),
    })
}

/// The values of this label that series of this selector have.
async fn values(doctor: &Doctor, selector: &str, label: &str) -> Result<Vec<String>, Finding> {
    // Asked as a query, so that the way is the panels' own.
    let selector = if selector.is_empty() {
        format!("{{{label}!=\"\"}}")
    } else {
        selector.to_owned()
    };
    let expression = format!("group by ({label}) ({selector})");
    let answer = ask(doctor, data_source::UID, &expression).await?;
    numbers(&answer).map_err(|said| {
        let observed = format!("the values of a dashboard's variable, {expression}: {said}");
        Finding::broken(
            observed,
            "Fix the variable's query in grafana/provisioning/dashboards.",
        )
        .asked(&answer.url)
    })?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let series = json["data"]["result"].as_array().map(Vec::as_slice);
    let mut values: Vec<_> = series
        .unwrap_or_default()
        .iter()
        .filter_map(|series| Some(series["metric"][label].as_str()?.to_owned()))
        .collect();
    values.sort_unstable();
    Ok(values)
}

/// As Grafana sets them where one looks closely, so that an interval which is too
/// short for a rate shows: `$__rate_interval` is four scrapes
/// (<https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/>).
fn with_intervals(variables: &Variables, interval: Duration) -> Variables {
    let mut variables = variables.clone();
    let milliseconds = interval.as_millis();
    variables.set("__interval", format!("{milliseconds}ms"));
    variables.set("__interval_ms", milliseconds.to_string());
    variables.set("__rate_interval", format!("{}ms", 4 * milliseconds));
    variables.set("__rate_interval_ms", (4 * milliseconds).to_string());
    variables
}
