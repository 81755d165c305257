//! Reads `global_config.yaml`, as Persia's users have it: whether metrics are
//! pushed, under which job's name, how often. Knows nothing of pushing.
//!
//! The section is the document's, `PersiaMetricsConfig`. Later generations of
//! Persia read `metrics_config` in `common_config` instead, and their examples
//! spell the interval in ways that their code silently ignored; all of those
//! are read here, and a key that nobody has ever read is refused. What the file
//! says of other things than metrics is Persia's, and passed over unread.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

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
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enable_metrics: false,
            job_name: "persia_default_job_name".to_owned(),
            push_interval: Duration::from_secs(10),
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
    #[error("not YAML: {0}")]
    NotYaml(String),
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
        expected: &'static str,
    },
    /// The same thing is said twice.
    #[error("{0} and {1} are the same setting; keep one of them")]
    Twice(String, String),
}

const SECTION: &str = "PersiaMetricsConfig";
const COMMON: &str = "common_config";
const LATER_SECTION: &str = "metrics_config";

/// Sections of Persia's own file that say nothing about metrics, under the
/// names that they had one after the other.
const OTHER_SECTIONS: [&str; 8] = [
    "PersiaShardedServerConfig",
    "PersiaMiddlewareConfig",
    "shard_server_config",
    "middleware_config",
    "embedding_server_config",
    "sharded_server_config",
    "embedding_worker_config",
    "embedding_parameter_server_config",
];
/// What else stands, or stood, in Persia's `common_config`.
const OTHER_COMMON: [&str; 4] = ["job_type", "checkpointing_config", "infer_config", "intent"];

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
        let file: Option<Map<String, Value>> = serde_saphyr::from_str(text).map_err(|error| {
            let said = error.to_string();
            ConfigError::NotYaml(said.lines().next().unwrap_or_default().to_owned())
        })?;
        let mut file = file.unwrap_or_default();
        let section = section(&mut file, "", SECTION)?;
        let mut later = None;
        if let Some((path, mut common)) = self::section(&mut file, "", COMMON)? {
            let path = format!("{path}.");
            later = self::section(&mut common, &path, LATER_SECTION)?;
            common.retain(|key, _| !OTHER_COMMON.contains(&key.as_str()));
            refuse_rest(
                &path,
                &common,
                &[&[LATER_SECTION], &OTHER_COMMON[..]].concat(),
            )?;
        }
        file.retain(|key, _| !OTHER_SECTIONS.contains(&key.as_str()));
        let known = [&[SECTION, COMMON], &OTHER_SECTIONS[..]].concat();
        refuse_rest("", &file, &known)?;
        match (section, later) {
            (Some((first, _)), Some((second, _))) => Err(ConfigError::Twice(first, second)),
            (Some((path, section)), None) | (None, Some((path, section))) => {
                Self::of_section(&path, section)
            }
            (None, None) => Ok(Self::default()),
        }
    }

    fn of_section(path: &str, mut section: Map<String, Value>) -> Result<Self, ConfigError> {
        let path = format!("{path}.");
        let invalid = |key: &str, value: &Value, expected| ConfigError::Invalid {
            section: path.clone(),
            key: key.to_owned(),
            value: value.to_string(),
            expected,
        };
        let mut config = Self::default();
        if let Some(value) = section.remove(ENABLE) {
            let enable = value.as_bool();
            config.enable_metrics =
                enable.ok_or_else(|| invalid(ENABLE, &value, "true or false"))?;
        }
        if let Some(value) = section.remove(JOB) {
            let name = value.as_str().filter(|name| {
                !name.is_empty() && !name.contains('/') && !matches!(*name, "." | "..")
            });
            config.job_name = name
                .ok_or_else(|| invalid(JOB, &value, "a name without a slash, like dlrm_v1.0"))?
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
            expected: "a section with settings below it",
        }),
    }
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
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        MetricsConfig::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_documents_example() {
        let text = "PersiaMetricsConfig:\n  enable_metrics: true\n  job_name: your_job_name\n";
        let expected = MetricsConfig {
            enable_metrics: true,
            job_name: "your_job_name".to_owned(),
            push_interval: Duration::from_secs(10),
        };
        assert_eq!(MetricsConfig::parse(text).unwrap(), expected);
    }

    /// Each generation's example, shortened: its sections for other things are
    /// there.
    #[test]
    fn what_each_generation_shipped() {
        for text in [
            "PersiaShardedServerConfig:\n  intent: train\n  capacity: 100000000\n\
             PersiaMetricsConfig:\n  enable_metrics: true\n  push_interval: 7\n",
            "PersiaMiddlewareConfig:\n  forward_buffer_size: 1000\n\
             PersiaMetricsConfig:\n  enable_metrics: true\n  push_interval_seconds: 7\n",
            "common_config:\n  metrics_config:\n    enable_metrics: true\n    \
             push_interval_sec: 7\n  job_type: Train\n  checkpointing_config:\n    \
             num_workers: 8\nembedding_parameter_server_config:\n  capacity: 1000000\n\
             embedding_worker_config:\n  forward_buffer_size: 1000\n",
        ] {
            let config = MetricsConfig::parse(text).unwrap();
            assert!(config.enable_metrics, "{text}");
            assert_eq!(config.push_interval, Duration::from_secs(7), "{text}");
        }
    }

    #[test]
    fn what_later_generations_write() {
        for key in INTERVAL {
            let text = format!(
                "common_config:\n  metrics_config:\n    enable_metrics: true\n    {key}: 3\n  \
                 job_type: Train\nembedding_worker_config:\n  forward_buffer_size: 100\n"
            );
            let config = MetricsConfig::parse(&text).unwrap();
            assert!(config.enable_metrics, "{key}");
            assert_eq!(config.push_interval, Duration::from_secs(3), "{key}");
        }
        for text in ["", "# nothing\n", "PersiaMetricsConfig:\n"] {
            assert_eq!(
                MetricsConfig::parse(text).unwrap(),
                MetricsConfig::default()
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_remedy() {
        let section = |line: &str| format!("PersiaMetricsConfig:\n  {line}\n");
        for (text, expected) in [
            (
                section("enable_metric: true"),
                "unknown setting PersiaMetricsConfig.enable_metric; did you mean enable_metrics?",
            ),
            (
                section("push_intervall: 3"),
                "unknown setting PersiaMetricsConfig.push_intervall; did you mean push_interval?",
            ),
            (
                "PersiaMetricConfig:\n  job_name: a\n".to_owned(),
                "unknown setting PersiaMetricConfig; did you mean PersiaMetricsConfig?",
            ),
            (
                section("color: red"),
                "unknown setting PersiaMetricsConfig.color; known settings: enable_metrics, job_name",
            ),
            (
                section("enable_metrics: 1"),
                "PersiaMetricsConfig.enable_metrics is 1; must be true or false",
            ),
            (
                section("push_interval: 0"),
                "PersiaMetricsConfig.push_interval is 0; must be a whole number of seconds",
            ),
            (
                section("job_name: a/b"),
                "PersiaMetricsConfig.job_name is \"a/b\"; must be a name without a slash",
            ),
            (
                section("push_interval: 3\n  push_interval_sec: 4"),
                "PersiaMetricsConfig.push_interval and PersiaMetricsConfig.push_interval_sec",
            ),
            (
                "PersiaMetricsConfig: true\n".to_owned(),
                "PersiaMetricsConfig is true; must be a section",
            ),
            ("a: [".to_owned(), "not YAML: "),
        ] {
            let refusal = refusal(&text);
            assert!(refusal.starts_with(expected), "{refusal}");
        }
    }
}
