//! `/control/model/mystery`: hides behind a name what is wrong with the model.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, flag, text};
use golden_http::problem::Problem;
use serde::Serialize;
use simulation::Name;
use utoipa::ToSchema;

use crate::mystery::Mystery;
use crate::predictor::Predictor;

/// The mystery of the model. Never contains what it hides.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ModelMysteryState {
    /// Name that the fault is drawn from; null without a mystery.
    name: Option<String>,
    /// SHA-256 of name, nonce, fault and its beginning, which proves later that they were not
    /// changed; null without a mystery.
    commitment: Option<String>,
    /// Name, nonce, fault and beginning of the ended mystery, whose SHA-256 is the
    /// commitment; only in the response that ends and reveals it.
    was: Option<String>,
}

/// The mystery to start.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct ModelMysteryStart {
    /// Name that the fault is drawn from.
    #[schema(example = "alice")]
    name: String,
}

/// Show the mystery of the model
#[utoipa::path(get, path = "/control/model/mystery", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The mystery, without what it hides", body = ModelMysteryState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(predictor): State<Arc<Predictor>>) -> Json<ModelMysteryState> {
    let mystery = predictor.fault().mystery;
    Json(ModelMysteryState {
        name: mystery.as_ref().map(|mystery| mystery.name().to_owned()),
        commitment: mystery.map(|mystery| mystery.commitment()),
        was: None,
    })
}

/// Start a mystery of the model, replacing an active one
#[utoipa::path(put, path = "/control/model/mystery", tag = "control", security((), ("control_token" = [])),
    request_body = ModelMysteryStart,
    responses(
        (status = 200, description = "The mystery, without what it hides", body = ModelMysteryState),
        access::Refused,
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn start(
    _: Allowed,
    State(predictor): State<Arc<Predictor>>,
    mut fields: Fields,
) -> Result<Json<ModelMysteryState>, Problem> {
    let name = fields.take("name", text::<Name>);
    let name = fields.require("name", name);
    fields.finish()?;
    // `finish` has refused a body without one.
    let name = name.ok_or(Problem::Invalid(Vec::new()))?;
    let started = predictor.start_mystery(name);
    tracing::info!(
        name = started.name,
        commitment = started.commitment,
        "mystery of the model started"
    );
    Ok(Json(ModelMysteryState {
        name: Some(started.name),
        commitment: Some(started.commitment),
        was: None,
    }))
}

/// End the mystery of the model, which is whole again
#[utoipa::path(delete, path = "/control/model/mystery", tag = "control", security((), ("control_token" = [])),
    params(("reveal" = Option<bool>, Query, description = "Whether to reveal what it was (default false)")),
    responses(
        (status = 200, description = "No mystery; what it was, if it is revealed", body = ModelMysteryState),
        access::Refused,
        fields::Refused,
    ),
)]
pub async fn end(
    _: Allowed,
    State(predictor): State<Arc<Predictor>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<ModelMysteryState>, Problem> {
    let reveal = flag(&query, "reveal")?;
    let ended = predictor.end_mystery();
    // Whoever asked is told; the log is read by others, too.
    tracing::info!(reveal, "mystery of the model ended");
    Ok(Json(ModelMysteryState {
        was: ended.filter(|_| reveal).map(|was| Mystery::opening(&was)),
        ..ModelMysteryState::default()
    }))
}
