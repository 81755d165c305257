//! A query as Prometheus' own parser reads it (`/api/v1/parse_query`), and what is written in
//! it: a hint must be true of that, not only of the number that came out.
//!
//! What a query returns is [`crate::promtool`]'s and [`crate::api`]'s.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

use crate::http::encoded;
use crate::prometheus::Prometheus;

/// The parsed query.
#[derive(Debug, Clone)]
pub struct Parsed(Value);

impl Parsed {
    /// The query, parsed; `None` where no Prometheus is installed, or if it does not
    /// understand the query.
    #[must_use]
    pub fn of(query: &str) -> Option<Self> {
        // One for all who ask at the same time. A static one would never be ended.
        static SHARED: Mutex<Weak<Prometheus>> = Mutex::new(Weak::new());
        let prometheus = {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            match shared.upgrade() {
                Some(prometheus) => prometheus,
                None => {
                    let started = Arc::new(Prometheus::start("scrape_configs: []\n").ok()?);
                    *shared = Arc::downgrade(&started);
                    started
                }
            }
        };
        let parsed = prometheus.api(&format!("parse_query?query={}", encoded(query)));
        parsed.ok().filter(Value::is_object).map(Self)
    }

    /// The functions called, each once, in alphabetical order.
    #[must_use]
    pub fn functions(&self) -> Vec<&str> {
        let calls = self.nodes().into_iter().filter_map(function);
        let mut names: Vec<_> = calls.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether it calls the same functions as `other`, where `increase` counts as `rate`:
    /// then it may be the same in other words.
    #[must_use]
    pub fn is_written_like(&self, other: &str) -> bool {
        let kinds = |names: Vec<&str>| -> BTreeSet<String> {
            let names = names.into_iter();
            names.map(|name| name.replace("increase", "rate")).collect()
        };
        // The functions of a query that is known: names before a bracket.
        let mut called = Vec::new();
        for (index, _) in other.match_indices('(') {
            let before = &other[..index];
            let start = before
                .rfind(|c: char| !c.is_ascii_lowercase() && c != '_')
                .map_or(0, |place| place + 1);
            called.push(&before[start..]);
        }
        called.retain(|name| !["", "sum", "avg", "max", "min", "by", "count"].contains(name));
        kinds(self.functions()) == kinds(called)
    }

    /// Whether a function is called whose name begins or ends so.
    #[must_use]
    pub fn calls(&self, part: &str) -> bool {
        let names = self.functions();
        names
            .iter()
            .any(|name| name.starts_with(part) || name.ends_with(part))
    }

    /// Whether something is aggregated *before* its speed is taken.
    #[must_use]
    pub fn has_rate_of_aggregate(&self) -> bool {
        self.any(|node| {
            is_rate(node)
                && below(node)
                    .iter()
                    .any(|inner| inner["type"] == "aggregation" || is_rate(inner))
        })
    }

    /// Whether a quantile of buckets is taken where their label `le` is gone.
    #[must_use]
    pub fn has_quantile_without_le(&self) -> bool {
        let loses_le = |node: &Value| {
            node["type"] == "aggregation" && {
                let groups = node["grouping"].as_array().into_iter().flatten();
                let has_le = groups.into_iter().any(|label| label == "le");
                has_le == (node["without"] == true)
            }
        };
        self.any(|node| {
            function(node) == Some("histogram_quantile") && below(node).into_iter().any(loses_le)
        })
    }

    /// Whether quantiles are averaged, added, or compared with one another.
    #[must_use]
    pub fn has_aggregated_quantile(&self) -> bool {
        self.any(|node| {
            let is_aggregated = node["type"] == "aggregation"
                || function(node).is_some_and(|name| name.ends_with("_over_time"));
            is_aggregated
                && below(node)
                    .iter()
                    .any(|inner| function(inner) == Some("histogram_quantile"))
        })
    }

    /// Whether counters are taken as they are, neither their speed nor a difference of theirs.
    #[must_use]
    pub fn has_no_speed(&self) -> bool {
        let moves = |node: &Value| {
            is_rate(node) || node["type"] == "subquery" || node["offset"].as_f64() > Some(0.0)
        };
        !self.any(moves) && self.any(|node| node["matchers"].is_array())
    }

    /// Whether series are counted, instead of what they have counted.
    #[must_use]
    pub fn counts_series(&self) -> bool {
        self.any(|node| node["type"] == "aggregation" && node["op"] == "count")
    }

    /// Whether a quantile is asked for as a percentage, such as 95.
    #[must_use]
    pub fn has_quantile_in_percent(&self) -> bool {
        self.any(|node| {
            let given = node["args"][0]["val"].as_str();
            let given = given.and_then(|given| given.parse::<f64>().ok());
            function(node) == Some("histogram_quantile") && given > Some(1.0)
        })
    }

    /// The windows in brackets, in seconds.
    #[must_use]
    pub fn windows(&self) -> Vec<f64> {
        let nodes = self.nodes().into_iter();
        let ranges = nodes.filter(|node| node["type"] == "matrixSelector");
        ranges
            .filter_map(|node| Some(node["range"].as_f64()? / 1000.0))
            .collect()
    }

    /// Whether every series asked for is chosen by this label.
    #[must_use]
    pub fn always_chooses(&self, label: &str) -> bool {
        let nodes = self.nodes().into_iter();
        let mut matchers = nodes.filter_map(|node| node["matchers"].as_array());
        matchers.all(|all| all.iter().any(|one| one["name"] == label))
    }

    fn any(&self, is: impl Fn(&Value) -> bool) -> bool {
        self.nodes().into_iter().any(is)
    }

    fn nodes(&self) -> Vec<&Value> {
        let mut all = vec![&self.0];
        all.extend(below(&self.0));
        all
    }
}

// All nodes inside of this one.
fn below(node: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    let inner: Vec<_> = match node {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    for one in inner {
        if one["type"].is_string() {
            all.push(one);
        }
        all.extend(below(one));
    }
    all
}

fn function(node: &Value) -> Option<&str> {
    (node["type"] == "call").then(|| node["func"]["name"].as_str())?
}

fn is_rate(node: &Value) -> bool {
    let speeds = ["rate", "irate", "increase", "delta", "idelta", "deriv"];
    function(node).is_some_and(|name| speeds.contains(&name))
}

/// A mistake that can be read off a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mistake {
    /// The finding.
    pub id: &'static str,
    /// What to ask back.
    pub asks: &'static str,
}

const fn mistake(id: &'static str, asks: &'static str) -> Mistake {
    Mistake { id, asks }
}

/// The first of the mistakes that are mistakes wherever a speed, or a quantile of speeds, was
/// asked for.
#[must_use]
pub fn mistake_in(query: &Parsed) -> Option<Mistake> {
    let known = [
        (
            query.has_rate_of_aggregate(),
            mistake(
                "rate-of-sum",
                "Something is summed first, and its speed taken afterwards. When one of two counters starts again at 0, what does their sum do, and what must a function think that sees only the sum?",
            ),
        ),
        (
            query.has_quantile_without_le(),
            mistake(
                "no-le",
                "From which label does `histogram_quantile` know which bucket is which? Is it still there?",
            ),
        ),
        (
            query.has_quantile_in_percent(),
            mistake(
                "quantile-in-percent",
                "How much of all is that: what does `histogram_quantile` take for all of it, 1 or 100?",
            ),
        ),
        (
            query.has_aggregated_quantile(),
            mistake(
                "average-of-quantiles",
                "Quantiles of several parts were put together afterwards, and a part that served three requests counted there like one that served thousands. What can be added up?",
            ),
        ),
    ];
    let found = known.into_iter().find(|(is_there, _)| *is_there);
    found.map(|(_, mistake)| mistake)
}
