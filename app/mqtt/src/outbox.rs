//! What is to be published, until the broker has acknowledged it: bounded, in
//! order. Outlives every connection; knows no socket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::packet::{self, Flags};
use super::subscription::LAST_MESSAGE_ID;

/// Beyond this many bytes waiting to be written nothing is added to them.
const WRITE_AHEAD: usize = 64 * 1024;

/// How much an outbox holds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages, at least one.
    pub messages: usize,
    /// Bytes of topics and payloads.
    pub bytes: usize,
    /// Messages that may be sent and not yet acknowledged; at most half of
    /// `messages`.
    pub in_flight: u16,
}

/// What has become of messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages that wait, those in flight included.
    pub waiting: usize,
    /// Messages that the broker has acknowledged.
    pub acknowledged: u64,
    /// Messages dropped, oldest first, because the outbox was full.
    pub dropped: u64,
    /// Whether there is a connection now.
    pub connected: bool,
    /// Connections so far.
    pub connections: u64,
}

/// What is wanted of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is kept until the broker has it.
    Kept,
    /// So, and the broker keeps it for those who subscribe later.
    Retained,
    /// Worth sending over this connection only, as a liveness message is.
    Fleeting,
}

#[derive(Debug)]
struct Message {
    topic: Arc<str>,
    payload: Bytes,
    kind: Kind,
    /// It has gone over a connection once: the next time it is a duplicate.
    sent: bool,
    /// Of this connection.
    packet_id: u16,
    acknowledged: bool,
}

impl Message {
    fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
    /// So many of the first have been sent over this connection.
    in_flight: usize,
    last_packet_id: u16,
    statistics: Statistics,
    closing: bool,
    leaving_will: bool,
}

impl Queue {
    fn remove(&mut self, at: usize) {
        if let Some(message) = self.messages.remove(at) {
            self.bytes -= message.size();
        }
    }

    /// Takes out the first ones as far as they are acknowledged.
    fn settle(&mut self) {
        while self
            .messages
            .front()
            .is_some_and(|first| first.acknowledged)
        {
            self.remove(0);
            self.in_flight = self.in_flight.saturating_sub(1);
            self.statistics.acknowledged += 1;
        }
    }
}

#[derive(Debug)]
pub(super) struct Outbox {
    bounds: Bounds,
    queue: Mutex<Queue>,
    /// Something is to be sent, or it is closing.
    pub(super) filled: Notify,
    /// Everything has been acknowledged.
    pub(super) emptied: Notify,
}

impl Outbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        let half = u16::try_from(bounds.messages.div_ceil(2)).unwrap_or(LAST_MESSAGE_ID);
        Self {
            bounds: Bounds {
                messages: bounds.messages.max(1),
                in_flight: bounds.in_flight.min(half).max(1),
                ..bounds
            },
            queue: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Adds a message, for which the oldest ones make room. Those in flight
    /// stay: dropping what the broker may have would lose nothing but the
    /// knowledge whether it has.
    pub(super) fn push(&self, topic: Arc<str>, payload: Bytes, kind: Kind) {
        let mut queue = self.lock();
        if kind == Kind::Fleeting && !queue.statistics.connected {
            return;
        }
        let size = topic.len() + payload.len();
        if size > self.bounds.bytes || topic.len() > usize::from(u16::MAX) {
            queue.statistics.dropped += 1;
            return;
        }
        while queue.messages.len() >= self.bounds.messages || queue.bytes + size > self.bounds.bytes
        {
            let oldest = queue.in_flight;
            if oldest >= queue.messages.len() {
                // All in flight and they alone fill the bytes: it is the new one.
                queue.statistics.dropped += 1;
                return;
            }
            if queue.messages[oldest].kind != Kind::Fleeting {
                queue.statistics.dropped += 1;
            }
            queue.remove(oldest);
        }
        queue.bytes += size;
        queue.messages.push_back(Message {
            topic,
            payload,
            kind,
            sent: false,
            packet_id: 0,
            acknowledged: false,
        });
        drop(queue);
        self.filled.notify_one();
    }

    /// A connection begins: everything that waits goes over it, in order.
    pub(super) fn connected(&self) {
        let mut queue = self.lock();
        queue.statistics.connected = true;
        queue.statistics.connections += 1;
    }

    /// It has ended: what is not acknowledged waits for the next one.
    pub(super) fn disconnected(&self) {
        let mut queue = self.lock();
        queue.statistics.connected = false;
        queue.in_flight = 0;
        let acknowledged = queue.messages.iter().filter(|message| message.acknowledged);
        queue.statistics.acknowledged += acknowledged.count() as u64;
        queue
            .messages
            .retain(|message| !message.acknowledged && message.kind != Kind::Fleeting);
        queue.bytes = queue.messages.iter().map(Message::size).sum();
    }

    /// Writes what may be sent now.
    pub(super) fn send(&self, into: &mut BytesMut) {
        let mut queue = self.lock();
        let queue = &mut *queue;
        let window = usize::from(self.bounds.in_flight);
        while queue.in_flight < window && into.len() < WRITE_AHEAD {
            let Some(message) = queue.messages.get_mut(queue.in_flight) else {
                return;
            };
            // Never 0 (section 2.3.1); the window is far smaller than the circle.
            queue.last_packet_id = queue.last_packet_id % LAST_MESSAGE_ID + 1;
            message.packet_id = queue.last_packet_id;
            packet::encode_publish(
                &message.topic,
                &message.payload,
                message.packet_id,
                Flags {
                    duplicate: message.sent,
                    retained: message.kind == Kind::Retained,
                },
                into,
            );
            message.sent = true;
            queue.in_flight += 1;
        }
    }

    /// The broker has this one. An identifier that is not in flight is ignored.
    pub(super) fn acknowledge(&self, packet_id: u16) {
        let mut queue = self.lock();
        let in_flight = queue.in_flight;
        let mut sent = queue.messages.iter_mut().take(in_flight);
        if let Some(message) = sent.find(|message| message.packet_id == packet_id) {
            message.acknowledged = true;
        }
        queue.settle();
        if queue.messages.is_empty() {
            drop(queue);
            self.emptied.notify_waiters();
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        let queue = self.lock();
        Statistics {
            waiting: queue.messages.len(),
            ..queue.statistics
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// From now on the connection ends once everything is acknowledged, with a goodbye,
    /// or so that the broker publishes the will.
    pub(super) fn close(&self, leaving_will: bool) {
        let mut queue = self.lock();
        queue.closing = true;
        queue.leaving_will = leaving_will;
        drop(queue);
        self.filled.notify_one();
    }

    pub(super) fn is_leaving_will(&self) -> bool {
        self.lock().leaving_will
    }

    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing panics while it is held")
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::{Decoder, Incoming, Payload};
    use super::*;

    fn outbox(messages: usize, in_flight: u16) -> Outbox {
        Outbox::new(Bounds {
            messages,
            bytes: 1_000_000,
            in_flight,
        })
    }

    fn push(outbox: &Outbox, numbers: std::ops::Range<u32>) {
        for number in numbers {
            outbox.push("t".into(), number.to_string().into(), Kind::Kept);
        }
    }

    /// The numbers sent, each with its identifier and whether as a duplicate.
    fn sent(outbox: &Outbox) -> Vec<(u32, u16, bool)> {
        let mut wire = BytesMut::new();
        outbox.send(&mut wire);
        let mut decoder = Decoder::new(1000);
        std::iter::from_fn(|| decoder.next(&mut wire).unwrap())
            .map(|packet| match packet {
                Incoming::Publish(publish) => {
                    let Payload::Whole(payload) = publish.payload else {
                        panic!("too small to skip");
                    };
                    let number = std::str::from_utf8(&payload).unwrap().parse().unwrap();
                    (number, publish.packet_id.unwrap(), publish.duplicate)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order() {
        let outbox = outbox(100, 4);
        push(&outbox, 0..6);
        outbox.connected();
        assert_eq!(
            sent(&outbox),
            [(0, 1, false), (1, 2, false), (2, 3, false), (3, 4, false)]
        );
        assert!(sent(&outbox).is_empty(), "the window is full");
        outbox.acknowledge(1);
        // Out of order, and one that was never sent.
        outbox.acknowledge(3);
        outbox.acknowledge(77);
        assert_eq!(sent(&outbox), [(4, 5, false)]);
        outbox.disconnected();
        outbox.connected();
        assert_eq!(
            sent(&outbox),
            [(1, 6, true), (3, 7, true), (4, 8, true), (5, 9, false)]
        );
        for packet_id in 6..=9 {
            outbox.acknowledge(packet_id);
        }
        let statistics = outbox.statistics();
        assert_eq!((statistics.acknowledged, statistics.waiting), (6, 0));
        assert_eq!((statistics.dropped, statistics.connections), (0, 2));
    }

    #[test]
    fn the_oldest_not_in_flight_make_room_and_are_counted() {
        let outbox = outbox(4, 2);
        outbox.connected();
        push(&outbox, 0..2);
        assert_eq!(sent(&outbox).len(), 2);
        push(&outbox, 2..10);
        assert_eq!(outbox.statistics().dropped, 6);
        outbox.disconnected();
        outbox.connected();
        let numbers = |sent: Vec<(u32, u16, bool)>| sent.into_iter().map(|(number, ..)| number);
        assert!(numbers(sent(&outbox)).eq([0, 1]));
        outbox.acknowledge(3);
        outbox.acknowledge(4);
        assert!(numbers(sent(&outbox)).eq([8, 9]));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let outbox = Outbox::new(Bounds {
            messages: 100,
            bytes: 10,
            in_flight: 1,
        });
        for payload in ["1234", "5678", "90"] {
            outbox.push("t".into(), payload.into(), Kind::Kept);
        }
        assert_eq!(outbox.statistics().waiting, 2);
        outbox.push("t".into(), "much too long".into(), Kind::Kept);
        assert_eq!(outbox.statistics().dropped, 2);
    }

    #[test]
    fn a_sign_of_life_does_not_wait_for_a_broker() {
        let outbox = outbox(10, 5);
        outbox.push("t".into(), "0".into(), Kind::Fleeting);
        assert!(outbox.is_empty());
        outbox.connected();
        outbox.push("t".into(), "1".into(), Kind::Fleeting);
        push(&outbox, 2..3);
        assert_eq!(sent(&outbox).len(), 2);
        outbox.disconnected();
        outbox.connected();
        assert_eq!(sent(&outbox), [(2, 3, true)]);
        assert_eq!(outbox.statistics().dropped, 0);
    }
}
