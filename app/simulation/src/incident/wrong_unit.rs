//! A build that records in another unit than it answers: the quantiles lie flat at a bound,
//! and sum ÷ count disagrees with the answers.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "wrong-unit",
    level: 3,
    signals: &[Signal::Monitoring],
    components: &[Component::Metrics],
    scopes: &[Scope::Nobody],
    visible_after: 60,
    magnitudes: &[&[1000], &[100]],
    describe: |of| {
        format!(
            "numbers are recorded {} times as large as they are answered",
            of[0]
        )
    },
    act: |of, conditions| conditions.recorded_factor = of[0],
};
