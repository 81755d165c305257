//! The metrics of predictions, of the model and of late labels: names, help and labels
//! stand here and nowhere else. Handles are resolved once where they are there from the
//! start; what is rare is born with its first event.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use golden_metrics::{Buckets, Counter, Histogram, LateBorn};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::artefact::{DECILES, GOOD_FROM, Model};
use crate::pending::{Kept, Unmatched};
use crate::wine::{FEATURES, WIDTH};

/// Who asks, in the order of the numbers that stand for them.
pub(crate) const SEGMENTS: [&str; 3] = ["web", "app", "partner"];

/// The classic bounds of an inference's stage, in seconds: powers of ten from one
/// microsecond to one second. What a forest needs is at the lower end, what a slow model is
/// allowed at the upper.
const INFERENCE_SECONDS: &[f64] = &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0];

/// The classic bounds of a feature's age, in seconds: a minute between refreshes is normal,
/// ten minutes are the limit.
const FEATURE_AGE_SECONDS: &[f64] = &[1.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0];

/// The classic bounds of a label's delay, in seconds: a second to an hour.
const LABEL_DELAY_SECONDS: &[f64] = &[1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0, 3_600.0];

/// Who answered, and why not the model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    Model,
    Absent,
    Timeout,
    Error,
    NotANumber,
    Stale,
}

impl Answered {
    /// All of them, in the order of their discriminants.
    const ALL: [Self; 6] = [
        Self::Model,
        Self::Absent,
        Self::Timeout,
        Self::Error,
        Self::NotANumber,
        Self::Stale,
    ];

    /// The label `by`.
    pub(crate) fn by(self) -> &'static str {
        by(self == Self::Model)
    }

    /// The label `reason`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Model => "none",
            Self::Absent => "absent",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::NotANumber => "nan",
            Self::Stale => "stale",
        }
    }
}

fn by(model: bool) -> &'static str {
    if model { "model" } else { "rules" }
}

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
type Four = [(&'static str, &'static str); 4];
type Born<L> = Family<L, Counter, LateBorn>;
type BornHistogram<L> = Family<L, Histogram, LateBorn<Buckets>>;

/// The families and handles.
#[derive(Debug)]
pub(crate) struct Metrics {
    predictions: [[Counter; SEGMENTS.len()]; Answered::ALL.len()],
    scores: BornHistogram<One>,
    by_model: Histogram,
    deciles: [Counter; DECILES],
    inference: BornHistogram<One>,
    missing: [Counter; WIDTH],
    out_of_range: Born<One>,
    age: Family<One, Histogram, LateBorn<Buckets>>,
    values: BornHistogram<One>,
    outcomes: Family<Four, Counter>,
    squared_errors: BornHistogram<One>,
    calibration: Born<Two>,
    label_delay: BornHistogram<One>,
    labels: Counter,
    unmatched: [Counter; 3],
    evicted: Counter,
    disagreements: Counter,
}

impl Metrics {
    /// All at 0, exposed by `registry`, with what is known of the model.
    pub(crate) fn register(registry: &mut Registry, model: &'static Model) -> Self {
        let reference = model.reference();
        let bounds: &'static [f64] = &reference.bounds;
        let born = || LateBorn::histograms(Buckets::new(bounds));
        let predictions = Family::<[(&'static str, &'static str); 3], Counter>::default();
        let scores = BornHistogram::<One>::new_with_constructor(born());
        let deciles = Family::<One, Counter>::default();
        let missing = Family::<One, Counter>::default();
        let unmatched = Family::<One, Counter>::default();
        let outcomes = Family::<Four, Counter>::default();
        for segment in SEGMENTS {
            for predicted in ["good", "bad"] {
                for actual in ["good", "bad"] {
                    let at_0 = outcome_labels(true, predicted, actual, segment);
                    let _ = outcomes.get_or_create_owned(&at_0);
                }
            }
        }
        let metrics = Self {
            predictions: Answered::ALL.map(|answered| {
                let (by, reason) = (("by", answered.by()), ("reason", answered.reason()));
                SEGMENTS.map(|s| predictions.get_or_create_owned(&[by, reason, ("segment", s)]))
            }),
            by_model: scores.get_or_create_owned(&[("by", "model")]),
            deciles: DIGITS.map(|digit| deciles.get_or_create_owned(&[("decile", digit)])),
            missing: FEATURES.map(|f| missing.get_or_create_owned(&[("feature", f)])),
            unmatched: ["unknown", "twice", "expired"]
                .map(|reason| unmatched.get_or_create_owned(&[("reason", reason)])),
            inference: late(INFERENCE_SECONDS),
            out_of_range: Born::new_with_constructor(LateBorn::counters()),
            age: late(FEATURE_AGE_SECONDS),
            values: late(&[]),
            squared_errors: late(&[]),
            calibration: Born::new_with_constructor(LateBorn::counters()),
            label_delay: late(LABEL_DELAY_SECONDS),
            labels: Counter::default(),
            evicted: Counter::default(),
            disagreements: Counter::default(),
            scores,
            outcomes,
        };
        metrics.expose(registry, predictions, deciles, missing, unmatched);
        expose_model(registry, model);
        metrics
    }

    fn expose(
        &self,
        registry: &mut Registry,
        predictions: Family<[(&'static str, &'static str); 3], Counter>,
        deciles: Family<One, Counter>,
        missing: Family<One, Counter>,
        unmatched: Family<One, Counter>,
    ) {
        registry.register(
            "predictions",
            "Predictions, by who answered and why",
            predictions,
        );
        registry.register(
            "prediction_score",
            "Scores that were answered",
            self.scores.clone(),
        );
        registry.register(
            "prediction_decile",
            "Scores by decile of the reference",
            deciles,
        );
        registry.register(
            "prediction_rule_disagreements",
            "Predictions of the model that the rules would have decided otherwise",
            self.disagreements.clone(),
        );
        registry.register(
            "model_inference_duration_seconds",
            "Time that a prediction's stages took",
            self.inference.clone(),
        );
        registry.register(
            "model_feature_missing",
            "Predictions without this feature",
            missing,
        );
        registry.register(
            "model_feature_out_of_range",
            "Features beyond what training has seen",
            self.out_of_range.clone(),
        );
        registry.register(
            "model_feature_age_seconds",
            "Age of features",
            self.age.clone(),
        );
        registry.register(
            "model_feature_value",
            "Values of features",
            self.values.clone(),
        );
        registry.register(
            "prediction_outcomes",
            "Labelled predictions",
            self.outcomes.clone(),
        );
        registry.register(
            "prediction_squared_error",
            "Squared difference between score and label; its mean is the Brier score",
            self.squared_errors.clone(),
        );
        registry.register(
            "prediction_calibration",
            "Labelled predictions of the model by decile",
            self.calibration.clone(),
        );
        registry.register(
            "label_delay_seconds",
            "Time from a prediction to its label",
            self.label_delay.clone(),
        );
        registry.register(
            "labels",
            "Labels that matched a prediction",
            self.labels.clone(),
        );
        registry.register("labels_unmatched", "Labels that matched none", unmatched);
        registry.register(
            "predictions_evicted",
            "Predictions that later ones pushed out before their label came",
            self.evicted.clone(),
        );
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, answered: Answered, segment: usize, score: f64, decile: usize) {
        self.predictions[answered as usize][segment].inc();
        if answered == Answered::Model {
            self.by_model.observe(score, None);
        } else {
            let labels = [("by", answered.by())];
            self.scores.get_or_create(&labels).observe(score, None);
        }
        self.deciles[decile].inc();
    }

    /// The rules would have decided otherwise than the model did.
    pub(crate) fn disagreed(&self) {
        self.disagreements.inc();
    }

    /// A stage took this long.
    pub(crate) fn stage(&self, stage: &'static str, took: Duration) {
        let labels = [("stage", stage)];
        let histogram = self.inference.get_or_create(&labels);
        histogram.observe(took.as_secs_f64(), None);
    }

    /// A feature came, or (NaN) did not.
    pub(crate) fn feature(&self, feature: usize, value: f64, known: bool) {
        let labels = [("feature", FEATURES[feature])];
        if value.is_nan() {
            self.missing[feature].inc();
            return;
        }
        if !known {
            self.out_of_range.get_or_create(&labels).inc();
        }
        self.values.get_or_create(&labels).observe(value, None);
    }

    /// What is known of a wine is this old.
    pub(crate) fn age(&self, age: Duration, segment: usize) {
        let labels = [("segment", SEGMENTS[segment])];
        self.age
            .get_or_create(&labels)
            .observe(age.as_secs_f64(), None);
    }

    /// A prediction was pushed out before its label came.
    pub(crate) fn evicted(&self) {
        self.evicted.inc();
    }

    /// A label came for this prediction.
    pub(crate) fn labelled(&self, kept: &Kept, good: bool, decile: usize) {
        self.labels.inc();
        let name = |good| if good { "good" } else { "bad" };
        let segment = SEGMENTS[kept.segment];
        let predicted = name(kept.score >= GOOD_FROM);
        let labels = outcome_labels(kept.by_model, predicted, name(good), segment);
        self.outcomes.get_or_create(&labels).inc();
        let error = kept.score - f64::from(u8::from(good));
        let squared_errors = self
            .squared_errors
            .get_or_create(&[("by", by(kept.by_model))]);
        squared_errors.observe(error * error, None);
        if kept.by_model {
            let labels = [("actual", name(good)), ("decile", DIGITS[decile])];
            self.calibration.get_or_create(&labels).inc();
        }
        let delay = self.label_delay.get_or_create(&[("segment", segment)]);
        delay.observe(kept.at.elapsed().as_secs_f64(), None);
    }

    /// A label came that matches no prediction.
    pub(crate) fn unmatched(&self, why: Unmatched) {
        self.unmatched[why as usize].inc();
    }
}

/// The deciles' labels.
const DIGITS: [&str; DECILES] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

fn outcome_labels(
    model: bool,
    predicted: &'static str,
    actual: &'static str,
    segment: &'static str,
) -> Four {
    [
        ("by", by(model)),
        ("predicted", predicted),
        ("actual", actual),
        ("segment", segment),
    ]
}

fn late(bounds: &'static [f64]) -> BornHistogram<One> {
    BornHistogram::new_with_constructor(LateBorn::histograms(Buckets::new(bounds)))
}

/// What does not change: which model it is, and how it answered wines held out.
fn expose_model(registry: &mut Registry, model: &Model) {
    type Ratio = Gauge<f64, AtomicU64>;
    type Text = [(&'static str, String); 1];
    let reference = model.reference();
    let cumulative = Family::<Text, Ratio>::default();
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
    let shares = Family::<One, Ratio>::default();
    for (decile, share) in DIGITS.into_iter().zip(&reference.shares) {
        shares.get_or_create(&[("decile", decile)]).set(*share);
    }
    registry.register(
        "prediction_decile_reference_ratio",
        "Share of the scores in this decile among wines held out",
        shares,
    );
    let brier = Family::<One, Ratio>::default();
    for (by, quality) in [("model", model.quality()), ("rules", model.rules_quality())] {
        brier.get_or_create(&[("by", by)]).set(quality.brier);
    }
    registry.register(
        "prediction_squared_error_reference",
        "Brier score of wines held out",
        brier,
    );
    let info = Family::<[(&'static str, String); 3], Gauge>::default();
    let labels = [
        ("model", model.name().to_owned()),
        ("version", model.version().to_string()),
        ("data", model.data()[..12].to_owned()),
    ];
    info.get_or_create(&labels).set(1);
    registry.register(
        "model_info",
        "The model, and its data's hash; always 1",
        info,
    );
    let seconds = |time: SystemTime| {
        let gauge = Ratio::default();
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        gauge.set(since_1970.as_secs_f64());
        gauge
    };
    registry.register(
        "model_trained_timestamp_seconds",
        "When the model was trained",
        seconds(model.trained_at()),
    );
    registry.register(
        "model_loaded_timestamp_seconds",
        "When the model was loaded",
        seconds(SystemTime::now()),
    );
}
