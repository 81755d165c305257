//! An alert as Alertmanager reports it, and how much of it is kept. Knows no HTTP
//! and no other alert.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Maximum labels or annotations of an alert, characters of each name and value,
/// and bytes of all labels or all annotations as JSON: the page shows no more, and
/// memory must stay bounded.
const MAX_PAIRS: usize = 32;
const MAX_CHARACTERS: usize = 1_000;
const MAX_PAIRS_BYTES: usize = 8 * 1024;

/// The name under which it is said how many labels or annotations were left out.
const LEFT_OUT: &str = "…";

/// Whether an alert is firing or resolved.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The condition holds.
    Firing,
    /// The condition has ended.
    Resolved,
}

/// How much an alert matters, by its label `severity`; the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Critical,
    Major,
    Minor,
    Other,
}

/// An alert, as Alertmanager reports it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, utoipa::ToSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Alert {
    /// Alertmanager's hash of the labels, which identifies the alert.
    pub fingerprint: String,
    /// Whether it is firing or resolved.
    pub status: Status,
    /// `alertname`, `severity`, `level` and other labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description` and other annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When it started firing, RFC 3339.
    pub starts_at: String,
    /// When it resolved, RFC 3339. Meaningless while it fires.
    #[serde(default)]
    pub ends_at: String,
    /// The page in Prometheus that shows its query.
    #[serde(default, rename(deserialize = "generatorURL"))]
    pub generator_url: String,
}

impl Alert {
    pub(super) fn severity(&self) -> Severity {
        match self.labels.get("severity").map(String::as_str) {
            Some("critical") => Severity::Critical,
            Some("major") => Severity::Major,
            Some("minor") => Severity::Minor,
            _ => Severity::Other,
        }
    }

    /// The alert, no larger than one may be: long texts end in `…`, and the pair `…`
    /// says how many labels or annotations were left out.
    pub(super) fn bounded(mut self) -> Self {
        for text in [
            &mut self.fingerprint,
            &mut self.starts_at,
            &mut self.ends_at,
            &mut self.generator_url,
        ] {
            truncate(text);
        }
        for pairs in [&mut self.labels, &mut self.annotations] {
            *pairs = bounded(std::mem::take(pairs));
        }
        self
    }

    /// The alert as the API shows it.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and a unit variant, which JSON can hold")
    }
}

fn bounded(pairs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let given = pairs.len();
    let mut bytes = 0;
    let truncated = pairs.into_iter().map(|(mut name, mut value)| {
        truncate(&mut name);
        truncate(&mut value);
        (name, value)
    });
    let mut kept: BTreeMap<_, _> = truncated
        .take(MAX_PAIRS)
        .take_while(|(name, value)| {
            bytes += json_bytes(name) + json_bytes(value);
            bytes <= MAX_PAIRS_BYTES
        })
        .collect();
    if kept.len() < given {
        let left_out = given - kept.len();
        kept.insert(LEFT_OUT.to_owned(), format!("{left_out} more left out"));
    }
    kept
}

fn truncate(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
}

/// A control character takes six bytes there.
fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_annotations(annotations: BTreeMap<String, String>) -> Alert {
        Alert {
            fingerprint: "a".to_owned(),
            status: Status::Firing,
            labels: BTreeMap::new(),
            annotations,
            starts_at: "2026-01-01T00:00:00Z".to_owned(),
            ends_at: String::new(),
            generator_url: String::new(),
        }
    }

    #[test]
    fn a_long_text_is_truncated() {
        let long = with_annotations([("a".to_owned(), "ä".repeat(5_000))].into());
        let text = &long.bounded().annotations["a"];
        assert_eq!(text.chars().count(), MAX_CHARACTERS + 1);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn what_is_left_out_is_said() {
        let short = (0..100).map(|n| (format!("a{n}"), "b".to_owned()));
        let kept = with_annotations(short.collect()).bounded().annotations;
        assert_eq!(kept.len(), MAX_PAIRS + 1);
        assert_eq!(kept[LEFT_OUT], "68 more left out");

        // Within 32 pairs, and yet too much.
        let long = (0..20).map(|n| (format!("a{n:02}"), "\u{1}".repeat(500)));
        let alert = with_annotations(long.collect()).bounded();
        assert_eq!(alert.annotations[LEFT_OUT], "18 more left out");
        assert!(alert.to_json().len() < MAX_PAIRS_BYTES + 1_000);

        let few = with_annotations([("summary".to_owned(), "b".to_owned())].into());
        assert_eq!(few.clone().bounded(), few);
    }
}
