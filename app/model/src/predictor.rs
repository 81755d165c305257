//! Answers predictions and takes their labels: the model, the rules in its place, the
//! fault in force, and what is counted of it all. Knows no HTTP.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::registry::Registry;
use rand::{Rng as _, RngExt as _};
use simulation::{Stream, Streams};

use crate::artefact::{GOOD_FROM, Model};
use crate::business_rules;
use crate::fault::Fault;
use crate::metrics::{Answered, Metrics};
use crate::pending::{Id, Kept, Pending, Unmatched};
use crate::scenario::Scenario;
use crate::wine::{Features, WIDTH, Wine};

/// How many predictions wait for their labels at most; older ones are given up.
pub const PENDING: usize = 100_000;

/// From this age on features are not answered with.
const MAX_FEATURE_AGE: Duration = Duration::from_secs(600);

/// How old features are that are stale.
const STALE_AGE: Duration = Duration::from_secs(3_600);

/// How often features are refreshed, in seconds.
const REFRESH_SECONDS: u64 = 60;

/// Answers predictions.
#[derive(Debug)]
pub struct Predictor {
    model: &'static Model,
    population: Vec<Wine>,
    model_timeout: Duration,
    metrics: Metrics,
    pending: Mutex<Pending>,
    streams: Streams,
    /// How many have been asked for: the next one draws from this stream.
    asked: AtomicU64,
    fault: RwLock<Fault>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// NaN where nothing was sent.
    pub(crate) features: Features,
    pub(crate) segment: usize,
}

/// What is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) id: Id,
    pub(crate) score: f64,
    pub(crate) good: bool,
    pub(crate) answered: Answered,
}

impl Predictor {
    /// With the shipped model, which may take so long for an answer. Its metrics are
    /// exposed by `registry`.
    #[must_use]
    pub fn register(registry: &mut Registry, streams: Streams, model_timeout: Duration) -> Self {
        let model = Model::shipped();
        // Not from the seed: two processes of one seed must know their own predictions.
        let process = rand::random();
        Self {
            model,
            population: model.population(),
            model_timeout,
            metrics: Metrics::register(registry, model),
            pending: Mutex::new(Pending::new(process, PENDING)),
            streams,
            asked: AtomicU64::new(0),
            fault: RwLock::new(Fault::none()),
        }
    }

    /// The fault in force, or to come.
    pub(crate) fn fault(&self) -> Fault {
        self.fault
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the fault.
    pub(crate) fn set_fault(&self, fault: Fault) {
        *self.fault.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// What is wrong with the request that draws from `rng`, if it is one that the fault
    /// meets.
    fn scenario(&self, rng: &mut Stream) -> Scenario {
        let fault = self.fault.read().unwrap_or_else(PoisonError::into_inner);
        fault.meets(Instant::now(), rng)
    }

    /// Answers, after the time that a slow model is waited for.
    pub(crate) async fn predict(&self, question: &Question) -> Answer {
        let mut rng = self.streams.stream(self.asked.fetch_add(1, Relaxed));
        let scenario = self.scenario(&mut rng);
        let begin = Instant::now();
        let age = feature_age(scenario);
        self.metrics.age(age, question.segment);
        let features = scenario.features(question.features);
        for (feature, value) in features.into_iter().enumerate() {
            let known = self.model.knows(feature, value);
            self.metrics.feature(feature, value, known);
        }
        let prepared = Instant::now();
        self.metrics.stage("features", prepared - begin);
        if scenario == Scenario::Slow {
            async_io::Timer::after(self.model_timeout).await;
        }
        let asked = if scenario == Scenario::Stuck {
            self.anybody(&mut rng).features
        } else {
            features
        };
        let (answered, score) = match self.ask(scenario, age, &asked) {
            Ok(score) => (Answered::Model, score),
            Err(reason) => (reason, f64::NAN),
        };
        let inferred = Instant::now();
        self.metrics.stage("model", inferred - prepared);
        let by_rules = business_rules::score(&features);
        let score = if answered == Answered::Model {
            if (by_rules >= GOOD_FROM) != (score >= GOOD_FROM) {
                self.metrics.disagreed();
            }
            score
        } else {
            by_rules
        };
        self.metrics.stage("rules", inferred.elapsed());
        self.answer(question.segment, answered, score)
    }

    fn answer(&self, segment: usize, answered: Answered, score: f64) -> Answer {
        let decile = self.model.reference().decile(score);
        self.metrics.answered(answered, segment, score, decile);
        let kept = Kept {
            score,
            by_model: answered == Answered::Model,
            segment,
            at: Instant::now(),
        };
        let (id, evicted) = self.pending().push(kept);
        if evicted {
            self.metrics.evicted();
        }
        Answer {
            id,
            score,
            good: score >= GOOD_FROM,
            answered,
        }
    }

    /// The model's answer, or why there is none.
    fn ask(&self, scenario: Scenario, age: Duration, features: &Features) -> Result<f64, Answered> {
        if age > MAX_FEATURE_AGE {
            return Err(Answered::Stale);
        }
        let score = match scenario {
            Scenario::Absent => return Err(Answered::Absent),
            Scenario::Slow => return Err(Answered::Timeout),
            Scenario::Failing => return Err(Answered::Error),
            Scenario::Nan => f64::NAN,
            _ => self.model.score(features),
        };
        if score.is_nan() {
            Err(Answered::NotANumber)
        } else {
            Ok(score)
        }
    }

    /// Takes a label.
    pub(crate) fn label(&self, id: Id, good: bool) -> Result<(), Unmatched> {
        let taken = self.pending().take(id);
        match taken {
            Ok(kept) => {
                let decile = self.model.reference().decile(kept.score);
                self.metrics.labelled(&kept, good, decile);
                Ok(())
            }
            Err(why) => {
                self.metrics.unmatched(why);
                Err(why)
            }
        }
    }

    /// A wine that somebody may ask for now, and what will come out.
    pub(crate) fn customer(&self, rng: &mut Stream) -> (Features, bool) {
        let scenario = self.scenario(rng);
        let wine = if let Scenario::Tilt { .. } = scenario {
            let fault = self.fault();
            let sums = fault.cumulative_weights();
            let at = rng.random::<f64>() * sums.last().copied().unwrap_or_default();
            let row = sums.partition_point(|sum| *sum <= at);
            self.population[row.min(self.population.len() - 1)]
        } else {
            self.anybody(rng)
        };
        (wine.features, scenario.outcome(&wine))
    }

    /// The wines that are served.
    pub(crate) fn population(&self) -> &[Wine] {
        &self.population
    }

    /// The model's name and version.
    pub(crate) fn model_name(&self) -> String {
        format!("{}@{}", self.model.name(), self.model.version())
    }

    fn anybody(&self, rng: &mut Stream) -> Wine {
        // The top of a product, since rand's ranges may draw differently in its next
        // release.
        let product = u128::from(rng.next_u64()) * self.population.len() as u128;
        let row = usize::try_from(product >> 64).unwrap_or_default();
        self.population[row]
    }

    /// Each prediction is pushed or taken whole: a panic elsewhere leaves none half done.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How old the features are: as if a table of them were refreshed every minute.
fn feature_age(scenario: Scenario) -> Duration {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or_default();
    let since_refresh = Duration::from_secs(since_1970.as_secs() % REFRESH_SECONDS);
    if scenario == Scenario::Stale {
        STALE_AGE + since_refresh
    } else {
        since_refresh
    }
}

/// Features of which none was sent.
pub(crate) const NOTHING_SENT: Features = [f64::NAN; WIDTH];
