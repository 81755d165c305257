//! What goes wrong for a while, and is to be found from monitoring alone.
//!
//! An incident is a change of what the service pretends: it takes the faults
//! and the rate of the traffic as they are and gives those that hold while it
//! lasts. When it starts and ends is the business of whoever applies it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::excerpt::excerpt;
use super::seeded_choices::SeededChoices;
use super::{ArrivalRate, DelayDistribution, Faults, Name, Probability};

/// Which golden signal an incident moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// A slow tail: a share of the requests takes seconds, the others are as
    /// they were. Averages hardly show it, high percentiles do.
    Latency,
    /// More requests fail.
    Errors,
    /// More requests arrive.
    Traffic,
    /// Every request takes many times as long, so that those in flight fill
    /// the concurrency: by Little's law they are arrival rate × mean delay.
    Saturation,
}

/// Why a text is not an [`IncidentKind`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown incident `{0}`; must be latency, errors, traffic or saturation")]
pub struct IncidentKindError(String);

impl IncidentKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Latency, Self::Errors, Self::Traffic, Self::Saturation];

    /// The kind's name, as it is written and read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Errors => "errors",
            Self::Traffic => "traffic",
            Self::Saturation => "saturation",
        }
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for IncidentKind {
    type Err = IncidentKindError;

    fn from_str(text: &str) -> Result<Self, IncidentKindError> {
        let kind = Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text.trim());
        kind.ok_or_else(|| IncidentKindError(excerpt(text)))
    }
}

/// Something that goes wrong, and how much.
///
/// | kind | [`new`](Self::new) | [`hidden`](Self::hidden), one of |
/// |---|---|---|
/// | latency | 5% of the requests follow `lognormal(mean=2s, cv=0.3)` | 2, 5 or 10%; mean 1, 2 or 3 s |
/// | errors | a further 20% of the requests fail | 5, 10, 20 or 40% |
/// | traffic | 4 times the arrivals | 3, 4, 6 or 8 times |
/// | saturation | 20 times the delay | 10, 20 or 30 times |
///
/// `Debug` shows neither kind nor magnitude, so they cannot slip into a log.
#[derive(Clone, PartialEq)]
pub struct Incident {
    effect: Effect,
}

#[derive(Clone, Copy, PartialEq)]
enum Effect {
    Latency { percent: u32, seconds: u32 },
    Errors { percent: u32 },
    Traffic { times: u32 },
    Saturation { times: u32 },
}

impl Incident {
    /// An incident of `kind`, of the usual magnitude.
    #[must_use]
    pub fn new(kind: IncidentKind) -> Self {
        let effect = match kind {
            IncidentKind::Latency => Effect::Latency {
                percent: 5,
                seconds: 2,
            },
            IncidentKind::Errors => Effect::Errors { percent: 20 },
            IncidentKind::Traffic => Effect::Traffic { times: 4 },
            IncidentKind::Saturation => Effect::Saturation { times: 20 },
        };
        Self { effect }
    }

    /// The incident of `name` under `salt`: kind and magnitude are the same on
    /// every machine and in every release, and known only to who knows both.
    #[must_use]
    pub fn hidden(name: &Name, salt: &str) -> Self {
        let mut choices = SeededChoices::new("incident", name.as_str(), salt);
        let effect = match choices.one_of(IncidentKind::ALL) {
            IncidentKind::Latency => Effect::Latency {
                percent: choices.one_of([2, 5, 10]),
                seconds: choices.one_of([1, 2, 3]),
            },
            IncidentKind::Errors => Effect::Errors {
                percent: choices.one_of([5, 10, 20, 40]),
            },
            IncidentKind::Traffic => Effect::Traffic {
                times: choices.one_of([3, 4, 6, 8]),
            },
            IncidentKind::Saturation => Effect::Saturation {
                times: choices.one_of([10, 20, 30]),
            },
        };
        Self { effect }
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> IncidentKind {
        match self.effect {
            Effect::Latency { .. } => IncidentKind::Latency,
            Effect::Errors { .. } => IncidentKind::Errors,
            Effect::Traffic { .. } => IncidentKind::Traffic,
            Effect::Saturation { .. } => IncidentKind::Saturation,
        }
    }

    /// The whole truth in a sentence, for when all have guessed.
    #[must_use]
    pub fn reveal(&self) -> String {
        let kind = self.kind();
        match self.effect {
            Effect::Latency { percent, seconds } => {
                format!(
                    "{kind}: {percent}% of the requests follow {}",
                    tail(seconds)
                )
            }
            Effect::Errors { percent } => {
                format!("{kind}: a further {percent}% of the requests fail")
            }
            Effect::Traffic { times } => format!("{kind}: {times} times the arrivals"),
            Effect::Saturation { times } => format!("{kind}: {times} times the delay"),
        }
    }

    /// What the service pretends while the incident lasts.
    #[must_use]
    pub fn apply(&self, faults: &Faults) -> Faults {
        let mut faults = faults.clone();
        match self.effect {
            Effect::Latency { percent, seconds } => {
                faults.delay = faults
                    .delay
                    .with_tail(f64::from(percent) / 100.0, &tail(seconds));
            }
            Effect::Errors { percent } => {
                let before = faults.error_rate.get();
                // The further failures fall on those that did not fail before.
                let rate = before + (1.0 - before) * f64::from(percent) / 100.0;
                faults.error_rate =
                    Probability::try_from(rate.min(1.0)).expect("between the rate before and 1");
            }
            Effect::Saturation { times } => {
                faults.delay = faults.delay.slowed(f64::from(times));
            }
            Effect::Traffic { .. } => {}
        }
        faults
    }

    /// The rate of the traffic while the incident lasts; at most
    /// [`ArrivalRate::MAX`], and still off where it was off.
    #[must_use]
    pub fn arrival_rate(&self, rate: ArrivalRate) -> ArrivalRate {
        match self.effect {
            Effect::Traffic { times } => rate.times(times),
            _ => rate,
        }
    }
}

/// What the slow requests of a latency incident follow.
fn tail(seconds: u32) -> DelayDistribution {
    let text = format!("lognormal(mean={seconds}s, cv=0.3)");
    text.parse()
        .expect("a few whole seconds of a known distribution")
}

impl fmt::Debug for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incident").finish_non_exhaustive()
    }
}
