//! The service works, and its metrics cannot be read: what the graphs show is what they
//! last knew, or nothing.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "lost-scrapes",
    level: 2,
    signals: &[Signal::Monitoring],
    components: &[Component::Metrics],
    scopes: &[Scope::Nobody],
    visible_after: 30,
    magnitudes: &[&[100], &[50]],
    describe: |of| format!("{}% of the scrapes are refused", of[0]),
    act: |of, conditions| conditions.lost_scrapes_percent = of[0],
};
