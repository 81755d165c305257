//! The options of `proplet`, and the variables by which Propeller's own proplet
//! is configured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use serde_json::Value;

use command_line::flags::whole;
use golden_mqtt::MqttOptions;
use proplet_schema::{Interval, MonitoringProfile, StartTask};

/// Propeller's variables, and ours under an earlier name, with the option that
/// each one sets unless its `GOLDEN_…` does. Of two for one option the first
/// that is set counts.
pub const UPSTREAM_VARIABLES: &[(&str, &str)] = &[
    ("reconnect_grace", "GOLDEN_SETTLE"),
    ("enable_monitoring", "PROPLET_ENABLE_MONITORING"),
    ("metrics_interval", "PROPLET_METRICS_INTERVAL"),
    ("liveliness_interval", "PROPLET_LIVELINESS_INTERVAL"),
    ("domain_id", "PROPLET_TENANT_ID"),
    ("domain_id", "PROPLET_DOMAIN_ID"),
    ("channel_id", "PROPLET_CHANNEL_ID"),
    ("entity_id", "PROPLET_ENTITY_ID"),
    ("entity_id", "PROPLET_CLIENT_ID"),
    ("namespace", "PROPLET_MANAGER_K8S_NAMESPACE"),
    ("mqtt_address", "PROPLET_MQTT_ADDRESS"),
    ("mqtt_timeout", "PROPLET_MQTT_TIMEOUT"),
    ("mqtt_qos", "PROPLET_MQTT_QOS"),
    ("mqtt_keep_alive", "PROPLET_MQTT_KEEP_ALIVE"),
    ("mqtt_max_packet_size", "PROPLET_MQTT_MAX_PACKET_SIZE"),
    ("mqtt_inflight", "PROPLET_MQTT_INFLIGHT"),
    (
        "mqtt_request_channel_capacity",
        "PROPLET_MQTT_REQUEST_CHANNEL_CAPACITY",
    ),
    ("mqtt_tls_ca_cert", "PROPLET_MQTT_TLS_CA_CERT"),
    ("mqtt_tls_client_cert", "PROPLET_MQTT_TLS_CLIENT_CERT"),
    ("mqtt_tls_client_key", "PROPLET_MQTT_TLS_CLIENT_KEY"),
    (
        "mqtt_tls_insecure_skip_verify",
        "PROPLET_MQTT_TLS_INSECURE_SKIP_VERIFY",
    ),
    // Propeller's proplet logs in as its entity, with its key.
    ("mqtt_password", "PROPLET_API_KEY"),
    ("mqtt_password", "PROPLET_CLIENT_KEY"),
];

/// The options of `proplet`. Each can come from the environment instead.
#[derive(Args, Clone)]
#[command(args_override_self = true)]
pub struct Options {
    /// Monitor the proplet and its tasks
    #[arg(long, env = "GOLDEN_ENABLE_MONITORING", value_name = "BOOL", default_value = "true", action = ArgAction::Set, value_parser = boolean)]
    pub enable_monitoring: bool,

    /// Interval between samples of the proplet itself: 10, 10s, 1m30s
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_METRICS_INTERVAL",
        value_name = "DURATION",
        default_value = "10s"
    )]
    pub metrics_interval: Interval,

    /// Interval between liveness messages
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_LIVELINESS_INTERVAL",
        value_name = "DURATION",
        default_value = "10s"
    )]
    pub liveliness_interval: Interval,

    /// Domain (Propeller's tenant) of the topics
    #[arg(long, env = "GOLDEN_DOMAIN_ID", value_name = "ID", default_value = "golden", value_parser = identifier)]
    pub domain_id: String,

    /// Channel of the topics
    #[arg(long, env = "GOLDEN_CHANNEL_ID", value_name = "ID", default_value = "signals", value_parser = identifier)]
    pub channel_id: String,

    /// Id of the proplet, unique at the broker [default: host name]
    #[arg(long, env = "GOLDEN_ENTITY_ID", value_name = "ID", value_parser = identifier)]
    pub entity_id: Option<String>,

    /// Kubernetes namespace to report
    #[arg(long, env = "GOLDEN_NAMESPACE", value_name = "NAME", default_value = "default", value_parser = identifier)]
    pub namespace: String,

    /// Running process to monitor as a task: task id and process id. Repeatable
    #[arg(long, env = "GOLDEN_WATCH", value_name = "ID=PID", value_delimiter = ',', value_parser = watched)]
    pub watch: Vec<Watched>,

    /// Monitoring profile of those processes: a name, or JSON
    #[arg(long, env = "GOLDEN_WATCH_PROFILE", value_name = "PROFILE", default_value = "standard", value_parser = profile)]
    pub watch_profile: MonitoringProfile,

    /// Task to start with the proplet, as JSON: {"id": "demo", "name": "cpu",
    /// "daemon": true}. Repeatable
    #[arg(long, env = "GOLDEN_TASK", value_name = "JSON", value_parser = task)]
    pub task: Vec<StartTask>,

    /// Maximum number of running tasks; further ones are refused
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_TASK_LIMIT", value_name = "N", default_value = "100", value_parser = whole::<usize>(0, 10_000))]
    pub task_limit: usize,

    /// Topics on which samples of tasks are published
    #[arg(
        long,
        env = "GOLDEN_TASK_TOPICS",
        value_name = "WHICH",
        default_value = "both"
    )]
    pub task_topics: TaskTopics,

    /// Grace period after a reconnection, in which managers can reconnect too,
    /// before queued messages are sent; 0s to 1m
    #[arg(long, alias = "settle", env = "GOLDEN_RECONNECT_GRACE", value_name = "DURATION", default_value = "3s", value_parser = grace)]
    pub reconnect_grace: Duration,

    /// Samples of tasks per message; Propeller's manager understands 1 only
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_BATCH", value_name = "N", default_value = "1", value_parser = whole::<usize>(1, 1_000))]
    pub batch: usize,

    /// Maximum time that a sample waits for its batch to fill
    #[arg(long, env = "GOLDEN_BATCH_DELAY", value_name = "DURATION", default_value = "1s", value_parser = delay)]
    pub batch_delay: Duration,

    /// Compression of samples of tasks; Propeller's manager does not understand
    /// gzip
    #[arg(
        long,
        env = "GOLDEN_COMPRESSION",
        value_name = "HOW",
        default_value = "none"
    )]
    pub compression: Compression,

    /// File to touch in each second in which the broker took messages;
    /// `healthcheck file:///FILE?max_age=30s` checks it
    #[arg(long, env = "GOLDEN_HEARTBEAT", value_name = "FILE")]
    pub heartbeat: Option<PathBuf>,

    /// The connection to the broker.
    #[command(flatten)]
    pub mqtt: MqttOptions,
}

/// Topics on which samples of tasks are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskTopics {
    /// control/proplet/task_metrics and metrics/proplet
    Both,
    /// control/proplet/task_metrics only, as Propeller does
    Control,
}

/// How payloads are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all
    None,
    /// RFC 1952
    Gzip,
}

/// A running process that is monitored as a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The task's id.
    pub id: String,
    /// The process's.
    pub pid: u32,
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// What can be a level of a topic.
fn identifier(text: &str) -> Result<String, String> {
    proplet_schema::check_identifier("", text)
        .map(|()| text.to_owned())
        .map_err(|refusal| refusal.remedy)
}

fn watched(text: &str) -> Result<Watched, String> {
    let remedy = "must be a task's id and a process id, like app=4711";
    let (id, pid) = text.split_once('=').ok_or(remedy)?;
    let pid = pid
        .parse()
        .ok()
        .filter(|pid| (1..=i32::MAX as u32).contains(pid));
    Ok(Watched {
        id: identifier(id).map_err(|error| format!("{remedy}; the id {error}"))?,
        pid: pid.ok_or(remedy)?,
    })
}

fn profile(text: &str) -> Result<MonitoringProfile, String> {
    let value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("must be JSON: {error}"))?
    } else {
        Value::from(text)
    };
    MonitoringProfile::from_json("the profile", &value).map_err(|refusal| refusal.to_string())
}

fn task(text: &str) -> Result<StartTask, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("must be JSON: {error}"))?;
    StartTask::from_json(&value).map_err(|refusal| refusal.to_string())
}

fn delay(text: &str) -> Result<Duration, String> {
    let interval: Interval = text.parse()?;
    Ok(interval.duration())
}

fn grace(text: &str) -> Result<Duration, String> {
    let given = humantime::parse_duration(text).ok();
    given
        .filter(|given| *given <= Duration::from_secs(60))
        .ok_or_else(|| "must be a time with its unit from 0s to 1m, like 3s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Options {
        let command = Options::augment_args(clap::Command::new("proplet"));
        let arguments = ["proplet"].iter().chain(arguments);
        let matches = command.try_get_matches_from(arguments).unwrap();
        Options::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn the_old_spelling_is_understood_and_not_shown() {
        for flag in ["--reconnect-grace", "--settle"] {
            let options = parse(&[flag, "8s"]);
            assert_eq!(options.reconnect_grace, Duration::from_secs(8), "{flag}");
        }
        let mut command = Options::augment_args(clap::Command::new("proplet"));
        let help = command.render_long_help().to_string();
        assert!(help.contains("--reconnect-grace") && !help.contains("settle"));
    }
}
