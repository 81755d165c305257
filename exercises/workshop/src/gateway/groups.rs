//! What has been pushed, kept by group, and shown as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::protobuf;
use crate::exposition::{self, Exposition, Sample};

/// The labels of a group.
pub type Labels = BTreeMap<String, String>;

/// The metrics that were pushed under the same labels.
#[derive(Debug, Clone)]
pub struct Group {
    /// Those in the path of the push.
    pub labels: Labels,
    /// With these labels in each sample.
    pub metrics: Exposition,
    // When it was pushed, in seconds since 1970.
    pushed: f64,
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<Group>);

impl Groups {
    pub(super) fn all(&self) -> Vec<Group> {
        self.0.clone()
    }

    pub(super) fn delete(&mut self, labels: &Labels) {
        self.0.retain(|group| group.labels != *labels);
    }

    pub(super) fn replace(&mut self, labels: Labels, mut pushed: Exposition) {
        self.delete(&labels);
        for sample in &mut pushed.samples {
            // Those of the path win over those of the metric.
            sample.labels.extend(labels.clone());
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        self.0.push(Group {
            labels,
            metrics: pushed,
            pushed: since.map_or(0.0, |since| since.as_secs_f64()),
        });
    }

    pub(super) fn update(&mut self, labels: Labels, mut pushed: Exposition) {
        let old = self.0.iter().find(|group| group.labels == labels);
        if let Some(old) = old {
            for (family, kind) in &old.metrics.types {
                if !pushed.types.contains_key(family) {
                    pushed.types.insert(family.clone(), kind.clone());
                    let samples = old.metrics.samples.iter();
                    let of_it = |sample: &&Sample| family_of(sample, &old.metrics) == *family;
                    pushed.samples.extend(samples.filter(of_it).cloned());
                }
            }
        }
        self.replace(labels, pushed);
    }

    /// In the text format 0.0.4,
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    pub(super) fn page(&self) -> String {
        let mut families: BTreeMap<&str, (&str, Vec<&Sample>)> = BTreeMap::new();
        for group in &self.0 {
            for sample in &group.metrics.samples {
                let family = family_of(sample, &group.metrics);
                let kind = group.metrics.types.get(family);
                let kind = kind.map_or("untyped", String::as_str);
                let known = families.entry(family).or_insert((kind, Vec::new()));
                known.1.push(sample);
            }
        }
        let mut page = String::new();
        for (family, (kind, samples)) in families {
            let _ = writeln!(page, "# TYPE {family} {kind}");
            for sample in samples {
                let _ = writeln!(page, "{sample} {}", sample.value);
            }
        }
        page += "# TYPE push_time_seconds gauge\n";
        for group in &self.0 {
            let sample = Sample {
                name: "push_time_seconds".to_owned(),
                labels: group.labels.clone(),
                value: group.pushed,
            };
            let _ = writeln!(page, "{sample} {}", sample.value);
        }
        page
    }
}

/// The name that was declared for this sample; its own if none was.
fn family_of<'a>(sample: &'a Sample, metrics: &Exposition) -> &'a str {
    let name = sample.name.as_str();
    ["", "_bucket", "_sum", "_count"]
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix))
        .find(|family| metrics.types.contains_key(*family))
        .unwrap_or(name)
}

/// The labels in `/metrics/job/JOB/LABEL/VALUE/…`.
pub(super) fn labels_in(path: &str) -> Option<Labels> {
    let mut words = path
        .strip_prefix("/metrics/")?
        .trim_end_matches('/')
        .split('/');
    let mut labels = Labels::new();
    while let Some(label) = words.next() {
        let value = unescaped(words.next()?)?;
        if labels.is_empty() && (label != "job" || value.is_empty()) {
            return None;
        }
        labels.insert(label.to_owned(), value);
    }
    Some(labels)
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let code = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What was pushed, or why the gateway would not take it.
pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Exposition, String> {
    if content_type.starts_with("application/vnd.google.protobuf") {
        return protobuf::read(body).ok_or_else(|| "not the protobuf format".to_owned());
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("text format parsing error: the last line does not end".to_owned());
    }
    if let Some(line) = text.lines().find(|line| has_timestamp(line)) {
        return Err(format!("pushed metrics must not have timestamps: {line}"));
    }
    // What OpenMetrics has at its end is a comment here.
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && *line != "# EOF");
    let lines: Vec<_> = lines.collect();
    let page = format!("{}\n# EOF", lines.join("\n"));
    Exposition::parse(page.trim_start()).map_err(|error| error.to_string())
}

fn has_timestamp(line: &str) -> bool {
    let Some(at) = line.find(['{', ' ']) else {
        return false;
    };
    let (name, rest) = line.split_at(at);
    let after = exposition::labels(rest);
    name != "#" && after.is_some_and(|(_, after)| after.split_whitespace().count() > 1)
}
