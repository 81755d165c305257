//! Why a field of a message is refused.

use thiserror::Error;

/// Maximum characters of a refused value that are repeated.
const MAX_CHARACTERS: usize = 100;

/// What is refused, and what would be right.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{field} {value}: {remedy}")]
pub struct Refusal {
    /// The field's name as the sender wrote it.
    pub field: String,
    /// Its value, the start of it if it is long.
    pub value: String,
    /// What would be right.
    pub remedy: String,
}

impl Refusal {
    /// Refuses this value of this field.
    #[must_use]
    pub fn new(field: &str, value: &(impl ToString + ?Sized), remedy: impl Into<String>) -> Self {
        let shorten = |text: &str| {
            let mut shown: String = text.chars().take(MAX_CHARACTERS).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            shown
        };
        Self {
            field: shorten(field),
            value: shorten(&value.to_string()),
            remedy: remedy.into(),
        }
    }
}

/// ` (did you mean "x"?)` for the nearest of these, or nothing if none is near.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let text: String = text.to_lowercase().chars().take(MAX_CHARACTERS).collect();
    let distances = known.into_iter().map(|name| {
        (
            strsim::damerau_levenshtein(&text, &name.to_lowercase()),
            name,
        )
    });
    match distances.min() {
        // At least half of it is right.
        Some((distance, name)) if distance * 2 <= name.len() => {
            format!("; did you mean \"{name}\"?")
        }
        _ => String::new(),
    }
}
