//! What the service pretends at the moment: the configured faults, under a
//! mystery that hides their distributions and an incident that changes them.
//! Knows no HTTP.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::incident::Hardships;
use simulation::incident::Retries;
use simulation::{
    ArrivalRate, Conditions, Faults, Incident, Outcome, Probability, Sealed, Streams,
};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Error rate, and the distributions of delay and value unless a mystery
    /// hides them.
    pub faults: Faults,
    /// The share of requests whose handler panics.
    pub panic_rate: Probability,
    /// Requests per second that the service sends itself.
    pub traffic: ArrivalRate,
    /// Replaces the distributions of delay and value.
    pub mystery: Option<Sealed>,
    /// Changes everything else while it lasts.
    pub incident: Option<RunningIncident>,
    /// A decoy: a little more traffic.
    pub more_traffic: bool,
}

/// An incident that is in force.
#[derive(Clone, Debug)]
pub struct RunningIncident {
    /// What changes.
    pub incident: Incident,
    /// Whether it is part of a game, and so shown nowhere.
    pub hidden: bool,
    /// How long it has been in force, as far as that changes what it does.
    pub age: Duration,
}

/// A decoy's traffic, as a multiple.
const MORE_TRAFFIC: f64 = 1.2;

/// The requests that the service is to send itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// How many.
    pub rate: ArrivalRate,
    /// How their senders repeat what fails.
    pub retries: Option<Retries>,
}

/// Draws what becomes of requests.
#[derive(Debug)]
pub struct Scenario {
    streams: Streams,
    /// How many requests have drawn: the next one draws from this stream.
    drawn: AtomicU64,
    settings: Mutex<Settings>,
    in_force: RwLock<InForce>,
    traffic: watch::Sender<Traffic>,
    conditions: watch::Sender<Arc<Conditions>>,
}

/// What the settings come down to. `Debug` shows nothing of what a mystery or an incident
/// hides.
struct InForce {
    conditions: Arc<Conditions>,
    hardships: Option<Arc<Hardships>>,
}

/// What becomes of one request.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Its delay, and its number or failure.
    pub outcome: Outcome,
    /// Whether its handler panics after the delay.
    pub panics: bool,
    /// How long its call of a dependency takes, where there is one.
    pub call: Duration,
    /// What it meets beside that.
    pub hardships: Option<Arc<Hardships>>,
}

impl Scenario {
    /// Pretends `settings`, drawing from `streams`: the n-th request draws the
    /// same whatever thread serves it.
    #[must_use]
    pub fn new(settings: Settings, streams: Streams) -> Self {
        let conditions = Arc::new(settings.conditions());
        Self {
            streams,
            drawn: AtomicU64::new(0),
            in_force: RwLock::new(InForce::of(&conditions)),
            traffic: watch::Sender::new(settings.traffic(&conditions)),
            conditions: watch::Sender::new(conditions),
            settings: Mutex::new(settings),
        }
    }

    /// Draws what becomes of the next request.
    pub fn draw(&self) -> Drawn {
        let mut stream = self.streams.stream(self.drawn.fetch_add(1, Relaxed));
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        let conditions = &in_force.conditions;
        let outcome = conditions.faults.draw(&mut stream);
        let panics = conditions.panic_rate.happens(&mut stream);
        let call = conditions
            .dependency
            .as_ref()
            .map(|of| of.takes.sample(&mut stream));
        Drawn {
            outcome,
            panics,
            call: call.unwrap_or_default(),
            hardships: in_force.hardships.clone(),
        }
    }

    /// What was asked for last.
    pub fn settings(&self) -> Settings {
        self.lock().clone()
    }

    /// Changes the settings, all or (where `change` fails) nothing, and returns
    /// them.
    ///
    /// # Errors
    ///
    /// What `change` fails with.
    pub fn change<E>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<(), E>,
    ) -> Result<Settings, E> {
        let mut settings = self.lock();
        let mut changed = settings.clone();
        change(&mut changed)?;
        let conditions = Arc::new(changed.conditions());
        self.traffic.send_replace(changed.traffic(&conditions));
        // What is the same goes on: a cache does not begin anew because a rate has changed.
        if **self.conditions.borrow() != *conditions {
            *self
                .in_force
                .write()
                .unwrap_or_else(PoisonError::into_inner) = InForce::of(&conditions);
            self.conditions.send_replace(conditions);
        }
        *settings = changed.clone();
        Ok(changed)
    }

    /// The requests that the service is to send itself, as they change.
    pub fn traffic(&self) -> watch::Receiver<Traffic> {
        self.traffic.subscribe()
    }

    /// The conditions in force, as they change.
    pub fn conditions(&self) -> watch::Receiver<Arc<Conditions>> {
        self.conditions.subscribe()
    }

    /// Settings are replaced whole: a panic elsewhere leaves none half changed.
    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    /// What they come down to.
    fn conditions(&self) -> Conditions {
        let mut faults = self.faults.clone();
        if let Some(mystery) = &self.mystery {
            faults.delay = mystery.mystery().delay().clone();
            faults.value = mystery.mystery().value().clone();
        }
        let usual = Conditions::usual(faults, self.panic_rate, self.traffic);
        let mut conditions = match &self.incident {
            Some(running) => running.incident.apply(&usual),
            None => usual,
        };
        if self.more_traffic {
            conditions.traffic = conditions.traffic.times(MORE_TRAFFIC);
        }
        conditions
    }

    fn traffic(&self, conditions: &Conditions) -> Traffic {
        let age = self.incident.as_ref().map(|running| running.age);
        Traffic {
            rate: conditions.traffic_after(age.unwrap_or_default()),
            retries: conditions.retries,
        }
    }
}

impl InForce {
    fn of(conditions: &Arc<Conditions>) -> Self {
        Self {
            hardships: Hardships::of(conditions),
            conditions: Arc::clone(conditions),
        }
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InForce").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use simulation::Mystery;

    use super::*;

    #[test]
    fn what_is_hidden_is_not_debugged() {
        let name = "alice".parse().unwrap();
        let mystery = Mystery::new(&name, "pepper");
        let hidden = [mystery.delay().to_string(), mystery.value().to_string()];
        let incident = Incident::new("slow-tail".parse().unwrap());
        let settings = Settings {
            faults: Faults::default(),
            panic_rate: Probability::NEVER,
            traffic: ArrivalRate::OFF,
            mystery: Some(mystery.clone().seal()),
            incident: Some(RunningIncident {
                incident,
                hidden: true,
                age: Duration::ZERO,
            }),
            more_traffic: false,
        };
        let debugged = |faults: &Faults| {
            let all = format!("{faults:?}");
            let (_, delay) = all.split_once("delay: ").unwrap();
            delay.to_owned()
        };
        // As `Debug` would write them, too.
        let in_force = InForce::of(&Arc::new(settings.conditions()));
        let hidden = [hidden.to_vec(), vec![debugged(&in_force.conditions.faults)]].concat();
        let scenario = Scenario::new(settings.clone(), Streams::new(1));
        let shown = format!(
            "{scenario:?} {settings:?} {in_force:?} {:#?}",
            settings.mystery
        );
        for secret in hidden {
            assert!(!shown.contains(&secret), "{secret} is in {shown}");
        }
        assert!(shown.contains("incident: Incident { .. }"), "{shown}");
    }
}
