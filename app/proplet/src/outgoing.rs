//! Publishing of samples: one by one, or in batches, compressed or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use golden_mqtt::Publisher;
use proplet_schema::payload;

/// Maximum size of a batch before compression: by default a manager takes a quarter
/// of a MiB, also after decompression.
const MAX_BATCH_BYTES: usize = 128 * 1024;

/// How samples are put together into messages.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// So many samples to a message, at least 1; fewer where they are long.
    pub batch: usize,
    /// The first sample of a batch waits no longer.
    pub delay: Duration,
    /// Whether messages are compressed.
    pub compress: bool,
}

/// The samples of one kind on their way to their topics.
#[derive(Debug)]
pub struct Outgoing {
    publisher: Publisher,
    topics: Vec<Arc<str>>,
    packing: Packing,
    waiting: Vec<Bytes>,
    /// Of what waits.
    bytes: usize,
    since: Option<Instant>,
}

impl Outgoing {
    /// Publishes what is pushed on each of these topics.
    #[must_use]
    pub fn new(publisher: Publisher, topics: Vec<Arc<str>>, packing: Packing) -> Self {
        Self {
            publisher,
            topics,
            packing,
            waiting: Vec::new(),
            bytes: 0,
            since: None,
        }
    }

    /// Sends the message, or keeps it for its batch.
    pub fn push(&mut self, message: Bytes) {
        if self.bytes + message.len() > MAX_BATCH_BYTES {
            self.flush();
        }
        self.since.get_or_insert_with(Instant::now);
        self.bytes += message.len();
        self.waiting.push(message);
        if self.waiting.len() >= self.packing.batch {
            self.flush();
        }
    }

    /// When what waits is to be flushed.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.packing.delay)
    }

    /// Sends what waits.
    pub fn flush(&mut self) {
        self.since = None;
        self.bytes = 0;
        let payload = match &self.waiting[..] {
            [] => return,
            [one] => one.clone(),
            many => payload::batch(many),
        };
        self.waiting.clear();
        let payload = if self.packing.compress {
            payload::compress(&payload)
        } else {
            payload
        };
        for topic in &self.topics {
            self.publisher.publish(topic, payload.clone());
        }
    }
}
