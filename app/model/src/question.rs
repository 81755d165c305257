//! What is asked: a wine, and who asks. Read from JSON in two ways: quickly, without any
//! allocation, as nearly every question can be; and where that fails field by field, to say
//! all that is wrong. Both take the same questions.

use std::fmt;

use golden_http::fields::{Fields, number};
use golden_http::problem::Problem;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::segment::Segment;
use crate::wine::{FEATURES, Features, WIDTH};

/// The largest magnitude of a feature that is taken. No laboratory measures more; a larger
/// one would spoil the sum of `model_feature_value`, which is a float, for good.
const MAX_MAGNITUDE: f64 = 1e6;

/// Features of which none was sent.
pub(crate) const NOTHING_SENT: Features = [f64::NAN; WIDTH];

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// NaN where nothing was sent.
    pub(crate) features: Features,
    pub(crate) segment: Segment,
}

impl Question {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(body).or_else(|_| Self::read_thoroughly(body))
    }

    fn read_thoroughly(body: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::read(body)?;
        let mut features = NOTHING_SENT;
        for (name, feature) in FEATURES.into_iter().zip(&mut features) {
            let taken = fields.take(name, number_or_null).flatten();
            *feature = taken.unwrap_or(f64::NAN);
        }
        let segment = fields.take("segment", segment).flatten();
        fields.finish()?;
        Ok(Self {
            features,
            segment: segment.unwrap_or_default(),
        })
    }
}

fn number_or_null(value: &Value) -> Result<Option<f64>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let number = number::<f64>(value)?;
    if number.abs() > MAX_MAGNITUDE {
        return Err(format!(
            "must be from -{MAX_MAGNITUDE} to {MAX_MAGNITUDE}, not {number:e}"
        ));
    }
    Ok(Some(number))
}

fn segment(value: &Value) -> Result<Option<Segment>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let named = value.as_str().unwrap_or_default();
    named.parse().map(Some)
}

/// A field of a question: of a feature its number.
enum Field {
    Feature(usize),
    Segment,
}

impl<'de> Deserialize<'de> for Question {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(QuestionVisitor)
    }
}

struct QuestionVisitor;

impl<'de> Visitor<'de> for QuestionVisitor {
    type Value = Question;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a wine")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Question, A::Error> {
        let mut question = Question {
            features: NOTHING_SENT,
            segment: Segment::default(),
        };
        // Of a field that is there twice the last one counts, as elsewhere.
        while let Some(field) = map.next_key()? {
            match field {
                Field::Feature(feature) => {
                    let value: Option<f64> = map.next_value()?;
                    let value = value.unwrap_or(f64::NAN);
                    if value.abs() > MAX_MAGNITUDE {
                        return Err(A::Error::custom("too large"));
                    }
                    question.features[feature] = value;
                }
                Field::Segment => {
                    let segment: Option<Segment> = map.next_value()?;
                    question.segment = segment.unwrap_or_default();
                }
            }
        }
        Ok(question)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor(|name| {
            let feature = FEATURES.iter().position(|feature| *feature == name);
            let segment = || (name == "segment").then_some(Self::Segment);
            feature.map(Self::Feature).or_else(segment)
        }))
    }
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor(|name| name.parse().ok()))
    }
}

/// Reads a name as what it is the name of.
struct NameVisitor<T>(fn(&str) -> Option<T>);

impl<T> Visitor<'_> for NameVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a known name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        (self.0)(name).ok_or_else(|| E::custom("an unknown name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NaN is as good as NaN.
    fn bits(question: &Question) -> ([u64; WIDTH], Segment) {
        let Question { features, segment } = question;
        (features.map(f64::to_bits), *segment)
    }

    #[test]
    fn both_ways_take_the_same_questions() {
        for text in [
            "{}",
            r#"{"alcohol": 12.5, "segment": "partner"}"#,
            r#" {"alcohol" : 12 , "ph":null,"segment":null} "#,
            r#"{"alcohol": 1e6, "density": -1000000, "chlorides": 1e-300}"#,
            r#"{"alcohol": 1, "alcohol": 2}"#,
            r#"{"\u0061lcohol": 9.4, "segment": "\u0061pp"}"#,
        ] {
            let quickly: Question = serde_json::from_slice(text.as_bytes()).unwrap();
            let thoroughly = Question::read_thoroughly(text.as_bytes()).unwrap();
            assert_eq!(bits(&quickly), bits(&thoroughly), "{text}");
        }
        for text in [
            "",
            "[]",
            "null",
            "{} {}",
            r#"{"alcohol": "12"}"#,
            r#"{"alcohol": true}"#,
            r#"{"alcohol": 1.1e6}"#,
            r#"{"alcohol": 1e999}"#,
            r#"{"alcohol": NaN}"#,
            r#"{"segment": "tv"}"#,
            r#"{"segment": 1}"#,
            r#"{"color": 1}"#,
            r#"{"color": 1, "alcohol": 12}"#,
            r#"{"alcohol": {"ph": 1}}"#,
        ] {
            let quickly = serde_json::from_slice::<Question>(text.as_bytes());
            assert!(quickly.is_err(), "{text}");
            assert!(Question::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_question_is_read_without_an_allocation() {
        let text = r#"{"fixed_acidity": 7.4, "alcohol": 9.4, "ph": null, "segment": "app"}"#;
        let used = allocation_counter::measure(|| {
            assert!(Question::read(text.as_bytes()).is_ok());
        });
        assert_eq!(used.count_total, 0);
    }
}
