//! What Alertmanager and Grafana post, read so that one alert which cannot be read costs
//! itself and not its group. Knows no HTTP and remembers nothing.
//!
//! - Alertmanager, from 0.5 on: version `"4"` of
//!   <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>. Before
//!   0.19 its alerts have no fingerprint.
//! - Grafana's unified alerting, from 8 on: version `"1"` of
//!   <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>,
//!   which has the same fields and more.
//!
//! Both say in a message all of a group (`groupKey`): what the message does not name any
//! more is silenced, inhibited, or one of the `truncatedAlerts`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::alert::{Alert, truncate};

/// How many of the reasons are repeated to the sender.
const MAX_REASONS: usize = 3;

/// The alert by which Prometheus says that it and all between are alive.
pub(super) const WATCHDOG: &str = "Watchdog";

/// What is posted. Fields that the pager does not use are ignored.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    /// Version of the format: Alertmanager's is `"4"`, Grafana's is `"1"`.
    version: String,
    /// Which group. Without one, the alerts are grouped by `alertname` and `job`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    group_key: Value,
    /// What the alerts of the group have in common.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    group_labels: Value,
    /// How many alerts of the group are not in the message.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    truncated_alerts: Value,
    /// The alerts of one group.
    #[schema(value_type = Vec<Alert>)]
    alerts: Alerts,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sender {
    Alertmanager,
    Grafana,
}

/// What a message says.
#[derive(Debug)]
pub(super) struct Notification {
    pub(super) sender: Sender,
    pub(super) groups: Vec<Group>,
    /// Whether there was a watchdog among its alerts, and its status.
    pub(super) watchdog: Option<super::alert::Status>,
    /// Number of alerts that could not be read, and why not.
    pub(super) rejected: usize,
    pub(super) reasons: Vec<String>,
}

/// All of a group, as the sender sees it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) alerts: Vec<Alert>,
    /// How many more there are.
    pub(super) truncated: usize,
}

/// Why a message is refused: no list of alerts in a format that is known.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is no JSON, or not such a message.
    Json(serde_json::Error),
    /// It is of this other version.
    Version(String),
}

impl Notification {
    /// Reads a message.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let message: Message = serde_json::from_slice(body).map_err(Refusal::Json)?;
        let sender = match message.version.as_str() {
            "4" => Sender::Alertmanager,
            "1" => Sender::Grafana,
            _ => return Err(Refusal::Version(message.version)),
        };
        let Alerts {
            read,
            rejected,
            reasons,
        } = message.alerts;
        let (watchdogs, alerts): (Vec<_>, Vec<_>) = read
            .into_iter()
            .partition(|alert| alert.label("alertname") == WATCHDOG);
        let truncated = message.truncated_alerts.as_u64().unwrap_or(0);
        // What cannot be read still counts.
        let truncated = usize::try_from(truncated)
            .unwrap_or(usize::MAX)
            .saturating_add(rejected);
        let groups = match message.group_key {
            Value::String(key) if !key.is_empty() => {
                let name = name(&alerts, &message.group_labels);
                vec![Group::new(key, name, alerts, truncated)]
            }
            _ => by_name_and_job(alerts, truncated),
        };
        Ok(Self {
            sender,
            // A group of watchdogs alone is none.
            groups: if watchdogs.is_empty() {
                groups
            } else {
                groups
                    .into_iter()
                    .filter(|group| !group.alerts.is_empty())
                    .collect()
            },
            watchdog: watchdogs.first().map(|alert| alert.status),
            rejected,
            reasons,
        })
    }
}

impl Group {
    fn new(mut key: String, mut name: String, alerts: Vec<Alert>, truncated: usize) -> Self {
        truncate(&mut key);
        truncate(&mut name);
        Self {
            key,
            name,
            alerts,
            truncated,
        }
    }
}

/// What the alerts have in common, for a headline.
fn name(alerts: &[Alert], group_labels: &Value) -> String {
    let mut names: Vec<_> = alerts
        .iter()
        .map(|alert| alert.label("alertname"))
        .collect();
    names.sort_unstable();
    names.dedup();
    let labels = group_labels.as_object();
    match (names.as_slice(), labels) {
        ([one], _) => (*one).to_owned(),
        (_, Some(labels)) if !labels.is_empty() => {
            let values = labels.values().filter_map(Value::as_str);
            values.collect::<Vec<_>>().join(", ")
        }
        ([], _) => String::new(),
        ([first, ..], _) => format!("{first} and others"),
    }
}

fn by_name_and_job(alerts: Vec<Alert>, mut truncated: usize) -> Vec<Group> {
    let mut groups: BTreeMap<(String, String), Vec<Alert>> = BTreeMap::new();
    for alert in alerts {
        let key = (
            alert.label("alertname").to_owned(),
            alert.label("job").to_owned(),
        );
        groups.entry(key).or_default().push(alert);
    }
    let groups = groups.into_iter().map(|((name, job), alerts)| {
        let key = format!("alertname={name:?}, job={job:?}");
        // Which of them is not said.
        Group::new(key, name, alerts, std::mem::take(&mut truncated))
    });
    groups.collect()
}

/// The alerts that could be read, one after the other: a large message does not become
/// a large tree.
#[derive(Debug, Default)]
struct Alerts {
    read: Vec<Alert>,
    rejected: usize,
    reasons: Vec<String>,
}

impl<'de> Deserialize<'de> for Alerts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(List)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Alerts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    /// Go writes `null` for a list that was never made.
    fn visit_unit<E>(self) -> Result<Alerts, E> {
        Ok(Alerts::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Alerts, A::Error> {
        let mut alerts = Alerts::default();
        let mut number = 0;
        while let Some(value) = sequence.next_element::<Value>()? {
            match Alert::deserialize(value) {
                Ok(alert) => alerts.read.push(alert.bounded()),
                Err(error) => {
                    alerts.rejected += 1;
                    if alerts.reasons.len() < MAX_REASONS {
                        let mut reason = format!("alerts.{number}: {error}");
                        truncate(&mut reason);
                        alerts.reasons.push(reason);
                    }
                }
            }
            number += 1;
        }
        Ok(alerts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::alert::Status;
    use super::*;

    fn read(message: &Value) -> Notification {
        Notification::read(message.to_string().as_bytes()).unwrap()
    }

    /// As Alertmanager 0.18 and earlier send it: no fingerprint, no `truncatedAlerts`.
    #[test]
    fn an_alertmanager_without_fingerprints_is_understood() {
        let alert = |instance: &str| {
            json!({
                "status": "firing",
                "labels": {"alertname": "DiskFull", "instance": instance, "severity": "minor"},
                "annotations": {"description": "2% left"},
                "startsAt": "2019-03-01T11:40:00.271817Z", "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://p:9090/graph?g0.expr=disk"
            })
        };
        let read = read(&json!({
            "receiver": "pager", "status": "firing", "alerts": [alert("a"), alert("b")],
            "groupLabels": {"alertname": "DiskFull"}, "commonLabels": {"alertname": "DiskFull"},
            "commonAnnotations": {}, "externalURL": "http://am:9093", "version": "4",
            "groupKey": "{}:{alertname=\"DiskFull\"}"
        }));
        assert_eq!((read.sender, read.rejected), (Sender::Alertmanager, 0));
        let [group] = read.groups.as_slice() else {
            panic!("{read:?}")
        };
        assert_eq!((group.name.as_str(), group.truncated), ("DiskFull", 0));
        let [a, b] = group.alerts.as_slice() else {
            panic!("{group:?}")
        };
        assert!(a.fingerprint.len() == 16 && a.fingerprint != b.fingerprint);
    }

    /// As Grafana 8 to 13 send it, `null` for maps that were never made included.
    #[test]
    fn grafanas_own_webhook_is_understood() {
        let read = read(&json!({
            "receiver": "pager", "status": "firing", "orgId": 1, "version": "1",
            "alerts": [{
                "status": "firing",
                "labels": {"alertname": "Queue long", "grafana_folder": "Shop", "severity": "major"},
                "annotations": null, "startsAt": "2026-05-04T09:12:10Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://g:3000/alerting/grafana/abc/view?orgId=1",
                "fingerprint": "bb8d3817791f1853",
                "silenceURL": "http://g:3000/alerting/silence/new?alertmanager=grafana",
                "dashboardURL": "http://g:3000/d/shop?orgId=1", "panelURL": "",
                "values": {"B": 41.5, "C": 1}, "valueString": "[ var='B' labels={} value=41.5 ]",
                "orgId": 1
            }],
            "groupLabels": {"alertname": "Queue long", "grafana_folder": "Shop"},
            "commonLabels": {"alertname": "Queue long"}, "commonAnnotations": null,
            "externalURL": "http://g:3000/", "appVersion": "13.0.1",
            "groupKey": "{}/{__grafana_autogenerated__=\"true\"}:{alertname=\"Queue long\"}",
            "truncatedAlerts": 0, "title": "[FIRING:1] Queue long Shop", "state": "alerting",
            "message": "**Firing**\n\nValue: B=41.5"
        }));
        assert_eq!((read.sender, read.rejected), (Sender::Grafana, 0));
        let alert = &read.groups[0].alerts[0];
        assert_eq!(alert.dashboard_url, "http://g:3000/d/shop?orgId=1");
        assert_eq!(alert.value, "[ var='B' labels={} value=41.5 ]");
        assert!(alert.annotations.is_empty());
    }

    #[test]
    fn an_alert_that_cannot_be_read_costs_itself() {
        let good = json!({"status": "firing", "labels": {"alertname": "A"}, "startsAt": ""});
        let wrong = [
            json!({"status": "burning", "labels": {}, "startsAt": ""}),
            json!({"status": "firing", "labels": {"n": 1}, "startsAt": ""}),
            json!({"labels": {}, "startsAt": ""}),
            json!(7),
        ];
        let alerts: Vec<_> = wrong.iter().chain([&good]).collect();
        let read = read(&json!({"version": "4", "groupKey": "g", "alerts": alerts}));
        assert_eq!(read.rejected, 4);
        let group = &read.groups[0];
        assert_eq!((group.alerts.len(), group.truncated), (1, 4));
        assert_eq!(read.reasons.len(), MAX_REASONS);
        assert!(read.reasons[0].starts_with("alerts.0: unknown variant `burning`"));
    }

    #[test]
    fn without_a_group_key_alerts_are_grouped_as_the_stack_groups_them() {
        let alert = |name: &str, job: &str, instance: &str| {
            json!({"status": "firing", "startsAt": "",
                   "labels": {"alertname": name, "job": job, "instance": instance}})
        };
        let alerts = [
            alert("A", "x", "1"),
            alert("B", "x", "1"),
            alert("A", "x", "2"),
        ];
        let read = read(&json!({"version": "4", "alerts": alerts}));
        let sizes: Vec<_> = read
            .groups
            .iter()
            .map(|group| (group.name.as_str(), group.alerts.len()))
            .collect();
        assert_eq!(sizes, [("A", 2), ("B", 1)]);
    }

    #[test]
    fn a_watchdog_is_no_alert() {
        let alert = json!({"status": "firing", "labels": {"alertname": WATCHDOG}, "startsAt": ""});
        let read = read(&json!({"version": "4", "groupKey": "g", "alerts": [alert]}));
        assert_eq!(read.watchdog, Some(Status::Firing));
        assert!(read.groups.is_empty());
    }

    #[test]
    fn other_versions_and_other_json_are_refused() {
        for (wrong, version) in [
            ("", false),
            ("{", false),
            ("[]", false),
            ("{}", false),
            (r#"{"version":"4","alerts":{}}"#, false),
            (r#"{"version":"3","alerts":[]}"#, true),
        ] {
            let refusal = Notification::read(wrong.as_bytes()).unwrap_err();
            assert_eq!(matches!(refusal, Refusal::Version(_)), version, "{wrong}");
        }
        assert!(
            read(&json!({"version": "1", "alerts": null}))
                .groups
                .is_empty()
        );
    }
}
