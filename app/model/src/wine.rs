//! The wines that everything is about: 1,599 red wines with what a laboratory measured and
//! how tasters judged them. Only the data; what is done with them stands elsewhere.
//!
//! Source: P. Cortez and others, *Wine Quality*, UCI Machine Learning Repository, 2009,
//! CC BY 4.0; see `data/NOTICE`.

use std::sync::LazyLock;

use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use simulation::Streams;

/// The file, line feeds only.
const CSV: &str = include_str!("../data/winequality-red.csv");

/// How many of the wines train the model. The others are served: it has never seen them.
pub const TRAINING_ROWS: usize = 1_000;

/// The tasters' median, from 0 to 10, from which on a wine is good.
const GOOD_FROM: f64 = 6.0;

/// How many features a wine has.
pub const WIDTH: usize = 11;

/// What a laboratory measures, in the units of [`FEATURES`]. NaN is a missing value.
pub type Features = [f64; WIDTH];

/// The features' names, in the order of the file. g/dm³, but for the sulfur dioxides
/// (mg/dm³), density (g/cm³), pH and alcohol (percent by volume).
pub const FEATURES: [&str; WIDTH] = [
    "fixed_acidity",
    "volatile_acidity",
    "citric_acid",
    "residual_sugar",
    "chlorides",
    "free_sulfur_dioxide",
    "total_sulfur_dioxide",
    "density",
    "ph",
    "sulphates",
    "alcohol",
];

/// Where these features stand in [`FEATURES`].
pub(crate) const VOLATILE_ACIDITY: usize = 1;
pub(crate) const SULPHATES: usize = 9;
pub(crate) const ALCOHOL: usize = 10;

/// One wine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wine {
    /// What was measured.
    pub features: Features,
    /// Whether the tasters found it good.
    pub good: bool,
}

/// All wines, in the order of the file.
#[must_use]
pub fn all() -> &'static [Wine] {
    static WINES: LazyLock<Vec<Wine>> = LazyLock::new(|| {
        let rows = CSV.lines().skip(1);
        rows.map(|row| parse(row).expect("the file is part of the program"))
            .collect()
    });
    &WINES
}

/// SHA-256 of the file, in hexadecimal.
#[must_use]
pub fn hash() -> String {
    let digest = Sha256::digest(CSV);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The wines that a model of this seed is trained with, and those held out: shuffled by
/// what each row's own generator draws first.
#[must_use]
pub fn split(seed: u64) -> (Vec<Wine>, Vec<Wine>) {
    let streams = Streams::new(seed);
    let drawn = |row: usize| streams.stream(row as u64).next_u64();
    let mut order: Vec<usize> = (0..all().len()).collect();
    order.sort_by_key(|row| drawn(*row));
    let wines = |rows: &[usize]| rows.iter().map(|row| all()[*row]).collect();
    let (training, held_out) = order.split_at(TRAINING_ROWS);
    (wines(training), wines(held_out))
}

fn parse(row: &str) -> Option<Wine> {
    let mut columns = row.split(',').map(|column| column.parse::<f64>().ok());
    let mut features = [0.0; WIDTH];
    for feature in &mut features {
        *feature = columns.next()??;
    }
    let quality = columns.next()??;
    Some(Wine {
        features,
        good: quality >= GOOD_FROM,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wine_is_read_and_stands_on_one_side_of_the_split() {
        assert_eq!(all().len(), 1_599);
        assert_eq!(all().iter().filter(|wine| wine.good).count(), 855);
        assert_eq!(
            all()[0].features,
            [
                7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4
            ]
        );
        let (training, held_out) = split(1);
        assert_eq!((training.len(), held_out.len()), (1_000, 599));
        let alcohol = |wines: &[Wine]| wines.iter().map(|w| w.features[ALCOHOL]).sum::<f64>();
        let sum = alcohol(&training) + alcohol(&held_out);
        assert!((sum - alcohol(all())).abs() < 1e-6, "{sum}");
    }
}
