//! What the handler calls has become slow, and the calls share a small pool: every request
//! waits for it, and no processor works.

use super::conditions::Dependency;
use super::kind::{Component, Kind, Scope, Signal};
use super::milliseconds;

pub(super) const KIND: Kind = Kind {
    name: "slow-dependency",
    level: 2,
    signals: &[Signal::Latency, Signal::Saturation],
    components: &[Component::Dependency],
    scopes: &[Scope::All],
    visible_after: 60,
    magnitudes: &[&[800, 10], &[1200, 10], &[1500, 12]],
    describe: |of| {
        format!(
            "every request calls a dependency that takes about {} ms, over {} connections",
            of[0], of[1]
        )
    },
    act: |of, conditions| {
        conditions.dependency = Some(Dependency {
            places: of[1] as usize,
            takes: milliseconds(of[0]),
        });
    },
};
