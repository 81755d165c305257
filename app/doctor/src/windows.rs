//! What of the link `rules` only looks right: a rule over a range that is too short for how
//! often what it reads is scraped. `rate(x[1m])` needs two samples in a minute; where there
//! is one a minute, it returns nothing, for ever, and no rule errs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::peer::Peer;
use super::prometheus::api;
use super::report::Finding;

/// These return nothing, or always the same, of fewer than two samples.
const NEED_TWO: [&str; 11] = [
    "changes",
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "holt_winters",
    "idelta",
    "increase",
    "irate",
    "predict_linear",
    "rate",
    "resets",
];

/// More metrics are not looked up: the query must stay a query.
const MAX_METRICS: usize = 300;

/// How much of what is wrong is shown.
const MAX_SHOWN: usize = 3;

/// What a rule reads over a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Read {
    metric: String,
    window: Duration,
}

/// A rule and one of its ranges.
struct Range<'a> {
    rule: &'a str,
    read: Read,
}

/// What was found out about the ranges of all rules.
pub(super) enum Windows {
    /// Each has at least two samples in it, but for those of so many metrics that have no
    /// series now.
    Fit { unseen: usize },
    /// Some have not.
    TooShort(Finding),
}

/// Compares the ranges of these groups' rules with how often what they read is scraped, or
/// recorded.
pub(super) async fn compare(prometheus: &Peer, groups: &[Value]) -> Result<Windows, Finding> {
    let ranges: Vec<_> = rules(groups)
        .flat_map(|(name, query)| {
            let reads = reads(query).into_iter();
            reads.map(move |read| Range { rule: name, read })
        })
        .collect();
    let metrics: BTreeSet<_> = ranges.iter().map(|range| &*range.read.metric).collect();
    let mut intervals = recorded(groups);
    let scraped: Vec<_> = metrics
        .iter()
        .copied()
        .filter(|metric| !intervals.contains_key(*metric))
        .take(MAX_METRICS)
        .collect();
    intervals.extend(scrape_intervals(prometheus, &scraped).await?);
    let unseen = metrics
        .iter()
        .filter(|metric| !intervals.contains_key(**metric))
        .count();
    let short: Vec<_> = ranges
        .iter()
        .filter_map(|range| {
            let (interval, job) = intervals.get(&range.read.metric)?;
            (range.read.window < *interval * 2).then_some((range, *interval, job))
        })
        .collect();
    let Some((worst, interval, job)) = short.iter().max_by_key(|(_, interval, _)| *interval) else {
        return Ok(Windows::Fit { unseen });
    };
    let text = humantime::format_duration;
    let shown: Vec<_> = short
        .iter()
        .take(MAX_SHOWN)
        .map(|(range, interval, _)| {
            format!(
                "{} reads {}[{}], which comes every {}",
                range.rule,
                range.read.metric,
                text(range.read.window),
                text(*interval)
            )
        })
        .collect();
    let more = short.len().saturating_sub(MAX_SHOWN);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let never = short
        .iter()
        .any(|(range, interval, _)| range.read.window <= *interval);
    let how_often = if never { "never" } else { "not always" };
    let observed = format!(
        "a rule needs two samples in its range, and {how_often} has them: {}{more}",
        shown.join("; ")
    );
    let remedy = format!(
        "Shorten scrape_interval of job {job} in prometheus.yml to a quarter of the range, {}, or widen the ranges in prometheus/rules to\n\
         four times the interval, {}. Until then these rules are empty, and alerts on them never fire, or never end. Then reload:\n\
         `docker compose restart prometheus`, or natively POST /-/reload.",
        text(worst.read.window / 4),
        text(*interval * 4)
    );
    let url = prometheus.base().join("/api/v1/targets", &[]);
    let finding = if never {
        Finding::broken(observed, remedy)
    } else {
        Finding::warning(observed, remedy)
    };
    Ok(Windows::TooShort(finding.asked(url)))
}

/// The name and the query of every rule.
fn rules(groups: &[Value]) -> impl Iterator<Item = (&str, &str)> {
    let rules = groups.iter().flat_map(|group| {
        let rules = group["rules"].as_array().map(Vec::as_slice);
        rules.unwrap_or_default()
    });
    rules.filter_map(|rule| Some((rule["name"].as_str()?, rule["query"].as_str()?)))
}

/// How often each recorded series is recorded.
fn recorded(groups: &[Value]) -> BTreeMap<String, (Duration, String)> {
    let mut intervals = BTreeMap::new();
    for group in groups {
        let interval = group["interval"].as_f64().unwrap_or_default();
        let Ok(interval) = Duration::try_from_secs_f64(interval) else {
            continue;
        };
        let rules = group["rules"].as_array().map(Vec::as_slice);
        for rule in rules.unwrap_or_default() {
            if let (Some(name), "recording") =
                (rule["name"].as_str(), rule["type"].as_str().unwrap_or(""))
            {
                let job = "(recorded by a rule)".to_owned();
                intervals.insert(name.to_owned(), (interval, job));
            }
        }
    }
    intervals
}

/// How often each of these metrics is scraped, at the longest, and as which job.
async fn scrape_intervals(
    prometheus: &Peer,
    metrics: &[&str],
) -> Result<BTreeMap<String, (Duration, String)>, Finding> {
    if metrics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let data = api(prometheus, "/api/v1/targets", &[("state", "active")]).await?;
    let targets = data["activeTargets"].as_array().map(Vec::as_slice);
    let mut jobs: BTreeMap<&str, Duration> = BTreeMap::new();
    for target in targets.unwrap_or_default() {
        let interval = target["scrapeInterval"].as_str();
        let interval = interval.and_then(|text| humantime::parse_duration(text).ok());
        if let (Some(job), Some(interval)) = (target["labels"]["job"].as_str(), interval) {
            let longest = jobs.entry(job).or_default();
            *longest = interval.max(*longest);
        }
    }
    // What was pushed keeps the job that it was pushed under: that is no target's, and it
    // comes at least as often as the quickest of them.
    let quickest = jobs.values().min().copied();
    let expression = format!(
        "group by (__name__, job) ({{__name__=~\"{}\"}})",
        metrics.join("|")
    );
    let data = api(prometheus, "/api/v1/query", &[("query", &expression)]).await?;
    let series = data["result"].as_array().map(Vec::as_slice);
    let mut intervals = BTreeMap::new();
    for series in series.unwrap_or_default() {
        let labels = &series["metric"];
        let (Some(name), job) = (
            labels["__name__"].as_str(),
            labels["job"].as_str().unwrap_or_default(),
        ) else {
            continue;
        };
        let Some(interval) = jobs.get(job).copied().or(quickest) else {
            continue;
        };
        let longest = intervals
            .entry(name.to_owned())
            .or_insert_with(|| (Duration::ZERO, job.to_owned()));
        if interval > longest.0 {
            *longest = (interval, job.to_owned());
        }
    }
    Ok(intervals)
}

/// What an expression reads over a range with a function that needs two samples. The
/// expression is one that Prometheus has parsed and printed.
fn reads(expression: &str) -> Vec<Read> {
    let mut reads = Vec::new();
    let mut quoted = None;
    for (at, character) in expression.char_indices() {
        match (quoted, character) {
            (Some(quote), _) if character == quote => quoted = None,
            (None, '"' | '\'' | '`') => quoted = Some(character),
            (None, '[') => reads.extend(read_before(&expression[..at], &expression[at + 1..])),
            _ => {}
        }
    }
    reads
}

/// The selector that ends here, if the range that follows is one of it.
fn read_before(before: &str, after: &str) -> Option<Read> {
    let (range, _) = after.split_once(']')?;
    let window = humantime::parse_duration(range).ok()?;
    let selector = match before.strip_suffix('}') {
        // A brace in a matcher's text would have to be the last one.
        Some(labelled) => &labelled[..labelled.rfind('{')?],
        None => before,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let start = selector.rfind(|c: char| !is_name(c)).map_or(0, |at| at + 1);
    let (call, metric) = selector.split_at(start);
    let call = call.strip_suffix('(')?;
    let function = &call[call.rfind(|c: char| !is_name(c)).map_or(0, |at| at + 1)..];
    (NEED_TWO.contains(&function) && !metric.is_empty()).then(|| Read {
        metric: metric.to_owned(),
        window,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_with_what_they_read() {
        let minute = Duration::from_secs(60);
        let read = |metric: &str, minutes| Read {
            metric: metric.to_owned(),
            window: minute * minutes,
        };
        for (expression, expected) in [
            (
                "sum by (job) (rate(a_total{x=\"[5m]\"}[1m]))",
                vec![read("a_total", 1)],
            ),
            (
                "increase(a[2m]) > 0 or predict_linear(b{c=~\"d|e\"}[5m], 900) > 1",
                vec![read("a", 2), read("b", 5)],
            ),
            (
                "rate(job:a:sum{x=\"y\"}[1h30m] offset 5m)",
                vec![read("job:a:sum", 90)],
            ),
            // One sample is enough, or they are others.
            ("max_over_time(a[1m])", vec![]),
            ("max_over_time(rate(a[1m])[5m:1m])", vec![read("a", 1)]),
            ("up == 0", vec![]),
            ("rate({__name__=\"a\"}[1m])", vec![]),
            ("[", vec![]),
            ("rate(a[", vec![]),
        ] {
            assert_eq!(reads(expression), expected, "{expression}");
        }
    }
}
