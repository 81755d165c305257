//! What has come, what was rejected and why, as Prometheus sees it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use golden_metrics::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Why a message was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not what its topic is for.
    Malformed,
    /// It is beyond the limit of bytes, or of what it may unpack to.
    Oversize,
    /// Its timestamp is too old.
    Stale,
    /// Its timestamp is from the future.
    FutureTimestamp,
    /// Its proplet publishes elsewhere, or its task runs elsewhere.
    Forged,
    /// Its proplet exceeds the rate limit.
    RateLimited,
    /// It would exceed the limit of known proplets.
    PropletLimit,
    /// It has come before.
    Duplicate,
}

impl Reason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Oversize,
        Self::Stale,
        Self::FutureTimestamp,
        Self::Forged,
        Self::RateLimited,
        Self::PropletLimit,
        Self::Duplicate,
    ];

    /// The text of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::Stale => "stale",
            Self::FutureTimestamp => "future_timestamp",
            Self::Forged => "forged",
            Self::RateLimited => "rate_limited",
            Self::PropletLimit => "proplet_limit",
            Self::Duplicate => "duplicate",
        }
    }
}

/// What was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A proplet has started.
    Create,
    /// A liveness message, or the last will.
    Alive,
    /// A proplet's sample.
    Proplet,
    /// A task's sample.
    Task,
    /// How a task ended.
    Result,
}

impl Kind {
    const ALL: [(Self, &str); 5] = [
        (Self::Create, "create"),
        (Self::Alive, "alive"),
        (Self::Proplet, "metrics"),
        (Self::Task, "task_metrics"),
        (Self::Result, "results"),
    ];
}

/// Counts. Its handles are resolved once, for what comes thousands of times a second.
#[derive(Debug)]
pub struct Statistics {
    messages: [Counter; Kind::ALL.len()],
    rejected: [Counter; Reason::ALL.len()],
    bytes: Counter,
    rows: Counter,
    failures: Counter,
    commits: Counter,
    failing: AtomicBool,
    /// The disk was full.
    full: AtomicBool,
    /// When a wrong clock was last told of, in nanoseconds since the epoch.
    told_of_clock: AtomicI64,
}

/// A wrong clock rejects every sample: it is told of so often, in nanoseconds.
const TELL_OF_CLOCK_INTERVAL: i64 = 10_000_000_000;

impl Statistics {
    /// All at 0, exposed by `registry`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        type Labelled = Family<[(&'static str, &'static str); 1], Counter>;
        let messages = Labelled::default();
        let rejected = Labelled::default();
        let statistics = Self {
            messages: Kind::ALL.map(|(_, kind)| messages.get_or_create_owned(&[("kind", kind)])),
            rejected: Reason::ALL
                .map(|reason| rejected.get_or_create_owned(&[("reason", reason.as_str())])),
            bytes: Counter::default(),
            rows: Counter::default(),
            failures: Counter::default(),
            commits: Counter::default(),
            failing: AtomicBool::new(false),
            full: AtomicBool::new(false),
            told_of_clock: AtomicI64::new(i64::MIN),
        };
        registry.register(
            "manager_messages",
            "Messages accepted, by kind; each message of a batch counts",
            messages,
        );
        registry.register(
            "manager_messages_rejected",
            "Messages rejected, by reason",
            rejected,
        );
        registry.register(
            "manager_message_bytes",
            "Bytes of received payloads, including rejected ones",
            statistics.bytes.clone(),
        );
        registry.register(
            "manager_history_rows",
            "Rows written to the history",
            statistics.rows.clone(),
        );
        registry.register(
            "manager_history_failures",
            "Messages that could not be written to the history",
            statistics.failures.clone(),
        );
        registry.register(
            "manager_history_commits",
            "Transactions committed to the history",
            statistics.commits.clone(),
        );
        statistics
    }

    pub(super) fn took(&self, kind: Kind) {
        self.messages[kind as usize].inc();
    }

    pub(super) fn rejected(&self, reason: Reason) {
        self.rejected[reason as usize].inc();
    }

    /// A proplet's sample is from the future by so many seconds. Whether it is told of now.
    pub(super) fn clock_is_ahead(&self, proplet: &str, seconds: i64, now: i64) -> bool {
        let told = self.told_of_clock.load(Relaxed);
        let due = now.saturating_sub(told) >= TELL_OF_CLOCK_INTERVAL;
        if due {
            self.told_of_clock.store(now, Relaxed);
            tracing::warn!(
                proplet,
                ahead = %format_args!("{seconds}s"),
                "samples from the future are rejected; set this proplet's clock, or the manager's"
            );
        }
        due
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) fn committed(&self, rows: u64) {
        self.rows.inc_by(rows);
        self.commits.inc();
        if self.failing.swap(false, Relaxed) {
            tracing::info!("writing to the history works again");
        }
    }

    /// Whether the disk was full since this was last asked.
    pub(super) fn take_full(&self) -> bool {
        self.full.swap(false, Relaxed)
    }

    /// A message that came after writing had failed.
    pub(super) fn lost(&self) {
        self.failures.inc();
    }

    /// Logs only the first of a row of failures.
    pub(super) fn failed(&self, messages: u64, error: &rusqlite::Error) {
        self.failures.inc_by(messages);
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            self.full.store(true, Relaxed);
        }
        if !self.failing.swap(true, Relaxed) {
            tracing::error!(%error, "cannot write to the history; live metrics continue without it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_the_places() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
        for (place, (kind, _)) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
