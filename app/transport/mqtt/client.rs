//! The connection to a broker, made anew whenever it ends: what goes over it,
//! what comes, and when it is given up.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::backoff::Backoff;
use super::broker::Broker;
use super::delivery::{Acknowledgement, Content, Deliveries, Delivery, Receipt};
use super::outbox::{Bounds, Outbox, Statistics};
use super::packet::{self, Connect, Decoder, Incoming, Malformed, Payload};

/// Read at a time.
const READ_AHEAD: usize = 64 * 1024;

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
    let connection = Connections {
        settings,
        outbox: Arc::clone(&outbox),
        deliver,
        acknowledgements,
        acknowledged,
        announce,
        number: AtomicU64::new(0),
    };
    let running = tokio::spawn(connection.run());
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

/// Why a connection ended, or there is none.
#[derive(Debug, Error)]
enum Lost {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker refuses: {0}")]
    Refused(&'static str),
    #[error("the broker refuses the subscription {0}")]
    Subscription(String),
    #[error("the broker sent {0}")]
    Malformed(#[from] Malformed),
    #[error("the broker sent a packet out of turn")]
    OutOfTurn,
}

/// All connections, one after the other.
struct Connections {
    settings: Settings,
    outbox: Arc<Outbox>,
    deliver: mpsc::Sender<Delivery>,
    acknowledgements: mpsc::UnboundedSender<Acknowledgement>,
    acknowledged: mpsc::UnboundedReceiver<Acknowledgement>,
    announce: watch::Sender<u64>,
    number: AtomicU64,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connections {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let begun = Instant::now();
            let (lasted, lost) = match self.connect().await {
                Ok((stream, bytes)) => {
                    let broker = self.settings.broker.to_string();
                    tracing::info!(broker, "connected");
                    let connected = Instant::now();
                    match self.converse(stream, bytes).await {
                        Ok(()) => return,
                        Err(lost) => (Some(connected.elapsed()), lost),
                    }
                }
                Err(lost) => (None, lost),
            };
            self.outbox.disconnected();
            if self.outbox.is_closing() && lasted.is_none() && self.outbox.is_empty() {
                return;
            }
            let wait = backoff.next(lasted);
            tracing::warn!(
                broker = self.settings.broker.to_string(),
                reason = lost.to_string(),
                tried = ?begun.elapsed(),
                next = ?wait,
                "no connection to the broker; messages are kept"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// A stream over which the broker has accepted the connection, and what it
    /// has said beyond that.
    async fn connect(&self) -> Result<(Box<dyn Stream>, BytesMut), Lost> {
        let patience = self.settings.timeout;
        let accepted = timeout(patience, async {
            let mut stream = self.open().await?;
            let bytes = self.introduce(&mut stream).await?;
            Ok((stream, bytes))
        });
        accepted.await.unwrap_or(Err(Lost::Timeout(patience)))
    }

    async fn open(&self) -> Result<Box<dyn Stream>, Lost> {
        let Broker { host, port, .. } = &self.settings.broker;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        // Acknowledgements are small and awaited.
        stream.set_nodelay(true)?;
        let Some(tls) = &self.settings.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        Ok(Box::new(tls.connect(name, stream).await?))
    }

    async fn introduce(&self, stream: &mut Box<dyn Stream>) -> Result<BytesMut, Lost> {
        let settings = &self.settings;
        let will = settings.will.as_ref();
        let mut bytes = BytesMut::new();
        let connect = Connect {
            client_id: &settings.client_id,
            clean_session: settings.clean_session,
            keep_alive_seconds: u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX),
            will: will.map(|will| (will.topic.as_str(), &will.payload[..])),
            username: settings.username.as_deref(),
            password: settings.password.as_deref(),
        };
        connect.encode(&mut bytes);
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        bytes.clear();
        let mut decoder = Decoder::new(settings.max_packet_size);
        loop {
            match decoder.next(&mut bytes)? {
                Some(Incoming::ConnAck { code: 0, .. }) => return Ok(bytes),
                Some(Incoming::ConnAck { code, .. }) => return Err(Lost::Refused(reason(code))),
                Some(_) => return Err(Lost::OutOfTurn),
                None if stream.read_buf(&mut bytes).await? == 0 => return Err(Lost::Closed),
                None => {}
            }
        }
    }

    /// Until the connection ends, or, once the outbox closes, until everything
    /// in it has been acknowledged and the goodbye is said.
    async fn converse(&mut self, stream: Box<dyn Stream>, mut read: BytesMut) -> Result<(), Lost> {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut decoder = Decoder::new(self.settings.max_packet_size);
        let mut write = BytesMut::new();
        let mut flushed = true;
        let mut waiting: Option<Delivery> = None;
        if !self.settings.subscriptions.is_empty() {
            packet::encode_subscribe(&self.settings.subscriptions, u16::MAX, &mut write);
        }
        self.outbox.connected();
        // Nobody may be interested.
        let _ = self.announce.send(number);
        let keep_alive = self.settings.keep_alive;
        let patience = self.settings.timeout;
        let mut ping_at = Instant::now() + keep_alive;
        let mut pong_by: Option<Instant> = None;
        let mut goodbye = false;
        loop {
            // What has arrived whole, as far as there is room for it.
            while waiting.is_none() {
                let Some(packet) = decoder.next(&mut read)? else {
                    break;
                };
                match packet {
                    Incoming::PubAck(packet_id) => self.outbox.acknowledge(packet_id),
                    Incoming::PingResp => pong_by = None,
                    Incoming::SubAck { codes } => self.subscribed(&codes)?,
                    Incoming::ConnAck { .. } => return Err(Lost::OutOfTurn),
                    Incoming::Publish(publish) => {
                        let delivery = self.delivery(publish, number);
                        // Dropped where nobody takes deliveries any more.
                        if let Err(TrySendError::Full(delivery)) = self.deliver.try_send(delivery) {
                            waiting = Some(delivery);
                        }
                    }
                }
            }
            self.outbox.send(&mut write);
            if self.outbox.is_closing() && self.outbox.is_empty() && !goodbye {
                // What has been taken in may be acknowledged still.
                while let Ok(acknowledgement) = self.acknowledged.try_recv() {
                    acknowledge(&acknowledgement, number, &mut write);
                }
                packet::encode_disconnect(&mut write);
                goodbye = true;
            }
            if goodbye && write.is_empty() && flushed {
                // The peer closes, or does not: it is over either way.
                let _ = writer.shutdown().await;
                return Ok(());
            }
            let may_read = waiting.is_none();
            read.reserve(READ_AHEAD);
            tokio::select! {
                read = reader.read_buf(&mut read), if may_read => {
                    if read? == 0 {
                        return Err(Lost::Closed);
                    }
                }
                written = push_out(&mut writer, &mut write), if !write.is_empty() || !flushed => {
                    flushed = written?;
                }
                permit = self.deliver.reserve(), if waiting.is_some() => {
                    if let (Ok(permit), Some(delivery)) = (permit, waiting.take()) {
                        permit.send(delivery);
                    }
                }
                acknowledgement = self.acknowledged.recv() => {
                    let mut next = acknowledgement;
                    while let Some(acknowledgement) = next {
                        acknowledge(&acknowledgement, number, &mut write);
                        next = self.acknowledged.try_recv().ok();
                    }
                }
                () = self.outbox.filled.notified() => {}
                () = sleep_until(ping_at) => {
                    packet::encode_pingreq(&mut write);
                    ping_at = Instant::now() + keep_alive;
                    pong_by.get_or_insert(Instant::now() + patience);
                }
                // While nothing is read no answer can be seen either.
                () = until(pong_by), if may_read => return Err(Lost::Timeout(patience)),
            }
            if !write.is_empty() {
                flushed = false;
            }
        }
    }

    fn delivery(&self, publish: packet::Publish, connection: u64) -> Delivery {
        Delivery {
            topic: publish.topic,
            content: match publish.payload {
                Payload::Whole(payload) => Content::Whole(payload),
                Payload::Skipped(bytes) => Content::Oversize(bytes),
            },
            retained: publish.retained,
            duplicate: publish.duplicate,
            receipt: Receipt {
                packet_id: publish.packet_id,
                connection,
                acknowledgements: self.acknowledgements.clone(),
            },
        }
    }

    /// Section 3.9.3: 0x80 is a refusal.
    fn subscribed(&self, codes: &[u8]) -> Result<(), Lost> {
        let mut pairs = self.settings.subscriptions.iter().zip(codes);
        match pairs.find(|(_, code)| **code == 0x80) {
            Some((filter, _)) => Err(Lost::Subscription(filter.clone())),
            None => Ok(()),
        }
    }
}

/// Writes some, and flushes once it was the last. Whether it has flushed.
async fn push_out(
    writer: &mut (impl AsyncWrite + Unpin),
    bytes: &mut BytesMut,
) -> io::Result<bool> {
    if !bytes.is_empty() {
        writer.write_buf(bytes).await?;
    }
    if bytes.is_empty() {
        writer.flush().await?;
    }
    Ok(bytes.is_empty())
}

fn acknowledge(acknowledgement: &Acknowledgement, connection: u64, write: &mut BytesMut) {
    // Of an earlier connection it means nothing any more: it comes again.
    if acknowledgement.connection == connection {
        packet::encode_puback(acknowledgement.packet_id, write);
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Section 3.2.2.3.
fn reason(code: u8) -> &'static str {
    match code {
        1 => "it does not speak MQTT 3.1.1",
        2 => "it does not take this client's name; choose another one",
        3 => "it is not available",
        4 => "user name or password are wrong",
        5 => "this user may not connect; give --mqtt-username and --mqtt-password",
        _ => "for a reason that MQTT does not know",
    }
}
