//! A label whose values clients choose: each request makes series, which stay.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "series-explosion",
    level: 2,
    signals: &[Signal::Monitoring, Signal::Saturation],
    components: &[Component::Metrics],
    scopes: &[Scope::Nobody],
    visible_after: 60,
    magnitudes: &[&[10], &[5], &[20]],
    describe: |of| format!("each request adds {} series", of[0]),
    act: |of, conditions| conditions.series_per_request = of[0],
};
