//! What a member does: says that it is alive, sends its probes and judges them, and takes
//! over the sessions of those that are gone, one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use golden_mqtt::{Client, Publisher, Settings};
use proplet_schema::TopicKind;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Standing;
use super::members::{ALIVE_INTERVAL, Members};
use super::names::{self, ALIVE, Names, Notice};
use super::proof::Proof;

/// How often probes are sent until they arrive, and silence is noticed.
const TICK: Duration = Duration::from_secs(1);

/// The longest wait between two attempts to connect by another's name.
const MAX_RECONNECT_WAIT: Duration = Duration::from_secs(10);

/// The session of a member that is gone, while it is emptied.
struct Takeover {
    member: String,
    client: Client,
    publisher: Publisher,
    asked: Instant,
}

/// A manager's part in its group, for as long as it runs.
pub(super) struct Member {
    names: Arc<Names>,
    settings: Settings,
    moving: Arc<[AtomicBool; TopicKind::ALL.len()]>,
    standing: Arc<Standing>,
    client: Client,
    publisher: Publisher,
    members: Members,
    proof: Option<Proof>,
    said_alive: Option<Instant>,
    takeover: Option<Takeover>,
}

impl Member {
    pub(super) fn new(
        names: Arc<Names>,
        settings: Settings,
        moving: Arc<[AtomicBool; TopicKind::ALL.len()]>,
        standing: Arc<Standing>,
        client: Client,
        publisher: Publisher,
    ) -> Self {
        Self {
            names,
            settings,
            moving,
            standing,
            client,
            publisher,
            members: Members::default(),
            proof: None,
            said_alive: None,
            takeover: None,
        }
    }

    /// Until the group is to end, which it is told how long that may take.
    pub(super) async fn run(
        mut self,
        mut heard: mpsc::Receiver<Notice>,
        mut ended: oneshot::Receiver<Duration>,
    ) {
        let mut connection = self.publisher.clone();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let limit = loop {
            tokio::select! {
                limit = &mut ended => break limit.unwrap_or_default(),
                () = connection.next_connection() => self.connected(),
                Some(notice) = heard.recv() => self.take(notice).await,
                _ = tick.tick() => self.look(),
            }
        };
        if let Some(takeover) = self.takeover.take() {
            takeover.client.close(limit).await;
        }
        // The will says that it is gone, once the session is free: said before, another
        // member would throw this one out of it.
        self.client.close_leaving_will(limit).await;
    }

    /// Nothing of an earlier connection holds any more.
    fn connected(&mut self) {
        self.say_alive();
        let now = Instant::now();
        let connections = self.publisher.statistics().connections;
        let proof = Proof::new(connections, names::kinds(), now);
        self.standing.subscribed.store(false, Relaxed);
        self.probe(&proof);
        self.proof = Some(proof);
    }

    fn say_alive(&mut self) {
        let status = self.names.status(self.names.client_id());
        self.publisher.publish_retained(&status, ALIVE.into());
        self.said_alive = Some(Instant::now());
    }

    fn probe(&self, proof: &Proof) {
        for kind in proof.unproven() {
            if let Some((topic, payload)) = self.names.probe(kind, proof.connection()) {
                self.publisher.publish_if_connected(&topic, payload.into());
            }
        }
    }

    async fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Status { member, alive } => {
                let returned =
                    |takeover: &mut Takeover| takeover.member == member && alive == Some(true);
                // It has its session back.
                self.takeover.take_if(returned);
                self.members.hear(&member, alive, Instant::now());
                self.succeed();
            }
            Notice::Proven { kind, connection } => {
                if let Some(proof) = &mut self.proof {
                    proof.arrived(kind, connection);
                    self.judge();
                }
            }
            Notice::Probe { member, payload } => {
                let topic = self.names.proven(&member);
                self.publisher.publish_if_connected(&topic, payload);
            }
            Notice::Drained { member } => {
                let ended = self.takeover.take_if(|takeover| takeover.member == member);
                if let Some(takeover) = ended {
                    self.end(takeover).await;
                }
            }
        }
    }

    /// A session is empty.
    async fn end(&mut self, takeover: Takeover) {
        let Takeover { member, client, .. } = takeover;
        client.close(self.settings.timeout).await;
        let status = self.names.status(&member);
        self.publisher.publish_retained(&status, "".into());
        self.members.hear(&member, None, Instant::now());
        self.standing.taken_over.fetch_add(1, Relaxed);
        tracing::info!(
            manager = member,
            "took over the messages of a manager that is gone"
        );
        self.succeed();
    }

    /// Takes over a session, if there is one and it is this member's turn.
    fn succeed(&mut self) {
        let now = Instant::now();
        let others = u64::try_from(self.members.count_alive(now)).unwrap_or(u64::MAX);
        self.standing.members.store(1 + others, Relaxed);
        let connected = self.publisher.statistics().connected;
        if self.takeover.is_some() || !connected {
            return;
        }
        let Some(member) = self.members.to_take_over(self.names.client_id(), now) else {
            return;
        };
        tracing::info!(
            manager = member,
            "a manager is gone; taking over its messages"
        );
        let mut settings = self.settings.clone();
        self.names.take_over(member, &mut settings);
        settings.max_reconnect_wait = MAX_RECONNECT_WAIT;
        let (client, publisher) = self.client.start_another(settings);
        let mut takeover = Takeover {
            member: member.to_owned(),
            client,
            publisher,
            asked: now,
        };
        self.ask_for_end(&mut takeover);
        self.takeover = Some(takeover);
    }

    /// The broker delivers in order: what comes before this was in the session.
    fn ask_for_end(&self, takeover: &mut Takeover) {
        let topic = self.names.drained(&takeover.member);
        takeover.publisher.publish(&topic, "".into());
        takeover.asked = Instant::now();
    }

    fn look(&mut self) {
        let now = Instant::now();
        if self.publisher.statistics().connected
            && self
                .said_alive
                .is_some_and(|said| now - said >= ALIVE_INTERVAL)
        {
            self.say_alive();
        }
        if let Some(mut takeover) = self.takeover.take() {
            // The notice may have been lost.
            if now - takeover.asked >= MAX_RECONNECT_WAIT
                && takeover.publisher.statistics().waiting == 0
            {
                self.ask_for_end(&mut takeover);
            }
            self.takeover = Some(takeover);
        }
        self.succeed();
        if let Some(proof) = &mut self.proof
            && !proof.is_complete()
            && self.publisher.statistics().connected
        {
            for kind in names::kinds() {
                if self.moving[kind as usize].swap(false, Relaxed) {
                    proof.moves(kind, now);
                }
            }
            self.judge();
            if let Some(proof) = &self.proof {
                self.probe(proof);
            }
        }
    }

    /// Tells what the probes have shown.
    fn judge(&mut self) {
        let Some(proof) = &mut self.proof else {
            return;
        };
        let broker = self.settings.broker.to_string();
        if proof.is_complete() {
            if !self.standing.subscribed.swap(true, Relaxed) && proof.was_told() {
                tracing::info!(broker, "the subscriptions deliver now");
            }
            return;
        }
        for kind in proof.overdue(Instant::now()) {
            let filter = self.names.filter(kind);
            let remedy = if filter.starts_with("$share/") {
                "use a broker with shared subscriptions, such as Mosquitto, EMQX or HiveMQ, or start with --group none; if it has them, allow this user to subscribe to the filter, and to publish below m/golden-signals-probe/"
            } else {
                "allow this user to subscribe to the filter, and to publish below m/golden-signals-probe/"
            };
            tracing::error!(
                broker,
                filter,
                remedy,
                "the broker accepted a subscription that delivers nothing: a probe sent through it did not arrive"
            );
        }
    }
}
