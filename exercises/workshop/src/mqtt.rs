//! As much of MQTT 3.1.1 as it takes to be the broker of one proplet: it takes
//! what is published, and says that it has it. With it a profile can be tried
//! where no broker is installed, and nobody else's messages are in the way.
//! Format: <https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::finding::Finding;
use crate::server::Server;

// Longer packets are not a proplet's.
const MAX_PACKET_BYTES: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(3);

// The packets' types, in the upper four bits of their first byte.
const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const PING: u8 = 12;
const DISCONNECT: u8 = 14;

/// What was published.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// When it arrived.
    pub at: Instant,
}

/// A running broker. Dropping it ends it.
#[derive(Debug)]
pub struct Broker {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    messages: Mutex<Vec<Message>>,
}

impl Broker {
    /// One on a free port of the loopback.
    ///
    /// # Errors
    ///
    /// `no-port`.
    pub fn start() -> Result<Self, Finding> {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let server = Server::bind("127.0.0.1:0", move |stream| serving.serve(stream))?;
        Ok(Self { server, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What was published on topics that end so, in its order.
    #[must_use]
    pub fn published(&self, suffix: &str) -> Vec<Message> {
        let messages = self.shared.messages.lock();
        messages.map_or_else(
            |_| Vec::new(),
            |messages| {
                let on_topic = messages.iter();
                let on_topic = on_topic.filter(|message| message.topic.ends_with(suffix));
                on_topic.cloned().collect()
            },
        )
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let (head, body) = packet(&mut reader)?;
            match head >> 4 {
                // Accepted, with no session of an earlier time.
                CONNECT => stream.write_all(&[0x20, 2, 0, 0])?,
                SUBSCRIBE => {
                    let (id, mut rest) = body.split_at_checked(2).ok_or_else(malformed)?;
                    let mut granted = Vec::new();
                    while !rest.is_empty() {
                        let (_, after) = text(rest)?;
                        rest = after.get(1..).ok_or_else(malformed)?;
                        granted.push(1);
                    }
                    let length = u8::try_from(granted.len() + 2).map_err(|_| malformed())?;
                    stream.write_all(&[&[0x90, length], id, &granted].concat())?;
                }
                PUBLISH => {
                    let (topic, mut payload) = text(&body)?;
                    if head & 0x06 != 0 {
                        let (id, rest) = payload.split_at_checked(2).ok_or_else(malformed)?;
                        stream.write_all(&[&[0x40, 2], id].concat())?;
                        payload = rest;
                    }
                    let message = Message {
                        topic: topic.to_owned(),
                        payload: payload.to_owned(),
                        at: Instant::now(),
                    };
                    if let Ok(mut messages) = self.messages.lock() {
                        messages.push(message);
                    }
                }
                PING => stream.write_all(&[0xD0, 0])?,
                DISCONNECT => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Whether a broker answers there that lets anybody in.
///
/// # Errors
///
/// What was there instead.
pub fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    // MQTT 3.1.1, a clean session, no id, no keep-alive.
    let hello = [&[0x10, 12, 0, 4], &b"MQTT"[..], &[4, 2, 0, 0, 0, 0]].concat();
    stream.write_all(&hello)?;
    let (head, body) = packet(&mut stream)?;
    match (head, &body[..]) {
        (0x20, [_, 0]) => stream.write_all(&[0xE0, 0]),
        (0x20, [_, code]) => Err(io::Error::other(format!(
            "the broker refuses the connection with code {code}"
        ))),
        _ => Err(malformed()),
    }
}

// The first byte, and what comes after the length.
fn packet(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    let head = byte[0];
    let mut length = 0;
    for digit in 0..4 {
        from.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << (7 * digit);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    if length > MAX_PACKET_BYTES {
        return Err(malformed());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}

// A text, and what comes after it.
fn text(bytes: &[u8]) -> io::Result<(&str, &[u8])> {
    let (length, rest) = bytes.split_at_checked(2).ok_or_else(malformed)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let (text, rest) = rest.split_at_checked(length).ok_or_else(malformed)?;
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    Ok((text, rest))
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is not MQTT 3.1.1")
}
