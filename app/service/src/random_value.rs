//! The numbers that the service drew: the workshop's variable whose law is to
//! be recovered. Only its histogram.

use std::sync::Arc;

use super::buckets;
use golden_metrics::{Collect, Description, Histogram, Layout, histogram_series, model};

/// The numbers drawn.
const RANDOM_VALUE: Description = Description {
    name: "random_value",
    help: "The numbers that GET /random answered",
    kind: model::MetricType::Histogram,
};

/// The histogram of the numbers drawn.
#[derive(Debug)]
pub(crate) struct RandomValue(Histogram);

impl Default for RandomValue {
    fn default() -> Self {
        Self(Histogram::new(Arc::new(Layout::new(buckets::RANDOM_VALUE))))
    }
}

impl RandomValue {
    /// Counts a number that was answered.
    pub(crate) fn observe(&self, value: f64, trace_id: Option<u128>) {
        self.0.observe(value, trace_id);
    }
}

impl Collect for RandomValue {
    fn collect(&self, into: &mut Vec<model::MetricFamily>) {
        into.push(RANDOM_VALUE.family(vec![histogram_series(&[], &self.0)]));
    }
}
