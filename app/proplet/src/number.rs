//! Counts as floating-point numbers, for rates and ratios.

/// Exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 the nearest number will do"
)]
pub(crate) fn exact(count: u64) -> f64 {
    count as f64
}
