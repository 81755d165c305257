//! Which build is running, as a gauge that is always 1.

use golden_metrics::{Collect, Description, model};

/// The build that is running.
const BUILD_INFO: Description = Description {
    name: "build_info",
    help: "The build that is running, in its labels; the value is always 1",
    kind: model::MetricType::Gauge,
};

/// A build, as its program knows it; exposed as `build_info`.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// The package's version.
    pub version: &'static str,
    /// The commit that was built, or `unknown`.
    pub revision: &'static str,
    /// The compiler's version.
    pub rustc: &'static str,
}

impl Collect for BuildInfo {
    fn collect(&self, into: &mut Vec<model::MetricFamily>) {
        let labels = [
            ("version", self.version),
            ("revision", self.revision),
            ("rustc", self.rustc),
        ];
        into.push(BUILD_INFO.family(vec![BUILD_INFO.sample(&labels, 1.0)]));
    }
}
