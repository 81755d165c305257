//! Samples on their way into messages, those of a task that exposes metrics of its own by
//! way of its answer.

use std::sync::mpsc::Sender;

use bytes::Bytes;

use super::{Command, Process, Schedule, Subject};
use crate::application;
use proplet_schema::{
    Aggregated, Custom, OutboxMetrics, ProcessMetrics, PropletMetrics, TaskMetrics, Traceparent,
    payload,
};

/// The metrics that a task exposes itself: asked for beside the sampling, which waits for
/// nobody.
#[derive(Debug)]
pub(super) struct Exposed {
    pub(super) number: u64,
    pub(super) answers: Sender<Command>,
    /// Its answer is on its way.
    pub(super) asked: bool,
    /// The sample that waits for it.
    pub(super) waiting: Option<ProcessMetrics>,
    /// There was none the last time.
    pub(super) failing: bool,
}

impl Schedule {
    /// Keeps the sample until the task has said what it exposes.
    pub(super) fn ask(&mut self, process: &mut Process, sample: ProcessMetrics) {
        let (Some(exposed), Some(endpoint)) =
            (&mut process.exposed, &process.profile.application_metrics)
        else {
            return;
        };
        exposed.waiting = Some(sample);
        if exposed.asked {
            return;
        }
        match process.sampler.target(&endpoint.listener) {
            Ok(target) => {
                exposed.asked = true;
                let (number, answers) = (exposed.number, exposed.answers.clone());
                let path = endpoint.path.clone();
                self.runtime.spawn(async move {
                    let custom = application::ask(target, path).await;
                    // The thread may have ended.
                    let _ = answers.send(Command::Exposed(number, custom));
                });
            }
            Err(reason) => self.publish_waiting(process, Some(Custom::failed(&reason))),
        }
    }

    /// Publishes the sample that waits, if one does; with what the task exposes, where it
    /// has answered.
    pub(super) fn publish_waiting(&mut self, process: &mut Process, answer: Option<Custom>) {
        let Some(exposed) = &mut process.exposed else {
            return;
        };
        if let Some(custom) = &answer {
            exposed.asked = false;
            let failed = custom.error().is_some();
            if failed != exposed.failing
                && let Subject::Task(task, traceparent) = &process.subject
            {
                let trace_id = traceparent.as_ref().map(Traceparent::trace_id);
                match custom.error() {
                    Some(reason) => {
                        tracing::warn!(task, trace_id, reason, "no application metrics");
                    }
                    None => tracing::info!(task, trace_id, "application metrics are there"),
                }
            }
            exposed.failing = failed;
        }
        if let Some(mut sample) = exposed.waiting.take() {
            sample.custom = answer;
            self.publish(process, sample);
        }
    }

    pub(super) fn publish(&mut self, process: &Process, sample: ProcessMetrics) {
        let aggregated = process.history.aggregated();
        match &process.subject {
            Subject::Task(task_id, traceparent) => {
                let message = self.of_task(task_id, traceparent.clone(), sample, aggregated);
                self.tasks.push(message);
            }
            Subject::Proplet => {
                let message = self.of_proplet(process, sample, aggregated);
                self.own.push(message);
            }
        }
    }

    fn of_task(
        &self,
        task_id: &str,
        traceparent: Option<Traceparent>,
        metrics: ProcessMetrics,
        aggregated: Option<Aggregated>,
    ) -> Bytes {
        payload::encode(&TaskMetrics {
            task_id: task_id.to_owned(),
            proplet_id: self.origin.proplet_id.clone(),
            timestamp: metrics.timestamp,
            metrics,
            aggregated,
            traceparent,
        })
    }

    fn of_proplet(
        &self,
        process: &Process,
        metrics: ProcessMetrics,
        aggregated: Option<Aggregated>,
    ) -> Bytes {
        let (cpu_metrics, memory_metrics) = process.sampler.totals(&metrics);
        let outbox = self.publisher.statistics();
        payload::encode(&PropletMetrics {
            proplet_id: self.origin.proplet_id.clone(),
            namespace: self.origin.namespace.clone(),
            timestamp: metrics.timestamp,
            cpu_metrics,
            memory_metrics,
            metrics: Some(metrics),
            aggregated,
            outbox: Some(OutboxMetrics {
                waiting: outbox.waiting as u64,
                acknowledged_total: outbox.acknowledged,
                dropped_total: outbox.dropped,
                connections_total: outbox.connections,
            }),
        })
    }
}
