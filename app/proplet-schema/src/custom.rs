//! Metrics that a task exposes itself, as its proplet passes them on: bounded, and such
//! that every exposition format can carry them beside others.
//!
//! Sources: Prometheus' "Metric names and labels" for the characters;
//! "Relabelling" for `exported_`, which a label gets whose name is needed here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize, Serializer};

/// Maximum number of series of a task.
pub const MAX_SERIES: usize = 100;

/// Maximum number of labels of a series.
const MAX_LABELS: usize = 8;

/// Maximum bytes of a name, of a metric or a label, and of a label's value.
const MAX_TEXT: usize = 128;

/// Maximum bytes of all names, labels and values of a task.
const MAX_BYTES: usize = 16 * 1024;

/// Maximum characters of an error.
const MAX_ERROR: usize = 200;

/// The labels that say whose series it is.
const OWN_LABELS: [&str; 2] = ["proplet", "task"];

/// What a task exposes, as of one sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Custom {
    #[serde(serialize_with = "list")]
    series: BTreeMap<SeriesName, f64>,
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    bytes: usize,
}

/// A series' name and labels, by which it is ordered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesName {
    /// As the task names it. One that ends in `_total` is a counter, others are gauges.
    pub name: String,
    /// Without `proplet` and `task`, which are `exported_proplet` and `exported_task`.
    pub labels: BTreeMap<String, String>,
}

/// As it is in a message.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    series: Vec<WrittenSeries>,
    #[serde(default)]
    left_out: u64,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenSeries {
    name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Custom {
    /// Nothing, because of this.
    #[must_use]
    pub fn failed(error: &str) -> Self {
        Self {
            error: Some(error.chars().take(MAX_ERROR).collect()),
            ..Self::default()
        }
    }

    /// Adds a series. What cannot be one, comes twice or is beyond the limits is left
    /// out and counted; then `false`.
    pub fn add<'a>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) -> bool {
        let added = self.try_add(name, labels, value).is_some();
        self.left_out += u64::from(!added);
        added
    }

    fn try_add<'a>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) -> Option<()> {
        let counts = name.ends_with("_total");
        // What a counter's name is without its suffix is a name, too.
        let stem = name.strip_suffix("_total").unwrap_or(name);
        if !is_name(stem) || name.len() > MAX_TEXT || !value.is_finite() || (counts && value < 0.0)
        {
            return None;
        }
        let mut named = SeriesName {
            name: name.to_owned(),
            labels: BTreeMap::new(),
        };
        let mut bytes = name.len();
        for (label, value) in labels {
            let label = if OWN_LABELS.contains(&label) {
                format!("exported_{label}")
            } else {
                label.to_owned()
            };
            bytes += label.len() + value.len();
            let is_right = is_name(&label)
                && !label.starts_with("__")
                && label.len() <= MAX_TEXT
                && value.len() <= MAX_TEXT
                && named.labels.len() < MAX_LABELS;
            if !is_right || named.labels.insert(label, value.to_owned()).is_some() {
                return None;
            }
        }
        if self.series.len() >= MAX_SERIES || self.bytes + bytes > MAX_BYTES {
            return None;
        }
        match self.series.entry(named) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => {
                vacant.insert(value);
                self.bytes += bytes;
                Some(())
            }
        }
    }

    /// The series, by name and labels.
    pub fn series(&self) -> impl ExactSizeIterator<Item = (&SeriesName, f64)> {
        self.series.iter().map(|(name, value)| (name, *value))
    }

    /// How many were left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Why there are none.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

impl TryFrom<Written> for Custom {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut custom = written
            .error
            .as_deref()
            .map(Self::failed)
            .unwrap_or_default();
        for series in &written.series {
            let labels = series.labels.iter();
            let labels = labels.map(|(label, value)| (label.as_str(), value.as_str()));
            if !custom.add(&series.name, labels, series.value) {
                let shown: String = series.name.chars().take(MAX_TEXT).collect();
                return Err(format!(
                    "custom series {shown:?}: must have Prometheus' names, a finite value, be there once, and be one of at most {MAX_SERIES}"
                ));
            }
        }
        custom.left_out = written.left_out;
        Ok(custom)
    }
}

fn is_name(text: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(is_right)
        && text
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn list<S: Serializer>(
    series: &BTreeMap<SeriesName, f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(series.len()))?;
    for (SeriesName { name, labels }, value) in series {
        list.serialize_element(&WrittenSeries {
            name: name.clone(),
            labels: labels.clone(),
            value: *value,
        })?;
    }
    list.end()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let mut custom = Custom::default();
        assert!(custom.add("jobs_total", [("queue", "a"), ("task", "theirs")], 5.0));
        assert!(custom.add("depth", [], -1.5));
        assert!(!custom.add("depth", [], 2.0));
        let expected = json!({
            "series": [
                {"name": "depth", "value": -1.5},
                {"name": "jobs_total", "labels": {"exported_task": "theirs", "queue": "a"}, "value": 5.0}
            ],
            "left_out": 1
        });
        let written = serde_json::to_value(&custom).unwrap();
        assert_eq!(written, expected);
        let read: Custom = serde_json::from_value(written).unwrap();
        assert_eq!(read, custom);
        let failed = Custom::failed(&"x".repeat(1_000));
        assert_eq!(failed.error().unwrap().len(), MAX_ERROR);
        let written = serde_json::to_value(&failed).unwrap();
        assert_eq!(serde_json::from_value::<Custom>(written).unwrap(), failed);
    }

    #[test]
    fn what_cannot_be_a_series_is_left_out() {
        let long = "a".repeat(MAX_TEXT + 1);
        let mut custom = Custom::default();
        for (name, labels, value) in [
            ("", vec![], 1.0),
            ("_total", vec![], 1.0),
            ("1a", vec![], 1.0),
            ("a:b", vec![], 1.0),
            ("a b", vec![], 1.0),
            ("näh", vec![], 1.0),
            (long.as_str(), vec![], 1.0),
            ("a", vec![], f64::NAN),
            ("a", vec![], f64::INFINITY),
            ("a_total", vec![], -1.0),
            ("a", vec![("__name__", "up")], 1.0),
            ("a", vec![("l-l", "x")], 1.0),
            ("a", vec![("l", long.as_str())], 1.0),
            ("a", vec![("l", "x"), ("l", "y")], 1.0),
            ("a", vec![("task", "x"), ("exported_task", "y")], 1.0),
        ] {
            assert!(
                !custom.add(name, labels.clone(), value),
                "{name} {labels:?}"
            );
        }
        let many: Vec<_> = (0..9).map(|n| format!("l{n}")).collect();
        assert!(!custom.add("a", many.iter().map(|label| (label.as_str(), "x")), 1.0));
        assert_eq!((custom.series().len(), custom.left_out()), (0, 16));
    }

    #[test]
    fn a_task_has_so_many_series_and_bytes_at_most() {
        let mut custom = Custom::default();
        for number in 0..1_000 {
            custom.add(&format!("a{number}"), [], 1.0);
        }
        assert_eq!(custom.series().len(), MAX_SERIES);
        assert_eq!(custom.left_out(), 1_000 - MAX_SERIES as u64);
        let long = "x".repeat(MAX_TEXT);
        let labels: Vec<_> = (0..MAX_LABELS).map(|n| format!("l{n}")).collect();
        let mut custom = Custom::default();
        for number in 0..MAX_SERIES {
            let labels = labels.iter().map(|label| (label.as_str(), long.as_str()));
            custom.add(&format!("a{number}"), labels, 1.0);
        }
        assert!(custom.left_out() > 0 && custom.bytes <= MAX_BYTES);
    }

    #[test]
    fn a_message_with_more_than_that_is_refused() {
        let read = |value: Value| serde_json::from_value::<Custom>(value);
        let series = |n: usize| json!({"name": format!("a{n}"), "value": 1});
        let many: Vec<_> = (0..=MAX_SERIES).map(series).collect();
        assert!(read(json!({"series": &many[1..]})).is_ok());
        assert!(read(json!({ "series": many })).is_err());
        let twice = [series(1), series(1)];
        assert!(read(json!({ "series": twice })).is_err());
        for value in [json!(null), json!("1")] {
            assert!(read(json!({"series": [{"name": "a", "value": value}]})).is_err());
        }
        let reserved = json!({"name": "a", "labels": {"__name__": "up"}, "value": 1});
        assert!(read(json!({ "series": [reserved] })).is_err());
    }
}
