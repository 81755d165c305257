//! What can be wrong with the text of a distribution, and what would be right.

use std::fmt;

use thiserror::Error;

/// A text that is not a distribution: where it goes wrong, what stands there,
/// and what would be possible. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("column {column}: {problem}")]
pub struct ParseError {
    column: usize,
    problem: Problem,
}

impl ParseError {
    /// Where the text goes wrong: the place of the character, counted from 1.
    /// One past the last where something is missing at the end.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

/// What is wrong. Pieces of the reader's text in it are excerpts.
#[derive(Clone, Debug, PartialEq, Error)]
pub(super) enum Problem {
    #[error("nothing here; expected a distribution, such as `{example}`")]
    Empty { example: &'static str },
    #[error("the text is too long: at most {limit} bytes are read")]
    TooLong { limit: usize },
    #[error("clamp stands inside clamp too often: at most {limit} deep is possible")]
    TooDeep { limit: usize },
    #[error(
        "too many distributions in one: at most {limit} are possible, each clamp counted as one"
    )]
    TooMany { limit: usize },
    #[error("found {found}, expected {expected}")]
    Unexpected { found: String, expected: String },
    #[error("`{found}` is a number, not a distribution; did you mean `constant({found})`?")]
    NumberOnly { found: String },
    #[error("unknown distribution `{found}`; {suggestion}known: {known}")]
    UnknownFamily {
        found: String,
        suggestion: Suggestion,
        known: String,
    },
    #[error("unknown parameter `{found}` of {family}; {suggestion}{family} takes {known}")]
    UnknownParameter {
        found: String,
        family: &'static str,
        suggestion: Suggestion,
        known: String,
    },
    #[error("{family} is missing `{parameter}`; {family} takes {known}")]
    Missing {
        family: &'static str,
        parameter: &'static str,
        known: String,
    },
    #[error("`{parameter}` of {family} is given twice")]
    Twice {
        family: &'static str,
        parameter: &'static str,
    },
    #[error("one argument too many; {family} takes {known}")]
    TooManyArguments { family: &'static str, known: String },
    #[error("an argument without a name cannot follow one with a name; write `{family}({usage})`")]
    NameNeeded { family: &'static str, usage: String },
    #[error(
        "`{digits}` has no unit, but `{parameter}` is a time: write `{digits}ms`, or one of {units}"
    )]
    UnitNeeded {
        digits: String,
        parameter: &'static str,
        units: &'static str,
    },
    #[error("`{found}` has a unit, but `{parameter}` is a plain number: write `{digits}`")]
    UnitRefused {
        found: String,
        parameter: &'static str,
        digits: String,
    },
    #[error("unknown unit `{found}`; a time is in {units}")]
    UnknownUnit { found: String, units: &'static str },
    #[error("`{found}` is not a finite number; `{parameter}` is from {range}")]
    NotFinite {
        found: String,
        parameter: &'static str,
        range: String,
    },
    #[error("`{found}` is out of range: `{parameter}` is from {range}")]
    OutOfRange {
        found: String,
        parameter: &'static str,
        range: String,
    },
    #[error("`{lower}` must be below `{upper}` in {family}, but {low} is not below {high}")]
    Order {
        family: &'static str,
        lower: &'static str,
        upper: &'static str,
        low: String,
        high: String,
    },
    #[error(
        "`mode` must be from `min` to `max` in triangular, but {mode} is not from {min} to {max}"
    )]
    Mode {
        mode: String,
        min: String,
        max: String,
    },
    #[error("every part of a mixture needs its weight, such as `0.5*{family}(…)`")]
    WeightNeeded { family: &'static str },
    #[error("the weights sum to {sum}, but must sum to 1")]
    WeightSum { sum: f64 },
    #[error(
        "a delay is not negative, but {percent} of `{distribution}` is at 0 or above; at least {least}% must be"
    )]
    Negative {
        distribution: String,
        percent: String,
        least: f64,
    },
}

impl Problem {
    pub(super) fn at(self, column: usize) -> ParseError {
        ParseError {
            column,
            problem: self,
        }
    }
}

/// `did you mean …? `, where there is something to suggest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Suggestion(pub(super) Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |name| write!(f, "did you mean `{name}`? "))
    }
}
