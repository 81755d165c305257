//! How much room a file system has.

use std::path::Path;

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// That this user may still write.
    pub available: u64,
    /// In all.
    pub total: u64,
}

/// The room where this file or directory is; `None` where the system does not say.
#[cfg(unix)]
#[must_use]
pub fn room(path: &Path) -> Option<Room> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Room {
        available: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

/// Other systems are not asked.
#[cfg(not(unix))]
#[must_use]
pub fn room(_: &Path) -> Option<Room> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_room_and_what_is_not_there_has_none() {
        let found = room(Path::new("/")).unwrap();
        assert!(
            found.total > 0 && found.available <= found.total,
            "{found:?}"
        );
        assert_eq!(room(Path::new("/not/there")), None);
    }
}
