//! What people write when they are asked for a number or a choice. Numbers count by their
//! value, choices by what is meant: how somebody separates, capitalises or ends an answer
//! says nothing about what they think. What cannot be read is `None`, never a guess.
//!
//! Which answer is right does not belong here.

pub mod choices;
pub mod numbers;

/// The words of a text in lower case, without what stands between them. `rep_1` is one.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
