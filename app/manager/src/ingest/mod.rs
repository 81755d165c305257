//! Ingests messages: decodes each, refuses what is malformed, oversize, stale or
//! forged, stores the rest, updates the fleet, notifies watchers, and only then
//! acknowledges it. A batch is whatever has arrived meanwhile: one message at low
//! load, thousands per transaction at high load.
//!
//! No message is lost when this process ends at any moment, when the broker
//! restarts, or when a batch is full. What cannot be stored (a full disk) is
//! acknowledged all the same, and counted: live metrics continue, and the oldest samples
//! make room for the next.
//!
//! What forgery can be told. MQTT 3.1.1 does not say who published a message,
//! only its topic. A name belongs to the domain and channel that used it first,
//! and a task that was asked for here to the proplet it was given to: whoever
//! else uses it is rejected. Within one channel everybody who may publish can
//! use every name; who gives each proplet its own channel, and lets the broker
//! bind it to the user (`pattern write m/+/c/%u/#` in Mosquitto's access list),
//! has closed that too.

mod records;
mod statistics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::records::{Change, Records};
pub use self::statistics::{Kind, Reason, Statistics};
use super::clock;
use super::fleet::Fleet;
use super::group::{Inbox, Sorted};
use super::history::{History, HistoryError, Retention, Writer};
use super::live::Live;
use super::tasks::Tasks;
use golden_mqtt::{Deliveries, Delivery};

/// Maximum messages per transaction.
const MAX_BATCH: usize = 4_096;

const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);
const FORGET_NAMES_INTERVAL: Duration = Duration::from_secs(600);

/// Time limit for deleting old rows at a time.
const DELETION_TIMEOUT: Duration = Duration::from_millis(200);

/// Limits of messages.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum age of a timestamp.
    pub stale_after: Duration,
    /// Maximum bytes of a payload, also decompressed.
    pub bytes: usize,
}

/// Ingestion of messages, and everything that it feeds.
#[derive(Debug)]
pub struct Ingest {
    /// Stores samples.
    pub history: History,
    /// The current state.
    pub fleet: Arc<Fleet>,
    /// Takes what managers say to each other.
    pub group: Inbox,
    /// The requested tasks.
    pub tasks: Arc<Tasks>,
    /// Broadcasts to watchers.
    pub live: Arc<Live>,
    /// Counters of messages.
    pub statistics: Arc<Statistics>,
    /// Limits of messages.
    pub limits: Limits,
    /// Limits of the history.
    pub retention: Retention,
}

impl Ingest {
    /// Takes deliveries until the client is closed. Blocks: for a thread of its
    /// own, within a runtime.
    ///
    /// # Errors
    ///
    /// If the history cannot be opened.
    pub fn run(self, mut deliveries: Deliveries) -> Result<(), HistoryError> {
        let runtime = tokio::runtime::Handle::current();
        let connection = self.history.connect()?;
        let mut writer = Writer::new(&connection)?;
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut upkeep = Instant::now();
        let mut names = Instant::now();
        loop {
            let next = async {
                let next = deliveries.next_many(&mut batch, MAX_BATCH);
                tokio::time::timeout(UPKEEP_INTERVAL, next).await
            };
            match runtime.block_on(next) {
                Ok(0) => return Ok(()),
                Ok(_) => self.take(&mut writer, &mut batch),
                Err(_) => {}
            }
            if upkeep.elapsed() >= UPKEEP_INTERVAL {
                upkeep = Instant::now();
                let of_names = names.elapsed() >= FORGET_NAMES_INTERVAL;
                if of_names {
                    names = Instant::now();
                }
                self.upkeep(&mut writer, of_names);
            }
        }
    }

    fn upkeep(&self, writer: &mut Writer<'_>, of_names: bool) {
        let now = clock::now();
        self.fleet.expire(now);
        if self.statistics.take_full()
            && let Err(error) = writer.make_room()
        {
            self.statistics.failed(0, &error);
            return;
        }
        let begun = Instant::now();
        let room = self.history.room();
        let forgotten = loop {
            match writer.forget(self.retention, room, now) {
                Ok(true) if begun.elapsed() < DELETION_TIMEOUT => {}
                Ok(_) if of_names => break writer.forget_names(self.retention, now),
                Ok(_) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = forgotten {
            self.statistics.failed(0, &error);
        }
    }

    fn take(&self, writer: &mut Writer<'_>, batch: &mut Vec<Delivery>) {
        let now = clock::now();
        let mut records = Records::new(self, writer, now);
        let mut notices = Vec::new();
        records.begin();
        for delivery in batch.iter() {
            match self.group.sort(delivery) {
                Sorted::Message => {}
                Sorted::Notice(notice) => {
                    notices.push(notice);
                    continue;
                }
                Sorted::Nothing => continue,
            }
            if let Err(reason) = records.read(delivery) {
                self.statistics.rejected(reason);
                tracing::debug!(
                    topic = delivery.topic,
                    reason = reason.as_str(),
                    "message rejected"
                );
            }
        }
        // Only then: it is written by way of another connection, which waits while a
        // transaction of this one is open.
        for change in records.commit() {
            self.notify(&change);
        }
        for delivery in batch.drain(..) {
            delivery.receipt.acknowledge();
        }
        // Behind the acknowledgements of what came before them.
        for notice in notices {
            self.group.tell(notice);
        }
    }

    fn notify(&self, change: &Change) {
        match change {
            Change::Alive(proplet) => self.tasks.proplet_alive(proplet),
            Change::Reported { task, proplet } => self.tasks.reported(task, proplet),
            Change::Ended(result) => self.tasks.ended(result),
        }
    }
}
