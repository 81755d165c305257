//! `POST /feedback`: what came out, for a prediction that was made before.

#![expect(clippy::unused_async, reason = "axum takes nothing else for a handler")]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use golden_http::body;
use golden_http::fields::{self, Fields, text};
use golden_http::problem::{Detail, Problem};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::pending::{Id, Unmatched};
use crate::predictor::{PENDING, Predictor};

/// A label: what came out.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct Label {
    /// The `id` of a prediction.
    #[schema(example = "0a1b2c3d-17")]
    id: String,
    /// Whether the wine was good.
    good: bool,
}

/// The label was counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taken {
    /// The `id` of the prediction.
    id: String,
}

/// Send the label of a prediction, however late
#[utoipa::path(post, path = "/feedback", tag = "work",
    request_body = Label,
    responses(
        (status = 202, description = "The label was counted", body = Taken),
        (status = 404, description = "This process made no prediction of this id: none did, or another process", body = Detail),
        (status = 409, description = "The prediction has been labelled before", body = Detail),
        (status = 410, description = "Later predictions have taken its place", body = Detail),
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn feedback(
    State(predictor): State<Arc<Predictor>>,
    mut fields: Fields,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let id = fields.take("id", text::<Id>);
    let good = fields.take("good", truth);
    let (id, good) = (fields.require("id", id), fields.require("good", good));
    fields.finish()?;
    let (Some(id), Some(good)) = (id, good) else {
        // `finish` has refused a body without them.
        return Err(Problem::Invalid(Vec::new()));
    };
    match predictor.label(id, good) {
        Ok(()) => {
            let id = id.to_string();
            Ok((StatusCode::ACCEPTED, Json(Taken { id })))
        }
        Err(why) => Err(refusal(why, id)),
    }
}

fn refusal(why: Unmatched, id: Id) -> Problem {
    let (status, detail) = match why {
        Unmatched::Unknown => (
            StatusCode::NOT_FOUND,
            format!("{id} has not been predicted: send the `id` of an answer of /predict"),
        ),
        Unmatched::Elsewhere => (
            StatusCode::NOT_FOUND,
            format!(
                "{id} is a prediction of another process, whose ids begin as it does: label it \
                 there, at the instance whose model_info has this `process`; it is lost if that \
                 process has ended"
            ),
        ),
        Unmatched::Twice => (
            StatusCode::CONFLICT,
            format!("{id} has been labelled: its first label counts"),
        ),
        Unmatched::Expired => (
            StatusCode::GONE,
            format!(
                "{id} is older than the last {PENDING} predictions, which are all that is kept"
            ),
        ),
    };
    Problem::new(status, detail)
}

fn truth(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("must be true or false")
}
