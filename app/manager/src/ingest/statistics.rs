//! What has come, what was rejected and why, as Prometheus sees it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use golden_metrics::model::{MetricFamily, MetricType};
use golden_metrics::{Collect, Description};

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

const MESSAGES: Description = Description {
    name: "manager_messages_total",
    help: "Messages accepted, by kind; each message of a batch counts",
    kind: MetricType::Counter,
};
const REJECTED: Description = Description {
    name: "manager_messages_rejected_total",
    help: "Messages rejected, by reason",
    kind: MetricType::Counter,
};
const BYTES: Description = Description {
    name: "manager_message_bytes_total",
    help: "Bytes of received payloads, including rejected ones",
    kind: MetricType::Counter,
};
const ROWS: Description = Description {
    name: "manager_history_rows_total",
    help: "Rows written to the history",
    kind: MetricType::Counter,
};
const FAILURES: Description = Description {
    name: "manager_history_failures_total",
    help: "Messages that could not be written to the history",
    kind: MetricType::Counter,
};
const COMMITS: Description = Description {
    name: "manager_history_commits_total",
    help: "Transactions committed to the history",
    kind: MetricType::Counter,
};

/// Counts.
#[derive(Debug, Default)]
pub struct Statistics {
    messages: [AtomicU64; Kind::ALL.len()],
    rejected: [AtomicU64; Reason::ALL.len()],
    bytes: AtomicU64,
    rows: AtomicU64,
    failures: AtomicU64,
    commits: AtomicU64,
    failing: AtomicBool,
}

impl Statistics {
    pub(super) fn took(&self, kind: Kind) {
        self.messages[kind as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn rejected(&self, reason: Reason) {
        self.rejected[reason as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes
            .fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn committed(&self, rows: u64) {
        self.rows.fetch_add(rows, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        if self.failing.swap(false, Relaxed) {
            tracing::info!("writing to the history works again");
        }
    }

    /// A message that came after writing had failed.
    pub(super) fn lost(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Logs only the first of a row of failures.
    pub(super) fn failed(&self, messages: u64, error: &rusqlite::Error) {
        self.failures.fetch_add(messages, Relaxed);
        if !self.failing.swap(true, Relaxed) {
            tracing::error!(%error, "cannot write to the history; live metrics continue without it");
        }
    }
}

impl Collect for Statistics {
    fn collect(&self, into: &mut Vec<MetricFamily>) {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let value = |counter: &AtomicU64| counter.load(Relaxed) as f64;
        let messages = Kind::ALL.iter().zip(&self.messages);
        let messages =
            messages.map(|((_, kind), counter)| MESSAGES.sample(&[("kind", kind)], value(counter)));
        into.push(MESSAGES.family(messages.collect()));
        let rejected = Reason::ALL
            .iter()
            .zip(&self.rejected)
            .map(|(reason, counter)| {
                REJECTED.sample(&[("reason", reason.as_str())], value(counter))
            });
        into.push(REJECTED.family(rejected.collect()));
        for (description, counter) in [
            (BYTES, &self.bytes),
            (ROWS, &self.rows),
            (FAILURES, &self.failures),
            (COMMITS, &self.commits),
        ] {
            into.push(description.family(vec![description.sample(&[], value(counter))]));
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
