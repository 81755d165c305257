//! What the command lines of all roles have in common. Knows no role.
//!
//! - [`flags`]: how the values of flags are read.
//! - [`logging`]: the log, and the flags that choose its level and format.
//! - [`secret`]: tokens and salts, given or in a file, which no output shows.
//! - [`terminal`]: standard error, shared by the log and a progress bar.

pub mod flags;
pub mod logging;
pub mod secret;
pub mod terminal;
