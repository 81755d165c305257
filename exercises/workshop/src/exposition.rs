//! A strict reader of what `/metrics` shows, in OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), the format of the
//! student's library.
//!
//! It refuses what Prometheus would refuse, and what would be read but mean
//! nothing: a histogram whose buckets go down, a series that appears twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One line: a name, its labels, a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// With its suffix, such as `_total` or `_bucket`.
    pub name: String,
    /// Sorted by name.
    pub labels: BTreeMap<String, String>,
    /// As the page has it.
    pub value: f64,
}

/// Everything on one page of metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// In the order of the page.
    pub samples: Vec<Sample>,
    /// What `# TYPE` said, by family.
    pub types: BTreeMap<String, String>,
}

/// What is wrong with the page.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExpositionError {
    /// A line that is neither a comment nor a sample.
    #[error("line {line} is not a sample: `{text}`")]
    NoSample {
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// The same name and labels a second time.
    #[error("{series} appears twice")]
    Twice {
        /// Name and labels.
        series: String,
    },
    /// One name registered twice.
    #[error("the metric `{family}` is declared twice: two metrics are registered under one name")]
    DeclaredTwice {
        /// The name.
        family: String,
    },
    /// The page was cut off.
    #[error("the page does not end with `# EOF`")]
    NoEnd,
    /// A histogram that cannot be.
    #[error("the histogram {series} {fault}")]
    Histogram {
        /// Name and labels.
        series: String,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl Exposition {
    /// Reads a page.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(page: &str) -> Result<Self, ExpositionError> {
        let mut exposition = Self::default();
        let mut seen = BTreeSet::new();
        let mut ended = false;
        for (index, text) in page.lines().enumerate() {
            let no_sample = || ExpositionError::NoSample {
                line: index + 1,
                text: text.chars().take(200).collect(),
            };
            if ended {
                return Err(no_sample());
            }
            if let Some(declaration) = text.strip_prefix("# TYPE ") {
                let (family, kind) = declaration.split_once(' ').ok_or_else(no_sample)?;
                let before = exposition.types.insert(family.to_owned(), kind.to_owned());
                if before.is_some() {
                    return Err(ExpositionError::DeclaredTwice {
                        family: family.to_owned(),
                    });
                }
            } else if text == "# EOF" {
                ended = true;
            } else if !text.starts_with("# HELP ") && !text.starts_with("# UNIT ") {
                let sample = sample(text).ok_or_else(no_sample)?;
                if !seen.insert(sample.to_string()) {
                    return Err(ExpositionError::Twice {
                        series: sample.to_string(),
                    });
                }
                exposition.samples.push(sample);
            }
        }
        if !ended {
            return Err(ExpositionError::NoEnd);
        }
        for (family, kind) in &exposition.types {
            if kind == "histogram" {
                exposition.histograms_hold(family)?;
            }
        }
        Ok(exposition)
    }

    /// All samples of this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples
            .iter()
            .filter(move |sample| sample.name == name)
    }

    /// The sum over all samples of this name that have these labels; 0 if none has.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.named(name)
            .filter(|sample| sample.has(labels))
            .map(|sample| sample.value)
            // Of nothing it is 0, and not -0 as that of an empty iterator.
            .fold(0.0, |sum, value| sum + value)
    }

    /// How many samples have this name and these labels.
    #[must_use]
    pub fn series(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.named(name).filter(|sample| sample.has(labels)).count()
    }

    /// The upper bounds of a histogram's buckets, rising, with infinity.
    #[must_use]
    pub fn bounds(&self, family: &str) -> Vec<f64> {
        let mut bounds: Vec<_> = self
            .named(&format!("{family}_bucket"))
            .filter_map(|sample| sample.labels.get("le")?.parse().ok())
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    }

    // Each series of the family: its buckets rise, end at +Inf, and agree with the count.
    fn histograms_hold(&self, family: &str) -> Result<(), ExpositionError> {
        let mut series: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
        for bucket in self.named(&format!("{family}_bucket")) {
            let mut labels = bucket.labels.clone();
            let le = labels.remove("le").and_then(|le| le.parse().ok());
            let fault = |fault| ExpositionError::Histogram {
                series: bucket.to_string(),
                fault,
            };
            let le = le.ok_or_else(|| fault("has a bucket without an upper bound"))?;
            series.entry(labels).or_default().push((le, bucket.value));
        }
        for (labels, buckets) in series {
            let count = self
                .named(&format!("{family}_count"))
                .find(|sample| sample.labels == labels)
                .map(|sample| sample.value);
            let fault = if !buckets.is_sorted_by(|(a, _), (b, _)| a < b) {
                Some("has bounds that do not rise")
            } else if !buckets.is_sorted_by(|(_, a), (_, b)| a <= b) {
                Some("has a bucket with less in it than the one below")
            } else if buckets.last().is_none_or(|(le, _)| le.is_finite()) {
                Some("has no bucket up to +Inf")
            } else if buckets.last().map(|(_, value)| *value) != count {
                Some("counts otherwise than its last bucket")
            } else {
                None
            };
            if let Some(fault) = fault {
                let name = family.to_owned();
                let sample = Sample {
                    name,
                    labels,
                    value: 0.0,
                };
                return Err(ExpositionError::Histogram {
                    series: sample.to_string(),
                    fault,
                });
            }
        }
        Ok(())
    }
}

/// A bound as the label `le` has it.
#[must_use]
pub fn le(bound: f64) -> String {
    if bound == f64::INFINITY {
        "+Inf".to_owned()
    } else {
        bound.to_string()
    }
}

impl Sample {
    /// Whether the labels include these.
    #[must_use]
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels
            .iter()
            .all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        for (index, (name, value)) in self.labels.iter().enumerate() {
            f.write_char(if index == 0 { '{' } else { ',' })?;
            write!(f, "{name}={value:?}")?;
        }
        if !self.labels.is_empty() {
            f.write_char('}')?;
        }
        Ok(())
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || "_:".contains(first));
    if !begins || !letters.all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter)) {
        return None;
    }
    let (labels, rest) = labels(rest)?;
    // An exemplar follows a second `#`, a timestamp the value.
    let value = rest.split(" # ").next()?;
    let mut words = value.strip_prefix(' ')?.split(' ');
    let value = words.next()?.parse().ok()?;
    if let Some(timestamp) = words.next() {
        timestamp.parse::<f64>().ok()?;
    }
    words.next().is_none().then(|| Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

// Reads `{…}` if it is there and returns what follows it.
pub(crate) fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return Some((labels, text));
    };
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return None;
        }
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
    }
}

fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
