//! A JSON body whose fields are checked one by one, so that the response can list
//! all errors at once.

use axum::extract::{FromRef, FromRequest, Request};
use serde_json::{Map, Value};
use utoipa::IntoResponses;

use super::body::{Body, BodyTimeout};
use super::problem::{Invalid, Problem, ValidationError};

/// Maximum unknown fields that are named; of more only the number is told.
const MAX_UNKNOWN: usize = 3;

/// Maximum characters of a value that an error repeats.
const MAX_VALUE_CHARACTERS: usize = 60;

/// How an invalid body is refused, for the API's description.
#[derive(IntoResponses)]
pub enum Refused {
    /// The body is invalid
    #[response(status = 422)]
    Invalid(ValidationError),
}

/// The fields of a JSON object, taken one after the other.
#[derive(Debug)]
pub struct Fields {
    given: Map<String, Value>,
    known: Vec<&'static str>,
    invalid: Vec<Invalid>,
}

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// If it is no JSON object.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let whole_body = |msg, kind| {
            Problem::Invalid(vec![Invalid {
                loc: vec!["body".to_owned()],
                msg,
                kind,
            }])
        };
        match serde_json::from_slice(body) {
            Ok(Value::Object(given)) => Ok(Self {
                given,
                known: Vec::new(),
                invalid: Vec::new(),
            }),
            Ok(other) => {
                let found = match other {
                    Value::Array(_) => "a list",
                    Value::Null => "null",
                    _ => "a single value",
                };
                let msg = format!("must be a JSON object, like {{\"rate\": 5}}; found {found}");
                Err(whole_body(msg, "model_type"))
            }
            Err(error) => Err(whole_body(format!("is not JSON: {error}"), "json_invalid")),
        }
    }

    /// Takes a field: `None` if it is absent or invalid; the error is kept for
    /// [`Self::finish`].
    pub fn take<T, E: ToString>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.given.remove(name)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.invalid
                    .push(Invalid::field(name, error.to_string(), "value_error"));
                None
            }
        }
    }

    /// Requires a field that was taken.
    pub fn require<T>(&mut self, name: &'static str, taken: Option<T>) -> Option<T> {
        if taken.is_none()
            && !self
                .invalid
                .iter()
                .any(|invalid| invalid.loc.iter().any(|l| l == name))
        {
            self.invalid
                .push(Invalid::field(name, "Field required", "missing"));
        }
        taken
    }

    /// Ends the check: fields that were not taken are unknown.
    ///
    /// # Errors
    ///
    /// All errors.
    pub fn finish(mut self) -> Result<(), Problem> {
        let known = self.known.join(", ");
        for name in self.given.keys().take(MAX_UNKNOWN) {
            let msg = format!("unknown field; known fields: {known}");
            self.invalid
                .push(Invalid::field(name, msg, "extra_forbidden"));
        }
        if let Some(more @ 1..) = self.given.len().checked_sub(MAX_UNKNOWN) {
            self.invalid.push(Invalid {
                loc: vec!["body".to_owned()],
                msg: format!("{more} more unknown fields"),
                kind: "extra_forbidden",
            });
        }
        if self.invalid.is_empty() {
            Ok(())
        } else {
            Err(Problem::Invalid(self.invalid))
        }
    }
}

/// Text to parse, such as a distribution.
pub fn text<T: std::str::FromStr<Err: ToString>>(value: &Value) -> Result<T, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("must be a string, not {}", excerpt(value)))?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A number whose type knows its range.
pub fn number<T: TryFrom<f64, Error: ToString>>(value: &Value) -> Result<T, String> {
    let number = value
        .as_f64()
        .ok_or_else(|| format!("must be a number, not {}", excerpt(value)))?;
    T::try_from(number).map_err(|error| error.to_string())
}

/// A parameter of a query that is true or false; false where it is absent. Of several the
/// last counts.
///
/// # Errors
///
/// If it is neither.
pub fn flag(query: &[(String, String)], name: &str) -> Result<bool, Problem> {
    let given = query.iter().rfind(|(given, _)| given == name);
    let parsed = given.map_or(Ok(false), |(_, text)| text.parse());
    parsed.map_err(|_| {
        Problem::Invalid(vec![Invalid {
            loc: vec!["query".to_owned(), name.to_owned()],
            msg: "must be true or false".to_owned(),
            kind: "bool_parsing",
        }])
    })
}

/// A value as JSON, however long it is.
fn excerpt(value: &Value) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(MAX_VALUE_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl<S> FromRequest<S> for Fields
where
    S: Send + Sync,
    BodyTimeout: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Body(body): Body = Body::from_request(request, state).await?;
        Self::read(&body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(given: &Value) -> Fields {
        Fields {
            given: given.as_object().unwrap().clone(),
            known: Vec::new(),
            invalid: Vec::new(),
        }
    }

    fn refused(fields: Fields) -> Vec<Invalid> {
        match fields.finish() {
            Err(Problem::Invalid(invalid)) => invalid,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn of_many_unknown_fields_a_few_are_named() {
        let many: Map<_, _> = (0..20_000)
            .map(|n| (format!("f{n}"), Value::Null))
            .collect();
        let mut fields = fields(&Value::Object(many));
        fields.take("rate", number::<f64>);
        let invalid = refused(fields);
        assert_eq!(invalid.len(), MAX_UNKNOWN + 1);
        assert_eq!(invalid[0].msg, "unknown field; known fields: rate");
        assert_eq!(invalid[MAX_UNKNOWN].msg, "19997 more unknown fields");
    }

    #[test]
    fn of_a_long_value_the_beginning_is_repeated() {
        let mut fields = fields(&serde_json::json!({"rate": "x".repeat(200_000), "delay": [1]}));
        fields.take("rate", number::<f64>);
        fields.take("delay", text::<String>);
        let invalid = refused(fields);
        assert!(
            invalid[0].msg.ends_with("x…") && invalid[0].msg.len() < 100,
            "{invalid:?}"
        );
        assert_eq!(invalid[1].msg, "must be a string, not [1]");
    }
}
