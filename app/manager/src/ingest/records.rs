//! A batch of messages on its way into the history. The same order for every
//! kind and dialect: decoded into one form, refused or admitted, written,
//! observed by the fleet, shown to those who watch. What a message means for the
//! tasks is kept until the batch is written.

use serde::de::DeserializeOwned;
use serde_json::json;

use super::statistics::{Kind, Reason};
use super::{Ingest, clock};
use crate::fleet::{Beside, Refused};
use crate::history::{PropletSample, Rollup, TaskSample, Writer};
use golden_mqtt::{Content, Delivery};
use proplet_schema::payload::{self, PayloadError};
use proplet_schema::{
    Alive, Create, MemoryMetrics, ProcessMetrics, PropletMetrics, Status, TaskReport, TaskResult,
    Timestamp, Topic, TopicKind,
};

/// Maximum size of a proplet's metadata: it is kept in memory, and many read it.
const MAX_METADATA_BYTES: usize = 2 * 1024;

/// How far in the future a timestamp may be.
const MAX_CLOCK_SKEW: i64 = 60_000_000_000;

/// A change of the tasks' state.
pub(super) enum Change {
    /// A proplet has become alive.
    Alive(String),
    /// A task that was started has its first sample.
    Reported { task: String, proplet: String },
    /// A task has ended.
    Ended(TaskResult),
}

/// A batch on its way into the history.
pub(super) struct Records<'a, 'b> {
    ingest: &'a Ingest,
    writer: &'a mut Writer<'b>,
    rows: u64,
    /// `false` once writing has failed: the rest of the batch is not tried.
    recording: bool,
    now: i64,
    changes: Vec<Change>,
}

impl<'a, 'b> Records<'a, 'b> {
    pub(super) fn new(ingest: &'a Ingest, writer: &'a mut Writer<'b>, now: i64) -> Self {
        Self {
            ingest,
            writer,
            rows: 0,
            recording: true,
            now,
            changes: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self) {
        if let Err(error) = self.writer.begin() {
            self.fail(&error);
        }
    }

    /// The changes of the tasks' state.
    pub(super) fn commit(mut self) -> Vec<Change> {
        if self.recording {
            match self.writer.commit() {
                Ok(()) => self.ingest.statistics.committed(self.rows),
                Err(error) => self.fail(&error),
            }
        }
        self.changes
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        self.ingest.statistics.failed(self.rows, error);
        self.writer.roll_back();
        self.recording = false;
    }

    /// Writes rows of a proplet. `true` unless they were there already.
    fn write(
        &mut self,
        proplet: &str,
        mut row: impl FnMut(&mut Writer<'_>) -> rusqlite::Result<bool>,
    ) -> bool {
        if !self.recording {
            self.ingest.statistics.lost();
            return true;
        }
        let written = match row(self.writer) {
            // Its name has been deleted, or was never written because of a failure.
            Err(rusqlite::Error::QueryReturnedNoRows) => {
                match self.ingest.fleet.identity(proplet) {
                    Some(identity) => self
                        .writer
                        .introduce(&identity)
                        .and_then(|()| row(self.writer)),
                    None => Ok(true),
                }
            }
            written => written,
        };
        match written {
            Ok(new) => {
                self.rows += u64::from(new);
                new
            }
            Err(error) => {
                self.rows += 1;
                self.fail(&error);
                true
            }
        }
    }

    /// # Errors
    ///
    /// Why the message is rejected.
    pub(super) fn read(&mut self, delivery: &Delivery) -> Result<(), Reason> {
        let statistics = &self.ingest.statistics;
        let payload = match &delivery.content {
            Content::Whole(payload) => payload,
            Content::Oversize(bytes) => {
                statistics.received(*bytes);
                return Err(Reason::Oversize);
            }
        };
        statistics.received(payload.len());
        let topic = Topic::parse(&delivery.topic).ok_or(Reason::Malformed)?;
        // They have no time of their own: what a broker has kept is of another day, and
        // nobody lives, nor has ended, by it.
        if delivery.retained && matches!(topic.kind, TopicKind::Alive | TopicKind::Results) {
            return Err(Reason::Stale);
        }
        match topic.kind {
            TopicKind::Create => self.each(payload, |records, message: Create| {
                records.create(topic, &message)
            }),
            TopicKind::Alive => self.each(payload, |records, message: Alive| {
                records.alive(topic, &message)
            }),
            TopicKind::Metrics => self.each(payload, |records, message: PropletMetrics| {
                records.proplet(topic, message)
            }),
            TopicKind::TaskMetrics | TopicKind::MetricsProplet => self
                .each(payload, |records, report: TaskReport| {
                    records.task(topic, report)
                }),
            TopicKind::Results => self.each(payload, |records, message: TaskResult| {
                records.result(topic, message)
            }),
            TopicKind::Start
            | TopicKind::Stop
            | TopicKind::Invoke
            | TopicKind::InvokeResults
            | TopicKind::Clock => Err(Reason::Malformed),
        }
    }

    /// A rejected message of a batch does not affect the others.
    fn each<T: DeserializeOwned>(
        &mut self,
        payload: &[u8],
        take: impl Fn(&mut Self, T) -> Result<Kind, Reason>,
    ) -> Result<(), Reason> {
        let messages = payload::decode(payload, self.ingest.limits.bytes);
        let messages = messages.map_err(|error| match error {
            PayloadError::TooLong { .. } => Reason::Oversize,
            error => {
                tracing::debug!(%error, "cannot decode message");
                Reason::Malformed
            }
        })?;
        for message in messages {
            match take(self, message) {
                Ok(kind) => self.ingest.statistics.took(kind),
                Err(reason) => self.ingest.statistics.rejected(reason),
            }
        }
        Ok(())
    }

    /// Lets a proplet's message in.
    fn admit(&mut self, topic: Topic<'_>, proplet: &str) -> Result<(), Reason> {
        let fleet = &self.ingest.fleet;
        let due = fleet
            .admit(proplet, topic.domain_id, topic.channel_id, self.now)
            .map_err(|refused| match refused {
                Refused::Forged => Reason::Forged,
                Refused::RateLimited => Reason::RateLimited,
                Refused::PropletLimit => Reason::PropletLimit,
            })?;
        if due {
            self.introduce(proplet);
        }
        Ok(())
    }

    fn introduce(&mut self, proplet: &str) {
        if let Some(identity) = self.ingest.fleet.identity(proplet)
            && self.recording
            && let Err(error) = self.writer.introduce(&identity)
        {
            self.fail(&error);
        }
    }

    fn describe(&mut self, proplet: &str, namespace: &str, metadata: Option<&str>) {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        if self.ingest.fleet.describe(proplet, namespace, metadata) {
            self.introduce(proplet);
        }
    }

    /// Whether a time is one at which something can have been measured. Of a
    /// proplet without a clock every time is.
    fn check_time(&self, proplet: &str, taken: Option<Timestamp>) -> Result<(), Reason> {
        let Some(at) = taken.and_then(Timestamp::at).map(clock::of) else {
            return Ok(());
        };
        let stale = i64::try_from(self.ingest.limits.stale_after.as_nanos());
        if at > self.now.saturating_add(MAX_CLOCK_SKEW) {
            let ahead = at.saturating_sub(self.now) / 1_000_000_000;
            let statistics = &self.ingest.statistics;
            if statistics.clock_is_ahead(proplet, ahead, self.now) {
                self.ingest.tasks.tell_of_clock(proplet, ahead);
            }
            Err(Reason::FutureTimestamp)
        } else if at < self.now.saturating_sub(stale.unwrap_or(i64::MAX)) {
            Err(Reason::Stale)
        } else {
            Ok(())
        }
    }

    /// When a sample of an admitted proplet was taken: when it came, where that is
    /// not said.
    fn time(&self, proplet: &str, taken: Option<Timestamp>) -> i64 {
        match taken {
            Some(Timestamp::At(time)) => clock::of(time),
            Some(Timestamp::Uptime(uptime)) => {
                self.ingest.fleet.time_of_uptime(proplet, uptime, self.now)
            }
            None => self.now,
        }
    }

    fn create(&mut self, topic: Topic<'_>, message: &Create) -> Result<Kind, Reason> {
        self.admit(topic, &message.proplet_id)?;
        let metadata = serde_json::to_string(&message.metadata).ok();
        let metadata = metadata.map(|json| match json.len() {
            ..=MAX_METADATA_BYTES => json,
            bytes => json!({ "left_out": format!("{bytes} bytes; at most {MAX_METADATA_BYTES} are kept") })
                .to_string(),
        });
        self.describe(&message.proplet_id, &message.namespace, metadata.as_deref());
        Ok(Kind::Create)
    }

    fn alive(&mut self, topic: Topic<'_>, message: &Alive) -> Result<Kind, Reason> {
        let (proplet, now) = (&*message.proplet_id, self.now);
        self.admit(topic, proplet)?;
        self.describe(proplet, &message.namespace, None);
        let lives = message.status == Status::Alive;
        let became_alive = self.ingest.fleet.alive(proplet, lives, now);
        if lives {
            self.write(proplet, |writer| writer.alive(proplet, now));
        }
        if became_alive {
            self.changes.push(Change::Alive(proplet.to_owned()));
        }
        self.ingest.live.publish("alive", proplet, None, message);
        Ok(Kind::Alive)
    }

    fn proplet(&mut self, topic: Topic<'_>, message: PropletMetrics) -> Result<Kind, Reason> {
        let taken = message.timestamp;
        self.check_time(&message.proplet_id, taken)?;
        self.admit(topic, &message.proplet_id)?;
        self.describe(&message.proplet_id, &message.namespace, None);
        let sample = PropletSample {
            at: self.time(&message.proplet_id, taken),
            proplet_id: message.proplet_id,
            namespace: message.namespace,
            cpu_metrics: message.cpu_metrics,
            // What the history has no column for.
            memory_metrics: MemoryMetrics {
                heap_free_bytes: None,
                heap_max_alloc_bytes: None,
                ..message.memory_metrics
            },
            metrics: message.metrics.map(|metrics| ProcessMetrics {
                custom: None,
                ..metrics
            }),
            aggregated: message.aggregated,
            outbox: message.outbox,
        };
        let proplet = &*sample.proplet_id;
        if !self.write(proplet, |writer| writer.proplet(&sample)) {
            return Err(Reason::Duplicate);
        }
        self.ingest.fleet.observe_proplet(&sample);
        if self.ingest.live.is_watched() {
            self.ingest.live.publish("metrics", proplet, None, &sample);
        }
        Ok(Kind::Proplet)
    }

    fn task(&mut self, topic: Topic<'_>, report: TaskReport) -> Result<Kind, Reason> {
        let Ingest { fleet, tasks, .. } = self.ingest;
        self.check_time(&report.proplet_id, report.taken)?;
        if !tasks.may_run(&report.task_id, &report.proplet_id) {
            return Err(Reason::Forged);
        }
        self.admit(topic, &report.proplet_id)?;
        let at = self.time(&report.proplet_id, report.taken);
        let reported = report.metrics.traffic();
        // The history keeps what every task has; this a task could fill it with.
        let mut metrics = report.metrics;
        let beside = Beside {
            custom: metrics.custom.take(),
            traceparent: report.traceparent,
        };
        let (task, proplet) = (&report.task_id, &report.proplet_id);
        // In the history every sample tells what happened since the one before.
        let growth = fleet.growth(proplet, task, at, reported, report.counting);
        let mut sample = TaskSample {
            task_id: report.task_id,
            proplet_id: report.proplet_id,
            metrics,
            aggregated: report.aggregated,
            at,
        };
        sample.metrics.set_traffic(growth);
        let (task, proplet) = (&*sample.task_id, &*sample.proplet_id);
        if !self.write(proplet, |writer| writer.task(&sample)) {
            return Err(Reason::Duplicate);
        }
        let network = fleet.counts_network(&sample);
        if self.recording {
            let rollup = Rollup::of(&sample, network);
            self.writer.roll_up(at, proplet, &rollup);
        }
        fleet.observe_task(&sample, beside, reported, self.now);
        if tasks.is_unreported(task) {
            let [task, proplet] = [task, proplet].map(str::to_owned);
            self.changes.push(Change::Reported { task, proplet });
        }
        if self.ingest.live.is_watched() {
            let live = &self.ingest.live;
            live.publish("task_metrics", proplet, Some(task), &sample);
        }
        Ok(Kind::Task)
    }

    fn result(&mut self, topic: Topic<'_>, mut message: TaskResult) -> Result<Kind, Reason> {
        if message.proplet_id.is_empty() {
            // Whose task it is, is known here if it was asked for here.
            let Some(owner) = self.ingest.tasks.owner(&message.task_id) else {
                return Ok(Kind::Result);
            };
            message.proplet_id = owner;
        }
        let (proplet, task) = (&*message.proplet_id, &*message.task_id);
        if !self.ingest.tasks.may_run(task, proplet) {
            return Err(Reason::Forged);
        }
        self.admit(topic, proplet)?;
        self.ingest.fleet.ended(&message, self.now);
        self.changes.push(Change::Ended(message));
        Ok(Kind::Result)
    }
}

#[cfg(test)]
mod tests;
