//! What the fields of messages may be, however the sender's language writes it.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

use super::topics::check_identifier;

/// The id of a proplet.
pub(super) fn proplet_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    identifier("proplet_id", String::deserialize(deserializer)?)
}

/// The id of a task.
pub(super) fn task_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    identifier("task_id", String::deserialize(deserializer)?)
}

/// The id of a proplet, or none: empty.
pub(super) fn proplet_id_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => identifier("proplet_id", text),
        _ => Ok(String::new()),
    }
}

/// The id of a task, or none: empty.
pub(super) fn task_id_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    match String::deserialize(deserializer)? {
        text if text.is_empty() => Ok(text),
        text => identifier("task_id", text),
    }
}

fn identifier<E: de::Error>(field: &str, text: String) -> Result<String, E> {
    match check_identifier(field, &text) {
        Ok(()) => Ok(text),
        Err(refusal) => Err(de::Error::custom(refusal)),
    }
}

/// Text for people, whatever JSON it is written as. Null is none.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// The same; none where it is empty.
pub(super) fn words_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    words(deserializer).map(|text| (!text.is_empty()).then_some(text))
}

/// A namespace: as an identifier, but it may be empty.
pub(super) fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() <= 256 && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(de::Error::custom(
            "a namespace must be at most 256 bytes without control characters",
        ))
    }
}

/// No machine has that many percent or seconds; sums of what is less stay numbers.
const MAX_NUMBER: f64 = 1e15;

/// A number that is not negative; null is none.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        Some(number) if number < 0.0 => Err(de::Error::custom("must not be negative")),
        Some(number) if number > MAX_NUMBER => Err(de::Error::custom("must be at most 1e15")),
        other => Ok(other),
    }
}

/// A count; C and JavaScript write it as 65536.0 too. Null is none.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_option(Count)
}

/// The same; 0 where there is none.
pub(super) fn required_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number(deserializer).map(Option::unwrap_or_default)
}

/// The same; 0 where there is none.
pub(super) fn required_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    count(deserializer).map(Option::unwrap_or_default)
}

struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_none<E: de::Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Option<u64>, E> {
        Ok(Some(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Option<u64>, E> {
        // Beyond 2^53 a fraction could not be told.
        if (0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked a line above"
            )]
            return Ok(Some(value as u64));
        }
        Err(E::invalid_value(de::Unexpected::Float(value), &self))
    }
}
