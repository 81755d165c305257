//! Commands to the proplet, from the broker or its own command line: each is
//! carried out, passed over as another proplet's, or refused with a result that
//! says why.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Agent;
use crate::sampler::{Counted, Sampler, Since};
use crate::tasks::Process;
use golden_mqtt::{Content, Delivery};
use proplet_schema::{
    ClockNotice, Refusal, StartTask, StopTask, TaskResult, Topic, TopicKind, Traceparent, payload,
};

/// The duration of a task that names none and is no daemon.
const DEFAULT_TASK_DURATION: Duration = Duration::from_secs(300);

/// A wrong clock is told of so often.
const TELL_OF_CLOCK_INTERVAL: Duration = Duration::from_secs(60);

impl Agent {
    pub(super) fn take(&mut self, delivery: Delivery) {
        let kind = Topic::parse(&delivery.topic).map(|topic| topic.kind);
        // What a broker has kept is a command of another day.
        if !delivery.retained {
            match delivery.content {
                Content::Whole(payload) => self.handle_command(kind, &payload),
                Content::Oversize(bytes) => {
                    let most = self.options.mqtt.mqtt_max_packet_size;
                    let remedy = format!("must be at most {most} bytes long");
                    let refusal = Refusal::new("command", &format!("of {bytes} bytes"), remedy);
                    self.refuse("", None, &refusal);
                }
            }
        }
        delivery.receipt.acknowledge();
    }

    fn handle_command(&mut self, kind: Option<TopicKind>, payload: &[u8]) {
        let command: Value = match serde_json::from_slice(payload) {
            Ok(command) => command,
            Err(error) => {
                let shown = String::from_utf8_lossy(payload);
                let remedy = format!("must be JSON: {error}");
                return self.refuse("", None, &Refusal::new("command", &shown, remedy));
            }
        };
        let id = ["id", "task_id"]
            .iter()
            .find_map(|key| command[*key].as_str());
        let id = id.unwrap_or_default().to_owned();
        let own = |proplet_id: &Option<String>| {
            let own = &self.origin.proplet_id;
            proplet_id
                .as_ref()
                .is_none_or(|proplet_id| proplet_id == own)
        };
        let handled = match kind {
            Some(TopicKind::Start) => match StartTask::from_json(&command) {
                Ok(start) if own(&start.proplet_id) => self.start_task(start),
                Ok(_) => Ok(()),
                Err(refusal) => Err(refusal),
            },
            Some(TopicKind::Stop) => match StopTask::from_json(&command) {
                Ok(stop) if own(&stop.proplet_id) => self.stop_task(&stop),
                Ok(_) => Ok(()),
                Err(refusal) => Err(refusal),
            },
            Some(TopicKind::Clock) => {
                if let Ok(notice) = serde_json::from_value::<ClockNotice>(command.clone())
                    && notice.proplet_id == self.origin.proplet_id
                {
                    self.tell_of_clock(&notice);
                }
                Ok(())
            }
            Some(TopicKind::Invoke) => {
                self.refuse_invocation(&command);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(refusal) = handled {
            // Where it is one; of its own fault the refusal says enough.
            let traceparent = command["traceparent"].as_str();
            let traceparent =
                traceparent.and_then(|text| Traceparent::parse("traceparent", text).ok());
            self.refuse(&id, traceparent, &refusal);
        }
    }

    /// Seldom, whoever sends however many.
    fn tell_of_clock(&mut self, notice: &ClockNotice) {
        let recently = |told: Instant| told.elapsed() < TELL_OF_CLOCK_INTERVAL;
        if !self.told_of_clock.is_some_and(recently) {
            self.told_of_clock = Some(Instant::now());
            tracing::warn!(
                ahead = %format_args!("{}s", notice.ahead_seconds),
                "this machine's clock is ahead of the manager's, which rejects the samples; set the clock"
            );
        }
    }

    fn stop_task(&mut self, command: &StopTask) -> Result<(), Refusal> {
        match self.running.get_mut(&command.id) {
            Some(running) => {
                // A second command finds it ending already.
                if let Some(stop) = running.stop.take() {
                    let _ = stop.send(());
                }
                Ok(())
            }
            // Another proplet of the channel may have it.
            None if command.proplet_id.is_none() => Ok(()),
            None => Err(Refusal::new("id", &command.id, "is not a running task")),
        }
    }

    /// Propeller's manager waits for the answer on a topic of its own.
    fn refuse_invocation(&self, command: &Value) {
        let text = |keys: &[&str]| {
            let mut texts = keys.iter().filter_map(|key| command[*key].as_str());
            texts.find(|text| !text.is_empty()).unwrap_or_default()
        };
        let wanted = text(&["proplet_id", "propletId"]);
        if !wanted.is_empty() && wanted != self.origin.proplet_id {
            return;
        }
        let remedy = "is not supported: no task waits for calls; start a task instead";
        let refusal = Refusal::new("command", "invoke", remedy);
        let (task_id, invocation_id) = (text(&["task_id", "id"]), text(&["invocation_id"]));
        tracing::warn!(task = task_id, reason = %refusal, "command refused");
        let answer = json!({
            "task_id": task_id,
            "invocation_id": invocation_id,
            "proplet_id": self.origin.proplet_id,
            "results": "",
            "error": refusal.to_string(),
        });
        let topic = self.topics.of(TopicKind::InvokeResults);
        self.publisher.publish(topic, payload::encode(&answer));
    }

    fn refuse(&self, task_id: &str, traceparent: Option<Traceparent>, refusal: &Refusal) {
        let trace_id = traceparent.as_ref().map(Traceparent::trace_id);
        tracing::warn!(task = task_id, trace_id, reason = %refusal, "command refused");
        self.publish_result(&TaskResult {
            task_id: task_id.to_owned(),
            proplet_id: self.origin.proplet_id.clone(),
            results: String::new(),
            error: Some(refusal.to_string()),
            traceparent,
        });
    }

    pub(super) fn start_task(&mut self, mut command: StartTask) -> Result<(), Refusal> {
        if let Some(running) = self.running.get(&command.id) {
            // At least once may be twice.
            if running.command.as_ref() == Some(&command) {
                return Ok(());
            }
            let remedy = "is already running; stop it first, or choose another id";
            return Err(Refusal::new("id", &command.id, remedy));
        }
        if self.running.len() >= self.options.task_limit {
            let limit = self.options.task_limit;
            let remedy = format!("exceeds the limit of {limit} running tasks; stop one first");
            return Err(Refusal::new("id", &command.id, remedy));
        }
        let given = command.clone();
        if !command.daemon {
            command
                .workload
                .duration
                .get_or_insert(DEFAULT_TASK_DURATION);
        }
        let failed = |error: std::io::Error| {
            Refusal::new("id", &command.id, format!("cannot be started: {error}"))
        };
        let process =
            Process::start(&command.workload, command.traceparent.as_ref()).map_err(failed)?;
        let profile = command.profile();
        let counted = Counted::of(&profile, Counted::Tree);
        let sampler = Sampler::attach(process.pid(), Since::Birth, counted).map_err(failed)?;
        self.begin(command.id.clone(), Some(given), process, sampler, profile);
        Ok(())
    }
}
