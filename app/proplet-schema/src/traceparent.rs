//! Which trace a task belongs to: W3C Trace Context's `traceparent`.
//!
//! Source: <https://www.w3.org/TR/trace-context/#traceparent-header>, where versions
//! after 00 may have more behind the flags.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// `00-<trace id>-<parent id>-<flags>`, in lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Traceparent(String);

const REMEDY: &str = "must be a traceparent: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case and neither id all zero";

impl Traceparent {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn parse(field: &str, text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new(field, text, REMEDY);
        let bytes = text.as_bytes();
        let (known, rest) = bytes.split_at_checked(55).ok_or_else(refused)?;
        let is_hex = |from: usize, to: usize| {
            let digits = &known[from..to];
            digits
                .iter()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
        };
        let is_zero = |from: usize, to: usize| known[from..to].iter().all(|b| *b == b'0');
        let is_right = [2, 35, 52].iter().all(|at| known[*at] == b'-')
            && is_hex(0, 2)
            && is_hex(3, 35)
            && is_hex(36, 52)
            && is_hex(53, 55)
            && !is_zero(3, 35)
            && !is_zero(36, 52)
            && !text.starts_with("ff")
            && match rest {
                [] => true,
                [b'-', ..] => !text.starts_with("00") && text.len() <= 256 && text.is_ascii(),
                _ => false,
            };
        if is_right {
            // What a later version has more is not for others.
            Ok(Self(text[..55].to_owned()))
        } else {
            Err(refused())
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

impl TryFrom<String> for Traceparent {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse("traceparent", &text)
    }
}

impl From<Traceparent> for String {
    fn from(traceparent: Traceparent) -> Self {
        traceparent.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_example_and_what_is_none() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parsed = Traceparent::parse("traceparent", text).unwrap();
        assert_eq!(parsed.as_str(), text);
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = format!("cc{}-more", &text[2..]);
        let later = Traceparent::parse("traceparent", &later).unwrap();
        assert_eq!(later.trace_id(), parsed.trace_id());
        for wrong in [
            "",
            &text[..54],
            &format!("{text}-more"),
            &format!("ff{}", &text[2..]),
            &text.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
            "00 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 01",
        ] {
            assert!(Traceparent::parse("traceparent", wrong).is_err(), "{wrong}");
        }
    }
}
