//! The capacity has fallen a little below what arrives: the queue grows without end, slowly,
//! and at last sheds.

use super::conditions::Conditions;
use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "overload",
    level: 1,
    signals: &[Signal::Saturation, Signal::Latency],
    components: &[Component::Admission],
    scopes: &[Scope::All],
    visible_after: 150,
    magnitudes: &[&[110], &[105], &[120]],
    describe: |of| format!("{}% of the capacity arrive", of[0]),
    act: |of, conditions| below(conditions, f64::from(of[0]) / 100.0),
};

/// Leaves so much capacity that what arrives is `ratio` of it: as few places as possible,
/// and a delay that makes up the rest. By Little's law places ÷ mean delay is what they
/// serve a second.
pub(super) fn below(conditions: &mut Conditions, ratio: f64) {
    let delay = &conditions.faults.delay;
    let busy = conditions.traffic.per_second() * delay.mean();
    let places = (busy / ratio).ceil().clamp(1.0, MOST_PLACES);
    if busy > 0.0 {
        conditions.faults.delay = delay.slowed(places * ratio / busy);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a whole number within the bounds"
    )]
    let places = places as usize;
    conditions.concurrency = Some(places);
}

/// No service has more.
const MOST_PLACES: f64 = 1e6;
