//! Counts as floating-point numbers, which Prometheus and the history's columns
//! hold.

/// Exact up to 2^53: eight petabytes.
#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 the nearest number will do"
)]
pub(crate) fn exact(count: u64) -> f64 {
    count as f64
}
