//! Clicks for a small training to learn from: who was shown what, and whether
//! they clicked. One a line: `clicked user item price age`. Now and then a number
//! is NaN, as in real data.

use std::fmt;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// One line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Click {
    /// Whether the item was clicked on.
    pub clicked: bool,
    /// Who saw it; a few come often, most seldom.
    pub user: u64,
    /// What they saw.
    pub item: u64,
    /// From 0 to 1, or NaN.
    pub price: f64,
    /// How old it is: from 0 to 1, or NaN.
    pub age: f64,
}

impl fmt::Display for Click {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            clicked,
            user,
            item,
            price,
            age,
        } = self;
        write!(f, "{} {user} {item} {price} {age}", u8::from(*clicked))
    }
}

/// Endlessly many, the same for each seed.
pub fn drawn(seed: u64) -> impl Iterator<Item = Click> {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0_u64..).map(move |number| {
        let mut share = || stream.random_range(0.0..1.0_f64);
        let user = (400.0 * share().powi(3)) as u64;
        let item = (90.0 * share().powi(2)) as u64;
        let (mut price, mut age) = (share(), share());
        // What there is to be learned: cheap, new, and with an even number.
        let taste = if item.is_multiple_of(2) { 0.4 } else { -0.4 };
        let clicked = 1.0 - price - age + taste > 0.0;
        // Each feature has faults of its own.
        if number % 17 == 7 {
            price = f64::NAN;
        } else if number % 29 == 11 {
            age = f64::NAN;
        }
        Click {
            clicked,
            user,
            item,
            price,
            age,
        }
    })
}
