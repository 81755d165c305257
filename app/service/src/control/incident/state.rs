//! What `/control/incident` answers: the state, and at the end the truth.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::incident::game::Game;
use simulation::incident::Word;
use simulation::incident::marks::{Marks, Mechanism};
use simulation::{Incident, IncidentKind};

/// How far it has come. While a game is on nothing here depends on what it hides.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct IncidentState {
    /// `idle`; `running`: an incident that was started openly; `armed`, `declared`,
    /// `diagnosed`: a game.
    #[schema(example = "armed")]
    pub(super) state: &'static str,
    /// Kind of an incident that was started openly; null otherwise.
    #[schema(example = "slow-tail")]
    pub(super) kind: Option<&'static str>,
    /// The game; null without one.
    pub(super) game: Option<GameState>,
    /// What an incident that was started openly was; only in the response that ends it.
    pub(super) was: Option<String>,
    /// The truth and its marks; only in the response that ends a game.
    pub(super) revealed: Option<Revealed>,
}

/// A game: what everybody may know of it. Times are in seconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
pub struct GameState {
    /// Its name.
    #[schema(example = "alice")]
    pub(super) name: String,
    /// SHA-256 of the truth and a nonce, which proves later that the truth was not changed.
    pub(super) seal: String,
    /// Level of the incident, if there is one; null for any.
    pub(super) level: Option<u8>,
    /// Length of the game in seconds.
    pub(super) window_seconds: f64,
    /// When it was armed.
    pub(super) armed_at: f64,
    /// When an incident was declared; null before.
    pub(super) declared_at: Option<f64>,
    /// When it was diagnosed; null before.
    pub(super) diagnosed_at: Option<f64>,
}

/// The truth of a game that has ended. Times are in seconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revealed {
    /// What the seal is the SHA-256 of.
    pub(super) opening: String,
    /// The kind of the incident, or `nothing`.
    pub(super) mechanism: String,
    /// What happened, in a sentence.
    pub(super) incident: String,
    /// When it began; null for nothing.
    pub(super) onset_at: Option<f64>,
    /// When it could be seen; null for nothing.
    pub(super) visible_at: Option<f64>,
    /// When it was over.
    pub(super) ended_at: f64,
    /// Signals that are right.
    pub(super) signal: Vec<&'static str>,
    /// Components that are right.
    pub(super) component: Vec<&'static str>,
    /// Scopes that are right.
    pub(super) scope: Vec<&'static str>,
    /// The level of the incident; null for nothing.
    pub(super) level: Option<u8>,
    /// The query that was given as evidence.
    pub(super) evidence: Option<String>,
    /// What the answer earned, but for the evidence.
    pub(super) marks: MarksState,
}

/// What each part of an answer earned.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarksState {
    /// Declared, and how soon: at most 20.
    pub(super) detect: i32,
    /// Since when: at most 10.
    pub(super) since: i32,
    /// The signal: 10.
    pub(super) signal: i32,
    /// The component: 15.
    pub(super) component: i32,
    /// The mechanism: 20.
    pub(super) mechanism: i32,
    /// The scope: 5.
    pub(super) scope: i32,
    /// The level: 10.
    pub(super) level: i32,
    /// The evidence: 10. The service does not ask Prometheus: 0 unless nothing was right.
    pub(super) evidence: i32,
    /// A false alarm: -15.
    pub(super) false_alarm: i32,
    /// All of them, at most 100.
    pub(super) total: i32,
}

impl From<&Game> for GameState {
    fn from(game: &Game) -> Self {
        Self {
            name: game.name().to_owned(),
            seal: game.seal(),
            level: game.level(),
            window_seconds: game.truth().window().as_secs_f64(),
            armed_at: game.at(Duration::ZERO),
            declared_at: game.declared().map(|after| game.at(after)),
            diagnosed_at: game.diagnosed().map(|after| game.at(after)),
        }
    }
}

impl From<&Game> for IncidentState {
    fn from(game: &Game) -> Self {
        Self {
            state: game.state(),
            game: Some(game.into()),
            ..Self::default()
        }
    }
}

impl From<&Game> for Revealed {
    fn from(game: &Game) -> Self {
        let truth = game.truth();
        let kind = truth.incident().map(Incident::kind);
        Self {
            opening: game.opening(),
            mechanism: kind.map_or(Mechanism::Nothing, Mechanism::Kind).to_string(),
            incident: truth
                .incident()
                .map_or_else(|| "nothing".to_owned(), Incident::reveal),
            onset_at: kind.map(|_| game.at(truth.onset())),
            visible_at: truth.visible().map(|after| game.at(after)),
            ended_at: game.at(game.ended()),
            signal: kind.map_or_else(Vec::new, |kind| words(kind.signals())),
            component: kind.map_or_else(Vec::new, |kind| words(kind.components())),
            scope: kind.map_or_else(Vec::new, |kind| words(kind.scopes())),
            level: kind.map(IncidentKind::level),
            evidence: game.answer().and_then(|answer| answer.evidence.clone()),
            marks: game.marks().into(),
        }
    }
}

impl From<Marks> for MarksState {
    fn from(marks: Marks) -> Self {
        Self {
            detect: marks.detect,
            since: marks.since,
            signal: marks.signal,
            component: marks.component,
            mechanism: marks.mechanism,
            scope: marks.scope,
            level: marks.level,
            evidence: marks.evidence,
            false_alarm: marks.false_alarm,
            total: marks.total(),
        }
    }
}

fn words<W: Word>(of: &[W]) -> Vec<&'static str> {
    of.iter().map(|word| word.word()).collect()
}
