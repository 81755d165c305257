//! A defect in the handler: it panics for a share of the requests.

use super::conditions::either;
use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "panics",
    level: 2,
    signals: &[Signal::Errors],
    components: &[Component::Handler],
    scopes: &[Scope::Some],
    visible_after: 90,
    magnitudes: &[&[10], &[5], &[20]],
    describe: |of| {
        format!(
            "the handler panics for a further {}% of the requests",
            of[0]
        )
    },
    act: |of, conditions| {
        conditions.panic_rate = either(conditions.panic_rate, of[0]);
    },
};
