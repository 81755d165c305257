//! Control packets as bytes: what this client sends and what it may receive.
//! Holds no state but that of a message being skipped.
//!
//! Source: MQTT 3.1.1, sections 2 and 3.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use thiserror::Error;

use super::client::Will;

/// The greatest remaining length there is (section 2.2.3).
pub(super) const MAX_REMAINING: usize = 268_435_455;

/// What a broker sends.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    ConnAck { session_present: bool, code: u8 },
    Publish(Publish),
    PubAck(u16),
    SubAck { codes: Vec<u8> },
    UnsubAck,
    PingResp,
}

/// A message from a subscription.
#[derive(Debug, PartialEq)]
pub(super) struct Publish {
    pub(super) topic: String,
    /// `None` with quality of service 0.
    pub(super) packet_id: Option<u16>,
    pub(super) duplicate: bool,
    pub(super) retained: bool,
    pub(super) payload: Payload,
}

/// What was in it.
#[derive(Debug, PartialEq)]
pub(super) enum Payload {
    Whole(Bytes),
    /// So many bytes, beyond the limit, and not kept.
    Skipped(usize),
}

/// The broker said what MQTT does not allow, or what this client never asked for.
#[derive(Debug, Error, PartialEq)]
pub(super) enum Malformed {
    #[error("a packet of type {0}, which a broker never sends or this client never asked for")]
    Kind(u8),
    #[error("a remaining length of more than four bytes")]
    Length,
    #[error("a packet of type {0} that is shorter than its content, or far too long")]
    Size(u8),
    #[error("a topic that is not UTF-8")]
    Topic,
}

/// Takes packets out of the bytes that arrive.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Packets beyond this many bytes are skipped.
    limit: usize,
    skipping: Option<(Publish, usize)>,
}

impl Decoder {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            skipping: None,
        }
    }

    /// The next whole packet, if it has arrived.
    pub(super) fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Incoming>, Malformed> {
        if let Some((publish, left)) = self.skipping.take() {
            return Ok(self.skip(bytes, publish, left));
        }
        let Some((first, header, remaining)) = fixed_header(bytes)? else {
            return Ok(None);
        };
        let kind = first >> 4;
        if kind == 3 && remaining > self.limit {
            return self.begin_skipping(bytes, first, header, remaining);
        }
        // No other packet to a client is longer than its subscriptions are many.
        if kind != 3 && remaining > 65_536 {
            return Err(Malformed::Size(kind));
        }
        if bytes.len() < header + remaining {
            bytes.reserve(header + remaining - bytes.len());
            return Ok(None);
        }
        bytes.advance(header);
        let body = bytes.split_to(remaining).freeze();
        decode(first, body).map(Some)
    }

    fn begin_skipping(
        &mut self,
        bytes: &mut BytesMut,
        first: u8,
        header: usize,
        remaining: usize,
    ) -> Result<Option<Incoming>, Malformed> {
        // The topic and the identifier are enough to tell and to acknowledge.
        let Some(topic) = bytes.get(header..header + 2) else {
            return Ok(None);
        };
        let head = 2 + usize::from(u16::from_be_bytes([topic[0], topic[1]])) + 2;
        let head = head.min(remaining);
        if bytes.len() < header + head {
            return Ok(None);
        }
        let start = Bytes::copy_from_slice(&bytes[header..header + head]);
        let mut publish = publish(first, start)?;
        publish.payload = Payload::Skipped(remaining);
        Ok(self.skip(bytes, publish, header + remaining))
    }

    fn skip(&mut self, bytes: &mut BytesMut, publish: Publish, left: usize) -> Option<Incoming> {
        let here = left.min(bytes.len());
        bytes.advance(here);
        if here == left {
            return Some(Incoming::Publish(publish));
        }
        self.skipping = Some((publish, left - here));
        None
    }
}

/// The first byte, the header's length and the remaining length.
fn fixed_header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, Malformed> {
    let Some((&first, length)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut remaining = 0;
    for at in 0..4 {
        let Some(&byte) = length.get(at) else {
            return Ok(None);
        };
        remaining |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((first, at + 2, remaining)));
        }
    }
    Err(Malformed::Length)
}

fn decode(first: u8, mut body: Bytes) -> Result<Incoming, Malformed> {
    let kind = first >> 4;
    let size = Malformed::Size(kind);
    match kind {
        2 if body.len() == 2 => Ok(Incoming::ConnAck {
            session_present: body[0] & 1 == 1,
            code: body[1],
        }),
        3 => publish(first, body).map(Incoming::Publish),
        4 if body.len() == 2 => Ok(Incoming::PubAck(body.get_u16())),
        9 if body.len() > 2 => Ok(Incoming::SubAck {
            codes: body[2..].to_vec(),
        }),
        11 if body.len() == 2 => Ok(Incoming::UnsubAck),
        13 if body.is_empty() => Ok(Incoming::PingResp),
        2 | 4 | 9 | 11 | 13 => Err(size),
        _ => Err(Malformed::Kind(kind)),
    }
}

fn publish(first: u8, mut body: Bytes) -> Result<Publish, Malformed> {
    let size = || Malformed::Size(3);
    let length = usize::from(body.try_get_u16().map_err(|_| size())?);
    if body.len() < length {
        return Err(size());
    }
    let topic = String::from_utf8(body.split_to(length).to_vec()).map_err(|_| Malformed::Topic)?;
    let packet_id = match (first >> 1) & 3 {
        0 => None,
        1 => Some(body.try_get_u16().map_err(|_| size())?),
        // Subscriptions are of quality of service 1: none comes with more.
        _ => return Err(Malformed::Kind(3)),
    };
    Ok(Publish {
        topic,
        packet_id,
        duplicate: first & 8 != 0,
        retained: first & 1 != 0,
        payload: Payload::Whole(body),
    })
}

/// What a connection begins with (section 3.1).
#[derive(Debug)]
pub(super) struct Connect<'a> {
    pub(super) client_id: &'a str,
    pub(super) clean_session: bool,
    pub(super) keep_alive_seconds: u16,
    pub(super) will: Option<&'a Will>,
    pub(super) username: Option<&'a str>,
    pub(super) password: Option<&'a str>,
}

impl Connect<'_> {
    pub(super) fn encode(&self, into: &mut BytesMut) {
        let mut flags = u8::from(self.clean_session) << 1;
        let mut body = BytesMut::new();
        string(&mut body, self.client_id.as_bytes());
        if let Some(will) = self.will {
            // Quality of service 1.
            flags |= 0b0000_1100 | u8::from(will.retained) << 5;
            string(&mut body, will.topic.as_bytes());
            string(&mut body, &will.payload);
        }
        if let Some(username) = self.username {
            flags |= 0b1000_0000;
            string(&mut body, username.as_bytes());
            // Section 3.1.2.9: no password without a user name.
            if let Some(password) = self.password {
                flags |= 0b0100_0000;
                string(&mut body, password.as_bytes());
            }
        }
        header(into, 0x10, 10 + body.len());
        string(into, b"MQTT");
        into.put_u8(4);
        into.put_u8(flags);
        into.put_u16(self.keep_alive_seconds);
        into.put(body);
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// It was sent before.
    pub(super) duplicate: bool,
    /// The broker keeps it for those who subscribe later.
    pub(super) retained: bool,
}

/// A message with quality of service 1 (section 3.3).
pub(super) fn encode_publish(
    topic: &str,
    payload: &[u8],
    packet_id: u16,
    flags: Flags,
    into: &mut BytesMut,
) {
    header(
        into,
        0x32 | u8::from(flags.duplicate) << 3 | u8::from(flags.retained),
        publish_length(topic, payload),
    );
    string(into, topic.as_bytes());
    into.put_u16(packet_id);
    into.put_slice(payload);
}

/// The remaining length of that message.
pub(super) fn publish_length(topic: &str, payload: &[u8]) -> usize {
    2 + topic.len() + 2 + payload.len()
}

/// "Received, and stored" (section 3.4).
pub(super) fn encode_puback(packet_id: u16, into: &mut BytesMut) {
    header(into, 0x40, 2);
    into.put_u16(packet_id);
}

pub(super) fn encode_pingreq(into: &mut BytesMut) {
    header(into, 0xC0, 0);
}

pub(super) fn encode_disconnect(into: &mut BytesMut) {
    header(into, 0xE0, 0);
}

pub(super) fn header(into: &mut BytesMut, first: u8, mut remaining: usize) {
    into.reserve(5 + remaining);
    into.put_u8(first);
    loop {
        let byte = u8::try_from(remaining & 0x7F).expect("seven bits");
        remaining >>= 7;
        into.put_u8(if remaining > 0 { byte | 0x80 } else { byte });
        if remaining == 0 {
            return;
        }
    }
}

/// Its length in two bytes before it (section 1.5.3). Who makes them sees to
/// it that they are shorter than that can say.
pub(super) fn string(into: &mut BytesMut, text: &[u8]) {
    into.put_u16(u16::try_from(text.len()).expect("bounded where it was made"));
    into.put_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: Flags = Flags {
        duplicate: true,
        retained: false,
    };

    fn whole(topic: &str, payload: &[u8]) -> Incoming {
        Incoming::Publish(Publish {
            topic: topic.to_owned(),
            packet_id: Some(7),
            duplicate: true,
            retained: false,
            payload: Payload::Whole(Bytes::copy_from_slice(payload)),
        })
    }

    /// What arrives in pieces of this many bytes.
    fn in_pieces(wire: &[u8], size: usize, limit: usize) -> Vec<Incoming> {
        let mut decoder = Decoder::new(limit);
        let mut bytes = BytesMut::new();
        let mut seen = Vec::new();
        for piece in wire.chunks(size) {
            bytes.extend_from_slice(piece);
            while let Some(packet) = decoder.next(&mut bytes).unwrap() {
                seen.push(packet);
            }
        }
        assert!(bytes.is_empty());
        seen
    }

    #[test]
    fn a_message_arrives_whole_however_it_is_cut() {
        for length in [0, 1, 119, 120, 127, 128, 16_383, 20_000] {
            let payload = vec![b'x'; length];
            let mut wire = BytesMut::new();
            encode_publish("a/b", &payload, 7, AGAIN, &mut wire);
            encode_puback(9, &mut wire);
            for size in [1, 2, 3, 1000, usize::MAX] {
                let seen = in_pieces(&wire, size, 30_000);
                assert_eq!(seen, [whole("a/b", &payload), Incoming::PubAck(9)]);
            }
        }
    }

    #[test]
    fn beyond_the_limit_it_is_skipped_and_told() {
        let mut wire = BytesMut::new();
        encode_publish("a/b", &[0; 1000], 7, Flags::default(), &mut wire);
        encode_puback(9, &mut wire);
        for size in [1, 2, 6, 500, usize::MAX] {
            let seen = in_pieces(&wire, size, 100);
            let Incoming::Publish(publish) = &seen[0] else {
                panic!("{seen:?}");
            };
            assert_eq!(publish.topic, "a/b");
            assert_eq!(publish.packet_id, Some(7));
            assert_eq!(publish.payload, Payload::Skipped(1007));
            assert_eq!(seen[1], Incoming::PubAck(9));
        }
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        let decode = |wire: &[u8]| Decoder::new(1000).next(&mut BytesMut::from(wire));
        assert_eq!(decode(&[0xFF; 6]), Err(Malformed::Length));
        assert_eq!(decode(&[0x10, 0]), Err(Malformed::Kind(1)));
        assert_eq!(decode(&[0x20, 1, 0]), Err(Malformed::Size(2)));
        assert_eq!(decode(&[0x32, 3, 0, 9, b'a']), Err(Malformed::Size(3)));
        assert_eq!(decode(&[0x30, 3, 0, 1, 0xFF]), Err(Malformed::Topic));
        assert_eq!(
            decode(&[0x34, 5, 0, 1, b'a', 0, 1]),
            Err(Malformed::Kind(3))
        );
        assert_eq!(decode(&[0x40, 0xFF, 0xFF, 0x7F]), Err(Malformed::Size(4)));
        assert_eq!(decode(&[0x32]), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(wire: Vec<u8>, limit in 0_usize..200) {
            let mut decoder = Decoder::new(limit);
            let mut bytes = BytesMut::from(&wire[..]);
            while let Ok(Some(_)) = decoder.next(&mut bytes) {}
        }
    }
}
