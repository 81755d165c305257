//! A client as its users hold it: what it is told at its start, what publishes,
//! what ends it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::broker::Broker;
use super::connection::Connections;
use super::delivery::Deliveries;
use super::outbox::{Bounds, Outbox, Statistics};

/// What a client is told once, at its start. Made from
/// [`MqttOptions`](super::MqttOptions).
#[derive(Clone)]
pub struct Settings {
    pub(super) broker: Broker,
    pub(super) tls: Option<TlsConnector>,
    /// Unique among the broker's clients: a second one of the same name throws
    /// the first one out.
    pub client_id: String,
    /// With a lasting session (`false`) the broker keeps messages for the
    /// subscriptions while the client is away.
    pub clean_session: bool,
    /// Who the client says it is; the password is used with it only.
    pub username: Option<String>,
    pub(super) password: Option<String>,
    /// What the broker publishes when the client is gone without a word.
    pub will: Option<Will>,
    /// What is subscribed to, with quality of service 1, at each connection.
    /// `$share/GROUP/FILTER` divides the messages among the clients of a group.
    pub subscriptions: Vec<String>,
    pub(super) keep_alive: Duration,
    pub(super) timeout: Duration,
    /// Messages beyond this many bytes are told of, and not kept.
    pub max_packet_size: usize,
    /// The longest wait between two attempts to connect. What others depend on
    /// comes back sooner than they do.
    pub longest_wait: Duration,
    /// After the broker was away: how long those who listen are given to come
    /// back, before anything is sent to it. Mosquitto forgets shared
    /// subscriptions when it restarts, and acknowledges what then goes to nobody.
    pub settle: Duration,
    /// Deliveries that may wait for whoever takes them.
    pub deliveries: usize,
    pub(super) outbox: Bounds,
}

/// A last will: quality of service 1, not retained.
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

    /// Sends the message over the connection there is now, or not at all: for
    /// signs of life, which are worth nothing later.
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
    /// Sends what waits, for so long at most, and says goodbye, after which the
    /// broker does not publish the will. Returns how many messages it has not.
    pub async fn close(mut self, patience: Duration) -> usize {
        self.outbox.close();
        if timeout(patience, &mut self.running).await.is_err() {
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
