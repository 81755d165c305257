//! All processes of the machine: who is whose child, and of which session.
//!
//! Source: proc(5), `/proc/PID/stat`.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use super::files::Stat;

/// A process, as the scan found it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) pid: i32,
    /// Since the machine's start.
    pub(super) started: Duration,
}

/// The last scan, for whoever needs one that is recent enough: a thousand tasks of
/// a proplet cost as many scans as one.
#[derive(Debug, Default)]
pub(super) struct Scan {
    taken: Option<Instant>,
    children: HashMap<i32, Vec<Entry>>,
    sessions: HashMap<i32, Vec<Entry>>,
}

impl Scan {
    /// Scans, unless it was done at most `max_age` ago.
    pub(super) fn refresh(&mut self, max_age: Duration) -> &Self {
        if self.taken.is_none_or(|taken| taken.elapsed() > max_age) {
            self.children.clear();
            self.sessions.clear();
            let directories = fs::read_dir("/proc").into_iter().flatten();
            for directory in directories.filter_map(Result::ok) {
                let name = directory.file_name();
                let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                // It may be gone since it was listed.
                let text = fs::read(format!("/proc/{pid}/stat")).ok();
                if let Some(stat) = text.and_then(|text| Stat::parse(&text)) {
                    let started = stat.started;
                    let entry = Entry { pid, started };
                    self.children.entry(stat.parent).or_default().push(entry);
                    self.sessions.entry(stat.session).or_default().push(entry);
                }
            }
            self.taken = Some(Instant::now());
        }
        self
    }

    /// The children of a process.
    pub(super) fn children(&self, pid: i32) -> &[Entry] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// The processes of a session.
    pub(super) fn session(&self, session: i32) -> &[Entry] {
        self.sessions.get(&session).map_or(&[], Vec::as_slice)
    }
}
