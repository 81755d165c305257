//! A retry storm, which outlives its cause: clients give up after a second and repeat at
//! once what failed. A moment of more traffic fills the queue; then nearly all work is for
//! clients who have gone, so that all fail and repeat. Goodput falls, traffic rises.

use std::time::Duration;

use super::conditions::{Retries, Surge};
use super::kind::{Component, Kind, Scope, Signal};
use super::overload::below;

pub(super) const KIND: Kind = Kind {
    name: "retry-storm",
    level: 1,
    signals: &[Signal::Traffic, Signal::Errors, Signal::Saturation],
    components: &[Component::Clients],
    scopes: &[Scope::All, Scope::Some],
    visible_after: 60,
    magnitudes: &[&[8], &[6], &[10]],
    describe: |of| format!("clients give up after 1 s and repeat up to {} times", of[0]),
    act: |of, conditions| {
        // Enough for what arrives, and not for what is repeated.
        below(conditions, 0.7);
        conditions.retries = Some(Retries {
            patience: Duration::from_secs(1),
            attempts: of[0],
        });
        conditions.surge = Some(Surge {
            times: 4,
            lasts: Duration::from_secs(30),
        });
    },
};
