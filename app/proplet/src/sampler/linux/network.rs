//! The bytes of network namespaces, each read once for all tasks in it: a thousand
//! processes of a machine share one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// For how long one reading serves all tasks, and at most half of an interval.
const MAX_AGE: Duration = Duration::from_millis(100);

/// Maximum number of namespaces that are kept for the next task.
const MAX_NAMESPACES: usize = 1_024;

/// Received and sent.
type Bytes = (u64, u64);

/// What was last read of each namespace, by its number.
#[derive(Debug, Default)]
pub(super) struct Namespaces(HashMap<u64, (Instant, Bytes)>);

impl Namespaces {
    /// What a namespace has carried, as of now or shortly before. `read` reads it by way
    /// of one of its processes.
    pub(super) fn recent(
        &mut self,
        namespace: u64,
        interval: Duration,
        read: impl FnOnce() -> Option<Bytes>,
    ) -> Option<Bytes> {
        if let Some((taken, bytes)) = self.0.get(&namespace)
            && taken.elapsed() < MAX_AGE.min(interval / 2)
        {
            return Some(*bytes);
        }
        let bytes = read()?;
        if self.0.len() >= MAX_NAMESPACES {
            self.0.clear();
        }
        self.0.insert(namespace, (Instant::now(), bytes));
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_read_once_for_all_and_again_when_it_is_old() {
        let mut namespaces = Namespaces::default();
        let hour = Duration::from_secs(3600);
        assert_eq!(namespaces.recent(1, hour, || None), None);
        assert_eq!(namespaces.recent(1, hour, || Some((1, 2))), Some((1, 2)));
        // Another namespace, and one that is to be newer.
        assert_eq!(namespaces.recent(2, hour, || Some((3, 4))), Some((3, 4)));
        let now = Duration::ZERO;
        assert_eq!(namespaces.recent(1, now, || Some((5, 6))), Some((5, 6)));
        for namespace in 0..3_000 {
            namespaces.recent(namespace, hour, || Some((0, 0)));
        }
        assert!(namespaces.0.len() <= MAX_NAMESPACES);
    }
}
