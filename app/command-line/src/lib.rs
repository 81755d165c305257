//! What the command lines of all roles have in common. Knows no role.
//!
//! - [`flags`]: how the values of flags are read.
//! - [`logging`]: the log, and the flags that choose its level and format.
//! - [`terminal`]: standard error, shared by the log and a progress bar.

pub mod flags;
pub mod logging;
pub mod terminal;
