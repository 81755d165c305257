//! Metrics whose value is asked for when a scrape comes, for what somebody else
//! counts already. `prometheus_client` has them only as whole collectors.

use std::fmt;

use prometheus_client::encoding::{
    EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

/// A gauge whose value is what the function returns.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use golden_metrics::GaugeFunc;
/// use prometheus_client::registry::Registry;
///
/// let queue = Arc::new(Mutex::new(vec!["a job"]));
/// let watched = Arc::clone(&queue);
/// let length = GaugeFunc(move || watched.lock().map_or(0, |queue| queue.len()));
/// let mut registry = Registry::default();
/// registry.register("queue_length", "Jobs that wait", length);
/// ```
pub struct GaugeFunc<F>(pub F);

/// A counter whose value is what the function returns, which must never fall.
pub struct CounterFunc<F>(pub F);

impl<F> fmt::Debug for GaugeFunc<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GaugeFunc").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for CounterFunc<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CounterFunc").finish_non_exhaustive()
    }
}

impl<F, N> EncodeMetric for GaugeFunc<F>
where
    F: Fn() -> N,
    N: EncodeGaugeValue,
{
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl<F, N> EncodeMetric for CounterFunc<F>
where
    F: Fn() -> N,
    N: EncodeCounterValue,
{
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.0(), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
