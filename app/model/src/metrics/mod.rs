//! The metrics of predictions and of late labels: names, help and labels stand here, and
//! those of the model itself in [`reference`]; nowhere else. Each series is found once
//! ([`series`]): some are there from the start, what is rare is born with its first event.

mod reference;
mod series;

use std::time::Duration;

use golden_metrics::{Buckets, Counter, Histogram, LateBorn};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::registry::{Metric, Registry};

use self::series::Series;
use crate::artefact::{DECILES, GOOD_FROM, Model};
use crate::pending::{Kept, Unmatched};
use crate::segment::Segment;
use crate::wine::{FEATURES, Features, WIDTH};

/// The classic bounds of an inference's stage, in seconds: powers of ten from one
/// microsecond to one second. What a forest needs is at the lower end, what a slow model is
/// allowed at the upper.
const INFERENCE_SECONDS: &[f64] = &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0];

/// The classic bounds of a feature's age, in seconds: a minute between refreshes is normal,
/// ten minutes are the limit, and what is stale is an hour old: two bounds enclose it, so
/// that a quantile does not say a day.
const FEATURE_AGE_SECONDS: &[f64] = &[1.0, 10.0, 60.0, 600.0, 3_600.0, 4_000.0, 86_400.0];

/// The classic bounds of a label's delay, in seconds: a second to an hour.
const LABEL_DELAY_SECONDS: &[f64] = &[1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0, 3_600.0];

/// The stages of an inference, in the order of [`Counted::stages`].
const STAGES: [&str; 3] = ["features", "model", "rules"];

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
        BY[usize::from(self == Self::Model)]
    }

    /// The label `reason`.
    fn reason(self) -> &'static str {
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

/// The label `by`: whether it is the model.
const BY: [&str; 2] = ["rules", "model"];

/// What a wine is said to be, or is: whether it is good.
const SAID: [&str; 2] = ["bad", "good"];

/// The deciles' labels.
const DIGITS: [&str; DECILES] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counters<const N: usize> = Family<Labels<N>, Counter, LateBorn>;
type CounterSeries<const N: usize> = Series<Labels<N>, Counter, LateBorn>;
type Histograms = Family<Labels<1>, Histogram, LateBorn<Buckets>>;
type HistogramSeries = Series<Labels<1>, Histogram, LateBorn<Buckets>>;

/// What is counted of an answer: all at once, when it is there. Who goes away before is
/// counted nowhere here, so that no share is of more than there were answers.
pub(crate) struct Counted<'a> {
    pub(crate) answered: Answered,
    pub(crate) segment: Segment,
    pub(crate) score: f64,
    /// Of the reference, in which the score lies.
    pub(crate) decile: usize,
    /// What was answered with: NaN where it is missing.
    pub(crate) features: &'a Features,
    /// How old they are.
    pub(crate) age: Duration,
    /// How long each of [`STAGES`] took.
    pub(crate) stages: [Duration; STAGES.len()],
    /// Whether the rules would have decided otherwise than the model did.
    pub(crate) disagreed: bool,
}

/// The series, each to be counted in.
#[derive(Debug)]
pub(crate) struct Metrics {
    model: &'static Model,
    predictions: [[Counter; Segment::ALL.len()]; Answered::ALL.len()],
    scores: [HistogramSeries; BY.len()],
    deciles: [Counter; DECILES],
    stages: [HistogramSeries; STAGES.len()],
    missing: [Counter; WIDTH],
    out_of_range: [CounterSeries<1>; WIDTH],
    age: [HistogramSeries; Segment::ALL.len()],
    values: [HistogramSeries; WIDTH],
    /// By who answered, what was said, what came out, and who asked.
    outcomes: [[[[CounterSeries<4>; Segment::ALL.len()]; SAID.len()]; SAID.len()]; BY.len()],
    squared_errors: [HistogramSeries; BY.len()],
    calibration: [[CounterSeries<2>; SAID.len()]; DECILES],
    label_delay: [HistogramSeries; Segment::ALL.len()],
    labels: Counter,
    unmatched: [Counter; Unmatched::ALL.len()],
    evicted: Counter,
    disagreements: Counter,
}

impl Metrics {
    /// All at 0, exposed by `registry`, with what is known of the model. The ids of
    /// predictions begin with `process`.
    pub(crate) fn register(
        registry: &mut Registry,
        model: &'static Model,
        process: &str,
        max_age: Option<Duration>,
    ) -> Self {
        let mut made = Families(registry);
        let segments = Segment::ALL.map(Segment::name);
        let predictions: Counters<3> =
            made.counters("predictions", "Predictions, by who answered and why");
        let bounds: &'static [f64] = &model.reference().bounds;
        let scores = made.histograms("prediction_score", "Scores that were answered", bounds);
        let deciles = made.counters("prediction_decile", "Scores by decile of the reference");
        let disagreements = made.one(
            "prediction_rule_disagreements",
            "Predictions of the model that the rules would have decided otherwise",
        );
        let stages = made.histograms(
            "model_inference_duration_seconds",
            "Time that a prediction's stages took",
            INFERENCE_SECONDS,
        );
        let missing = made.counters("model_feature_missing", "Predictions without this feature");
        let out_of_range = made.counters(
            "model_feature_out_of_range",
            "Features beyond what training has seen",
        );
        let age = made.histograms(
            "model_feature_age_seconds",
            "Age of features",
            FEATURE_AGE_SECONDS,
        );
        let values = made.histograms("model_feature_value", "Values of features", &[]);
        let outcomes: Counters<4> = made.counters("prediction_outcomes", "Labelled predictions");
        let squared_errors = made.histograms(
            "prediction_squared_error",
            "Squared difference between score and label; its mean is the Brier score",
            &[],
        );
        let calibration: Counters<2> = made.counters(
            "prediction_calibration",
            "Labelled predictions of the model by decile",
        );
        let label_delay = made.histograms(
            "label_delay_seconds",
            "Time from a prediction to its label",
            LABEL_DELAY_SECONDS,
        );
        let labels = made.one("labels", "Labels that matched a prediction");
        let unmatched = made.counters("labels_unmatched", "Labels that matched none");
        let evicted = made.one(
            "predictions_evicted",
            "Predictions that later ones pushed out before their label came",
        );
        reference::expose(registry, model, process, max_age);
        let outcomes = BY.map(|by| {
            SAID.map(|predicted| {
                SAID.map(|actual| {
                    segments.map(|segment| {
                        let labels = [
                            ("by", by),
                            ("predicted", predicted),
                            ("actual", actual),
                            ("segment", segment),
                        ];
                        Series::of(&outcomes, labels)
                    })
                })
            })
        });
        for series in outcomes[1].as_flattened().as_flattened() {
            series.get();
        }
        let metrics = Self {
            model,
            predictions: Answered::ALL.map(|answered| {
                let (by, reason) = (("by", answered.by()), ("reason", answered.reason()));
                segments.map(|s| predictions.get_or_create_owned(&[by, reason, ("segment", s)]))
            }),
            scores: BY.map(|by| Series::of(&scores, [("by", by)])),
            deciles: DIGITS.map(|digit| deciles.get_or_create_owned(&[("decile", digit)])),
            stages: STAGES.map(|stage| Series::of(&stages, [("stage", stage)])),
            missing: FEATURES.map(|f| missing.get_or_create_owned(&[("feature", f)])),
            out_of_range: FEATURES.map(|f| Series::of(&out_of_range, [("feature", f)])),
            age: segments.map(|segment| Series::of(&age, [("segment", segment)])),
            values: FEATURES.map(|f| Series::of(&values, [("feature", f)])),
            outcomes,
            squared_errors: BY.map(|by| Series::of(&squared_errors, [("by", by)])),
            calibration: DIGITS.map(|digit| {
                SAID.map(|actual| Series::of(&calibration, [("actual", actual), ("decile", digit)]))
            }),
            label_delay: segments.map(|segment| Series::of(&label_delay, [("segment", segment)])),
            labels,
            unmatched: Unmatched::ALL
                .map(|why| unmatched.get_or_create_owned(&[("reason", why.reason())])),
            evicted,
            disagreements,
        };
        metrics.scores[1].get();
        metrics
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, counted: &Counted<'_>) {
        let segment = counted.segment as usize;
        self.predictions[counted.answered as usize][segment].inc();
        let by_model = counted.answered == Answered::Model;
        self.scores[usize::from(by_model)]
            .get()
            .observe(counted.score, None);
        self.deciles[counted.decile].inc();
        self.age[segment]
            .get()
            .observe(counted.age.as_secs_f64(), None);
        for (feature, &value) in counted.features.iter().enumerate() {
            if value.is_nan() {
                self.missing[feature].inc();
                continue;
            }
            if !self.model.knows(feature, value) {
                self.out_of_range[feature].get().inc();
            }
            self.values[feature].get().observe(value, None);
        }
        for (stage, took) in self.stages.iter().zip(counted.stages) {
            stage.get().observe(took.as_secs_f64(), None);
        }
        if counted.disagreed {
            self.disagreements.inc();
        }
    }

    /// A prediction was pushed out before its label came.
    pub(crate) fn evicted(&self) {
        self.evicted.inc();
    }

    /// A label came for this prediction.
    pub(crate) fn labelled(&self, kept: &Kept, good: bool) {
        self.labels.inc();
        let (by, segment) = (usize::from(kept.by_model), kept.segment as usize);
        let (said, was) = (usize::from(kept.score >= GOOD_FROM), usize::from(good));
        self.outcomes[by][said][was][segment].get().inc();
        let error = kept.score - f64::from(u8::from(good));
        self.squared_errors[by].get().observe(error * error, None);
        if kept.by_model {
            let decile = self.model.reference().decile(kept.score);
            self.calibration[decile][was].get().inc();
        }
        let delay = kept.at.elapsed();
        self.label_delay[segment]
            .get()
            .observe(delay.as_secs_f64(), None);
    }

    /// A label came that matches no prediction.
    pub(crate) fn unmatched(&self, why: Unmatched) {
        self.unmatched[why as usize].inc();
    }
}

/// Makes families, and exposes each.
struct Families<'a>(&'a mut Registry);

impl Families<'_> {
    fn one(&mut self, name: &str, help: &str) -> Counter {
        self.exposed(name, help, Counter::default())
    }

    fn counters<const N: usize>(&mut self, name: &str, help: &str) -> Counters<N> {
        self.family(name, help, LateBorn::counters())
    }

    fn histograms(&mut self, name: &str, help: &str, bounds: &'static [f64]) -> Histograms {
        self.family(name, help, LateBorn::histograms(Buckets::new(bounds)))
    }

    fn family<const N: usize, M, C>(
        &mut self,
        name: &str,
        help: &str,
        birth: C,
    ) -> Family<Labels<N>, M, C>
    where
        C: MetricConstructor<M> + Clone,
        Family<Labels<N>, M, C>: Metric,
    {
        self.exposed(name, help, Family::new_with_constructor(birth))
    }

    fn exposed<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }
}
