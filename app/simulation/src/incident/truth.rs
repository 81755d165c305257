//! What a game hides: which incident, or none, when it begins, and what is there to
//! mislead. And its seal: the SHA-256 of the truth and a nonce, which can be shown before
//! and proves afterwards that nothing was changed. Without the nonce, whoever has this
//! program could try every kind and magnitude until the seal fits.

use std::fmt;
use std::time::Duration;

use super::{Incident, IncidentKind};
use crate::seeded_choices::{SeededChoices, sha256_hex};
use crate::{Name, PUBLIC_SALT};

/// What there is to mislead: it moves a series a little, and harms nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoy {
    /// A fifth more traffic for a while.
    MoreTraffic,
    /// One scrape that is answered late.
    SlowScrape,
}

impl Decoy {
    /// In a sentence.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::MoreTraffic => "a fifth more traffic for a while",
            Self::SlowScrape => "one slow scrape",
        }
    }
}

/// What a game hides. Times are from the arming on.
///
/// `Debug` shows nothing of it.
#[derive(Clone, PartialEq)]
pub struct Truth {
    name: String,
    window: Duration,
    incident: Option<Incident>,
    onset: Duration,
    decoy: Option<(Decoy, Duration)>,
}

/// A [`Truth`] with the nonce of its seal. `Debug` shows neither.
#[derive(Clone, PartialEq)]
pub struct SealedTruth {
    truth: Truth,
    nonce: u128,
}

impl Truth {
    /// The shortest and the longest game.
    pub const WINDOW: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(10)..=Duration::from_secs(2 * 60 * 60);

    /// The length of a game where none is given: long enough for what grows slowly.
    pub const USUAL_WINDOW: Duration = Duration::from_secs(20 * 60);

    /// Draws what the game of `name` hides: one in four times nothing, otherwise an
    /// incident of `level` (of any level without one), each kind as likely.
    ///
    /// Under a secret salt the same for a name on every machine. Under the public salt,
    /// which everybody can read, it is drawn anew each time: there is nothing to compute.
    ///
    /// It begins when a twentieth to two fifths of the window have passed: 1 to 8 minutes
    /// of 20.
    #[must_use]
    pub fn draw(name: &Name, salt: &str, level: Option<u8>, window: Duration) -> Self {
        let drawn_anew;
        let salt = if salt == PUBLIC_SALT {
            drawn_anew = crate::random_salt();
            &drawn_anew
        } else {
            salt
        };
        let mut choices = SeededChoices::new("incident", name.as_str(), salt);
        let kinds: Vec<_> = IncidentKind::ALL
            .into_iter()
            .filter(|kind| level.is_none_or(|level| kind.level() == level))
            .collect();
        // Every draw is made whatever the ones before have come to.
        let nothing = choices.between(1, 4) == 1;
        let incident = Incident::drawn(&kinds, &mut choices);
        let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
        let mut moment = |from: u32, to: u32| {
            let at = choices.between(window_ms / 20 * from, window_ms / 20 * to);
            Duration::from_millis(at.into())
        };
        let (onset, misled) = (moment(1, 8), moment(1, 16));
        let decoy = choices.one_of([Decoy::MoreTraffic, Decoy::SlowScrape]);
        let with_decoy = nothing || choices.between(1, 2) == 1;
        Self {
            name: name.as_str().to_owned(),
            window,
            incident: (!nothing).then_some(incident),
            onset,
            decoy: with_decoy.then_some((decoy, misled)),
        }
    }

    /// How long the game lasts.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The incident; `None` where nothing happens.
    #[must_use]
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref()
    }

    /// When the incident begins, or would.
    #[must_use]
    pub fn onset(&self) -> Duration {
        self.onset
    }

    /// When the incident can be seen; `None` where nothing happens.
    #[must_use]
    pub fn visible(&self) -> Option<Duration> {
        let kind = self.incident?.kind();
        let after = Duration::from_secs(kind.visible_after().into());
        Some(self.onset + after)
    }

    /// What misleads, and when.
    #[must_use]
    pub fn decoy(&self) -> Option<(Decoy, Duration)> {
        self.decoy
    }

    /// How long a decoy lasts that lasts.
    #[must_use]
    pub fn decoy_lasts(&self) -> Duration {
        self.window / 15
    }

    /// The truth, sealed with a random nonce.
    #[must_use]
    pub fn seal(self) -> SealedTruth {
        self.seal_with(rand::random())
    }

    /// The truth, sealed with this nonce, which nobody may guess.
    #[must_use]
    pub fn seal_with(self, nonce: u128) -> SealedTruth {
        let truth = self;
        SealedTruth { truth, nonce }
    }
}

impl SealedTruth {
    /// What is sealed.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The SHA-256 of the [`opening`](Self::opening), in hexadecimal.
    #[must_use]
    pub fn seal(&self) -> String {
        seal_of(&self.opening())
    }

    /// What the seal commits to, as lines of text: the whole truth and the nonce.
    #[must_use]
    pub fn opening(&self) -> String {
        let Self { truth, nonce } = self;
        let incident = truth.incident.as_ref();
        let incident = incident.map_or_else(|| "nothing".to_owned(), Incident::reveal);
        let decoy = truth.decoy.map_or_else(
            || "none".to_owned(),
            |(decoy, at)| format!("{} after {} s", decoy.describe(), at.as_secs_f64()),
        );
        format!(
            "golden-signals incident\nname: {}\nnonce: {nonce:032x}\nwindow: {} s\n\
             incident: {incident}\nonset: after {} s\ndecoy: {decoy}\n",
            truth.name,
            truth.window.as_secs_f64(),
            truth.onset.as_secs_f64(),
        )
    }
}

/// The seal of an opening: its SHA-256, in hexadecimal, as `sha256sum` would have it of a
/// file with exactly this text.
#[must_use]
pub fn seal_of(opening: &str) -> String {
    sha256_hex(opening)
}

impl fmt::Debug for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Truth").finish_non_exhaustive()
    }
}

impl fmt::Debug for SealedTruth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedTruth").finish_non_exhaustive()
    }
}
