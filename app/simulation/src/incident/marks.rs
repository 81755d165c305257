//! What an answer earns. A closed vocabulary, arithmetic, and nothing to be judged: the
//! same game has the same marks whoever asks.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::truth::Truth;
use super::{Component, IncidentKind, IncidentKindError, Scope, Signal};

/// The most that each part of an answer earns. Together 100.
pub const FULL: Marks = Marks {
    detect: 20,
    since: 10,
    signal: 10,
    component: 15,
    mechanism: 20,
    scope: 5,
    level: 10,
    evidence: 10,
    false_alarm: 0,
};

/// What a false alarm costs.
const FALSE_ALARM: i32 = -15;

/// From the first moment at which it can be seen, full marks for so long; then fewer, and
/// none after [`SLOWEST`].
const PROMPT: Duration = Duration::from_secs(60);
const SLOWEST: Duration = Duration::from_secs(10 * 60);

/// How far the time may be off for full marks, and for half of them.
const SINCE: Duration = Duration::from_secs(60);
const SINCE_ROUGHLY: Duration = Duration::from_secs(150);

/// How well a query must tell the incident from the quiet time: the area under the curve
/// (AUC), the probability that a sample of the one is above a sample of the other.
pub const SEPARATES: f64 = 0.9;

/// What went wrong, by the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Nothing did.
    Nothing,
    /// This.
    Kind(IncidentKind),
}

/// Why a text is not a [`Mechanism`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}, or nothing")]
pub struct MechanismError(#[from] IncidentKindError);

impl FromStr for Mechanism {
    type Err = MechanismError;

    fn from_str(text: &str) -> Result<Self, MechanismError> {
        match text.trim() {
            "nothing" => Ok(Self::Nothing),
            kind => Ok(Self::Kind(kind.parse()?)),
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Kind(kind) => kind.fmt(f),
        }
    }
}

/// An answer. What is left out earns nothing. Times are from the arming on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// What went wrong.
    pub mechanism: Option<Mechanism>,
    /// Since when.
    pub since: Option<Duration>,
    /// Which signal shows it.
    pub signal: Option<Signal>,
    /// Where the cause is.
    pub component: Option<Component>,
    /// Who feels it.
    pub scope: Option<Scope>,
    /// How hard it was to see, from 1 to 3.
    pub level: Option<u8>,
}

/// What each part of an answer earned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// It was declared, and how soon.
    pub detect: i32,
    /// Since when.
    pub since: i32,
    /// The signal.
    pub signal: i32,
    /// The component.
    pub component: i32,
    /// The mechanism.
    pub mechanism: i32,
    /// The scope.
    pub scope: i32,
    /// The level.
    pub level: i32,
    /// The query, which Prometheus judges.
    pub evidence: i32,
    /// Below 0 where something was declared before it was, or that never was.
    pub false_alarm: i32,
}

impl Marks {
    /// Every part with its name, as it is written.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, i32); 9] {
        [
            ("detect", self.detect),
            ("since", self.since),
            ("signal", self.signal),
            ("component", self.component),
            ("mechanism", self.mechanism),
            ("scope", self.scope),
            ("level", self.level),
            ("evidence", self.evidence),
            ("false_alarm", self.false_alarm),
        ]
    }

    /// From -15 to 100.
    #[must_use]
    pub fn total(&self) -> i32 {
        self.parts().iter().map(|(_, marks)| marks).sum()
    }
}

/// What the answer earns. `declared` is when something was declared to be wrong, from the
/// arming on; `separation` the AUC of the query that was given as evidence
/// ([`separation`]), where it has been judged.
#[must_use]
pub fn marks(
    truth: &Truth,
    declared: Option<Duration>,
    diagnosis: &Diagnosis,
    separation: Option<f64>,
) -> Marks {
    let mut marks = Marks::default();
    let early = match truth.incident() {
        Some(_) => declared.is_some_and(|declared| declared < truth.onset()),
        None => declared.is_some(),
    };
    if early {
        marks.false_alarm = FALSE_ALARM;
    }
    let (Some(incident), Some(visible)) = (truth.incident(), truth.visible()) else {
        if diagnosis.mechanism == Some(Mechanism::Nothing) {
            // There is nothing else to say, and no query that shows nothing.
            let false_alarm = marks.false_alarm;
            return Marks {
                false_alarm,
                ..FULL
            };
        }
        if matches!(diagnosis.mechanism, Some(Mechanism::Kind(_))) {
            marks.false_alarm = FALSE_ALARM;
        }
        return marks;
    };
    if let Some(declared) = declared.filter(|_| !early) {
        marks.detect = FULL.detect - late(declared.saturating_sub(visible));
    }
    let kind = incident.kind();
    if diagnosis.mechanism == Some(Mechanism::Nothing) {
        return marks;
    }
    if let Some(since) = diagnosis.since {
        // Who sees it later than it began is as right as who computes when it began.
        let off = if since < truth.onset() {
            truth.onset() - since
        } else {
            since.saturating_sub(visible)
        };
        marks.since = match off {
            off if off <= SINCE => FULL.since,
            off if off <= SINCE_ROUGHLY => FULL.since / 2,
            _ => 0,
        };
    }
    let earned = |right: bool, full| if right { full } else { 0 };
    let among = |signal| kind.signals().contains(&signal);
    marks.signal = earned(diagnosis.signal.is_some_and(among), FULL.signal);
    let among = |component| kind.components().contains(&component);
    marks.component = earned(diagnosis.component.is_some_and(among), FULL.component);
    let right = diagnosis.mechanism == Some(Mechanism::Kind(kind));
    marks.mechanism = earned(right, FULL.mechanism);
    let among = |scope| kind.scopes().contains(&scope);
    marks.scope = earned(diagnosis.scope.is_some_and(among), FULL.scope);
    marks.level = earned(diagnosis.level == Some(kind.level()), FULL.level);
    let separates = separation.is_some_and(|separation| separation >= SEPARATES);
    marks.evidence = earned(separates, FULL.evidence);
    marks
}

/// What is lost by declaring so long after it could be seen.
fn late(after: Duration) -> i32 {
    let share = after.saturating_sub(PROMPT).as_secs_f64() / (SLOWEST - PROMPT).as_secs_f64();
    #[expect(clippy::cast_possible_truncation, reason = "at most the full marks")]
    let lost = (share.min(1.0) * f64::from(FULL.detect)).round() as i32;
    lost
}

/// How well samples of a query tell the incident from the quiet time: the larger of the
/// probabilities that one of `incident` is above, or below, one of `quiet`, ties counting
/// half. 0.5 tells nothing, 1 everything. `None` without samples of both.
///
/// What is absent is to be given as negative infinity: it is below everything, and two
/// absences are a tie.
#[must_use]
pub fn separation(incident: &[f64], quiet: &[f64]) -> Option<f64> {
    if incident.is_empty() || quiet.is_empty() {
        return None;
    }
    let score = |high: f64, low: f64| match high.partial_cmp(&low) {
        Some(std::cmp::Ordering::Greater) => 1.0,
        Some(std::cmp::Ordering::Less) => 0.0,
        _ => 0.5,
    };
    let wins: f64 = incident
        .iter()
        .map(|high| quiet.iter().map(|low| score(*high, *low)).sum::<f64>())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "samples are few")]
    let share = wins / (incident.len() * quiet.len()) as f64;
    Some(share.max(1.0 - share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Incident;

    #[test]
    fn what_tells_nothing_is_a_half_and_what_tells_all_is_one() {
        let none = f64::NEG_INFINITY;
        for (incident, quiet, expected) in [
            (&[1.0, 2.0][..], &[1.0, 2.0][..], Some(0.5)),
            (&[3.0, 4.0], &[1.0, 2.0], Some(1.0)),
            (&[1.0, 2.0], &[3.0, 4.0], Some(1.0)),
            (&[2.0, 4.0], &[1.0, 3.0], Some(0.75)),
            (&[0.0, 0.0], &[none, none, none], Some(1.0)),
            (&[none], &[none], Some(0.5)),
            (&[f64::NAN], &[1.0], Some(0.5)),
            (&[], &[1.0], None),
            (&[1.0], &[], None),
        ] {
            assert_eq!(separation(incident, quiet), expected, "{incident:?}");
        }
    }

    /// A game of this level under a salt in which something, or nothing, happens.
    fn game(nothing: bool) -> Truth {
        let games = (0..).map(|n| {
            let name = format!("game {n}").parse().unwrap();
            Truth::draw(&name, "pepper", None, Truth::USUAL_WINDOW)
        });
        games
            .into_iter()
            .find(|game| game.incident().is_none() == nothing)
            .unwrap()
    }

    fn right(truth: &Truth) -> Diagnosis {
        let kind = truth.incident().map(Incident::kind);
        Diagnosis {
            mechanism: Some(kind.map_or(Mechanism::Nothing, Mechanism::Kind)),
            since: Some(truth.onset()),
            signal: kind.map(|kind| kind.signals()[0]),
            component: kind.map(|kind| kind.components()[0]),
            scope: kind.map(|kind| kind.scopes()[0]),
            level: kind.map(IncidentKind::level),
        }
    }

    #[test]
    fn the_right_answer_earns_all_and_each_mistake_its_part() {
        let truth = game(false);
        let visible = truth.visible().unwrap();
        let answer = right(&truth);
        let soon = Some(visible + PROMPT);
        let total =
            |declared, answer: &Diagnosis, auc| marks(&truth, declared, answer, auc).total();
        assert_eq!((FULL.total(), total(soon, &answer, Some(0.9))), (100, 100));
        assert_eq!(total(soon, &answer, Some(0.89)), 90);
        assert_eq!(total(soon, &answer, None), 90);
        assert_eq!(total(None, &answer, Some(1.0)), 80);
        // Between visible and too late it falls evenly.
        let halfway = visible + PROMPT + (SLOWEST - PROMPT) / 2;
        assert_eq!(total(Some(halfway), &answer, Some(1.0)), 90);
        assert_eq!(total(Some(visible + SLOWEST), &answer, Some(1.0)), 80);
        // Before it was there it was not seen.
        let early = truth.onset().checked_sub(Duration::from_secs(1));
        assert_eq!(total(early, &answer, Some(1.0)), 100 - 20 - 15);
        for (since, earned) in [(59, 10), (120, 5), (200, 0)] {
            let off = |since| Diagnosis {
                since: Some(since),
                ..answer.clone()
            };
            let before = truth.onset().saturating_sub(Duration::from_secs(since));
            let after = visible + Duration::from_secs(since);
            if truth.onset() > Duration::from_secs(since) {
                assert_eq!(marks(&truth, soon, &off(before), None).since, earned);
            }
            assert_eq!(marks(&truth, soon, &off(after), None).since, earned);
        }
        let nothing = Diagnosis {
            mechanism: Some(Mechanism::Nothing),
            ..answer
        };
        assert_eq!(total(soon, &nothing, Some(1.0)), 20);
        assert_eq!(total(None, &Diagnosis::default(), None), 0);
    }

    #[test]
    fn nothing_is_full_marks_where_it_is_right_and_an_alarm_costs() {
        let truth = game(true);
        let answer = right(&truth);
        assert_eq!(marks(&truth, None, &answer, None).total(), 100);
        let declared = Some(Duration::from_secs(60));
        assert_eq!(marks(&truth, declared, &answer, None).total(), 85);
        assert_eq!(
            marks(&truth, declared, &right(&game(false)), Some(1.0)).total(),
            -15
        );
        assert_eq!(marks(&truth, None, &Diagnosis::default(), None).total(), 0);
    }
}
