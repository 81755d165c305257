//! Answers predictions and takes their labels: the model, the rules in its place, the
//! fault in force, and what is counted of it all. Knows no HTTP.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use command_line::secret::Secret;
use prometheus_client::registry::Registry;
use rand::RngExt as _;
use simulation::{Name, Streams};

use crate::artefact::{GOOD_FROM, Model};
use crate::business_rules;
use crate::fault::Fault;
use crate::metrics::{Answered, Counted, Metrics};
use crate::mystery::Mystery;
use crate::pending::{Id, Kept, Pending, Unmatched};
use crate::question::Question;
use crate::scenario::Scenario;
use crate::segment::Segment;
use crate::wine::{Features, Wine};

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
    salt: Secret,
    /// How many have been asked for: the next one draws from this stream.
    asked: AtomicU64,
    fault: RwLock<Fault>,
}

/// What is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) id: Id,
    pub(crate) score: f64,
    pub(crate) good: bool,
    pub(crate) answered: Answered,
}

/// A mystery that has been started: what everybody may know of it.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its name.
    pub name: String,
    /// SHA-256 of what it hides and a nonce, in hexadecimal.
    pub commitment: String,
}

impl Predictor {
    /// With the shipped model, which may take so long for an answer, and (as its owners may
    /// have said) grow so old. Its metrics are exposed by `registry`. Mysteries are drawn
    /// with `salt`.
    #[must_use]
    pub fn register(
        registry: &mut Registry,
        streams: Streams,
        salt: Secret,
        model_timeout: Duration,
        max_age: Option<Duration>,
    ) -> Self {
        let model = Model::shipped();
        // Not from the seed: two processes of one seed must know their own predictions.
        let pending = Pending::new(rand::random(), PENDING);
        let population = model.population();
        Self {
            model,
            model_timeout,
            metrics: Metrics::register(registry, model, &pending.process(), max_age),
            pending: Mutex::new(pending),
            streams,
            salt,
            asked: AtomicU64::new(0),
            fault: RwLock::new(Fault::new(Scenario::None, &population)),
            population,
        }
    }

    /// The fault in force, or to come.
    pub(crate) fn fault(&self) -> Fault {
        self.in_force().clone()
    }

    /// Replaces the fault by what `change` makes of it, or, where that fails, leaves it.
    pub(crate) fn change_fault<E>(
        &self,
        change: impl FnOnce(&Fault, &[Wine]) -> Result<Fault, E>,
    ) -> Result<Fault, E> {
        let mut fault = self.fault.write().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&fault, &self.population)?;
        *fault = changed.clone();
        Ok(changed)
    }

    /// Hides behind this name what is wrong from some time on, in place of what was. Tells
    /// the name and the commitment, as a log may.
    pub fn start_mystery(&self, name: Name) -> Started {
        let mystery = Mystery::draw(name, self.salt.expose(), SystemTime::now());
        let started = Started {
            name: mystery.name().to_owned(),
            commitment: mystery.commitment(),
        };
        let fault = Fault {
            share: mystery.share,
            begins: Instant::now() + mystery.begins_in,
            ramp: mystery.ramp,
            ..Fault::new(mystery.scenario, &self.population)
        };
        let mut in_force = self.fault.write().unwrap_or_else(PoisonError::into_inner);
        *in_force = Fault {
            mystery: Some(Arc::new(mystery)),
            ..fault
        };
        started
    }

    /// Ends the mystery, if there is one, and returns it: the model is whole again.
    pub(crate) fn end_mystery(&self) -> Option<Arc<Mystery>> {
        let mut fault = self.fault.write().unwrap_or_else(PoisonError::into_inner);
        let ended = fault.mystery.clone()?;
        *fault = Fault::new(Scenario::None, &self.population);
        Some(ended)
    }

    fn in_force(&self) -> RwLockReadGuard<'_, Fault> {
        self.fault.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers, after the time that a slow model is waited for. Counts when it does: of who
    /// goes away before there is no prediction.
    pub(crate) async fn predict(&self, question: &Question) -> Answer {
        let mut rng = self.streams.stream(self.asked.fetch_add(1, Relaxed));
        let begin = Instant::now();
        let drawn = rng.random();
        let scenario = self.in_force().meets(question.segment, begin, drawn);
        let age = feature_age(scenario);
        let features = scenario.features(question.features);
        let prepared = Instant::now();
        if scenario == Scenario::Slow {
            async_io::Timer::after(self.model_timeout).await;
        }
        let asked = if scenario == Scenario::Stuck {
            self.anybody(rng.random()).features
        } else {
            features
        };
        let (answered, score) = match self.ask(scenario, age, &asked) {
            Ok(score) => (Answered::Model, score),
            Err(reason) => (reason, f64::NAN),
        };
        let inferred = Instant::now();
        let by_rules = business_rules::score(&features);
        let by_model = answered == Answered::Model;
        let disagreed = by_model && (by_rules >= GOOD_FROM) != (score >= GOOD_FROM);
        let score = if by_model { score } else { by_rules };
        let decile = self.model.reference().decile(score);
        self.metrics.answered(&Counted {
            answered,
            segment: question.segment,
            score,
            decile,
            features: &features,
            age,
            stages: [prepared - begin, inferred - prepared, inferred.elapsed()],
            disagreed,
        });
        self.keep(question.segment, answered, score)
    }

    fn keep(&self, segment: Segment, answered: Answered, score: f64) -> Answer {
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
                self.metrics.labelled(&kept, good);
                Ok(())
            }
            Err(why) => {
                self.metrics.unmatched(why);
                Err(why)
            }
        }
    }

    /// A wine that somebody of this segment may ask for now, and what will come out. Of the
    /// two numbers from 0 to 1, the first decides whether the fault meets it, the second
    /// which wine it is.
    pub(crate) fn customer(&self, segment: Segment, met: f64, wine: f64) -> (Features, bool) {
        let fault = self.in_force();
        let scenario = fault.meets(segment, Instant::now(), met);
        let wine = if let Scenario::Tilt { .. } = scenario {
            self.population[fault.row(wine)]
        } else {
            self.anybody(wine)
        };
        (wine.features, scenario.outcome(&wine))
    }

    /// The model's name and version.
    pub(crate) fn model_name(&self) -> String {
        format!("{}@{}", self.model.name(), self.model.version())
    }

    /// The wine that this number from 0 to 1 draws, each as likely.
    fn anybody(&self, drawn: f64) -> Wine {
        let last = self.population.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to some hundred"
        )]
        let row = (drawn * self.population.len() as f64) as usize;
        self.population[row.min(last)]
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use golden_metrics::exposition::Format;
    use golden_metrics::gather;

    use super::*;
    use crate::question::NOTHING_SENT;

    fn predictor() -> (Registry, Predictor) {
        let mut registry = Registry::default();
        let (streams, salt) = (Streams::new(1), Secret::from("pepper"));
        let timeout = Duration::from_secs(3_600);
        let predictor = Predictor::register(&mut registry, streams, salt, timeout, None);
        (registry, predictor)
    }

    /// The sum of all series whose line begins so.
    fn counted(registry: &Registry, begins: &str) -> f64 {
        let text = Format::Text.encode(&gather(registry).unwrap());
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(begins));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    #[test]
    fn nothing_is_counted_of_who_goes_away_while_the_model_is_waited_for() {
        let (registry, predictor) = predictor();
        let slow = |_: &Fault, wines: &[Wine]| Ok::<_, ()>(Fault::new(Scenario::Slow, wines));
        predictor.change_fault(slow).unwrap();
        let question = Question {
            features: NOTHING_SENT,
            segment: Segment::App,
        };
        {
            let mut answer = pin!(predictor.predict(&question));
            let polled = answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        for name in ["predictions_total", "model_feature_missing_total"] {
            assert_eq!(counted(&registry, name), 0.0, "{name}");
        }
        // Who gets an answer is counted in all of them.
        predictor
            .change_fault(|_, wines| Ok::<_, ()>(Fault::new(Scenario::None, wines)))
            .unwrap();
        let mut answer = pin!(predictor.predict(&question));
        let polled = answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(_)));
        assert_eq!(counted(&registry, "predictions_total"), 1.0);
        assert_eq!(counted(&registry, "model_feature_missing_total"), 11.0);
        assert_eq!(counted(&registry, "model_feature_age_seconds_count"), 1.0);
    }

    #[test]
    fn what_is_hidden_is_not_debugged() {
        let (_registry, predictor) = predictor();
        for number in 0..20 {
            let name: Name = format!("student {number}").parse().unwrap();
            let started = predictor.start_mystery(name);
            let fault = predictor.fault();
            let mystery = fault.mystery.clone().unwrap();
            assert_eq!(started.commitment, mystery.commitment());
            // Of the rest of the predictor, which names all that may be, the fault is a part.
            let all = format!("{predictor:?}");
            assert!(all.contains("Fault { mystery: Mystery {"), "{all}");
            let shown = format!("{fault:#?} {started:?}");
            for hidden in [
                format!("{:?}", mystery.scenario),
                mystery.scenario.to_string(),
                "scenario".to_owned(),
                "share".to_owned(),
            ] {
                assert!(!shown.contains(&hidden), "{hidden} is in {shown}");
            }
        }
        assert!(predictor.end_mystery().is_some());
        assert!(predictor.end_mystery().is_none());
        assert_eq!(predictor.fault().scenario, Scenario::None);
    }
}
