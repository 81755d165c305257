//! Reads `global_config.yaml`, as Persia's users have it: whether metrics are
//! pushed, under which job's name, how often. Knows nothing of pushing.
//!
//! The section is the document's, `PersiaMetricsConfig`. Later generations of
//! Persia read `metrics_config` in `common_config` instead, and their examples
//! spell the interval in ways that their code silently ignored; all of those
//! are read here. A key for other things than metrics that some Persia had is accepted,
//! and told to have no effect; one that none had is refused.

mod history;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};
use serde_saphyr::{SnippetMode, UserMessageFormatter, render_options};

use self::history::Keys;

use simulation::distribution::nearest::nearest;

/// What the configuration says of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Whether anything is measured and pushed.
    pub enable_metrics: bool,
    /// Which training this is: the label `job`.
    pub job_name: String,
    /// The time from one push to the next.
    pub push_interval: Duration,
    /// What the file says that means something to Persia and nothing here, as paths of keys.
    pub without_effect: Vec<String>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enable_metrics: false,
            job_name: "persia_default_job_name".to_owned(),
            push_interval: Duration::from_secs(10),
            without_effect: Vec::new(),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{0}; name a file that can be read")]
    Unreadable(String),
    /// It is not YAML.
    #[error("not YAML: {0}; see training/global_config.yaml for how it is written")]
    NotYaml(String),
    /// It is YAML, and not of sections.
    #[error(
        "it is {0}; must be sections, like PersiaMetricsConfig: with enable_metrics: true below it"
    )]
    NoSections(&'static str),
    /// A key that means nothing.
    #[error("unknown setting {section}{key}; {remedy}")]
    Unknown {
        /// Where it stands, with a dot behind, or empty.
        section: String,
        /// The key.
        key: String,
        /// What was probably meant.
        remedy: String,
    },
    /// A value that cannot be.
    #[error("{section}{key} is {value}; must be {expected}")]
    Invalid {
        /// Where it stands, with a dot behind.
        section: String,
        /// The key.
        key: String,
        /// What stands there.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The same thing is said twice.
    #[error("{0} and {1} are the same setting; keep one of them")]
    Twice(String, String),
}

const SECTION: &str = "PersiaMetricsConfig";
const COMMON: &str = "common_config";
const LATER_SECTION: &str = "metrics_config";

const ENABLE: &str = "enable_metrics";
const JOB: &str = "job_name";
const INTERVAL: [&str; 3] = [
    "push_interval",
    "push_interval_sec",
    "push_interval_seconds",
];

impl MetricsConfig {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or says what cannot be.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path);
        Self::parse(&text.map_err(|error| ConfigError::Unreadable(error.to_string()))?)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it says what cannot be.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: Value = serde_saphyr::from_str(text).map_err(|error| {
            let written = render_options! {
                formatter: &UserMessageFormatter,
                snippets: SnippetMode::Off,
            };
            // On one line, as all errors of the command line are.
            let said = error.render_with_options(written);
            let lines: Vec<_> = said.lines().map(str::trim).collect();
            ConfigError::NotYaml(lines.join(" "))
        })?;
        let mut file = match file {
            Value::Null => Map::new(),
            Value::Object(sections) => sections,
            other => return Err(ConfigError::NoSections(kind(&other))),
        };
        let mut without_effect = Vec::new();
        let section = section(&mut file, "", SECTION)?;
        let mut later = None;
        if let Some((path, mut common)) = self::section(&mut file, "", COMMON)? {
            let path = format!("{path}.");
            later = self::section(&mut common, &path, LATER_SECTION)?;
            pass_over(
                &path,
                common,
                &history::COMMON,
                &[LATER_SECTION],
                &mut without_effect,
            )?;
        }
        pass_over(
            "",
            file,
            &history::SECTIONS,
            &[SECTION, COMMON],
            &mut without_effect,
        )?;
        let config = match (section, later) {
            (Some((first, _)), Some((second, _))) => {
                return Err(ConfigError::Twice(first, second));
            }
            (Some((path, section)), None) => Self::of_section(&path, section, false)?,
            // The Persia that reads this section measures unless it is told not to.
            (None, Some((path, section))) => Self::of_section(&path, section, true)?,
            (None, None) => Self::default(),
        };
        Ok(Self {
            without_effect,
            ..config
        })
    }

    fn of_section(
        path: &str,
        mut section: Map<String, Value>,
        enable_metrics: bool,
    ) -> Result<Self, ConfigError> {
        let path = format!("{path}.");
        let invalid = |key: &str, value: &Value, expected: &str| ConfigError::Invalid {
            section: path.clone(),
            key: key.to_owned(),
            value: value.to_string(),
            expected: expected.to_owned(),
        };
        let mut config = Self {
            enable_metrics,
            ..Self::default()
        };
        if let Some(value) = section.remove(ENABLE) {
            let enable = value.as_bool();
            config.enable_metrics =
                enable.ok_or_else(|| invalid(ENABLE, &value, "true or false"))?;
        }
        if let Some(value) = section.remove(JOB) {
            config.job_name = job_name(&value)
                .map_err(|expected| invalid(JOB, &value, &expected))?
                .to_owned();
        }
        let mut given = None;
        for key in INTERVAL {
            let Some(value) = section.remove(key) else {
                continue;
            };
            if let Some(before) = given.replace(key) {
                return Err(ConfigError::Twice(
                    format!("{path}{before}"),
                    format!("{path}{key}"),
                ));
            }
            let seconds = value
                .as_u64()
                .filter(|seconds| (1..=86_400).contains(seconds));
            config.push_interval = Duration::from_secs(seconds.ok_or_else(|| {
                invalid(key, &value, "a whole number of seconds from 1 to 86400")
            })?);
        }
        refuse_rest(&path, &section, &[&[ENABLE, JOB], &INTERVAL[..]].concat())?;
        Ok(config)
    }
}

/// The name, or what would be one.
fn job_name(value: &Value) -> Result<&str, String> {
    let name = match value {
        Value::String(name) => name,
        Value::Number(_) | Value::Bool(_) => {
            return Err(format!(
                "a text, and YAML takes this for {}; put it in quotes, job_name: \"{value}\"",
                kind(value)
            ));
        }
        _ => return Err("a name, like dlrm_v1.0".to_owned()),
    };
    if name.trim() != name {
        return Err("a name without blanks at its ends, like dlrm_v1.0".to_owned());
    }
    if name.contains(char::is_control) {
        return Err("a name on one line without control characters, like dlrm_v1.0".to_owned());
    }
    if name.is_empty() || name.contains('/') || matches!(name.as_str(), "." | "..") {
        return Err("a name without a slash, like dlrm_v1.0".to_owned());
    }
    Ok(name)
}

/// What YAML takes a value for.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a section",
    }
}

/// A section's path and what stands below it.
type Section = (String, Map<String, Value>);

/// Takes a section out of another, with its path; an empty one says nothing.
fn section(
    of: &mut Map<String, Value>,
    path: &str,
    name: &str,
) -> Result<Option<Section>, ConfigError> {
    match of.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(section)) => Ok(Some((format!("{path}{name}"), section))),
        Some(value) => Err(ConfigError::Invalid {
            section: path.to_owned(),
            key: name.to_owned(),
            value: value.to_string(),
            expected: "a section with settings below it".to_owned(),
        }),
    }
}

/// Notes what means nothing here and something to Persia; refuses what never meant
/// anything.
fn pass_over(
    path: &str,
    found: Map<String, Value>,
    history: &[(&str, Keys)],
    ours: &[&str],
    without_effect: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let mut rest = found;
    for (name, keys) in history {
        let Some(value) = rest.remove(*name) else {
            continue;
        };
        match (keys, value) {
            (Keys::Of(known), Value::Object(section)) => {
                let path = format!("{path}{name}.");
                without_effect.extend(section.keys().map(|key| format!("{path}{key}")));
                let unknown = section.into_iter();
                let unknown = unknown.filter(|(key, _)| !known.contains(&key.as_str()));
                refuse_rest(&path, &unknown.collect(), known)?;
            }
            // Nothing is said in it; what else it may be is Persia's to refuse.
            (Keys::Of(_) | Keys::Any, _) => without_effect.push(format!("{path}{name}")),
        }
    }
    let names = history.iter().map(|(name, _)| *name);
    let known: Vec<_> = ours.iter().copied().chain(names).collect();
    refuse_rest(path, &rest, &known)
}

fn refuse_rest(
    section: &str,
    rest: &Map<String, Value>,
    known: &[&str],
) -> Result<(), ConfigError> {
    let Some(key) = rest.keys().next() else {
        return Ok(());
    };
    Err(ConfigError::Unknown {
        section: section.to_owned(),
        key: key.clone(),
        remedy: match nearest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("known settings: {}", known.join(", ")),
        },
    })
}

#[cfg(test)]
mod tests;
