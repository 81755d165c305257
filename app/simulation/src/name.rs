//! A name that mysteries and incidents are drawn from.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

/// A name as a person writes it: what looks the same is the same.
///
/// Spaces around it do not count, and its characters are normalised (Unicode's form
/// NFC), since keyboards differ in how they compose `é`. Characters that nobody sees
/// are refused.
///
/// ```
/// use simulation::Name;
///
/// let name: Name = " Zoe\u{308} ".parse()?;
/// assert_eq!(name.as_str(), "Zo\u{eb}");
/// assert!("al\u{200b}ice".parse::<Name>().is_err());
/// # Ok::<(), simulation::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is empty or too long.
    #[error(
        "must be a name of 1 to {} characters, like alice",
        Name::MAX_CHARACTERS
    )]
    Length,
    /// It has a character that is not shown.
    #[error("must be a name without invisible characters, like alice; found U+{:04X}", u32::from(*.0))]
    Invisible(char),
}

impl Name {
    /// Maximum number of characters: names are shown and logged.
    pub const MAX_CHARACTERS: usize = 100;

    /// Maximum bytes that are read at all: a character and its marks are few.
    const MAX_BYTES: usize = 16 * Self::MAX_CHARACTERS;

    /// The name, normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES {
            return Err(NameError::Length);
        }
        if let Some(invisible) = text.chars().find(|character| is_invisible(*character)) {
            return Err(NameError::Invisible(invisible));
        }
        let name: String = text.nfc().collect();
        match name.chars().count() {
            1..=Self::MAX_CHARACTERS => Ok(Self(name)),
            _ => Err(NameError::Length),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Control characters, line and paragraph separators, and what Unicode 17 lists as
/// `Default_Ignorable_Code_Point` in `DerivedCoreProperties.txt`: zero-width spaces and
/// joiners, directions, variation selectors and the like.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, NameError> {
        text.parse::<Name>().map(|name| name.to_string())
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        for text in [
            "Zo\u{eb}",
            "Zoe\u{308}",
            "  Zo\u{eb}\n",
            "\u{3000}Zoe\u{308}\u{a0}",
        ] {
            assert_eq!(name(text), Ok("Zo\u{eb}".to_owned()), "{text:?}");
        }
        // What looks different is different.
        assert_ne!(name("Zoe"), name("Zo\u{eb}"));
        assert_ne!(name("zoe"), name("Zoe"));
    }

    #[test]
    fn invisible_characters_are_refused() {
        for text in [
            "al\u{200b}ice",
            "alice\u{200d}",
            "\u{feff}alice",
            "al\u{ad}ice",
            "al\tice",
            "al\0ice",
            "al\u{202e}ice",
            "\u{1b}[31malice",
        ] {
            assert!(
                matches!(name(text), Err(NameError::Invisible(_))),
                "{text:?}"
            );
        }
        let error = name("a\u{200b}").unwrap_err().to_string();
        assert!(error.ends_with("found U+200B"), "{error}");
    }

    #[test]
    fn its_length_is_that_of_what_remains() {
        let long = "e\u{301}".repeat(Name::MAX_CHARACTERS);
        assert_eq!(name(&long).unwrap().chars().count(), Name::MAX_CHARACTERS);
        for text in ["", " ", "\u{3000}", &"a".repeat(Name::MAX_CHARACTERS + 1)] {
            assert_eq!(name(text), Err(NameError::Length), "{text:?}");
        }
        assert_eq!(
            name(&format!("a{}", "\u{301}".repeat(2_000))),
            Err(NameError::Length)
        );
    }
}
