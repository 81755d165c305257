//! Prometheus' own query engine as a judge: series and what queries over them
//! return are written down as a unit test of rules, which `promtool` runs
//! (<https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/>).
//!
//! Equality is asserted by the query itself, `(query) == bool value`, which keeps
//! all digits.

use std::path::Path;
use std::process::Command;
use std::{env, fs, process};

use serde_json::{Value, json};
use service::live::promql::Sample;

/// What the page says a query returns: for each label set a number, which may be
/// NaN; nothing for an empty result.
pub type Returned = Vec<(String, f64)>;

/// A number without labels, or nothing.
pub fn unlabelled(value: Option<f64>) -> Returned {
    value
        .map(|value| ("{}".to_owned(), value))
        .into_iter()
        .collect()
}

/// How near promtool's number must be to the page's.
#[derive(Clone, Copy)]
pub enum Near {
    /// The same number.
    Equal,
    /// The same but for 1e-12 of it: Prometheus adds with compensation (Kahan).
    Summed,
}

/// One group of series and the queries asked of them.
pub struct Case {
    interval_ms: i64,
    series: Vec<Value>,
    expected: Vec<Value>,
}

impl Case {
    pub fn new(interval_ms: i64) -> Self {
        Self {
            interval_ms,
            series: Vec::new(),
            expected: Vec::new(),
        }
    }

    /// Adds a series; its samples lie on multiples of the interval.
    pub fn series(&mut self, name: &str, samples: &[Sample]) {
        let mut values = Vec::new();
        let mut next = 0;
        for sample in samples {
            assert_eq!(
                sample.at % self.interval_ms,
                0,
                "{name} at {} ms",
                sample.at
            );
            let slot = sample.at / self.interval_ms;
            if slot > next {
                values.push(format!("_x{}", slot - next));
            }
            values.push(format!("{:?}", sample.value));
            next = slot + 1;
        }
        self.series
            .push(json!({ "series": name, "values": values.join(" ") }));
    }

    /// States what a query returns at a time.
    pub fn expect(&mut self, query: &str, at: i64, returned: &Returned, near: Near) {
        let mut state = |expression: String, labels: &[&str], value: f64| {
            let samples: Vec<_> = labels
                .iter()
                .map(|labels| json!({ "labels": labels, "value": value }))
                .collect();
            self.expected.push(json!({
                "expr": expression, "eval_time": format!("{at}ms"), "exp_samples": samples,
            }));
        };
        // Each label set alone, picked out of the whole result …
        for (labels, value) in returned {
            let picked = match labels
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
            {
                Some("") => format!("({query})"),
                Some(pair) => {
                    let (label, text) = pair.split_once('=').expect("one label");
                    let text = text.trim_matches('"');
                    // A literal vector with this label, to match against.
                    let one =
                        format!("label_replace(vector(1), \"{label}\", \"{text}\", \"\", \"\")");
                    format!("(({query}) * on ({label}) {one})")
                }
                None => panic!("not a label set: {labels}"),
            };
            let expression = match (near, value) {
                (_, nan) if nan.is_nan() => format!("{picked} != bool {picked}"),
                (_, infinite) if infinite.is_infinite() => {
                    format!(
                        "{picked} == bool {}Inf",
                        if *infinite > 0.0 { "+" } else { "-" }
                    )
                }
                (Near::Equal, value) => format!("{picked} == bool {value:?}"),
                (Near::Summed, value) => {
                    format!(
                        "abs({picked} - {value:?}) <= bool {:?}",
                        value.abs() * 1e-12
                    )
                }
            };
            state(expression, &[labels], 1.0);
        }
        // … and that there are no others.
        match returned.len() {
            0 => state(query.to_owned(), &[], 0.0),
            some => {
                let some = f64::from(u32::try_from(some).expect("few series"));
                state(format!("count({query})"), &["{}"], some);
            }
        }
    }
}

/// Has promtool judge the cases.
///
/// # Panics
///
/// With what promtool said, if it disagrees.
pub fn judge(promtool: &Path, name: &str, cases: Vec<Case>) {
    let tests: Vec<_> = cases
        .into_iter()
        .map(|case| {
            json!({
                "interval": format!("{}ms", case.interval_ms),
                "input_series": case.series,
                "promql_expr_test": case.expected,
            })
        })
        .collect();
    let asked: usize = tests
        .iter()
        .map(|test| test["promql_expr_test"].as_array().map_or(0, Vec::len))
        .sum();
    assert!(asked > 0, "nothing was asked");
    let directory = env::temp_dir().join(format!("golden-promql-{}-{name}", process::id()));
    fs::create_dir_all(&directory).expect("the temporary directory can be written");
    // JSON is YAML.
    let file = directory.join("test.yml");
    let unit = json!({ "rule_files": [], "evaluation_interval": "1s", "tests": tests });
    fs::write(&file, unit.to_string()).expect("it was made just now");
    let output = Command::new(promtool)
        .args(["test", "rules"])
        .arg(&file)
        .output()
        .expect("promtool is an executable file");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "promtool disagrees in {} of {asked}:\n{}",
        said.matches("expr:").count(),
        said.lines()
            .filter(|line| !line.trim().is_empty())
            .take(60)
            .collect::<Vec<_>>()
            .join("\n"),
    );
    fs::remove_dir_all(&directory).expect("it is ours");
}
