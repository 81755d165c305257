//! A JSON body whose fields are checked one by one, so that the response can list
//! all errors at once.

use axum::extract::{FromRef, FromRequest, Request};
use serde_json::{Map, Value};
use utoipa::IntoResponses;

use super::body::{Body, BodyTimeout};
use super::problem::{Invalid, Problem, ValidationError};

/// Names are displayed and logged.
const MAX_NAME_CHARACTERS: usize = 100;

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
        for name in self.given.keys() {
            let known = self.known.join(", ");
            let msg = format!("unknown field; known fields: {known}");
            self.invalid
                .push(Invalid::field(name, msg, "extra_forbidden"));
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
        .ok_or_else(|| format!("must be a string, not {value}"))?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A name to draw from.
pub fn name(value: &Value) -> Result<String, String> {
    let name: String = text(value)?;
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARACTERS {
        return Err(format!(
            "must be a name of 1 to {MAX_NAME_CHARACTERS} characters, like alice"
        ));
    }
    Ok(name)
}

/// A number whose type knows its range.
pub fn number<T: TryFrom<f64, Error: ToString>>(value: &Value) -> Result<T, String> {
    let number = value
        .as_f64()
        .ok_or_else(|| format!("must be a number, not {value}"))?;
    T::try_from(number).map_err(|error| error.to_string())
}

impl<S> FromRequest<S> for Fields
where
    S: Send + Sync,
    BodyTimeout: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Body(body) = Body::from_request(request, state).await?;
        let whole_body = |msg, kind| {
            Problem::Invalid(vec![Invalid {
                loc: vec!["body".to_owned()],
                msg,
                kind,
            }])
        };
        match serde_json::from_slice(&body) {
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
}
