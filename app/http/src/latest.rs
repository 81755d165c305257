//! The newest version of a text that changes while many read it, in bounded memory:
//! all readers of a version hold the same bytes, and of earlier versions that slow
//! readers still hold there are only so many. Knows nothing of what the text says.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A text, its newest version.
#[derive(Debug)]
pub struct Latest {
    shown: watch::Sender<Bytes>,
    places: Arc<Semaphore>,
}

/// A version, and its place among those that may be in memory.
struct Version(
    String,
    #[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit,
);

impl AsRef<[u8]> for Version {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Latest {
    /// A text that begins so. Later versions in memory are at most `max_versions`: the
    /// newest, and earlier ones that are still being sent.
    #[must_use]
    pub fn new(text: String, max_versions: usize) -> Self {
        Self {
            shown: watch::Sender::new(Bytes::from(text)),
            places: Arc::new(Semaphore::new(max_versions)),
        }
    }

    /// Shows this text from now on, and notifies subscribers if it is another one.
    /// Returns `false`, and shows the earlier one still, while slow readers hold so many
    /// versions that there is no room.
    pub fn show(&self, text: String) -> bool {
        let mut has_room = true;
        self.shown.send_if_modified(|shown| {
            if *shown == text {
                return false;
            }
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                has_room = false;
                return false;
            };
            *shown = Bytes::from_owner(Version(text, place));
            true
        });
        has_room
    }

    /// The newest version.
    #[must_use]
    pub fn get(&self) -> Bytes {
        self.shown.borrow().clone()
    }

    /// The newest version now and at every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Bytes> {
        self.shown.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_readers_hold_so_many_versions_and_no_more() {
        let latest = Latest::new("0".to_owned(), 2);
        let mut watched = latest.subscribe();
        assert!(latest.show("1".to_owned()));
        assert!(watched.has_changed().unwrap());
        let first = latest.get();
        assert_eq!(first.as_ptr(), watched.borrow_and_update().as_ptr());
        // The same again is no change.
        assert!(latest.show("1".to_owned()) && !watched.has_changed().unwrap());
        assert!(latest.show("2".to_owned()));
        // One is held by a reader, one is shown.
        assert!(!latest.show("3".to_owned()));
        assert_eq!(latest.get(), "2");
        drop(first);
        assert!(latest.show("3".to_owned()));
        assert_eq!(latest.get(), "3");
    }
}
