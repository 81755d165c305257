//! Monitoring profiles: which metrics, how often, how much of it is kept.

use serde::Serialize;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::fields::Fields;
use super::interval::Interval;
use super::refusal::{Refusal, nearest};

/// History costs memory: so many entries at most.
const MAX_HISTORY: u64 = 100_000;

/// By default, an adaptive profile slows down to this many intervals.
const DEFAULT_SLOWDOWN: u32 = 10;

const KEYS: [&str; 16] = [
    "profile",
    "enabled",
    "interval",
    "collect_cpu",
    "collect_memory",
    "collect_disk_io",
    "collect_network_io",
    "collect_threads",
    "collect_file_descriptors",
    "export_to_mqtt",
    "retain_history",
    "history_size",
    "adaptive",
    "adaptive_max_interval",
    "process_tree",
    "application_metrics",
];

/// What of a process is sampled, how often, and how much is kept. Serialized
/// with all its fields, as Propeller's proplet needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonitoringProfile {
    /// Whether anything is done at all.
    pub enabled: bool,
    /// Time between two samples.
    pub interval: Interval,
    /// CPU percentage.
    pub collect_cpu: bool,
    /// Memory, in bytes and percent; that of the control group too.
    pub collect_memory: bool,
    /// Bytes read from and written to disk.
    pub collect_disk_io: bool,
    /// Bytes received and sent in the process's network namespace, and over its own
    /// TCP sockets.
    pub collect_network_io: bool,
    /// Threads, with the main one.
    pub collect_threads: bool,
    /// Open file descriptors.
    pub collect_file_descriptors: bool,
    /// Whether samples are published.
    pub export_to_mqtt: bool,
    /// Whether samples are kept and aggregated.
    pub retain_history: bool,
    /// How many are kept.
    pub history_size: usize,
    /// Publishes nothing while nothing changes, until this time has passed
    /// since the sample before; at once when something does.
    #[serde(
        rename = "adaptive_max_interval",
        skip_serializing_if = "Option::is_none"
    )]
    pub adaptive: Option<Interval>,
    /// Whether the process's descendants are counted with it, those included that
    /// have ended. Where it says nothing, they are if the proplet has started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_tree: Option<bool>,
    /// Where the task exposes metrics of its own, which are published with its samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_metrics: Option<Endpoint>,
}

/// The profiles that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileName {
    /// 10 s, everything: general purpose.
    Standard,
    /// 120 s, everything: background services.
    LongRunningDaemon,
    /// 60 s, CPU and memory, kept nowhere and not published.
    Minimal,
    /// 1 s, everything.
    Intensive,
    /// 30 s, CPU, memory and disk.
    BatchProcessing,
    /// 5 s, everything but the disk.
    RealTimeApi,
    /// Nothing.
    Disabled,
}

impl ProfileName {
    const ALL: [(&'static str, Self); 10] = [
        ("standard", Self::Standard),
        ("long_running_daemon", Self::LongRunningDaemon),
        ("daemon", Self::LongRunningDaemon),
        ("minimal", Self::Minimal),
        ("intensive", Self::Intensive),
        ("batch_processing", Self::BatchProcessing),
        ("batch", Self::BatchProcessing),
        ("real_time_api", Self::RealTimeApi),
        ("real_time", Self::RealTimeApi),
        ("disabled", Self::Disabled),
    ];

    fn parse(field: &str, text: &str) -> Result<Self, Refusal> {
        let plain = text.to_lowercase().replace(['-', ' '], "_");
        let names = || Self::ALL.iter().map(|(name, _)| *name);
        let found = Self::ALL.iter().find(|(name, _)| *name == plain);
        found.map(|(_, profile)| *profile).ok_or_else(|| {
            let known = names().collect::<Vec<_>>().join(", ");
            let remedy = format!("must be one of {known}{}", nearest(&plain, names()));
            Refusal::new(field, &format!("{text:?}"), remedy)
        })
    }
}

impl std::str::FromStr for ProfileName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse("", text).map_err(|refusal| refusal.remedy)
    }
}

impl From<ProfileName> for MonitoringProfile {
    /// The document's values for its two; for the others those of the profiles
    /// that Propeller once had on a branch.
    fn from(name: ProfileName) -> Self {
        let all = |seconds, history_size| Self {
            enabled: true,
            interval: Interval::from_secs(seconds),
            collect_cpu: true,
            collect_memory: true,
            collect_disk_io: true,
            collect_network_io: true,
            collect_threads: true,
            collect_file_descriptors: true,
            export_to_mqtt: true,
            retain_history: true,
            history_size,
            adaptive: None,
            process_tree: None,
            application_metrics: None,
        };
        let little = Self {
            collect_disk_io: false,
            collect_network_io: false,
            collect_threads: false,
            collect_file_descriptors: false,
            export_to_mqtt: false,
            retain_history: false,
            ..all(60, 0)
        };
        match name {
            ProfileName::Standard => all(10, 100),
            ProfileName::LongRunningDaemon => all(120, 500),
            ProfileName::Intensive => all(1, 1000),
            ProfileName::Minimal => little,
            ProfileName::BatchProcessing => Self {
                collect_network_io: false,
                collect_threads: false,
                collect_file_descriptors: false,
                ..all(30, 200)
            },
            ProfileName::RealTimeApi => Self {
                collect_disk_io: false,
                ..all(5, 500)
            },
            ProfileName::Disabled => Self {
                enabled: false,
                collect_cpu: false,
                collect_memory: false,
                ..little
            },
        }
    }
}

impl MonitoringProfile {
    /// The one for a task that brings none.
    #[must_use]
    pub fn for_task(daemon: bool) -> Self {
        if daemon {
            ProfileName::LongRunningDaemon.into()
        } else {
            ProfileName::Standard.into()
        }
    }

    /// A name, or an object. What the object leaves out is as in its `profile`,
    /// or as the document's defaults say, which are the standard profile's.
    ///
    /// # Errors
    ///
    /// For an unknown field, a wrong type, a number out of its range; not for what
    /// stands beside `"enabled": false`.
    pub fn from_json(field: &str, value: &Value) -> Result<Self, Refusal> {
        if let Value::String(name) = value {
            return ProfileName::parse(field, name).map(Self::from);
        }
        if !value.is_object() {
            let remedy = "must be a profile's name, like \"standard\", or a JSON object";
            return Err(Refusal::new(field, value, remedy));
        }
        let fields = Fields::of(value, field)?;
        if value["enabled"] == false {
            // Go writes zeros beside it, which nothing is to be read of.
            return Ok(ProfileName::Disabled.into());
        }
        fields.only(&KEYS)?;
        let base: Self = match fields.value(&["profile"]) {
            None => ProfileName::Standard.into(),
            Some((name, Value::String(text))) => ProfileName::parse(name, text)?.into(),
            Some((name, other)) => {
                return Err(Refusal::new(name, other, "must be a profile's name"));
            }
        };
        let interval = match fields.value(&["interval"]) {
            None => base.interval,
            Some((name, value)) => Interval::from_json(name, value)?,
        };
        let slowest = match fields.value(&["adaptive_max_interval"]) {
            None => None,
            Some((name, value)) => Some(Interval::from_json(name, value)?),
        };
        if let Some(slowest) = slowest.filter(|slowest| *slowest < interval) {
            let remedy = format!("must be at least the interval, {interval}");
            return Err(Refusal::new("adaptive_max_interval", &slowest, remedy));
        }
        let adaptive = fields.boolean("adaptive", slowest.is_some())?;
        let history_size =
            fields.whole("history_size", 0..=MAX_HISTORY, base.history_size as u64)?;
        Ok(Self {
            enabled: fields.boolean("enabled", base.enabled)?,
            interval,
            collect_cpu: fields.boolean("collect_cpu", base.collect_cpu)?,
            collect_memory: fields.boolean("collect_memory", base.collect_memory)?,
            collect_disk_io: fields.boolean("collect_disk_io", base.collect_disk_io)?,
            collect_network_io: fields.boolean("collect_network_io", base.collect_network_io)?,
            collect_threads: fields.boolean("collect_threads", base.collect_threads)?,
            collect_file_descriptors: fields
                .boolean("collect_file_descriptors", base.collect_file_descriptors)?,
            export_to_mqtt: fields.boolean("export_to_mqtt", base.export_to_mqtt)?,
            retain_history: fields.boolean("retain_history", base.retain_history)?,
            history_size: usize::try_from(history_size).expect("within its bound"),
            process_tree: match fields.value(&["process_tree"]) {
                None => base.process_tree,
                Some(_) => Some(fields.boolean("process_tree", false)?),
            },
            application_metrics: match fields.value(&["application_metrics"]) {
                None => None,
                Some((name, value)) => Some(Endpoint::from_json(name, value)?),
            },
            adaptive: adaptive.then(|| slowest.unwrap_or_else(|| interval.times(DEFAULT_SLOWDOWN))),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<MonitoringProfile, Refusal> {
        MonitoringProfile::from_json("monitoring_profile", value)
    }

    #[test]
    fn both_of_the_documents_examples_mean_what_they_say() {
        let of_a_task = read(&json!({
            "enabled": true, "interval": 5_000_000_000_u64, "collect_cpu": true,
            "collect_memory": true, "collect_disk_io": true, "collect_network_io": true,
            "collect_threads": true, "collect_file_descriptors": true,
            "export_to_mqtt": true, "retain_history": true, "history_size": 200
        }));
        let standard = MonitoringProfile::from(ProfileName::Standard);
        let expected = MonitoringProfile {
            interval: Interval::from_secs(5),
            history_size: 200,
            ..standard.clone()
        };
        assert_eq!(of_a_task, Ok(expected));
        let of_rust = read(&json!({
            "enabled": true, "interval": 10, "collect_cpu": true, "collect_memory": true,
            "export_to_mqtt": true, "retain_history": true, "history_size": 100
        }));
        assert_eq!(of_rust, Ok(standard.clone()));
        assert_eq!(read(&json!({})), Ok(standard));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for (_, name) in ProfileName::ALL {
            let profile = MonitoringProfile::from(name);
            let written = serde_json::to_value(&profile).unwrap();
            assert_eq!(read(&written), Ok(profile));
        }
        let adaptive = read(&json!({"interval": "1s", "adaptive": true})).unwrap();
        assert_eq!(adaptive.adaptive, Some(Interval::from_secs(10)));
        let written = serde_json::to_value(&adaptive).unwrap();
        assert_eq!(read(&written), Ok(adaptive));
        let exposing = json!({"application_metrics": {"port": 9100}});
        let exposing = read(&exposing).unwrap();
        let written = serde_json::to_value(&exposing).unwrap();
        assert_eq!(read(&written), Ok(exposing));
    }

    #[test]
    fn by_name_and_with_exceptions() {
        let intensive = MonitoringProfile::from(ProfileName::Intensive);
        assert_eq!(read(&json!("intensive")), Ok(intensive.clone()));
        assert_eq!(read(&json!("Real-Time")), read(&json!("real_time_api")));
        let slower = read(&json!({"profile": "intensive", "interval": 2}));
        let expected = MonitoringProfile {
            interval: Interval::from_secs(2),
            ..intensive
        };
        assert_eq!(slower, Ok(expected));
    }

    #[test]
    fn refusals_say_field_value_and_remedy() {
        for (value, field, shown, remedy) in [
            (
                json!({"intervall": 3}),
                "intervall",
                "3",
                "did you mean \"interval\"",
            ),
            (
                json!({"collect_disk": true}),
                "collect_disk",
                "true",
                "\"collect_disk_io\"",
            ),
            (
                json!({"zzz": null}),
                "zzz",
                "null",
                "known fields are profile, enabled",
            ),
            (json!({"interval": 0}), "interval", "0", "100ms to 24h"),
            (
                json!({"collect_cpu": 1}),
                "collect_cpu",
                "1",
                "true or false",
            ),
            (
                json!({"history_size": -1}),
                "history_size",
                "-1",
                "from 0 to 100000",
            ),
            (
                json!({"history_size": 1.5}),
                "history_size",
                "1.5",
                "whole number",
            ),
            (
                json!({"history_size": 100_001}),
                "history_size",
                "100001",
                "100000",
            ),
            (json!({"profile": 3}), "profile", "3", "a profile's name"),
            (
                json!("standart"),
                "monitoring_profile",
                "\"standart\"",
                "\"standard\"",
            ),
            (json!([]), "monitoring_profile", "[]", "JSON object"),
            (
                json!({"adaptive_max_interval": "5s"}),
                "adaptive_max_interval",
                "5s",
                "at least the interval, 10s",
            ),
        ] {
            let refusal = read(&value).unwrap_err();
            assert_eq!(refusal.field, field);
            assert_eq!(refusal.value, shown);
            assert!(refusal.remedy.contains(remedy), "{refusal}");
        }
    }
}
