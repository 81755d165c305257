//! What the operating system says of this process and of the machine it runs on,
//! and what is made of it for Prometheus. Knows no role, no HTTP and nobody's
//! work.
//!
//! - [`process`]: Prometheus' standard process metrics.
//! - [`cgroup`]: the limits of the control group, and what is used of them.
//! - [`saturation`]: how full each constrained resource is.
//! - [`descriptors`]: how many file descriptors the process may open.
//! - [`disk`]: how much room a file system has.
//! - [`BuildInfo`]: which build runs.

mod build_info;
pub mod cgroup;
pub mod descriptors;
pub mod disk;
#[cfg(target_os = "linux")]
mod kilobytes;
pub mod process;
pub mod saturation;

pub use build_info::BuildInfo;
