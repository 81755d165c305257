//! The fields of a JSON object, each taken as what it must be, or refused with
//! its name, its value and what would be right.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::refusal::{Refusal, nearest};

/// An object's fields.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of this object, which the sender calls `name`.
    pub(super) fn of(value: &'a Value, name: &str) -> Result<Self, Refusal> {
        match value {
            Value::Object(object) => Ok(Self { object }),
            other => Err(Refusal::new(name, other, "must be a JSON object")),
        }
    }

    /// Refuses any field whose name is not one of these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let unknown = self
            .object
            .iter()
            .find(|(key, _)| !known.contains(&key.as_str()));
        match unknown {
            None => Ok(()),
            Some((key, value)) => Err(Refusal::new(
                key,
                value,
                format!(
                    "unknown field{}; known fields are {}",
                    nearest(key, known.iter().copied()),
                    known.join(", ")
                ),
            )),
        }
    }

    /// The value of a field; `None` where it is absent or null. Of a field with
    /// several names the first that is there counts.
    pub(super) fn value<'n>(&self, names: &[&'n str]) -> Option<(&'n str, &'a Value)> {
        names.iter().find_map(|name| {
            let value = self.object.get(*name)?;
            (!value.is_null()).then_some((*name, value))
        })
    }

    pub(super) fn boolean(&self, name: &str, default: bool) -> Result<bool, Refusal> {
        match self.value(&[name]) {
            None => Ok(default),
            Some((_, Value::Bool(value))) => Ok(*value),
            Some((_, other)) => Err(Refusal::new(name, other, "must be true or false")),
        }
    }

    pub(super) fn whole(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Refusal> {
        let Some((_, value)) = self.value(&[name]) else {
            return Ok(default);
        };
        value
            .as_u64()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let remedy = format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                );
                Refusal::new(name, value, remedy)
            })
    }

    /// A text of 1 to 256 bytes, none of them a control character. An empty one is
    /// absent: Go writes it for a text that is not there.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, Refusal> {
        Ok(self.named_text(names)?.map(|(_, text)| text))
    }

    /// The same, with the name under which it was found.
    pub(super) fn named_text<'n>(
        &self,
        names: &[&'n str],
    ) -> Result<Option<(&'n str, String)>, Refusal> {
        let present = names.iter().find_map(|name| {
            let value = self.object.get(*name)?;
            (!value.is_null() && value != "").then_some((*name, value))
        });
        match present {
            None => Ok(None),
            Some((name, Value::String(text)))
                if text.len() <= 256 && !text.chars().any(char::is_control) =>
            {
                Ok(Some((name, text.clone())))
            }
            Some((name, other)) => Err(Refusal::new(
                name,
                other,
                "must be text of at most 256 bytes without control characters",
            )),
        }
    }
}
