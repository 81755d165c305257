//! What is hidden behind a name, and what a histogram shows of it.

use std::fmt;
use std::path::Path;

use simulation::{self, DelayDistribution, Name, Streams, ValueDistribution};

/// How many numbers are drawn. The share of them up to any bound differs from the
/// truth by more than 0.02 once in five million times.
pub const SAMPLES: usize = 20_000;

// The salt of the service, unless the teacher has set another for both.
const SALT: &str = "GOLDEN_MYSTERY_SALT";

const SALT_FILE: &str = "GOLDEN_MYSTERY_SALT_FILE";

/// The course's salt, as the service reads it.
///
/// # Errors
///
/// If the file that it should be in cannot be read.
pub fn read_salt() -> Result<String, String> {
    let given = std::env::var(SALT).ok();
    let Some(path) = std::env::var_os(SALT_FILE) else {
        return Ok(given.unwrap_or_else(|| simulation::PUBLIC_SALT.to_owned()));
    };
    if given.is_some() {
        return Err(format!("{SALT} and {SALT_FILE} are both set: unset one"));
    }
    let path = Path::new(&path);
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "{SALT_FILE} {}: cannot be read ({error}); must be a file that holds the salt",
            path.display()
        )
    })?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(format!(
            "{SALT_FILE} {}: is empty; write the salt into it",
            path.display()
        )),
        salt => Ok(salt.to_owned()),
    }
}

/// The course's salt.
///
/// # Panics
///
/// If it cannot be read: the commands ask for [`read_salt`] first.
#[must_use]
pub fn salt() -> String {
    read_salt().unwrap_or_else(|error| panic!("{error}"))
}

/// Which of the two distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The random numbers.
    Values,
    /// The delays, in seconds.
    Delays,
}

/// A distribution: the hidden one, or the one that is handed in.
/// `Debug` does not show it.
#[derive(Clone)]
pub struct Distribution(Inner);

#[derive(Clone)]
enum Inner {
    Values(ValueDistribution),
    Delays(DelayDistribution),
}

impl Distribution {
    /// What is hidden behind the name: as `serve --mystery NAME` draws it.
    #[must_use]
    pub fn hidden(kind: Kind, name: &Name) -> Self {
        let mystery = simulation::Mystery::new(name, &salt());
        Self(match kind {
            Kind::Values => Inner::Values((**mystery.value()).clone()),
            Kind::Delays => Inner::Delays(mystery.delay().clone()),
        })
    }

    /// Reads a distribution, such as `normal(mean=50, sd=15)`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, String> {
        let inner = match kind {
            Kind::Values => text.parse().map(Inner::Values),
            Kind::Delays => text.parse().map(Inner::Delays),
        };
        inner.map(Self).map_err(|error| error.to_string())
    }

    /// The share at or below `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        match &self.0 {
            Inner::Values(inner) => inner.cdf(x),
            Inner::Delays(inner) => inner.cdf(x),
        }
    }

    /// The greatest distance of the two CDFs (Kolmogorov and Smirnov's), looked
    /// for at 2000 quantiles of each: right to within 0.001.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        let steps = 2000;
        (1..steps)
            .map(|step| f64::from(step) / f64::from(steps))
            .flat_map(|p| [self.quantile(p), other.quantile(p)])
            .map(|x| (self.cdf(x) - other.cdf(x)).abs())
            .fold(0.0, f64::max)
    }

    /// The least `x` that a share of `p` does not exceed.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        match &self.0 {
            Inner::Values(inner) => inner.quantile(p),
            Inner::Delays(inner) => inner.quantile(p),
        }
    }

    /// [`SAMPLES`] numbers, the same each time.
    #[must_use]
    pub fn samples(&self) -> Vec<f64> {
        let mut rng = Streams::new(1).stream(0);
        (0..SAMPLES)
            .map(|_| match &self.0 {
                Inner::Values(inner) => inner.sample(&mut rng),
                Inner::Delays(inner) => inner.sample(&mut rng).as_secs_f64(),
            })
            .collect()
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution").finish_non_exhaustive()
    }
}
