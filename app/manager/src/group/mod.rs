//! The managers of a group: what each of them knows of the others, proves of its own
//! subscriptions, and takes over of those that are gone.
//!
//! Samples are divided by shared subscriptions, in lasting sessions. A broker goes on
//! giving a session its share while its manager is gone, and drops what is in it when it
//! expires, instead of giving it to the others: Mosquitto 2.0 does
//! (<https://github.com/eclipse-mosquitto/mosquitto/issues/2662>), so do EMQX and VerneMQ,
//! and a clean session loses what is in flight at once. So a member that is gone is
//! succeeded: its last will tells the others; one of them connects by its client id, ends
//! its share, and takes out of its session what is left there. That holds for whatever
//! way it ended, and for all of them ending at a time: the first one to come back, under
//! whatever name, takes over the rest.
//!
//! An orderly end is the same, but for one thing: what has been delivered is stored and
//! acknowledged before the connection ends, so that it comes to nobody twice.
//!
//! Knows no message of a proplet. Who may publish under `golden-signals/managers/` can
//! make managers throw each other out: only managers should.

mod member;
mod members;
mod names;
mod proof;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use golden_mqtt::{Client, Delivery, Publisher, Settings};
use proplet_schema::{Topic, TopicKind};
use tokio::sync::{mpsc, oneshot};

use self::member::Member;
use self::names::Names;
pub use self::names::{Notice, Sorted};

pub(crate) use self::names::DEFAULT_GROUP;

/// Notices that may wait. They are few; what is lost is said again.
const MAX_NOTICES: usize = 1_024;

/// What is known of the group, for Prometheus.
#[derive(Debug, Default)]
pub struct Standing {
    subscribed: AtomicBool,
    members: AtomicU64,
    taken_over: AtomicU64,
}

impl Standing {
    /// Whether every subscription of this connection is proven.
    pub fn is_subscribed(&self) -> bool {
        self.subscribed.load(Relaxed)
    }

    /// Members that are alive, this one included.
    pub fn members(&self) -> u64 {
        self.members.load(Relaxed)
    }

    /// Sessions taken over so far.
    pub fn taken_over(&self) -> u64 {
        self.taken_over.load(Relaxed)
    }
}

/// Tells managers' messages from proplets', and passes them on.
#[derive(Clone, Debug)]
pub struct Inbox {
    names: Arc<Names>,
    notices: mpsc::Sender<Notice>,
    moving: Arc<[AtomicBool; TopicKind::ALL.len()]>,
}

impl Inbox {
    /// What a delivery is.
    #[must_use]
    pub fn sort(&self, delivery: &Delivery) -> Sorted {
        let sorted = self.names.sort(delivery);
        if matches!(sorted, Sorted::Message)
            && let Some(topic) = Topic::parse(&delivery.topic)
        {
            self.moving[topic.kind as usize].store(true, Relaxed);
        }
        sorted
    }

    /// Passes on what a manager has said, once what came before it is stored and
    /// acknowledged.
    pub fn tell(&self, notice: Notice) {
        // Without room it is lost.
        let _ = self.notices.try_send(notice);
    }
}

/// A manager's place in its group. Holds its connection.
#[derive(Debug)]
pub struct Group {
    inbox: Inbox,
    standing: Arc<Standing>,
    end: oneshot::Sender<Duration>,
    running: tokio::task::JoinHandle<()>,
}

/// What a group is made of before there is a connection.
pub struct Place {
    names: Arc<Names>,
    settings: Settings,
}

impl Place {
    /// The place of the client of these settings, to which it adds what the client
    /// subscribes to, and its will.
    #[must_use]
    pub fn new(group: &str, mut settings: Settings) -> Self {
        let names = Arc::new(Names::new(&settings.client_id, group));
        names.subscribe(&mut settings);
        Self { names, settings }
    }

    /// What to connect with.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Takes the place, with the client that has connected with [`Place::settings`].
    #[must_use]
    pub fn take(self, client: Client, publisher: Publisher) -> Group {
        let (notices, heard) = mpsc::channel(MAX_NOTICES);
        let (end, ended) = oneshot::channel();
        let inbox = Inbox {
            names: Arc::clone(&self.names),
            notices,
            moving: Arc::default(),
        };
        let standing = Arc::new(Standing::default());
        standing.members.store(1, Relaxed);
        let member = Member::new(
            self.names,
            self.settings,
            Arc::clone(&inbox.moving),
            Arc::clone(&standing),
            client,
            publisher,
        );
        Group {
            inbox,
            standing,
            end,
            running: tokio::spawn(member.run(heard, ended)),
        }
    }
}

impl Group {
    /// What sorts deliveries.
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// What Prometheus sees.
    #[must_use]
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Disconnects, within `limit` for each connection, which the others hear by the will.
    /// What has been delivered must be acknowledged meanwhile.
    pub async fn close(self, limit: Duration) {
        let _ = self.end.send(limit);
        // A panic has been logged.
        let _ = self.running.await;
    }
}
