//! Counters out of samples, which go on when a task starts anew.

use super::super::history::METRICS;

/// The places of read, written, received and sent bytes in a sample.
pub(super) const TRAFFIC: [usize; 4] = [3, 4, 5, 6];

/// How a proplet counts the bytes in its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Those since its sample before: the document's, and ours.
    SinceLast,
    /// Those since its process began: Propeller's Rust proplet.
    SinceStart,
}

impl Counting {
    /// What a sample adds when nothing is known of the one before.
    pub(super) fn growth_of_one(
        self,
        metrics: &[Option<f64>; METRICS.len()],
    ) -> [f64; TRAFFIC.len()] {
        match self {
            Self::SinceLast => TRAFFIC.map(|place| metrics[place].unwrap_or(0.0)),
            Self::SinceStart => [0.0; TRAFFIC.len()],
        }
    }
}

/// The bytes of a task since it became known. `None` is what it never told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) totals: [Option<f64>; TRAFFIC.len()],
    /// Of the sample before, where samples count since the start.
    before: [Option<f64>; TRAFFIC.len()],
}

impl Counters {
    /// Adds a sample, and tells what it added. `newer` if none of a later time
    /// has been added.
    pub(super) fn count(
        &mut self,
        metrics: &[Option<f64>; METRICS.len()],
        counting: Counting,
        newer: bool,
    ) -> [f64; TRAFFIC.len()] {
        std::array::from_fn(|which| {
            let Some(told) = metrics[TRAFFIC[which]] else {
                return 0.0;
            };
            let growth = match counting {
                Counting::SinceLast => told,
                // The later one holds what an earlier one tells.
                Counting::SinceStart if !newer => 0.0,
                Counting::SinceStart => match self.before[which] {
                    Some(before) if told >= before => told - before,
                    // Less than before: it began anew.
                    Some(_) => told,
                    // What was before it became known is not known either.
                    None => 0.0,
                },
            };
            if newer {
                self.before[which] = Some(told);
            }
            *self.totals[which].get_or_insert(0.0) += growth;
            growth
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(read: f64) -> [Option<f64>; METRICS.len()] {
        let mut metrics = [None; METRICS.len()];
        metrics[TRAFFIC[0]] = Some(read);
        metrics
    }

    #[test]
    fn growth_is_added_up_even_when_it_comes_late() {
        let mut counters = Counters::default();
        for (told, newer) in [(5.0, true), (0.0, true), (7.0, false), (1.0, true)] {
            assert_eq!(
                counters.count(&sample(told), Counting::SinceLast, newer)[0],
                told
            );
        }
        assert_eq!(counters.totals, [Some(13.0), None, None, None]);
    }

    #[test]
    fn totals_of_a_process_go_on_when_it_starts_anew() {
        let mut counters = Counters::default();
        let mut count = |told, newer| counters.count(&sample(told), Counting::SinceStart, newer)[0];
        assert_eq!(count(100.0, true), 0.0);
        assert_eq!(count(130.0, true), 30.0);
        assert_eq!(count(120.0, false), 0.0);
        assert_eq!(count(20.0, true), 20.0);
        assert_eq!(count(25.0, true), 5.0);
        assert_eq!(counters.totals[0], Some(55.0));
    }
}
