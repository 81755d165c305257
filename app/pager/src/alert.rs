//! An alert as Alertmanager and Grafana report it, and how much of it is kept. Knows no
//! HTTP and no other alert.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};

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
pub(crate) enum Status {
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

impl Severity {
    /// All of them, in the order of their discriminants, with the text of the label.
    pub(super) const ALL: [(Self, &str); 4] = [
        (Self::Critical, "critical"),
        (Self::Major, "major"),
        (Self::Minor, "minor"),
        (Self::Other, "other"),
    ];
}

/// An alert, as it is reported. What is `null` or absent counts as empty.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, utoipa::ToSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(crate) struct Alert {
    /// The sender's hash of the labels, which identifies the alert; computed where there
    /// is none (Alertmanager before 0.19).
    #[serde(default, deserialize_with = "or_empty")]
    pub fingerprint: String,
    /// Whether it is firing or resolved.
    pub status: Status,
    /// `alertname`, `severity`, `level` and other labels.
    #[serde(default, deserialize_with = "or_empty")]
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description` and other annotations.
    #[serde(default, deserialize_with = "or_empty")]
    pub annotations: BTreeMap<String, String>,
    /// When it started firing, RFC 3339.
    #[serde(alias = "starts_at")]
    pub starts_at: String,
    /// When it resolved, RFC 3339. Meaningless while it fires.
    #[serde(default, alias = "ends_at", deserialize_with = "or_empty")]
    pub ends_at: String,
    /// The page that shows its query: Prometheus', or Grafana's.
    #[serde(
        default,
        rename(deserialize = "generatorURL"),
        alias = "generator_url",
        deserialize_with = "or_empty"
    )]
    pub generator_url: String,
    /// The dashboard that Grafana names for it.
    #[serde(
        default,
        rename(deserialize = "dashboardURL"),
        alias = "dashboard_url",
        deserialize_with = "or_empty",
        skip_serializing_if = "String::is_empty"
    )]
    pub dashboard_url: String,
    /// The values that made it fire, as Grafana writes them.
    #[serde(
        default,
        rename(deserialize = "valueString"),
        alias = "value",
        deserialize_with = "or_empty",
        skip_serializing_if = "String::is_empty"
    )]
    pub value: String,
}

/// Go writes `null` where a map or a list was never made.
fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The fingerprint that Alertmanager itself gives these labels: FNV-1a of 64 bits over the
/// names and values in order, each followed by a byte that is in no text
/// (`LabelSet.Fingerprint` in github.com/prometheus/common).
fn fingerprint(labels: &BTreeMap<String, String>) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    let hash = bytes.fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    format!("{hash:016x}")
}

impl Alert {
    /// An alert that the pager itself raises.
    pub(super) fn of_the_pager(
        name: &str,
        [severity, level]: [&str; 2],
        summary: String,
        description: String,
        since: SystemTime,
    ) -> Self {
        let pairs = |pairs: Vec<(&str, String)>| -> BTreeMap<_, _> {
            let pairs = pairs.into_iter();
            pairs.map(|(name, text)| (name.to_owned(), text)).collect()
        };
        Self {
            fingerprint: name.to_owned(),
            status: Status::Firing,
            labels: pairs(vec![
                ("alertname", name.to_owned()),
                ("severity", severity.to_owned()),
                ("level", level.to_owned()),
            ]),
            annotations: pairs(vec![("summary", summary), ("description", description)]),
            starts_at: humantime::format_rfc3339_seconds(since).to_string(),
            ends_at: String::new(),
            generator_url: String::new(),
            dashboard_url: String::new(),
            value: String::new(),
        }
    }

    pub(super) fn severity(&self) -> Severity {
        match self.labels.get("severity").map(String::as_str) {
            Some("critical") => Severity::Critical,
            Some("major") => Severity::Major,
            Some("minor") => Severity::Minor,
            _ => Severity::Other,
        }
    }

    /// The value of this label; empty where there is none.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The alert with a fingerprint and no larger than one may be: long texts end in `…`,
    /// and the pair `…` says how many labels or annotations were left out.
    pub(super) fn bounded(mut self) -> Self {
        if self.fingerprint.is_empty() {
            self.fingerprint = fingerprint(&self.labels);
        }
        for text in [
            &mut self.fingerprint,
            &mut self.starts_at,
            &mut self.ends_at,
            &mut self.generator_url,
            &mut self.dashboard_url,
            &mut self.value,
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

/// Cuts a text that is longer than one may be.
pub(super) fn truncate(text: &mut String) {
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
            dashboard_url: String::new(),
            value: String::new(),
        }
    }

    #[test]
    fn a_fingerprint_is_computed_as_alertmanager_does() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<_, _> {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        assert_eq!(fingerprint(&labels(&[])), "cbf29ce484222325");
        // Grafana's test alert, the same everywhere.
        let test = labels(&[("alertname", "TestAlert"), ("instance", "Grafana")]);
        assert_eq!(fingerprint(&test), "57c6d9296de2ad39");
        let mut alert = with_annotations(BTreeMap::new());
        alert.fingerprint.clear();
        alert.labels = test;
        assert_eq!(alert.bounded().fingerprint, "57c6d9296de2ad39");
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
