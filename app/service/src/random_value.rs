//! The numbers that the service drew: the workshop's variable whose distribution is
//! to be recovered. Only its histogram.

use golden_metrics::{Buckets, Histogram};
use prometheus_client::registry::Registry;

use super::buckets;

/// The histogram of the numbers drawn.
#[derive(Debug)]
pub(crate) struct RandomValue(Histogram);

impl RandomValue {
    /// An empty histogram, which `registry` exposes.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let histogram = Histogram::new(&Buckets::new(buckets::RANDOM_VALUE));
        registry.register(
            "random_value",
            "The numbers that GET /random answered",
            histogram.clone(),
        );
        Self(histogram)
    }

    /// Counts a number that was answered.
    pub(crate) fn observe(&self, value: f64, trace_id: Option<u128>) {
        self.0.observe(value, trace_id);
    }
}
