//! What the service pretends at the moment: the configured faults, under a
//! mystery that hides their distributions and an incident that changes them.
//! Knows no HTTP.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use simulation::{ArrivalRate, Faults, Incident, Outcome, Probability, Sealed, Streams};

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
    /// Changes everything else while it runs.
    pub incident: Option<RunningIncident>,
}

/// An incident, and whether students have to find out its kind.
#[derive(Clone, Debug)]
pub struct RunningIncident {
    /// What changes.
    pub incident: Incident,
    /// Whether its kind is shown.
    pub hidden: bool,
}

/// Draws what becomes of requests.
#[derive(Debug)]
pub struct Scenario {
    streams: Streams,
    /// How many requests have drawn: the next one draws from this stream.
    drawn: AtomicU64,
    settings: Mutex<Settings>,
    in_force: RwLock<InForce>,
    traffic: watch::Sender<ArrivalRate>,
}

/// What the settings come down to. `Debug` shows nothing of what a mystery or an incident
/// hides.
struct InForce {
    faults: Faults,
    panic_rate: Probability,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug)]
pub struct Drawn {
    /// Its delay, and its number or failure.
    pub outcome: Outcome,
    /// Whether its handler panics after the delay.
    pub panics: bool,
}

impl Scenario {
    /// Pretends `settings`, drawing from `streams`: the n-th request draws the
    /// same whatever thread serves it.
    #[must_use]
    pub fn new(settings: Settings, streams: Streams) -> Self {
        Self {
            streams,
            drawn: AtomicU64::new(0),
            in_force: RwLock::new(InForce::of(&settings)),
            traffic: watch::Sender::new(settings.arrival_rate()),
            settings: Mutex::new(settings),
        }
    }

    /// Draws what becomes of the next request.
    pub fn draw(&self) -> Drawn {
        let mut stream = self.streams.stream(self.drawn.fetch_add(1, Relaxed));
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        Drawn {
            outcome: in_force.faults.draw(&mut stream),
            panics: in_force.panic_rate.happens(&mut stream),
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
        *self
            .in_force
            .write()
            .unwrap_or_else(PoisonError::into_inner) = InForce::of(&changed);
        self.traffic.send_replace(changed.arrival_rate());
        *settings = changed.clone();
        Ok(changed)
    }

    /// Requests per second that the service is to send itself, as they change.
    pub fn arrival_rates(&self) -> watch::Receiver<ArrivalRate> {
        self.traffic.subscribe()
    }

    /// Settings are replaced whole: a panic elsewhere leaves none half changed.
    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    fn arrival_rate(&self) -> ArrivalRate {
        match &self.incident {
            Some(running) => running.incident.arrival_rate(self.traffic),
            None => self.traffic,
        }
    }
}

impl InForce {
    fn of(settings: &Settings) -> Self {
        let mut faults = settings.faults.clone();
        if let Some(mystery) = &settings.mystery {
            faults.delay = mystery.mystery().delay().clone();
            faults.value = mystery.mystery().value().clone();
        }
        if let Some(running) = &settings.incident {
            faults = running.incident.apply(&faults);
        }
        Self {
            faults,
            panic_rate: settings.panic_rate,
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
        let incident = Incident::hidden(&name, "pepper");
        let settings = Settings {
            faults: Faults::default(),
            panic_rate: Probability::NEVER,
            traffic: ArrivalRate::OFF,
            mystery: Some(mystery.clone().seal()),
            incident: Some(RunningIncident {
                incident,
                hidden: true,
            }),
        };
        let debugged = |faults: &Faults| {
            let all = format!("{faults:?}");
            let (_, delay) = all.split_once("delay: ").unwrap();
            delay.to_owned()
        };
        // As `Debug` would write them, too.
        let in_force = InForce::of(&settings);
        let hidden = [hidden.to_vec(), vec![debugged(&in_force.faults)]].concat();
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
