//! A game: something goes wrong at a moment that nobody is told, or nothing does. What is
//! known of it is its seal; the truth is opened at its end.
//!
//! One game at a time, of bounded size. The task that plays it changes what is in force
//! and tells nobody: no log line, no state that differs before and after.

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep_until};

use crate::Service;
use crate::scenario::{RunningIncident, Settings};
use simulation::incident::marks::{Diagnosis, Marks, Mechanism, marks};
use simulation::incident::truth::{Decoy, SealedTruth, Truth};
use simulation::{Incident, Name};

/// A game that has been armed.
#[derive(Clone, Debug)]
pub struct Game {
    /// Tells it from the games before.
    id: u128,
    name: Name,
    level: Option<u8>,
    sealed: SealedTruth,
    armed: Instant,
    armed_at: SystemTime,
    declared: Option<Duration>,
    diagnosed: Option<(Duration, Answer)>,
}

/// An answer, and the query that is its evidence.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What can be marked here.
    pub diagnosis: Diagnosis,
    /// PromQL, which the grader's Prometheus judges.
    pub evidence: Option<String>,
}

/// Why a step of a game cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A game is on.
    #[error("a game is on: end it with DELETE /control/incident, which reveals it")]
    Armed,
    /// No game is on.
    #[error("no game is on: begin one with PUT /control/incident and {{\"hidden\": \"NAME\"}}")]
    NotArmed,
    /// It has been declared.
    #[error("an incident has been declared already; the first declaration counts")]
    Declared,
    /// It has been diagnosed.
    #[error("the game has been diagnosed already; the first diagnosis counts")]
    Diagnosed,
}

impl Game {
    /// How far it has come: never whether something is wrong.
    pub(crate) fn state(&self) -> &'static str {
        match (&self.diagnosed, self.declared) {
            (Some(_), _) => "diagnosed",
            (None, Some(_)) => "declared",
            (None, None) => "armed",
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) fn level(&self) -> Option<u8> {
        self.level
    }

    pub(crate) fn seal(&self) -> String {
        self.sealed.seal()
    }

    pub(crate) fn opening(&self) -> String {
        self.sealed.opening()
    }

    pub(crate) fn truth(&self) -> &Truth {
        self.sealed.truth()
    }

    /// So long after the arming, in seconds since the Unix epoch.
    pub(crate) fn at(&self, after: Duration) -> f64 {
        let armed = self.armed_at.duration_since(SystemTime::UNIX_EPOCH);
        (armed.unwrap_or_default() + after).as_secs_f64()
    }

    /// A time in seconds since the epoch as one after the arming.
    pub(crate) fn after(&self, at: f64) -> Duration {
        Duration::try_from_secs_f64((at - self.at(Duration::ZERO)).max(0.0)).unwrap_or_default()
    }

    pub(crate) fn declared(&self) -> Option<Duration> {
        self.declared
    }

    pub(crate) fn diagnosed(&self) -> Option<Duration> {
        self.diagnosed.as_ref().map(|(at, _)| *at)
    }

    pub(crate) fn answer(&self) -> Option<&Answer> {
        self.diagnosed.as_ref().map(|(_, answer)| answer)
    }

    /// What the answer earns, but for the evidence.
    pub(crate) fn marks(&self) -> Marks {
        let diagnosis = self.answer().map(|answer| answer.diagnosis.clone());
        marks(
            self.truth(),
            self.declared,
            &diagnosis.unwrap_or_default(),
            None,
        )
    }

    /// When the incident was over, or is if the game ends now.
    pub(crate) fn ended(&self) -> Duration {
        self.armed.elapsed().min(self.truth().window())
    }
}

impl Service {
    /// The game that is on.
    pub(crate) fn game(&self) -> MutexGuard<'_, Option<Game>> {
        // Each change is a single assignment.
        self.game.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a game.
    pub(crate) fn arm(
        &self,
        name: Name,
        level: Option<u8>,
        window: Duration,
    ) -> Result<Game, Refusal> {
        let truth = Truth::draw(&name, self.mystery_salt.expose(), level, window);
        let game = Game {
            id: rand::random(),
            name,
            level,
            sealed: truth.seal(),
            armed: Instant::now(),
            armed_at: SystemTime::now(),
            declared: None,
            diagnosed: None,
        };
        {
            let mut on = self.game();
            if on.is_some() {
                return Err(Refusal::Armed);
            }
            *on = Some(game.clone());
        }
        // An incident that was started openly would be in the game's way.
        self.put_into_force(|settings| settings.incident = None);
        tokio::spawn(play(self.clone(), game.clone()));
        Ok(game)
    }

    /// Something is wrong, somebody says.
    pub(crate) fn declare(&self) -> Result<Game, Refusal> {
        let mut on = self.game();
        let game = on.as_mut().ok_or(Refusal::NotArmed)?;
        if game.diagnosed.is_some() {
            return Err(Refusal::Diagnosed);
        }
        if game.declared.is_some() {
            return Err(Refusal::Declared);
        }
        game.declared = Some(game.armed.elapsed());
        Ok(game.clone())
    }

    /// The answer. Who names an incident without having declared one declares it.
    pub(crate) fn diagnose(&self, answer: impl FnOnce(&Game) -> Answer) -> Result<Game, Refusal> {
        let mut on = self.game();
        let game = on.as_mut().ok_or(Refusal::NotArmed)?;
        if game.diagnosed.is_some() {
            return Err(Refusal::Diagnosed);
        }
        let answer = answer(game);
        let now = game.armed.elapsed();
        if let Some(Mechanism::Kind(_)) = answer.diagnosis.mechanism {
            game.declared.get_or_insert(now);
        }
        game.diagnosed = Some((now, answer));
        Ok(game.clone())
    }

    /// Ends what is on: a game, or an incident that was started openly.
    pub(crate) fn end_incident(&self) -> (Option<Game>, Option<Incident>) {
        // The game first: its task changes nothing any more once it is gone.
        let game = self.game().take();
        let mut was = None;
        self.put_into_force(|settings| {
            was = settings.incident.take().map(|running| running.incident);
            settings.more_traffic = false;
        });
        (game, was)
    }

    /// Starts an incident openly, in place of one that was.
    pub(crate) fn start_incident(&self, incident: Incident) -> Result<(), Refusal> {
        // Held until it is in force, so that no game begins in between.
        let on = self.game();
        if on.is_some() {
            return Err(Refusal::Armed);
        }
        self.put_into_force(|settings| settings.incident = Some(running(incident, false)));
        drop(on);
        let service = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SURGE_IS_OVER).await;
            service.put_into_force(|settings| {
                let same = |running: &&mut RunningIncident| running.incident == incident;
                if let Some(running) = settings.incident.as_mut().filter(same) {
                    running.age = running.age.max(SURGE_IS_OVER);
                }
            });
        });
        Ok(())
    }

    fn put_into_force(&self, change: impl FnOnce(&mut Settings)) {
        let changed = self.scenario.change(|settings| {
            change(settings);
            Ok::<_, std::convert::Infallible>(())
        });
        // It cannot fail.
        let _ = changed;
    }
}

/// Longer than the surge of any incident, and no longer than a minute.
const SURGE_IS_OVER: Duration = Duration::from_secs(30);

fn running(incident: Incident, hidden: bool) -> RunningIncident {
    RunningIncident {
        incident,
        hidden,
        age: Duration::ZERO,
    }
}

/// What happens at a moment of a game.
#[derive(Clone, Copy)]
enum Moment {
    Begins,
    SurgeIsOver,
    Misleads(Decoy),
    MisleadsNoMore,
    IsOver,
}

/// Plays the game until its window is over, or it is no longer the one that is on.
async fn play(service: Service, game: Game) {
    let truth = game.truth().clone();
    let mut moments = vec![
        (truth.onset(), Moment::Begins),
        (truth.onset() + SURGE_IS_OVER, Moment::SurgeIsOver),
        (truth.window(), Moment::IsOver),
    ];
    if let Some((decoy, at)) = truth.decoy() {
        moments.push((at, Moment::Misleads(decoy)));
        moments.push((at + truth.decoy_lasts(), Moment::MisleadsNoMore));
    }
    moments.sort_by_key(|(at, _)| *at);
    for (at, moment) in moments {
        sleep_until(game.armed + at).await;
        // Held until it is in force: who ends the game waits for that, and undoes it.
        let on = service.game();
        if on.as_ref().is_none_or(|on| on.id != game.id) {
            return;
        }
        if let Moment::Misleads(Decoy::SlowScrape) = moment {
            service.scrapes.delay_one();
        }
        service.put_into_force(|settings| match moment {
            Moment::Begins => {
                settings.incident = truth.incident().map(|incident| running(*incident, true));
            }
            Moment::SurgeIsOver => {
                if let Some(running) = &mut settings.incident {
                    running.age = SURGE_IS_OVER;
                }
            }
            Moment::Misleads(Decoy::MoreTraffic) => settings.more_traffic = true,
            Moment::Misleads(Decoy::SlowScrape) => {}
            Moment::MisleadsNoMore => settings.more_traffic = false,
            Moment::IsOver => settings.incident = None,
        });
        drop(on);
        if let Moment::IsOver = moment {
            return;
        }
    }
}
