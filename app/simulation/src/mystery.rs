//! What the service hides: distributions that only a name and a salt determine.
//!
//! Students are to find out from monitoring alone which distribution the values
//! follow and which the delays follow. The salt is the teacher's secret: who
//! knows name, salt and this program knows the distributions. So whoever has recovered
//! the distributions of a name can try salts, and a salt must not be one that can be
//! guessed: [`random_salt`].
//!
//! The commitment is not secret. It can be shown beforehand, gives nothing away, and
//! proves afterwards that the distributions were not changed in between. It takes a
//! random number (a nonce): without that, whoever guesses the distributions, or a salt,
//! could see in it whether the guess is right.

use std::fmt;

use super::seeded_choices::{SeededChoices, sha256_hex};
use super::{DelayDistribution, Name, ServedValue};

/// The salt where none is given: everybody can read it here, so it hides nothing from
/// those who compute. It is the same on all machines, so that a class that cares for no
/// secret shares its mysteries without setting anything.
pub const PUBLIC_SALT: &str = "golden-signals";

/// A new salt of 128 random bits, in hexadecimal.
#[must_use]
pub fn random_salt() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A distribution for the values and a distribution for the delays, hidden
/// behind a name.
///
/// `Debug` does not show the distributions, so they cannot slip into a log.
///
/// ```
/// use simulation::Mystery;
///
/// let name = "tuesday".parse()?;
/// let mystery = Mystery::new(&name, "only the teacher knows");
/// assert_eq!(Mystery::new(&name, "only the teacher knows"), mystery);
/// # Ok::<(), simulation::NameError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Mystery {
    name: String,
    value: ServedValue,
    delay: DelayDistribution,
}

/// A [`Mystery`] with the nonce of its commitment.
///
/// Neither `Debug` nor `Display` shows the distributions or the nonce.
///
/// ```
/// use simulation::Mystery;
///
/// let mystery = Mystery::new(&"tuesday".parse()?, "only the teacher knows").seal();
/// println!("{mystery}"); // mystery `tuesday` (commitment 3a…)
/// // When all have guessed:
/// println!("{}", mystery.opening()); // name, nonce and distributions: its SHA-256 is the commitment
/// # Ok::<(), simulation::NameError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Sealed {
    mystery: Mystery,
    nonce: u128,
}

impl Mystery {
    /// The mystery of `name` under `salt`: the same on every machine and in
    /// every release.
    ///
    /// Values lie mostly between 0 and 100. The mean delay is between 20 and
    /// 400 ms: long enough to measure, short enough not to wait for.
    #[must_use]
    pub fn new(name: &Name, salt: &str) -> Self {
        let valid = "written by rules that the tests go through";
        let name = name.as_str();
        Self {
            name: name.to_owned(),
            value: value(&mut SeededChoices::new("mystery value", name, salt))
                .parse()
                .expect(valid),
            delay: delay(&mut SeededChoices::new("mystery delay", name, salt))
                .parse()
                .expect(valid),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hidden distribution of the values.
    #[must_use]
    pub fn value(&self) -> &ServedValue {
        &self.value
    }

    /// The hidden distribution of the delays.
    #[must_use]
    pub fn delay(&self) -> &DelayDistribution {
        &self.delay
    }

    /// The mystery, sealed with a random nonce.
    #[must_use]
    pub fn seal(self) -> Sealed {
        self.seal_with(rand::random())
    }

    /// The mystery, sealed with this nonce, which nobody may guess.
    #[must_use]
    pub fn seal_with(self, nonce: u128) -> Sealed {
        let mystery = self;
        Sealed { mystery, nonce }
    }
}

impl Sealed {
    /// What is sealed.
    #[must_use]
    pub fn mystery(&self) -> &Mystery {
        &self.mystery
    }

    /// The SHA-256 of the [`opening`](Self::opening), in hexadecimal.
    #[must_use]
    pub fn commitment(&self) -> String {
        sha256_hex(&self.opening())
    }

    /// What the commitment commits to, the distributions included: five lines, each
    /// with its line feed, as `sha256sum` would read them from a file. The salt is not
    /// among them: it is that of other mysteries too.
    #[must_use]
    pub fn opening(&self) -> String {
        let Self { mystery, nonce } = self;
        let Mystery { name, value, delay } = mystery;
        format!(
            "golden-signals mystery\nname: {name}\nnonce: {nonce:032x}\nvalue: {value}\ndelay: {delay}\n"
        )
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, commitment) = (&self.mystery.name, self.commitment());
        write!(f, "mystery `{name}` (commitment {commitment})")
    }
}

impl fmt::Debug for Mystery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mystery")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("mystery", &self.mystery)
            .finish_non_exhaustive()
    }
}

/// A distribution for values. The order of the choices, and the choices, are
/// fixed for good: whoever adds a distribution here changes what every name
/// stands for.
fn value(choices: &mut SeededChoices) -> String {
    match choices.between(0, 8) {
        0 => {
            let (mean, sd) = (choices.between(30, 70), choices.between(5, 15));
            format!("normal(mean={mean}, sd={sd})")
        }
        1 => {
            let (min, width) = (choices.between(0, 30), choices.between(30, 70));
            format!("uniform({min}, {})", min + width)
        }
        2 => format!("exponential(mean={})", choices.between(15, 40)),
        3 => {
            let (shape, scale) = (choices.one_of([1.5, 2.0, 3.0, 4.0]), choices.between(6, 16));
            format!("gamma(shape={shape}, scale={scale})")
        }
        4 => {
            let (mean, cv) = (choices.between(20, 50), choices.one_of([0.3, 0.5, 0.8]));
            format!("lognormal(mean={mean}, cv={cv})")
        }
        5 => {
            let (shape, scale) = (choices.one_of([1.5, 2.0, 3.0]), choices.between(30, 60));
            format!("weibull(shape={shape}, scale={scale})")
        }
        6 => {
            let (a, b) =
                choices.one_of([(0.5, 0.5), (2.0, 2.0), (2.0, 5.0), (5.0, 2.0), (1.0, 3.0)]);
            format!("beta({a}, {b}, scale=100)")
        }
        7 => {
            let (min, mode) = (choices.between(0, 20), choices.between(30, 60));
            format!("triangular({min}, {mode}, {})", choices.between(70, 100))
        }
        _ => {
            let (low, high) = (choices.between(15, 35), choices.between(60, 85));
            let tenths = choices.between(3, 7);
            let rest = 10 - tenths;
            format!("0.{tenths}*normal(mean={low}, sd=4) + 0.{rest}*normal(mean={high}, sd=6)")
        }
    }
}

/// A distribution for delays whose mean is about the drawn number of
/// milliseconds; the rest of [`value`]'s description holds here too. Times are
/// put together in whole microseconds: integers do not depend on a platform's
/// arithmetic.
fn delay(choices: &mut SeededChoices) -> String {
    let mean = choices.between(25, 340) * 1000;
    match choices.between(0, 9) {
        0 => {
            let half = mean / 100 * choices.one_of([30, 50, 80]);
            format!("uniform({}us, {}us)", mean - half, mean + half)
        }
        1 => format!(
            "normal(mean={mean}us, sd={}us)",
            mean / 100 * choices.one_of([10, 20, 30])
        ),
        2 => format!(
            "lognormal(mean={mean}us, cv={})",
            choices.one_of([0.3, 0.5, 0.8, 1.2])
        ),
        3 => format!("exponential(mean={mean}us)"),
        4 => {
            let shape = choices.one_of([2, 3, 5, 8]);
            format!("gamma(shape={shape}, scale={}us)", mean / shape)
        }
        // The mean is scale * Γ(1 + 1/shape): 1.13, 0.90 or 0.89 of the scale.
        5 => format!(
            "weibull(shape={}, scale={mean}us)",
            choices.one_of([0.8, 1.5, 2.5])
        ),
        6 => {
            let (shape, scale) = choices.one_of([(2.5, 60), (3.0, 67), (4.0, 75)]);
            format!("pareto(scale={}us, shape={shape})", mean / 100 * scale)
        }
        7 => {
            let (a, b, scale) =
                choices.one_of([(2, 2, 200), (2, 5, 350), (5, 2, 140), (1, 3, 400)]);
            format!("beta({a}, {b}, scale={}us)", mean / 100 * scale)
        }
        8 => {
            let (min, mode, max) = choices.one_of([(20, 40, 240), (50, 100, 150), (40, 120, 140)]);
            let of_mean = |percent| mean / 100 * percent;
            format!(
                "triangular({}us, {}us, {}us)",
                of_mean(min),
                of_mean(mode),
                of_mean(max)
            )
        }
        _ => {
            // Most are quick, one in ten is slow: 0.9 * 0.6 + 0.1 * 4.6 = 1.
            let (quick, slow) = (mean / 5, mean / 10 * 46);
            format!("0.9*gamma(shape=3, scale={quick}us) + 0.1*lognormal(mean={slow}us, cv=0.2)")
        }
    }
}
