//! Which build is running, as a gauge that is always 1.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

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

impl BuildInfo {
    /// Exposes the build.
    pub fn register(self, registry: &mut Registry) {
        let labels = [
            ("version", self.version),
            ("revision", self.revision),
            ("rustc", self.rustc),
        ];
        // The encoder adds `_info`.
        registry.register(
            "build",
            "The build that is running, in its labels; the value is always 1",
            Info::new(labels),
        );
    }
}
