//! What a name hides of the model: which fault, or none, for how many, and since when. Its
//! commitment is the SHA-256 of all that and a nonce: it can be shown before, tells nothing,
//! and proves afterwards that nothing was changed.
//!
//! Why a nonce: whoever has this program could try every fault until the SHA-256 fits.

use std::fmt;
use std::time::{Duration, SystemTime};

use simulation::incident::truth::seal_of;
use simulation::{Name, PUBLIC_SALT, SeededChoices, random_salt};

use crate::scenario::Scenario;

/// The share of the requests that is met by what would be plain otherwise.
const SOME: f64 = 0.3;

/// What may be hidden, by where it is seen: each row is as likely, and each of a row. The
/// order is fixed: whoever adds one changes what is drawn for a name.
const FAULTS: [&[(Scenario, f64)]; 7] = [
    &[(Scenario::None, 1.0)],
    &[
        (Scenario::Absent, SOME),
        (Scenario::Slow, SOME),
        (Scenario::Failing, SOME),
        (Scenario::Nan, SOME),
        (Scenario::Stale, SOME),
    ],
    &[
        (Scenario::Tilt { beta: -0.6 }, 1.0),
        (Scenario::Tilt { beta: 0.6 }, 1.0),
    ],
    &[(Scenario::Fraction, 1.0), (Scenario::Micrograms, 1.0)],
    &[(Scenario::Missing, SOME)],
    &[(Scenario::Concept, 1.0)],
    &[(Scenario::Stuck, 1.0)],
];

/// When it begins, in milliseconds after the start: there is a quiet time to compare with.
const BEGINS_MS: (u32, u32) = (60_000, 180_000);

/// How long it grows, in seconds: one in three comes slowly.
const RAMP_SECONDS: [u64; 3] = [0, 0, 60];

/// A fault that a name hides. `Debug` shows the name alone.
#[derive(Clone)]
pub(crate) struct Mystery {
    name: Name,
    pub(crate) scenario: Scenario,
    /// The share of the requests that it meets at last, from 0 to 1.
    pub(crate) share: f64,
    /// From the start until it begins.
    pub(crate) begins_in: Duration,
    pub(crate) ramp: Duration,
    begins_at: SystemTime,
    nonce: u128,
}

impl Mystery {
    /// The mystery of `name` that is started `now`. Under a secret salt the same for a name
    /// on every machine. Under the public salt, which everybody can read, it is drawn anew
    /// each time: there is nothing to compute.
    pub(crate) fn draw(name: Name, salt: &str, now: SystemTime) -> Self {
        let drawn_anew;
        let salt = if salt == PUBLIC_SALT {
            drawn_anew = random_salt();
            &drawn_anew
        } else {
            salt
        };
        let mut choices = SeededChoices::new("model", name.as_str(), salt);
        let faults = FAULTS[choices.index(FAULTS.len())];
        // Every draw is made whatever the one before has come to.
        let (scenario, share) = faults[choices.index(faults.len())];
        let (earliest, latest) = BEGINS_MS;
        let begins_in = Duration::from_millis(choices.between(earliest, latest).into());
        let ramp = Duration::from_secs(choices.one_of(RAMP_SECONDS));
        Self {
            name,
            scenario,
            share,
            begins_in,
            ramp,
            begins_at: now + begins_in,
            nonce: rand::random(),
        }
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The SHA-256 of the [`opening`](Self::opening), in hexadecimal.
    pub(crate) fn commitment(&self) -> String {
        seal_of(&self.opening())
    }

    /// The whole truth as lines of text, each with its line feed, as `sha256sum` would read
    /// them from a file. Of what is nothing, the times are those at which it would have come.
    pub(crate) fn opening(&self) -> String {
        format!(
            "golden-signals model\nname: {}\nnonce: {:032x}\nscenario: {}\nshare: {}\n\
             begins: {}\nramp: {} s\n",
            self.name,
            self.nonce,
            self.scenario,
            self.share,
            humantime::format_rfc3339_millis(self.begins_at),
            self.ramp.as_secs(),
        )
    }
}

impl fmt::Debug for Mystery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mystery")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn draw(name: &str, salt: &str) -> Mystery {
        Mystery::draw(name.parse().unwrap(), salt, SystemTime::UNIX_EPOCH)
    }

    /// What it hides, without the nonce.
    fn hidden(mystery: &Mystery) -> (String, f64, Duration, Duration) {
        let Mystery {
            scenario, share, ..
        } = mystery;
        (
            scenario.to_string(),
            *share,
            mystery.begins_in,
            mystery.ramp,
        )
    }

    #[test]
    fn a_name_hides_the_same_under_a_secret_salt_and_anything_under_the_public_one() {
        let of = |name: &str, salt: &str| hidden(&draw(name, salt));
        assert_eq!(of("alice", "pepper"), of("alice", "pepper"));
        let others: BTreeSet<_> = (0..20)
            .map(|n| of(&format!("student {n}"), "pepper").2)
            .collect();
        assert!(others.len() > 15, "{others:?}");
        let anew: BTreeSet<_> = (0..20).map(|_| of("alice", PUBLIC_SALT).2).collect();
        assert!(anew.len() > 15, "{anew:?}");
    }

    #[test]
    fn everything_is_drawn_some_time_and_begins_when_it_should() {
        let mut seen = BTreeSet::new();
        for number in 0..500 {
            let (scenario, share, begins_in, ramp) =
                hidden(&draw(&format!("student {number}"), "pepper"));
            let seconds = begins_in.as_secs_f64();
            assert!((60.0..=180.0).contains(&seconds), "{seconds}");
            assert!(share > 0.0 && ramp <= Duration::from_secs(60));
            seen.insert(scenario);
        }
        let all: BTreeSet<_> = FAULTS.concat().iter().map(|(s, _)| s.to_string()).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn the_commitment_tells_nothing_and_fits_the_opening_alone() {
        let (mystery, again) = (draw("alice", "pepper"), draw("alice", "pepper"));
        assert_ne!(mystery.commitment(), again.commitment(), "the nonce");
        assert_eq!(mystery.commitment(), seal_of(&mystery.opening()));
        assert!(
            mystery
                .opening()
                .starts_with("golden-signals model\nname: alice\nnonce: ")
        );
        let shown = format!("{mystery:?}");
        assert!(
            shown.contains("alice") && shown.ends_with(".. }"),
            "{shown}"
        );
        assert!(!shown.contains(&mystery.scenario.to_string()), "{shown}");
    }
}
