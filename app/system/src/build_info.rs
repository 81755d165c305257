//! Which build is running, as a gauge that is always 1.

use super::registry::{Collect, Description, model};

/// The build that is running.
const BUILD_INFO: Description = Description {
    name: "build_info",
    help: "The build that is running, in its labels; the value is always 1",
    kind: model::MetricType::Gauge,
};

/// Exposes [`BUILD_INFO`].
#[derive(Debug)]
pub struct BuildInfo;

impl Collect for BuildInfo {
    fn collect(&self, into: &mut Vec<model::MetricFamily>) {
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", env!("GOLDEN_SIGNALS_REVISION")),
            ("rustc", env!("GOLDEN_SIGNALS_RUSTC")),
        ];
        into.push(BUILD_INFO.family(vec![BUILD_INFO.sample(&labels, 1.0)]));
    }
}
