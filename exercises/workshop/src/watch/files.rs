//! Whether a file that a student may edit has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::course::{Course, EXERCISES};

const POLL_INTERVAL: Duration = Duration::from_millis(150);

/// Sends such an event after each change, as long as somebody listens.
pub(super) fn watch<E: Send + 'static>(course: &Course, sender: Sender<E>, event: fn() -> E) {
    let course = course.clone();
    thread::spawn(move || {
        let mut known = states(&course);
        loop {
            thread::sleep(POLL_INTERVAL);
            let now = states(&course);
            if now != known {
                known = now;
                if sender.send(event()).is_err() {
                    return;
                }
            }
        }
    });
}

fn states(course: &Course) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut files: Vec<_> = EXERCISES
        .iter()
        .map(|exercise| course.file(exercise))
        .collect();
    let sources = course.root().join("exercises/student/src");
    if let Ok(entries) = fs::read_dir(sources) {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files
        .into_iter()
        .filter_map(|path| {
            let metadata = fs::metadata(&path).ok()?;
            Some((path, (metadata.modified().ok()?, metadata.len())))
        })
        .collect()
}
