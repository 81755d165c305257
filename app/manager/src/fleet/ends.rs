//! How the tasks of a proplet ended that ran lately. Kept in memory only: what was asked
//! for by way of the API has its end in the history.

use std::collections::HashMap;

use super::{Fleet, share};
use proplet_schema::TaskResult;

/// Maximum number of ends kept of a proplet; of more the newest.
const MAX_ENDS: usize = 200;

/// Maximum number of all proplets together, each of which has one at least.
const MAX_ALL: usize = 20_000;

/// Maximum characters of what a proplet says of an end.
const MAX_CHARACTERS: usize = 300;

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// When its proplet said so, in nanoseconds since the epoch.
    pub at: i64,
    /// `completed`, `stopped`, `ended` or what else its proplet says.
    pub results: String,
    /// What went wrong.
    pub error: Option<String>,
}

/// The ends of a proplet's tasks.
#[derive(Debug, Default)]
pub(super) struct Ends(HashMap<Box<str>, End>);

impl Ends {
    /// Of one of so many proplets.
    pub(super) fn add(&mut self, task: &str, end: End, proplets: usize) {
        self.0.insert(task.into(), end);
        while self.0.len() > share(MAX_ALL, MAX_ENDS, proplets) {
            let oldest = self.0.iter().min_by_key(|(_, end)| end.at);
            let Some(oldest) = oldest.map(|(task, _)| task.clone()) else {
                return;
            };
            self.0.remove(&oldest);
        }
    }

    /// A task has a sample of this time: if it is of after its end, it has begun anew.
    pub(super) fn sampled(&mut self, task: &str, at: i64) {
        if self.0.get(task).is_some_and(|end| at > end.at) {
            self.0.remove(task);
        }
    }
}

impl Fleet {
    /// A proplet says how a task ended.
    pub fn ended(&self, result: &TaskResult, now: i64) {
        let cut = |text: &str| text.chars().take(MAX_CHARACTERS).collect::<String>();
        let end = End {
            at: now,
            results: cut(&result.results),
            error: result.error.as_deref().map(cut),
        };
        let mut state = self.lock();
        let proplets = state.proplets.len();
        if let Some(proplet) = state.proplets.get_mut(&*result.proplet_id) {
            proplet.ends.add(&result.task_id, end, proplets);
        }
    }

    /// How a task ended, if it did lately and has not begun anew.
    #[must_use]
    pub fn end(&self, proplet: &str, task: &str) -> Option<End> {
        let state = self.lock();
        let ends = &state.proplets.get(proplet)?.ends;
        ends.0.get(task).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(at: i64) -> End {
        let results = "ended".to_owned();
        let error = None;
        End { at, results, error }
    }

    #[test]
    fn ends_are_bounded_and_over_when_the_task_runs_again() {
        let mut ends = Ends::default();
        for number in 0..500 {
            ends.add(&format!("task-{number}"), end(number), 1);
        }
        assert_eq!(ends.0.len(), MAX_ENDS);
        assert!(ends.0.contains_key("task-499") && !ends.0.contains_key("task-299"));
        // The last sample, taken before the end, comes after it.
        ends.sampled("task-499", 499);
        assert!(ends.0.contains_key("task-499"));
        ends.sampled("task-499", 500);
        assert!(!ends.0.contains_key("task-499"));
        // Many proplets have less each, and one at least.
        ends.add("last", end(501), 1_000);
        assert_eq!(ends.0.len(), 20);
        ends.add("very last", end(502), 1_000_000);
        assert!(ends.0.len() == 1 && ends.0.contains_key("very last"));
    }
}
