//! The clicks that the workers are fed with, and what is true of them.

use super::{BATCH, CLICKS, DROPPED, EXAMPLES, HALF, LOOKUPS, MISSES, ROWS};
use crate::clicks::{self, Click};
use crate::exposition::{Exposition, Sample};

/// A series, and what it should show.
pub(super) type Expected = (&'static str, Vec<(&'static str, &'static str)>, f64);

/// What is true of some clicks.
pub(super) struct Known {
    pub(super) examples: f64,
    dropped: [f64; 2],
    lookups: [f64; 2],
    misses: [f64; 2],
}

impl Known {
    pub(super) fn all(&self) -> Vec<Expected> {
        let mut all = vec![(EXAMPLES, Vec::new(), self.examples)];
        for (name, label, values, numbers) in [
            (DROPPED, "feature", ["price", "age"], self.dropped),
            (LOOKUPS, "table", ["user", "item"], self.lookups),
            (MISSES, "table", ["user", "item"], self.misses),
        ] {
            for (value, number) in values.into_iter().zip(numbers) {
                all.push((name, vec![(label, value)], number));
            }
        }
        all
    }
}

pub(super) fn known(data: &[Click]) -> Known {
    let mut known = Known {
        examples: 0.0,
        dropped: [0.0; 2],
        lookups: [0.0; 2],
        misses: [0.0; 2],
    };
    // The ids in each table, that which was looked up last at the end.
    let mut tables: [Vec<u64>; 2] = [Vec::new(), Vec::new()];
    for click in data {
        if click.price.is_nan() || click.age.is_nan() {
            known.dropped[usize::from(!click.price.is_nan())] += 1.0;
            continue;
        }
        known.examples += 1.0;
        for (number, id) in [click.user, click.item].into_iter().enumerate() {
            let table = &mut tables[number];
            known.lookups[number] += 1.0;
            if let Some(at) = table.iter().position(|known| *known == id) {
                table.remove(at);
            } else {
                known.misses[number] += 1.0;
                if table.len() == ROWS {
                    table.remove(0);
                }
            }
            table.push(id);
        }
    }
    known
}

// The batch before the middle is all NaN.
pub(super) fn data(seed: u64) -> Vec<Click> {
    let mut data: Vec<_> = clicks::drawn(seed).take(CLICKS).collect();
    for click in &mut data[HALF - BATCH..HALF] {
        click.price = f64::NAN;
    }
    data
}

pub(super) fn lines(data: &[Click]) -> String {
    data.iter().map(|click| format!("{click}\n")).collect()
}

pub(super) fn examples(metrics: &Exposition) -> f64 {
    metrics.sum(EXAMPLES, &[])
}

pub(super) fn series(name: &str, labels: &[(&str, &str)]) -> String {
    let sample = Sample {
        name: name.to_owned(),
        labels: labels
            .iter()
            .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
            .collect(),
        value: 0.0,
    };
    format!("`{sample}`")
}
