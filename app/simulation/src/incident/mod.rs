//! What goes wrong for a while, and is to be found from monitoring alone.
//!
//! An incident takes the [`Conditions`] as they are and gives those that hold while it
//! lasts. One kind a file; [`kind`] says what a kind is. [`truth`] is what a game hides and
//! how it is sealed, [`marks`] what an answer to it earns. When an incident starts and ends,
//! and how conditions come into force, is the business of whoever serves.

mod all_slow;
mod bad_build;
mod busy_loop;
mod cache_stampede;
mod conditions;
mod descriptor_leak;
mod errors;
mod hangs;
mod kind;
mod lost_clients;
mod lost_scrapes;
pub mod marks;
mod memory_leak;
mod more_traffic;
mod overload;
mod panics;
mod pauses;
mod retry_storm;
mod series_explosion;
mod slow_dependency;
mod slow_tail;
pub mod truth;
mod wrong_unit;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use self::conditions::{Cache, Conditions, Dependency, Pauses, Retries, Surge};
use self::kind::Kind;
pub use self::kind::{Component, Scope, Signal, Word};
use super::DelayDistribution;
use super::excerpt::excerpt;
use super::seeded_choices::SeededChoices;

/// A kind of incident: the mechanism of what goes wrong.
#[derive(Clone, Copy)]
pub struct IncidentKind(&'static Kind);

/// Why a text is not an [`IncidentKind`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown incident `{0}`; must be one of {choices}", choices = IncidentKind::choices())]
pub struct IncidentKindError(String);

impl IncidentKind {
    /// Every kind. The order is fixed: whoever adds a kind adds it at the end, and changes
    /// what is drawn for a name all the same.
    pub const ALL: [Self; 19] = [
        Self(&slow_tail::KIND),
        Self(&errors::KIND),
        Self(&more_traffic::KIND),
        Self(&lost_clients::KIND),
        Self(&all_slow::KIND),
        Self(&bad_build::KIND),
        Self(&panics::KIND),
        Self(&hangs::KIND),
        Self(&memory_leak::KIND),
        Self(&descriptor_leak::KIND),
        Self(&busy_loop::KIND),
        Self(&slow_dependency::KIND),
        Self(&cache_stampede::KIND),
        Self(&pauses::KIND),
        Self(&overload::KIND),
        Self(&retry_storm::KIND),
        Self(&series_explosion::KIND),
        Self(&lost_scrapes::KIND),
        Self(&wrong_unit::KIND),
    ];

    /// The kind's name, as it is written and read.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// How hard it is to find, from 1 (a dashboard shows it) to 3 (only a tail, a ratio, or
    /// what disagrees shows it).
    #[must_use]
    pub fn level(self) -> u8 {
        self.0.level
    }

    /// The signals that are a right answer, the first before the others.
    #[must_use]
    pub fn signals(self) -> &'static [Signal] {
        self.0.signals
    }

    /// The components that are a right answer, the first before the others.
    #[must_use]
    pub fn components(self) -> &'static [Component] {
        self.0.components
    }

    /// The scopes that are a right answer, the first before the others.
    #[must_use]
    pub fn scopes(self) -> &'static [Scope] {
        self.0.scopes
    }

    /// Seconds from the onset until its effect can be seen.
    #[must_use]
    pub fn visible_after(self) -> u32 {
        self.0.visible_after
    }

    /// An incident of each magnitude that can be drawn, the usual first.
    pub fn magnitudes(self) -> impl Iterator<Item = Incident> {
        let magnitudes = self.0.magnitudes.iter();
        magnitudes.map(move |magnitude| Incident {
            kind: self,
            magnitude,
        })
    }

    fn choices() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl PartialEq for IncidentKind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for IncidentKind {}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for IncidentKind {
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
/// `Debug` shows neither kind nor magnitude, so they cannot slip into a log.
///
/// ```
/// use simulation::{Incident, IncidentKind};
///
/// let kind: IncidentKind = "errors".parse()?;
/// let incident = Incident::new(kind);
/// assert_eq!(incident.reveal(), "errors: a further 20% of the requests fail");
/// assert_eq!(format!("{incident:?}"), "Incident { .. }");
/// # Ok::<(), simulation::IncidentKindError>(())
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct Incident {
    kind: IncidentKind,
    magnitude: &'static [u32],
}

impl Incident {
    /// An incident of `kind`, of the usual magnitude.
    #[must_use]
    pub fn new(kind: IncidentKind) -> Self {
        let magnitude = kind.0.magnitudes[0];
        Self { kind, magnitude }
    }

    /// One of these kinds, each as likely, and one of its magnitudes.
    fn drawn(kinds: &[IncidentKind], choices: &mut SeededChoices) -> Self {
        let kind = kinds[choices.index(kinds.len())];
        let magnitudes = kind.0.magnitudes;
        let magnitude = magnitudes[choices.index(magnitudes.len())];
        Self { kind, magnitude }
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> IncidentKind {
        self.kind
    }

    /// The whole truth in a sentence, for when all have guessed.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}: {}", self.kind, (self.kind.0.describe)(self.magnitude))
    }

    /// The conditions while the incident lasts.
    #[must_use]
    pub fn apply(&self, usual: &Conditions) -> Conditions {
        let mut conditions = usual.clone();
        (self.kind.0.act)(self.magnitude, &mut conditions);
        conditions
    }
}

/// What the slow requests follow.
fn tail(seconds: u32) -> DelayDistribution {
    let text = format!("lognormal(mean={seconds}s, cv=0.3)");
    text.parse()
        .expect("a few whole seconds of a known distribution")
}

/// About so many milliseconds.
fn milliseconds(mean: u32) -> DelayDistribution {
    let text = format!("lognormal(mean={mean}ms, cv=0.2)");
    text.parse()
        .expect("some milliseconds of a known distribution")
}

/// Longer than any request timeout ought to be.
fn hanging() -> DelayDistribution {
    let longest = "constant(60s)".parse();
    longest.expect("a constant of a known distribution")
}

impl fmt::Debug for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incident").finish_non_exhaustive()
    }
}
