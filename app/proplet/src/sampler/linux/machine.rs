//! What is read of the whole machine, once for all tasks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::network::Namespaces;
use super::scan::Scan;
use super::sockets::Sockets;
use golden_system::cgroup::{Cgroup, Events};

/// Maximum number of control groups whose events are kept for the next task.
const MAX_GROUPS: usize = 1_024;

/// What is read of the whole machine, once for all tasks.
#[derive(Debug)]
pub struct Machine {
    pub(super) scan: Scan,
    pub(super) sockets: Sockets,
    pub(super) namespaces: Namespaces,
    /// The groups of the proplet itself.
    pub(super) own: Cgroup,
    events: HashMap<PathBuf, (Instant, Option<Events>)>,
}

impl Machine {
    /// The events of a group, as of at most `max_age` ago: often many tasks have the same.
    pub(super) fn events(&mut self, group: &Cgroup, max_age: Duration) -> Option<Events> {
        let directory = group.directory()?;
        if let Some((read, events)) = self.events.get(directory)
            && read.elapsed() < max_age
        {
            return *events;
        }
        if self.events.len() >= MAX_GROUPS {
            self.events.clear();
        }
        let events = group.events(true, true);
        let read = (Instant::now(), events);
        self.events.insert(directory.to_owned(), read);
        events
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            scan: Scan::default(),
            sockets: Sockets::default(),
            namespaces: Namespaces::default(),
            own: Cgroup::of_this_process(),
            events: HashMap::new(),
        }
    }
}
