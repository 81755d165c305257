//! Those who ask in the service's own traffic: which wines they bring, and when, if ever,
//! they say how it was. Knows no HTTP: the service sends what is drawn here.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Map, Value};
use simulation::{DelayDistribution, Probability, Stream};

use crate::predictor::Predictor;
use crate::segment::Segment;
use crate::wine::FEATURES;

/// How often each segment asks: the shares of the first, and of the first two.
const WEB: f64 = 0.6;
const WEB_OR_APP: f64 = 0.9;

/// Draws who asks next.
#[derive(Debug)]
pub struct Customers {
    predictor: Arc<Predictor>,
    rng: Stream,
    label_rate: Probability,
    label_delay: DelayDistribution,
}

/// One who asks.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The body for `POST /predict`.
    pub question: String,
    /// When after the answer the label is sent, if it is.
    pub label_after: Option<Duration>,
    /// The label.
    good: bool,
}

impl Customers {
    /// Customers who bring the wines that this predictor's model has not seen.
    #[must_use]
    pub fn new(
        predictor: Arc<Predictor>,
        rng: Stream,
        label_rate: Probability,
        label_delay: DelayDistribution,
    ) -> Self {
        Self {
            predictor,
            rng,
            label_rate,
            label_delay,
        }
    }

    /// The next one.
    pub fn draw(&mut self) -> Customer {
        let rng = &mut self.rng;
        let (met, wine) = (rng.random(), rng.random());
        let segment = match rng.random::<f64>() {
            at if at < WEB => Segment::Web,
            at if at < WEB_OR_APP => Segment::App,
            _ => Segment::Partner,
        };
        let (features, good) = self.predictor.customer(segment, met, wine);
        let values = FEATURES.into_iter().zip(features);
        let mut question: Map<String, Value> = values
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        question.insert("segment".to_owned(), segment.name().into());
        let says = self.label_rate.happens(rng);
        let delay = self.label_delay.sample(rng);
        Customer {
            question: Value::Object(question).to_string(),
            label_after: says.then_some(delay),
            good,
        }
    }
}

impl Customer {
    /// The body for `POST /feedback`, given the answer to the question. `None` if that is
    /// no prediction.
    #[must_use]
    pub fn label(&self, answer: &[u8]) -> Option<String> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        let id = answer.get("id")?;
        Some(serde_json::json!({"id": id, "good": self.good}).to_string())
    }
}
