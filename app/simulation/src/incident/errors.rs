//! More requests fail, as quickly as others are answered.

use super::conditions::either;
use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "errors",
    level: 1,
    signals: &[Signal::Errors],
    components: &[Component::Handler],
    scopes: &[Scope::Some],
    visible_after: 90,
    magnitudes: &[&[20], &[5], &[10], &[40]],
    describe: |of| format!("a further {}% of the requests fail", of[0]),
    act: |of, conditions| {
        // The further failures fall on those that did not fail before.
        let faults = &mut conditions.faults;
        faults.error_rate = either(faults.error_rate, of[0]);
    },
};
