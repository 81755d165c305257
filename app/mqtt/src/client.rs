//! A client as its users hold it: its settings, what publishes, what ends it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::broker::Broker;
use super::connection::Connections;
use super::delivery::Deliveries;
use super::outbox::{Bounds, Outbox, Statistics};
use super::tls::Tls;

/// How a client connects and what it keeps. [`Settings::new`] has the defaults.
#[derive(Clone)]
pub struct Settings {
    /// Where the broker is. An address with TLS needs [`Settings::tls`].
    pub broker: Broker,
    /// The certificates for an address with TLS.
    pub tls: Option<Tls>,
    /// Unique among the broker's clients: a second one of the same name throws
    /// the first one out.
    pub client_id: String,
    /// With a lasting session (`false`) the broker keeps messages for the
    /// subscriptions while the client is away.
    pub clean_session: bool,
    /// Who the client says it is; the password is used with it only.
    pub username: Option<String>,
    /// The password; without a user name it is not sent.
    pub password: Option<String>,
    /// What the broker publishes when the client is gone without a word.
    pub will: Option<Will>,
    /// What is subscribed to, with quality of service 1, at each connection.
    /// `$share/GROUP/FILTER` divides the messages among the clients of a group.
    pub subscriptions: Vec<String>,
    /// How often the broker hears from this client at least: whole seconds, 1 s to
    /// 65,535 s.
    pub keep_alive: Duration,
    /// How long the broker may take to answer.
    pub timeout: Duration,
    /// Payloads beyond this many bytes are reported
    /// ([`Content`](super::Content)), not kept.
    pub max_packet_size: usize,
    /// The longest wait between two attempts to connect. A client that others
    /// depend on should have a shorter one than they have.
    pub max_reconnect_wait: Duration,
    /// How long subscribers are given to come back before anything is sent to a
    /// broker that was away. Mosquitto forgets shared subscriptions when it
    /// restarts, and acknowledges what then reaches nobody.
    pub reconnect_grace: Duration,
    /// How many deliveries may wait to be taken.
    pub deliveries: usize,
    /// What the outbox may hold.
    pub outbox: Bounds,
}

impl Settings {
    /// A client of this name with a lasting session, without subscriptions or a
    /// will: keep-alive and timeout 30 s, payloads up to 256 KiB, an outbox of
    /// 100,000 messages and 64 MiB, of which 100 may be in flight.
    #[must_use]
    pub fn new(broker: Broker, client_id: impl Into<String>) -> Self {
        Self {
            broker,
            tls: None,
            client_id: client_id.into(),
            clean_session: false,
            username: None,
            password: None,
            will: None,
            subscriptions: Vec::new(),
            keep_alive: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            max_packet_size: 256 * 1024,
            max_reconnect_wait: Duration::from_secs(30),
            reconnect_grace: Duration::ZERO,
            deliveries: 256,
            outbox: Bounds {
                messages: 100_000,
                bytes: 64 * 1024 * 1024,
                in_flight: 100,
            },
        }
    }
}

/// A last will, which the broker publishes when the client is gone without a
/// word: quality of service 1, not retained.
#[derive(Clone, Debug)]
pub struct Will {
    /// Where it is published.
    pub topic: String,
    /// At most 65,535 bytes.
    pub payload: Bytes,
}

/// Publishes; cheap to clone. Never waits: what cannot be sent now is kept.
#[derive(Clone, Debug)]
pub struct Publisher {
    outbox: Arc<Outbox>,
    connected: watch::Receiver<u64>,
}

impl Publisher {
    /// Keeps the message until the broker has it. When the outbox is full its
    /// oldest message makes room, and is counted.
    pub fn publish(&self, topic: &Arc<str>, payload: Bytes) {
        self.outbox.push(Arc::clone(topic), payload, false);
    }

    /// Sends the message over the current connection, or not at all: for
    /// heartbeats, which are worth nothing later.
    pub fn publish_if_connected(&self, topic: &Arc<str>, payload: Bytes) {
        self.outbox.push(Arc::clone(topic), payload, true);
    }

    /// What has become of messages so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.outbox.statistics()
    }

    /// Waits until there is another connection than when this was last asked.
    pub async fn next_connection(&mut self) {
        if self.connected.changed().await.is_err() {
            pending::<()>().await;
        }
    }

    /// Waits until the broker has everything.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.outbox.emptied.notified();
            if self.outbox.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

/// A client that runs until it is closed.
#[derive(Debug)]
pub struct Client {
    outbox: Arc<Outbox>,
    running: tokio::task::JoinHandle<()>,
}

impl Client {
    /// Sends what waits, for at most `limit`, and disconnects, after which the
    /// broker does not publish the will. Returns how many messages were not
    /// acknowledged.
    pub async fn close(mut self, limit: Duration) -> usize {
        self.outbox.close();
        if timeout(limit, &mut self.running).await.is_err() {
            self.running.abort();
        }
        self.outbox.statistics().waiting
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Starts a client on the current Tokio runtime. It connects by itself, and
/// again whenever the connection ends.
pub fn start(settings: Settings) -> (Client, Publisher, Deliveries) {
    let outbox = Arc::new(Outbox::new(settings.outbox));
    let (deliver, receiver) = mpsc::channel(settings.deliveries.max(1));
    let (acknowledgements, acknowledged) = mpsc::unbounded_channel();
    let (announce, connected) = watch::channel(0);
    let connections = Connections::new(
        settings,
        Arc::clone(&outbox),
        deliver,
        acknowledgements,
        acknowledged,
        announce,
    );
    let running = tokio::spawn(connections.run());
    let publisher = Publisher {
        outbox: Arc::clone(&outbox),
        connected,
    };
    (
        Client { outbox, running },
        publisher,
        Deliveries { receiver },
    )
}
