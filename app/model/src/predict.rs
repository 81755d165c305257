//! `POST /predict`: whether a wine is good.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use golden_http::body::{self, Body};
use golden_http::fields;
use golden_http::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::predictor::Predictor;
use crate::question::Question;

/// A wine, as a laboratory measured it; what is omitted or null counts as the average.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Question` reads it")]
pub struct WineToJudge {
    /// g/dm³ of tartaric acid.
    #[schema(example = 7.4)]
    fixed_acidity: Option<f64>,
    /// g/dm³ of acetic acid.
    #[schema(example = 0.35)]
    volatile_acidity: Option<f64>,
    /// g/dm³.
    #[schema(example = 0.33)]
    citric_acid: Option<f64>,
    /// g/dm³.
    #[schema(example = 2.4)]
    residual_sugar: Option<f64>,
    /// g/dm³ of sodium chloride.
    #[schema(example = 0.068)]
    chlorides: Option<f64>,
    /// mg/dm³.
    #[schema(example = 9.0)]
    free_sulfur_dioxide: Option<f64>,
    /// mg/dm³.
    #[schema(example = 26.0)]
    total_sulfur_dioxide: Option<f64>,
    /// g/cm³.
    #[schema(example = 0.9947)]
    density: Option<f64>,
    /// From 0 to 14.
    #[schema(example = 3.36)]
    ph: Option<f64>,
    /// g/dm³ of potassium sulphate.
    #[schema(example = 0.6)]
    sulphates: Option<f64>,
    /// Percent by volume.
    #[schema(example = 11.9)]
    alcohol: Option<f64>,
    /// Who asks: web (where omitted), app or partner.
    #[schema(example = "web")]
    segment: Option<String>,
}

/// Whether the wine is good, and who says so.
#[derive(Debug, Serialize, ToSchema)]
pub struct Prediction {
    /// Names the prediction at /feedback.
    #[schema(example = "0a1b2c3d-17")]
    id: String,
    /// The probability that the wine is good, from 0 to 1.
    #[schema(example = 0.83)]
    score: f64,
    /// Whether that is at least 0.5.
    good: bool,
    /// `model`, or `rules` where the model could not answer.
    #[schema(example = "model")]
    by: &'static str,
    /// The model and its version.
    #[schema(example = "wine-gbm@1")]
    model: String,
}

/// Predict whether a wine is good
#[utoipa::path(post, path = "/predict", tag = "work",
    request_body = WineToJudge,
    responses(
        (status = 200, description = "The prediction", body = Prediction),
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn predict(
    State(predictor): State<Arc<Predictor>>,
    Body(body): Body,
) -> Result<Json<Prediction>, Problem> {
    let question = Question::read(&body)?;
    let answer = predictor.predict(&question).await;
    Ok(Json(Prediction {
        id: answer.id.to_string(),
        score: answer.score,
        good: answer.good,
        by: answer.answered.by(),
        model: predictor.model_name(),
    }))
}
