//! A label whose values clients choose, as nobody should have: each request makes series,
//! and they stay. Bounded, and none of it there unless an incident makes it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use golden_metrics::EncodeFamily as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// The most series.
const MOST: u32 = 20_000;

/// How many series there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Arc<AtomicU32>);

impl Series {
    /// So many more.
    pub(crate) fn add(&self, more: u32) {
        let grown = |count: u32| Some(count.saturating_add(more).min(MOST));
        // It never refuses.
        let _ = self.0.fetch_update(Relaxed, Relaxed, grown);
    }

    /// None any more.
    pub(super) fn clear(&self) {
        self.0.store(0, Relaxed);
    }
}

impl Collector for Series {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let count = self.0.load(Relaxed);
        if count == 0 {
            return Ok(());
        }
        // An odd factor: a bijection, so that no two are the same.
        let sessions = (1..=count).map(|n| format!("{:08x}", n.wrapping_mul(0x9e37_79b1)));
        encoder.encode_counters(
            "http_requests_by_session",
            "Requests by the session that they belong to",
            sessions.map(|session| ([("session", session)], 1_u64)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;

    #[test]
    fn there_is_nothing_at_first_and_never_more_than_the_most() {
        let series = Series::default();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(series.clone()));
        let written = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text
        };
        assert_eq!(written(), "# EOF\n");
        series.add(3);
        assert_eq!(
            written().matches("http_requests_by_session_total{").count(),
            3
        );
        series.add(u32::MAX);
        let all = written();
        let lines: std::collections::BTreeSet<_> = all.lines().collect();
        assert_eq!(lines.len(), MOST as usize + 3, "each is another");
        series.clear();
        assert_eq!(written(), "# EOF\n");
    }
}
