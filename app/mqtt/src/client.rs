//! A client as its users hold it: its settings, what publishes, what ends it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::broker::Broker;
use super::connection::Connections;
use super::delivery::{Deliveries, Delivery};
use super::outbox::{Bounds, Kind, Outbox, Statistics};
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
    /// What is subscribed to with quality of service 0, at each connection: for
    /// heartbeats, which the broker need not keep while this client is away.
    pub fleeting_subscriptions: Vec<String>,
    /// Filters that a lasting session may still have from before, and which end at
    /// each connection, before the subscriptions begin.
    pub unsubscriptions: Vec<String>,
    /// Whether the subscriptions of a lasting session end when the client is closed,
    /// so that nothing is kept for it any more.
    pub unsubscribe_on_close: bool,
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
            fleeting_subscriptions: Vec::new(),
            unsubscriptions: Vec::new(),
            unsubscribe_on_close: false,
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
/// word: quality of service 1.
#[derive(Clone, Debug)]
pub struct Will {
    /// Where it is published.
    pub topic: String,
    /// At most 65,535 bytes.
    pub payload: Bytes,
    /// Whether the broker keeps it for those who subscribe later.
    pub retained: bool,
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
        self.outbox.push(Arc::clone(topic), payload, Kind::Kept);
    }

    /// Keeps the message until the broker has it, which keeps it for those who
    /// subscribe later, in the place of the topic's one before. An empty payload
    /// removes that.
    pub fn publish_retained(&self, topic: &Arc<str>, payload: Bytes) {
        self.outbox.push(Arc::clone(topic), payload, Kind::Retained);
    }

    /// Sends the message over the current connection, or not at all: for
    /// heartbeats, which are worth nothing later.
    pub fn publish_if_connected(&self, topic: &Arc<str>, payload: Bytes) {
        self.outbox.push(Arc::clone(topic), payload, Kind::Fleeting);
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
    deliver: mpsc::Sender<Delivery>,
    running: tokio::task::JoinHandle<()>,
}

impl Client {
    /// Starts a further client, whose messages are delivered among this one's:
    /// [`Delivery::client_id`] tells them apart. Deliveries end once both are closed.
    #[must_use]
    pub fn start_another(&self, settings: Settings) -> (Self, Publisher) {
        start_delivering(settings, self.deliver.clone())
    }

    /// Sends what waits, and waits until what has been delivered is acknowledged or
    /// dropped, for at most `limit`; then disconnects, after which the broker does
    /// not publish the will. A lasting session keeps what arrives meanwhile. Returns
    /// how many messages were not acknowledged.
    pub async fn close(self, limit: Duration) -> usize {
        self.end(limit, false).await
    }

    /// The same without a goodbye: the broker publishes the will, after the connection
    /// has ended and with nothing of it under way. Who hears it may take over the session.
    pub async fn close_leaving_will(self, limit: Duration) -> usize {
        self.end(limit, true).await
    }

    async fn end(mut self, limit: Duration, leaving_will: bool) -> usize {
        self.outbox.close(leaving_will);
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
    let (deliver, receiver) = mpsc::channel(settings.deliveries.max(1));
    let (client, publisher) = start_delivering(settings, deliver);
    (client, publisher, Deliveries { receiver })
}

fn start_delivering(settings: Settings, deliver: mpsc::Sender<Delivery>) -> (Client, Publisher) {
    let outbox = Arc::new(Outbox::new(settings.outbox));
    let (acknowledgements, acknowledged) = mpsc::unbounded_channel();
    let (announce, connected) = watch::channel(0);
    let connections = Connections::new(
        settings,
        Arc::clone(&outbox),
        deliver.clone(),
        acknowledgements,
        acknowledged,
        announce,
    );
    let running = tokio::spawn(connections.run());
    let publisher = Publisher {
        outbox: Arc::clone(&outbox),
        connected,
    };
    let client = Client {
        outbox,
        deliver,
        running,
    };
    (client, publisher)
}
