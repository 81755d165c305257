//! What a check finds: one thing, the first that is wrong, as it was observed.

use serde::Serialize;

/// Why an exercise is not done yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of mistake it looks like: a fixed word, so that wrong answers
    /// can be tested, and a class's mistakes counted.
    pub id: &'static str,
    /// What was seen, with its numbers, and a question. Never the solution.
    pub observed: String,
}

impl Finding {
    /// A finding of this kind.
    pub fn new(id: &'static str, observed: impl Into<String>) -> Self {
        Self {
            id,
            observed: observed.into(),
        }
    }
}

/// What a check comes to.
pub type Judgement = Result<(), Finding>;

/// Finds fault unless the condition holds.
///
/// # Errors
///
/// The finding, if it does not.
pub fn ensure(holds: bool, id: &'static str, observed: impl FnOnce() -> String) -> Judgement {
    if holds {
        Ok(())
    } else {
        Err(Finding::new(id, observed()))
    }
}
