//! `POST /predict`: whether a wine is good.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use golden_http::body;
use golden_http::fields::{self, Fields, number};
use golden_http::problem::Problem;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::metrics::SEGMENTS;
use crate::predictor::{NOTHING_SENT, Predictor, Question};
use crate::wine::FEATURES;

/// A wine, as a laboratory measured it; what is omitted or null counts as the average.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
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
    mut fields: Fields,
) -> Result<Json<Prediction>, Problem> {
    let mut features = NOTHING_SENT;
    for (name, feature) in FEATURES.into_iter().zip(&mut features) {
        let taken = fields.take(name, number_or_null).flatten();
        *feature = taken.unwrap_or(f64::NAN);
    }
    let segment = fields.take("segment", segment).flatten();
    fields.finish()?;
    let question = Question {
        features,
        segment: segment.unwrap_or_default(),
    };
    let answer = predictor.predict(&question).await;
    Ok(Json(Prediction {
        id: answer.id.to_string(),
        score: answer.score,
        good: answer.good,
        by: answer.answered.by(),
        model: predictor.model_name(),
    }))
}

fn number_or_null(value: &Value) -> Result<Option<f64>, String> {
    if value.is_null() {
        return Ok(None);
    }
    number(value).map(Some)
}

/// The number of a segment.
fn segment(value: &Value) -> Result<Option<usize>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let named = SEGMENTS.iter().position(|name| value == name);
    named
        .map(Some)
        .ok_or_else(|| format!("must be one of {}", SEGMENTS.join(", ")))
}
