//! What does not change while it serves: which model it is, and how it answered wines held
//! out, with which later answers are compared.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{BY, DIGITS, Labels};
use crate::artefact::Model;

type Ratio = Gauge<f64, AtomicU64>;
type Text<const N: usize> = [(&'static str, String); N];

/// Exposes it. The ids of predictions begin with `process`; `max_age` is what the model's
/// owners allow it, if they have said so.
pub(super) fn expose(
    registry: &mut Registry,
    model: &Model,
    process: &str,
    max_age: Option<Duration>,
) {
    let reference = model.reference();
    let cumulative = Family::<Text<1>, Ratio>::default();
    for (bound, share) in reference.bounds.iter().zip(&reference.cumulative) {
        // Not `le`, which is a histogram's own.
        let labels = [("bound", bound.to_string())];
        cumulative.get_or_create(&labels).set(*share);
    }
    registry.register(
        "prediction_score_reference_ratio",
        "Share of the scores up to this one among wines held out",
        cumulative,
    );
    registry.register(
        "prediction_decile_reference_ratio",
        "Share of the scores in this decile among wines held out",
        by_decile(&reference.shares),
    );
    registry.register(
        "prediction_calibration_reference_ratio",
        "Share of the good ones among wines held out in this decile",
        by_decile(&model.good_by_decile()),
    );
    let brier = Family::<Labels<1>, Ratio>::default();
    let [rules, by_model] = BY;
    for (by, quality) in [(by_model, model.quality()), (rules, model.rules_quality())] {
        brier.get_or_create(&[("by", by)]).set(quality.brier);
    }
    registry.register(
        "prediction_squared_error_reference",
        "Brier score of wines held out",
        brier,
    );
    let info = Family::<Text<4>, Gauge>::default();
    let labels = [
        ("model", model.name().to_owned()),
        ("version", model.version().to_string()),
        ("data", model.data()[..12].to_owned()),
        ("process", process.to_owned()),
    ];
    info.get_or_create(&labels).set(1);
    registry.register(
        "model_info",
        "The model, its data's hash, and what the ids of this process's predictions begin with; always 1",
        info,
    );
    let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
    registry.register(
        "model_trained_timestamp_seconds",
        "When the model was trained",
        seconds(since_1970(model.trained_at())),
    );
    registry.register(
        "model_loaded_timestamp_seconds",
        "When the model was loaded",
        seconds(since_1970(SystemTime::now())),
    );
    if let Some(max_age) = max_age {
        registry.register(
            "model_max_age_seconds",
            "The age from which on the model is to be trained again",
            seconds(max_age),
        );
    }
}

fn by_decile(shares: &[f64]) -> Family<Labels<1>, Ratio> {
    let family = Family::<Labels<1>, Ratio>::default();
    for (decile, share) in DIGITS.into_iter().zip(shares) {
        family.get_or_create(&[("decile", decile)]).set(*share);
    }
    family
}

fn seconds(duration: Duration) -> Ratio {
    let gauge = Ratio::default();
    gauge.set(duration.as_secs_f64());
    gauge
}
