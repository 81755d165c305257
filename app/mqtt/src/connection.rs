//! The connection to a broker, made again whenever it ends: what is sent and received
//! over it, and when it is given up.

use std::future::pending;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_rustls::rustls::pki_types::ServerName;

use super::backoff::{Backoff, STABLE_AFTER};
use super::broker::Broker;
use super::client::Settings;
use super::delivery::{Acknowledgement, Content, Delivery, Receipt};
use super::lost::Lost;
use super::outbox::Outbox;
use super::packet::{self, Connect, Decoder, Incoming, Payload};
use super::tls::Tls;

/// Read at a time.
const READ_AHEAD: usize = 64 * 1024;

/// So many short connections in a row are no accident.
const THROWN_OUT: u32 = 3;

/// All connections, one after the other.
pub(super) struct Connections {
    client_id: Arc<str>,
    settings: Settings,
    outbox: Arc<Outbox>,
    deliver: mpsc::Sender<Delivery>,
    acknowledgements: mpsc::UnboundedSender<Acknowledgement>,
    acknowledged: mpsc::UnboundedReceiver<Acknowledgement>,
    announce: watch::Sender<u64>,
    /// Connections so far.
    number: u64,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connections {
    pub(super) fn new(
        settings: Settings,
        outbox: Arc<Outbox>,
        deliver: mpsc::Sender<Delivery>,
        acknowledgements: mpsc::UnboundedSender<Acknowledgement>,
        acknowledged: mpsc::UnboundedReceiver<Acknowledgement>,
        announce: watch::Sender<u64>,
    ) -> Self {
        Self {
            client_id: settings.client_id.as_str().into(),
            settings,
            outbox,
            deliver,
            acknowledgements,
            acknowledged,
            announce,
            number: 0,
        }
    }

    /// Until the client is closed.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(self.settings.max_reconnect_wait);
        let mut was_away = false;
        let mut thrown_out = 0;
        loop {
            let begun = Instant::now();
            let (lasted, lost) = match self.connect().await {
                Ok((stream, bytes)) => {
                    let broker = self.settings.broker.to_string();
                    tracing::info!(broker, "connected");
                    let connected = Instant::now();
                    match self.converse(stream, bytes, was_away).await {
                        Ok(()) => return,
                        Err(lost) => (Some(connected.elapsed()), lost),
                    }
                }
                Err(lost) => (None, lost),
            };
            self.outbox.disconnected();
            was_away = true;
            let lost = match lost {
                Lost::Closed | Lost::Io(_)
                    if lasted.is_some_and(|lasted| lasted < STABLE_AFTER) =>
                {
                    thrown_out += 1;
                    if thrown_out < THROWN_OUT {
                        lost
                    } else {
                        Lost::ThrownOut(self.client_id.clone())
                    }
                }
                lost => {
                    thrown_out = 0;
                    lost
                }
            };
            // Nothing is left to send; whoever has the session now shall keep it.
            if self.outbox.is_closing() && self.outbox.is_empty() {
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
            self.wait(wait).await;
        }
    }

    /// So long, or until the client is closed: then there is little time, and the
    /// broker may be back.
    async fn wait(&self, wait: Duration) {
        let end = Instant::now() + wait;
        loop {
            tokio::select! {
                () = sleep_until(end) => return,
                () = self.outbox.filled.notified() => if self.outbox.is_closing() {
                    return;
                },
            }
        }
    }

    /// A stream over which the broker has accepted the connection, and what it
    /// has said beyond that.
    async fn connect(&self) -> Result<(Box<dyn Stream>, BytesMut), Lost> {
        let allowed = self.settings.timeout;
        let accepted = timeout(allowed, async {
            let mut stream = self.open().await?;
            let bytes = self.introduce(&mut stream).await?;
            Ok((stream, bytes))
        });
        accepted.await.unwrap_or(Err(Lost::Timeout(allowed)))
    }

    async fn open(&self) -> Result<Box<dyn Stream>, Lost> {
        let Broker { host, port, .. } = &self.settings.broker;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        // Acknowledgements are small and awaited.
        stream.set_nodelay(true)?;
        if !self.settings.broker.tls {
            return Ok(Box::new(stream));
        }
        let Some(Tls(connector)) = &self.settings.tls else {
            return Err(Lost::NoCertificates);
        };
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        let stream = connector.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| Lost::handshake(&error))?))
    }

    async fn introduce(&self, stream: &mut Box<dyn Stream>) -> Result<BytesMut, Lost> {
        let settings = &self.settings;
        let mut bytes = BytesMut::new();
        let connect = Connect {
            client_id: &settings.client_id,
            clean_session: settings.clean_session,
            keep_alive_seconds: u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX),
            will: settings.will.as_ref(),
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
                None => match stream.read_buf(&mut bytes).await {
                    Ok(0) if settings.broker.tls => return Err(Lost::Closed),
                    Ok(0) => return Err(Lost::NotAccepted),
                    Err(error) if !settings.broker.tls => {
                        return Err(Lost::before_accepted(error));
                    }
                    read => {
                        read?;
                        Lost::check_plain(&bytes)?;
                    }
                },
            }
        }
    }

    /// Until the connection ends, or, once the outbox closes, until everything
    /// in it has been acknowledged and the goodbye is said.
    async fn converse(
        &mut self,
        stream: Box<dyn Stream>,
        mut read: BytesMut,
        was_away: bool,
    ) -> Result<(), Lost> {
        self.number += 1;
        let number = self.number;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut decoder = Decoder::new(self.settings.max_packet_size);
        let mut write = BytesMut::new();
        let mut flushed = true;
        let mut waiting: Option<Delivery> = None;
        // Delivered, and neither acknowledged nor dropped.
        let mut unsettled = 0_usize;
        self.settings.encode_subscriptions(&mut write);
        self.outbox.connected();
        // Nobody may be interested.
        let _ = self.announce.send(number);
        let keep_alive = self.settings.keep_alive;
        let allowed = self.settings.timeout;
        let mut ping_at = Instant::now() + keep_alive;
        let mut pong_by: Option<Instant> = None;
        let mut goodbye = false;
        let mut settled_at = was_away.then(|| Instant::now() + self.settings.reconnect_grace);
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
                    Incoming::UnsubAck => {}
                    Incoming::ConnAck { .. } => return Err(Lost::OutOfTurn),
                    // Not acknowledged: the broker keeps it for the session's next user.
                    Incoming::Publish(_) if self.outbox.is_closing() => {}
                    Incoming::Publish(publish) => {
                        unsettled += usize::from(publish.packet_id.is_some());
                        let delivery = self.delivery(publish, number);
                        // Dropped where nobody takes deliveries any more.
                        if let Err(TrySendError::Full(delivery)) = self.deliver.try_send(delivery) {
                            waiting = Some(delivery);
                        }
                    }
                }
            }
            if settled_at.is_none() || self.outbox.is_closing() {
                self.outbox.send(&mut write);
            }
            while let Ok(settled) = self.acknowledged.try_recv() {
                unsettled -= settle(&settled, number, &mut write);
            }
            if self.outbox.is_closing() {
                // No place was found for it: the session's next user gets it as well.
                waiting = None;
                if self.outbox.is_empty() && unsettled == 0 && !goodbye {
                    self.settings.encode_end_of_subscriptions(&mut write);
                    if !self.outbox.is_leaving_will() {
                        packet::encode_disconnect(&mut write);
                    }
                    goodbye = true;
                }
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
                settled = self.acknowledged.recv() => {
                    if let Some(settled) = settled {
                        unsettled -= settle(&settled, number, &mut write);
                    }
                }
                () = self.outbox.filled.notified() => {}
                () = until(settled_at), if settled_at.is_some() => settled_at = None,
                () = sleep_until(ping_at) => {
                    packet::encode_pingreq(&mut write);
                    ping_at = Instant::now() + keep_alive;
                    pong_by.get_or_insert(Instant::now() + allowed);
                }
                // While nothing is read no answer can be seen either.
                () = until(pong_by), if may_read => return Err(Lost::Timeout(allowed)),
            }
            if !write.is_empty() {
                flushed = false;
            }
        }
    }

    fn delivery(&self, publish: packet::Publish, connection: u64) -> Delivery {
        Delivery {
            client_id: Arc::clone(&self.client_id),
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

    fn subscribed(&self, codes: &[u8]) -> Result<(), Lost> {
        match self.settings.refused_filter(codes) {
            Some(filter) => Err(Lost::Subscription(filter.to_owned())),
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

/// Tells the broker of a delivery that was acknowledged. How many deliveries of this
/// connection that settles: one, or none.
fn settle(settled: &Acknowledgement, connection: u64, write: &mut BytesMut) -> usize {
    // Of an earlier connection it means nothing any more: it comes again.
    if settled.connection != connection {
        return 0;
    }
    if settled.acknowledged {
        packet::encode_puback(settled.packet_id, write);
    }
    1
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
        1 => "it does not support MQTT 3.1.1",
        2 => "it does not accept this client identifier; choose another one",
        3 => "it is unavailable",
        4 => "wrong user name or password",
        5 => "this user may not connect; check user name and password",
        _ => "with a return code that MQTT 3.1.1 does not define",
    }
}
