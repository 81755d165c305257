//! The words of the grammar, read from text one after another.

use super::parse_error::{ParseError, Problem};
use crate::excerpt::excerpt;

/// A place in a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// In bytes; always between two characters.
    at: usize,
}

/// A number as it stands in the text.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    pub(super) column: usize,
    /// Sign, digits, point, exponent: what `f64` reads.
    pub(super) digits: &'a str,
    /// The word behind it, or empty.
    pub(super) unit: &'a str,
}

impl Number<'_> {
    /// As it is shown in an error.
    pub(super) fn shown(&self) -> String {
        excerpt(&format!("{}{}", self.digits, self.unit))
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The place of the next character, counted from 1.
    pub(super) fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether nothing but space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    /// Takes `mark` if it is next.
    pub(super) fn take(&mut self, mark: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len_utf8();
        }
        found
    }

    pub(super) fn expect(&mut self, mark: char, expected: &str) -> Result<(), ParseError> {
        if self.take(mark) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    /// Takes a word: letters, digits and `_`, beginning with a letter.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.skip_space();
        self.rest()
            .starts_with(char::is_alphabetic)
            .then(|| self.run(is_word))
    }

    /// Takes a number and the unit right behind it, if one begins here.
    pub(super) fn number(&mut self) -> Option<Number<'a>> {
        self.skip_space();
        let (start, column) = (self.at, self.column());
        let mut ahead = *self;
        ahead.sign();
        let mut digits = ahead.run(is_digit).len();
        if ahead.rest().starts_with('.') {
            ahead.at += 1;
            digits += ahead.run(is_digit).len();
        }
        if digits == 0 {
            return None;
        }
        *self = ahead;
        // An exponent is one only with digits; `2e` is a number with unit `e`.
        if ahead.rest().starts_with(['e', 'E']) {
            ahead.at += 1;
            ahead.sign();
            if !ahead.run(is_digit).is_empty() {
                *self = ahead;
            }
        }
        let digits = &self.text[start..self.at];
        let unit = self.run(|letter| is_word(letter) || letter == '%');
        Some(Number {
            column,
            digits,
            unit,
        })
    }

    /// Takes a number and its unit, which may stand apart from it.
    pub(super) fn quantity(&mut self) -> Option<Number<'a>> {
        let mut number = self.number()?;
        if number.unit.is_empty() {
            number.unit = self.word().unwrap_or_default();
        }
        Some(number)
    }

    /// The error for what stands here instead of what was `expected`.
    pub(super) fn unexpected(&mut self, expected: &str) -> ParseError {
        self.skip_space();
        let column = self.column();
        let mut ahead = *self;
        let found = match (ahead.number(), ahead.word(), ahead.rest().chars().next()) {
            (Some(number), ..) => format!("`{}`", number.shown()),
            (None, Some(word), _) => format!("`{}`", excerpt(word)),
            (None, None, Some(mark)) => format!("`{}`", mark.escape_debug()),
            (None, None, None) => "the end".to_owned(),
        };
        Problem::Unexpected {
            found,
            expected: expected.to_owned(),
        }
        .at(column)
    }

    /// Whether a number begins here.
    pub(super) fn at_number(&self) -> bool {
        let mut ahead = *self;
        ahead.number().is_some()
    }

    fn sign(&mut self) {
        if self.rest().starts_with(['+', '-']) {
            self.at += 1;
        }
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

fn is_digit(letter: char) -> bool {
    letter.is_ascii_digit()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
