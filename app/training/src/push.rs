//! Pushes a node's metrics again and again, whatever becomes of the gateway.
//! The training never waits for it: it is a task of its own, and what it pushes
//! is read without a lock.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::metrics::exact;
use super::node::Node;
use golden_metrics::exposition::Format;
use golden_pushgateway::{Group, PushError, Pushgateway};

/// As long as Persia waits for an answer; less where pushes come more often, so
/// that one that hangs delays no other.
const MAX_EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// What may be spent on the last push: somebody waits for the end.
const LAST_PUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// What may be spent, before that, on a push in flight.
const IN_FLIGHT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a push to a gateway may take, with this time between pushes.
#[must_use]
pub fn exchange_timeout(interval: Duration) -> Duration {
    interval.min(MAX_EXCHANGE_TIMEOUT)
}

/// A node that is being pushed.
#[derive(Debug)]
pub struct PushTask {
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl PushTask {
    /// Pushes now, and then once every interval, in the format that keeps types
    /// and native histograms.
    ///
    /// `outage` is shared by all nodes of a process: what becomes of the gateway
    /// is logged once, not by each.
    #[must_use]
    pub fn start(
        node: Arc<Node>,
        gateway: Pushgateway,
        group: Group,
        interval: Duration,
        outage: Arc<Outage>,
    ) -> Self {
        let (end, ended) = watch::channel(false);
        let pusher = Pusher {
            node,
            gateway,
            group,
            outage,
            failing: false,
        };
        let task = tokio::spawn(pusher.run(interval, ended));
        Self { end, task }
    }

    /// Pushes a last time, and then deletes the group where that is wanted, in
    /// a few seconds at most.
    pub async fn end(self, delete: bool) {
        self.end.send_replace(delete);
        // It does not panic; and if it did, the training has ended all the same.
        self.task.await.ok();
    }
}

struct Pusher {
    node: Arc<Node>,
    gateway: Pushgateway,
    group: Group,
    outage: Arc<Outage>,
    /// Whether the last push failed.
    failing: bool,
}

impl Pusher {
    async fn run(mut self, interval: Duration, mut end: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = false;
        while !ended {
            // A sender that is dropped without a word is an end too.
            tokio::select! {
                _ = end.changed() => break,
                _ = ticks.tick() => {}
            }
            let mut push = pin!(self.push());
            tokio::select! {
                () = &mut push => {}
                _ = end.changed() => {
                    ended = true;
                    // Given up at once, it could arrive after the last one and
                    // undo it.
                    tokio::time::timeout(IN_FLIGHT_TIMEOUT, push).await.ok();
                }
            }
        }
        let delete = *end.borrow();
        self.node.push_metrics().ended.set(1.0);
        let last = async {
            self.push().await;
            if delete && let Err(error) = self.gateway.delete(&self.group).await {
                tracing::warn!(%error, "cannot delete the group");
            }
        };
        if tokio::time::timeout(LAST_PUSH_TIMEOUT, last).await.is_err() {
            let role = self.node.role();
            tracing::debug!(%role, "gave up the last push: the gateway is too slow");
        }
    }

    async fn push(&mut self) {
        let families = match self.node.gather() {
            Ok(families) => families,
            Err(error) => {
                tracing::error!(%error, "a collector failed; nothing to push");
                return;
            }
        };
        let body = Format::Protobuf.encode(&families);
        let bytes = body.len();
        let started = Instant::now();
        let pushed = self
            .gateway
            .put(&self.group, Format::Protobuf.content_type(), body)
            .await;
        let metrics = self.node.push_metrics();
        metrics.time_cost.observe(started.elapsed());
        metrics.bytes.set(exact(bytes as u64));
        match &pushed {
            Ok(()) => metrics.pushes.inc(),
            Err(_) => metrics.failures.inc(),
        };
        self.outage.report(self.failing, &pushed);
        self.failing = pushed.is_err();
    }
}

/// The state of the gateway, shared by all nodes of a process. Logs when pushes
/// begin to fail and when all succeed again, and nothing between.
#[derive(Debug, Default)]
pub struct Outage(Mutex<Option<Failing>>);

#[derive(Debug)]
struct Failing {
    since: Instant,
    nodes: u64,
    pushes: u64,
}

impl Outage {
    fn report(&self, failed_before: bool, pushed: &Result<(), PushError>) {
        let mut failing = self.0.lock().expect("nothing panics while it counts");
        match (pushed, &mut *failing) {
            (Ok(()), None) => {}
            (Err(error), None) => {
                tracing::warn!(%error, "cannot push metrics; training continues and pushes are retried");
                *failing = Some(Failing {
                    since: Instant::now(),
                    nodes: 1,
                    pushes: 1,
                });
            }
            (Err(_), Some(failing)) => {
                failing.pushes += 1;
                failing.nodes += u64::from(!failed_before);
            }
            (Ok(()), Some(known)) => {
                known.nodes -= u64::from(failed_before);
                if known.nodes == 0 {
                    tracing::warn!(
                        failed = known.pushes,
                        seconds = known.since.elapsed().as_secs(),
                        "pushing metrics again"
                    );
                    *failing = None;
                }
            }
        }
    }
}
