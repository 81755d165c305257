//! Most clients no longer come; those who do are served as well as ever.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "lost-clients",
    level: 1,
    signals: &[Signal::Traffic],
    components: &[Component::Clients],
    scopes: &[Scope::Some],
    visible_after: 90,
    magnitudes: &[&[80], &[90]],
    describe: |of| format!("{}% of the arrivals are missing", of[0]),
    act: |of, conditions| {
        let rest = f64::from(100 - of[0]) / 100.0;
        conditions.traffic = conditions.traffic.times(rest);
    },
};
