//! Commands of a manager to its proplets, and the results of tasks.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fields::Fields;
use super::numbers::{proplet_id_if_any, task_id_if_any, words, words_if_any};
use super::profile::MonitoringProfile;
use super::refusal::Refusal;
use super::topics;
use super::traceparent::Traceparent;
use super::workload::Workload;

/// The names of one field, as Propeller and as the document's examples write it.
const ID: [&str; 2] = ["id", "task_id"];
const NAME: [&str; 3] = ["name", "functionName", "function_name"];
const IMAGE_URL: [&str; 2] = ["image_url", "imageURL"];
const PROFILE: [&str; 2] = ["monitoring_profile", "monitoringProfile"];
const PROPLET: [&str; 2] = ["proplet_id", "propletId"];

/// What Propeller's proplet can do with a task, and this one cannot.
const UNSUPPORTED: [(&str, &str); 2] = [
    (
        "latent",
        "is not supported: a task starts at once; leave it out",
    ),
    (
        "encrypted",
        "is not supported: no image is fetched or decrypted; leave it out",
    ),
];

/// Starts a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartTask {
    /// The task's id, which its topics' messages carry.
    pub id: String,
    /// Its name, which says what it does unless `workload` does.
    pub name: String,
    /// Kept, and not fetched.
    pub image_url: Option<String>,
    /// Whether it runs until it is stopped.
    pub daemon: bool,
    /// How it is monitored; `None` leaves it to [`MonitoringProfile::for_task`].
    pub profile: Option<MonitoringProfile>,
    /// What it does.
    pub workload: Workload,
    /// The only proplet that is meant; without, each of the channel is.
    pub proplet_id: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<Traceparent>,
}

impl StartTask {
    /// Reads a command. Fields that this does not know are Propeller's own and
    /// are passed over, except within the profile and the workload.
    ///
    /// # Errors
    ///
    /// For what is missing, of a wrong type or out of its range.
    pub fn from_json(value: &Value) -> Result<Self, Refusal> {
        let fields = Fields::of(value, "task")?;
        let id = task_id(&fields)?;
        let missing = |field: &str| Refusal::new(field, "null", "is required, as text");
        let workload = fields.value(&["workload"]).map(|(_, workload)| workload);
        let (field, name) = match fields.named_text(&NAME)? {
            Some((field, name)) => (field, Some(name)),
            None => ("name", None),
        };
        for (field, remedy) in UNSUPPORTED {
            if fields.boolean(field, false)? {
                return Err(Refusal::new(field, &true, remedy));
            }
        }
        let (name, workload) = match (name, workload) {
            (Some(name), Some(workload)) => (name, Workload::from_json(workload)?),
            (Some(name), None) => {
                let workload = Workload::new(field, &name, None)?;
                (name, workload)
            }
            (None, Some(workload)) => {
                let workload = Workload::from_json(workload)?;
                (workload.name().to_owned(), workload)
            }
            (None, None) => return Err(missing(field)),
        };
        let profile = match fields.value(&PROFILE) {
            None => None,
            Some((field, profile)) => Some(MonitoringProfile::from_json(field, profile)?),
        };
        Ok(Self {
            id,
            name,
            image_url: fields.text(&IMAGE_URL)?,
            daemon: fields.boolean("daemon", false)?,
            profile,
            workload,
            proplet_id: proplet_id(&fields)?,
            traceparent: match fields.named_text(&["traceparent"])? {
                None => None,
                Some((field, text)) => Some(Traceparent::parse(field, &text)?),
            },
        })
    }

    /// The command as Propeller's proplet understands it too.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "id": self.id,
            "name": self.name,
            "daemon": self.daemon,
            "workload": self.workload.to_json(),
        });
        if let Some(profile) = &self.profile {
            object["monitoring_profile"] = json!(profile);
        }
        if let Some(image_url) = &self.image_url {
            object["image_url"] = json!(image_url);
        }
        if let Some(proplet_id) = &self.proplet_id {
            object["proplet_id"] = json!(proplet_id);
        }
        if let Some(traceparent) = &self.traceparent {
            object["traceparent"] = json!(traceparent);
        }
        object
    }

    /// The profile it is monitored by.
    #[must_use]
    pub fn profile(&self) -> MonitoringProfile {
        let given = self.profile.clone();
        given.unwrap_or_else(|| MonitoringProfile::for_task(self.daemon))
    }
}

/// Stops a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopTask {
    /// Which.
    pub id: String,
    /// The only proplet that is meant; without, whichever has it.
    pub proplet_id: Option<String>,
}

impl StopTask {
    /// Reads a command.
    ///
    /// # Errors
    ///
    /// If it has no `id`.
    pub fn from_json(value: &Value) -> Result<Self, Refusal> {
        let fields = Fields::of(value, "task")?;
        Ok(Self {
            id: task_id(&fields)?,
            proplet_id: proplet_id(&fields)?,
        })
    }

    /// The command as it is sent.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.proplet_id {
            Some(proplet_id) => json!({"id": self.id, "proplet_id": proplet_id}),
            None => json!({"id": self.id}),
        }
    }
}

fn task_id(fields: &Fields<'_>) -> Result<String, Refusal> {
    let id = fields.text(&ID)?;
    let id = id.ok_or_else(|| Refusal::new("id", "null", "is required, as text"))?;
    topics::check_identifier("id", &id)?;
    Ok(id)
}

fn proplet_id(fields: &Fields<'_>) -> Result<Option<String>, Refusal> {
    let id = fields.named_text(&PROPLET)?;
    if let Some((field, id)) = &id {
        topics::check_identifier(field, id)?;
    }
    Ok(id.map(|(_, id)| id))
}

/// How a task ended, or why it never began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Which; empty where the command had no id.
    #[serde(deserialize_with = "task_id_if_any")]
    pub task_id: String,
    /// Id of the proplet; empty where it does not say so, as Propeller's embedded one.
    #[serde(default, deserialize_with = "proplet_id_if_any")]
    pub proplet_id: String,
    /// What came of it, for people; JSON of any kind is text.
    #[serde(default, deserialize_with = "words")]
    pub results: String,
    /// What went wrong; an empty text is nothing.
    #[serde(default, deserialize_with = "words_if_any")]
    pub error: Option<String>,
    /// The trace that the task belongs to: an addition of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

#[cfg(test)]
mod tests {
    use super::super::{Interval, WorkloadKind};
    use super::*;

    #[test]
    fn the_documents_task_in_both_spellings() {
        let camel = json!({
            "id": "550e8400-e29b-41d4-a716-446655440001",
            "functionName": "compute",
            "imageURL": "registry.example.com/compute:v1",
            "daemon": false,
            "monitoringProfile": {"enabled": true, "interval": 10, "history_size": 100}
        });
        let snake = json!({
            "id": "550e8400-e29b-41d4-a716-446655440001",
            "name": "compute",
            "image_url": "registry.example.com/compute:v1",
            "daemon": false,
            "monitoring_profile": {"enabled": true, "interval": 10, "history_size": 100},
            "state": 0,
            "file": null
        });
        let traced = json!({
            "id": "t", "name": "cpu",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        });
        let traced = StartTask::from_json(&traced).unwrap();
        assert_eq!(StartTask::from_json(&traced.to_json()), Ok(traced));
        let task = StartTask::from_json(&camel).unwrap();
        assert_eq!(StartTask::from_json(&snake), Ok(task.clone()));
        assert_eq!(task.name, "compute");
        assert_eq!(task.profile(), MonitoringProfile::for_task(false));
        assert!(matches!(task.workload.kind, WorkloadKind::Cpu { .. }));
        assert_eq!(StartTask::from_json(&task.to_json()), Ok(task));
    }

    #[test]
    fn without_a_profile_the_daemon_flag_decides() {
        let task = json!({"id": "d", "name": "idle", "daemon": true, "monitoring_profile": null});
        let task = StartTask::from_json(&task).unwrap();
        assert_eq!(task.profile().interval, Interval::from_secs(120));
        assert_eq!(task.profile().history_size, 500);
    }

    #[test]
    fn a_bad_command_is_refused_with_its_reason() {
        for (command, expected) in [
            (json!([]), "task []: must be a JSON object"),
            (json!({"name": "cpu"}), "id null: is required, as text"),
            (json!({"id": 7, "name": "cpu"}), "id 7: must be text"),
            (json!({"id": "a/b", "name": "cpu"}), "id a/b: must be"),
            (json!({"id": "..", "name": "cpu"}), "id ..: must be"),
            (json!({"id": "", "name": "cpu"}), "id null: is required"),
            (
                json!({"id": "t", "name": "cpu", "proplet_id": "a#"}),
                "proplet_id a#: must be",
            ),
            (
                json!({"id": "t", "name": "cpu", "latent": true}),
                "latent true: is not supported",
            ),
            (
                json!({"id": "t", "name": "cpu", "encrypted": true}),
                "encrypted true: is not supported",
            ),
            (
                json!({"id": "t", "name": "cpu", "traceparent": "00-1-2-01"}),
                "traceparent 00-1-2-01: must be a traceparent",
            ),
            (json!({"id": "t"}), "name null: is required, as text"),
            (
                json!({"id": "t", "name": "rm -rf"}),
                "name rm -rf: must be one of the workloads",
            ),
            (
                json!({"id": "t", "name": "cpu", "monitoringProfile": {"interval": "1"}}),
                "",
            ),
            (
                json!({"id": "t", "name": "cpu", "monitoringProfile": {"intervall": 1}}),
                "intervall 1: unknown field; did you mean \"interval\"?",
            ),
            (
                json!({"id": "t", "name": "cpu", "monitoringProfile": 10}),
                "monitoringProfile 10: must be a profile's name",
            ),
            (
                json!({"id": "t", "name": "cpu", "daemon": "yes"}),
                "daemon \"yes\": must be true",
            ),
        ] {
            match StartTask::from_json(&command) {
                Ok(_) => assert_eq!(expected, "", "{command}"),
                Err(refusal) => {
                    let said = refusal.to_string();
                    assert!(!expected.is_empty() && said.starts_with(expected), "{said}");
                }
            }
        }
    }
}
