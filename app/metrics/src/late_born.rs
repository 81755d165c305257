//! How the series of a family are made that are born with their first event.
//!
//! A series that has counted nothing says nothing, so a family with many label sets is
//! best exposed as far as it has counted. But Prometheus has then never seen the series
//! at 0: `rate` and `increase` begin at its first sample and miss what was counted up to
//! it. A created timestamp mends that: with the feature `created-timestamp-zero-ingestion`
//! Prometheus puts a 0 there, if it is older than the series' first sample.

use std::time::{Duration, SystemTime};

use prometheus_client::metrics::family::MetricConstructor;

use crate::{Buckets, Counter, Histogram};

/// How long before its first event a series is created. Prometheus drops a created
/// timestamp of the same millisecond as the scrape that first sees the series, or of a
/// later one; so it must be older than a scrape is on its way, and than what two clocks
/// differ by.
const BEFORE_FIRST_EVENT: Duration = Duration::from_secs(1);

/// Makes the series of a [`Family`](prometheus_client::metrics::family::Family), each
/// when it is first asked for. Its created timestamp is a second before that, but not
/// before the family was made.
///
/// ```
/// use golden_metrics::{Counter, LateBorn};
/// use prometheus_client::metrics::family::Family;
///
/// type Labels = [(&'static str, &'static str); 1];
/// let failures = Family::<Labels, Counter, _>::new_with_constructor(LateBorn::counters());
/// // Up to here the family has no series.
/// failures.get_or_create(&[("reason", "disk full")]).inc();
/// ```
#[derive(Clone, Debug)]
pub struct LateBorn<Kind = ()> {
    family_made: SystemTime,
    kind: Kind,
}

impl LateBorn {
    /// Makes counters.
    #[must_use]
    pub fn counters() -> Self {
        Self::new(())
    }
}

impl LateBorn<Buckets> {
    /// Makes histograms with these buckets.
    #[must_use]
    pub fn histograms(buckets: Buckets) -> Self {
        Self::new(buckets)
    }
}

impl<Kind> LateBorn<Kind> {
    fn new(kind: Kind) -> Self {
        Self {
            family_made: SystemTime::now(),
            kind,
        }
    }

    /// When a series is created whose first event is now.
    fn created(&self) -> SystemTime {
        created_before(SystemTime::now()).max(self.family_made)
    }
}

/// The created timestamp of a series that did not exist before its first event.
#[must_use]
pub fn created_before(first_event: SystemTime) -> SystemTime {
    first_event
        .checked_sub(BEFORE_FIRST_EVENT)
        .unwrap_or(first_event)
}

impl MetricConstructor<Counter> for LateBorn {
    fn new_metric(&self) -> Counter {
        Counter::created(self.created())
    }
}

impl MetricConstructor<Histogram> for LateBorn<Buckets> {
    fn new_metric(&self) -> Histogram {
        Histogram::created(&self.kind, self.created())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_created_before_its_first_event_and_not_before_its_family() {
        let now = SystemTime::now();
        let mut births = LateBorn::counters();
        assert!(
            births.created() >= now,
            "the family is younger than a second"
        );
        births.family_made = now - Duration::from_secs(60);
        let created = births.created();
        assert!(created < SystemTime::now() && created > births.family_made);
    }
}
