//! The proplet: runs tasks, has them sampled, reports liveness; what it is asked to
//! do is in [`commands`].

mod commands;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::monitor::{Monitor, Origin, Subject, Watch};
use super::options::{Compression, Options, TaskTopics, Watched};
use super::outgoing::{Outgoing, Packing};
use super::presence::{alive, host_name, metadata};
use super::sampler::{Counted, Sampler, Since};
use super::start_error::StartError;
use super::tasks::{Outcome, Process};
use golden_mqtt::{Client, Deliveries, Publisher, Will};
use golden_system::descriptors;
use health::heartbeat;
use proplet_schema::{
    Create, MonitoringProfile, ProfileName, Refusal, StartTask, Status, TaskResult, TopicKind,
    Topics, Traceparent, payload,
};

/// Time limit for sending queued messages when the proplet ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

struct Agent {
    options: Options,
    topics: Topics,
    origin: Origin,
    publisher: Publisher,
    /// What it says of itself at its start, and again to a broker that comes back:
    /// who listens there may not have heard it.
    create: Bytes,
    monitor: Option<Monitor>,
    /// The tasks that run, by their id.
    running: HashMap<String, Running>,
    ending: JoinSet<Outcome>,
    told_of_clock: Option<Instant>,
}

struct Running {
    /// As it was given, for a task that was started.
    command: Option<StartTask>,
    stop: Option<oneshot::Sender<()>>,
}

/// Runs until `drain` says to end: then tasks are ended and sampled for the last
/// time, and what waits is sent, unless `stop_now` comes before.
///
/// The future is boxed, so that the role is compiled in this crate and not in the
/// program that runs it.
///
/// # Errors
///
/// If it cannot start.
pub fn run(
    options: Options,
    drain: LocalBoxFuture<'static, ()>,
    stop_now: LocalBoxFuture<'static, ()>,
) -> LocalBoxFuture<'static, Result<(), StartError>> {
    Box::pin(async move {
        let _ = descriptors::raise_limit();
        let (mut agent, client, deliveries) = Agent::start(options)?;
        let own = agent.watch_itself()?;
        for watched in std::mem::take(&mut agent.options.watch) {
            agent.watch(&watched)?;
        }
        for task in std::mem::take(&mut agent.options.task) {
            agent.start_task(task).map_err(StartError::Task)?;
        }
        tracing::info!(
            proplet = agent.origin.proplet_id,
            topics = format!(
                "m/{}/c/{}/…",
                agent.options.domain_id, agent.options.channel_id
            ),
            "started"
        );
        let publisher = agent.publisher.clone();
        let heartbeat = agent.options.heartbeat.clone();
        tokio::select! {
            () = agent.serve(deliveries, drain) => {}
            never = heartbeat::follow(heartbeat, || publisher.statistics().acknowledged) => match never {},
        }
        let end = async {
            agent.end(own).await;
            client.close(CLOSE_TIMEOUT).await
        };
        tokio::select! {
            left = end => if left > 0 {
                tracing::warn!(messages = left, "messages not sent: no broker");
            },
            () = stop_now => tracing::warn!("stopped without waiting"),
        }
        Ok(())
    })
}

impl Agent {
    fn start(options: Options) -> Result<(Self, Client, Deliveries), StartError> {
        let proplet_id = options.entity_id.clone().unwrap_or_else(host_name);
        let topics =
            Topics::new(&options.domain_id, &options.channel_id).map_err(StartError::Identifier)?;
        let origin = Origin {
            proplet_id,
            namespace: options.namespace.clone(),
        };
        let mut settings = options.mqtt.settings(&origin.proplet_id)?;
        // As Propeller's proplet: its key is the password of its id.
        if settings.username.is_none() && options.mqtt.mqtt_password.is_some() {
            settings.username = Some(origin.proplet_id.clone());
        }
        settings.reconnect_grace = options.reconnect_grace;
        settings.will = Some(Will {
            topic: topics.of(TopicKind::Alive).to_string(),
            payload: payload::encode(&alive(&origin, Status::Offline)),
            retained: false,
        });
        let heard = [
            TopicKind::Start,
            TopicKind::Stop,
            TopicKind::Invoke,
            TopicKind::Clock,
        ];
        settings.subscriptions = heard.map(|kind| topics.of(kind).to_string()).to_vec();
        let (client, publisher, deliveries) = golden_mqtt::start(settings);
        let create = payload::encode(&Create {
            proplet_id: origin.proplet_id.clone(),
            namespace: origin.namespace.clone(),
            metadata: metadata(),
        });
        publisher.publish(topics.of(TopicKind::Create), create.clone());
        let mut agent = Self {
            monitor: None,
            options,
            topics,
            origin,
            publisher,
            create,
            running: HashMap::new(),
            ending: JoinSet::new(),
            told_of_clock: None,
        };
        if agent.options.enable_monitoring {
            agent.monitor = Some(agent.start_monitor()?);
        }
        Ok((agent, client, deliveries))
    }

    fn start_monitor(&self) -> Result<Monitor, StartError> {
        let options = &self.options;
        let kinds: &[TopicKind] = match options.task_topics {
            TaskTopics::Both => &[TopicKind::TaskMetrics, TopicKind::MetricsProplet],
            TaskTopics::Control => &[TopicKind::TaskMetrics],
        };
        let outgoing = |kinds: &[TopicKind], packing| {
            let topics = kinds.iter().map(|kind| self.topics.of(*kind).clone());
            Outgoing::new(self.publisher.clone(), topics.collect(), packing)
        };
        let packing = Packing {
            batch: options.batch,
            delay: options.batch_delay,
            compress: options.compression == Compression::Gzip,
        };
        let plain = Packing {
            batch: 1,
            compress: false,
            ..packing
        };
        let monitor = Monitor::start(
            self.origin.clone(),
            self.publisher.clone(),
            outgoing(kinds, packing),
            outgoing(&[TopicKind::Metrics], plain),
        );
        monitor.map_err(StartError::Monitor)
    }

    fn watch_itself(&mut self) -> Result<Option<Watch>, StartError> {
        let Some(monitor) = &mut self.monitor else {
            return Ok(None);
        };
        let sampler = Sampler::attach(std::process::id(), Since::Birth, Counted::Process);
        let profile = MonitoringProfile {
            interval: self.options.metrics_interval,
            ..ProfileName::Standard.into()
        };
        let sampler = sampler.map_err(StartError::Monitor)?;
        Ok(monitor.watch(Subject::Proplet, sampler, profile))
    }

    fn watch(&mut self, watched: &Watched) -> Result<(), StartError> {
        let Watched { id, pid } = watched;
        let refused = |reason| StartError::Watch {
            id: id.clone(),
            pid: *pid,
            reason,
        };
        let process = Process::given(*pid).map_err(refused)?;
        let counted = Counted::of(&self.options.watch_profile, Counted::Process);
        let sampler = Sampler::attach(*pid, Since::Now, counted).map_err(refused)?;
        if self.running.contains_key(id) {
            let twice = Refusal::new("id", id, "is used by two tasks; give each an id of its own");
            return Err(StartError::Identifier(twice));
        }
        let profile = self.options.watch_profile.clone();
        self.begin(id.clone(), None, process, sampler, profile);
        Ok(())
    }

    fn begin(
        &mut self,
        task_id: String,
        command: Option<StartTask>,
        process: Process,
        sampler: Sampler,
        profile: MonitoringProfile,
    ) {
        let traceparent = command
            .as_ref()
            .and_then(|command| command.traceparent.clone());
        let trace_id = traceparent.as_ref().map(Traceparent::trace_id);
        tracing::info!(task = task_id, trace_id, pid = process.pid(), every = %profile.interval, "task begins");
        let subject = Subject::Task(task_id.clone(), traceparent);
        let watch = self
            .monitor
            .as_mut()
            .and_then(|monitor| monitor.watch(subject, sampler, profile));
        let (stop, stopped) = oneshot::channel();
        self.ending
            .spawn(process.run(task_id.clone(), watch, stopped));
        let running = Running {
            command,
            stop: Some(stop),
        };
        self.running.insert(task_id, running);
    }

    async fn serve(&mut self, mut deliveries: Deliveries, drain: impl Future<Output = ()>) {
        let mut drain = std::pin::pin!(drain);
        let mut publisher = self.publisher.clone();
        let mut lives = interval(self.options.liveliness_interval.duration());
        lives.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut drain => return,
                Some(delivery) = deliveries.next() => self.take(delivery),
                () = publisher.next_connection() => {
                    if publisher.statistics().connections > 1 {
                        let topic = self.topics.of(TopicKind::Create);
                        publisher.publish_if_connected(topic, self.create.clone());
                    }
                    lives.reset();
                    self.lives();
                }
                _ = lives.tick() => self.lives(),
                Some(ended) = self.ending.join_next() => self.ended(ended),
            }
        }
    }

    fn lives(&self) {
        let message = payload::encode(&alive(&self.origin, Status::Alive));
        self.publisher
            .publish_if_connected(self.topics.of(TopicKind::Alive), message);
    }

    fn ended(&mut self, ended: Result<Outcome, tokio::task::JoinError>) {
        let Ok(outcome) = ended else {
            return;
        };
        let command = self
            .running
            .remove(&outcome.task_id)
            .and_then(|r| r.command);
        let traceparent = command.and_then(|command| command.traceparent);
        tracing::info!(
            task = outcome.task_id,
            trace_id = traceparent.as_ref().map(Traceparent::trace_id),
            results = outcome.results,
            error = outcome.error,
            samples = outcome.aggregated.map(|aggregated| aggregated.sample_count),
            "task has ended"
        );
        self.publish_result(&TaskResult {
            task_id: outcome.task_id,
            proplet_id: self.origin.proplet_id.clone(),
            results: outcome.results,
            error: outcome.error,
            traceparent,
        });
    }

    fn publish_result(&self, result: &TaskResult) {
        let result = payload::encode(result);
        let topic = self.topics.of(TopicKind::Results);
        self.publisher.publish(topic, result);
    }

    async fn end(&mut self, own: Option<Watch>) {
        for running in self.running.values_mut() {
            if let Some(stop) = running.stop.take() {
                let _ = stop.send(());
            }
        }
        while let Some(ended) = self.ending.join_next().await {
            self.ended(ended);
        }
        if let Some(own) = own {
            own.finish().await;
        }
        let message = payload::encode(&alive(&self.origin, Status::Offline));
        self.publisher
            .publish(self.topics.of(TopicKind::Alive), message);
    }
}
