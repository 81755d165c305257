//! Counters out of samples, which go on when a task starts anew.

use proplet_schema::{Counting, Traffic};

/// The bytes of a task since it became known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) totals: Traffic,
    /// What the latest sample said.
    before: Traffic,
}

impl Counters {
    /// What a sample would add, without adding it. `newer` if none of a later
    /// time has been added.
    pub(super) fn growth(&self, reported: Traffic, counting: Counting, newer: bool) -> Traffic {
        match counting {
            Counting::SinceLast => reported,
            Counting::SinceStart => reported.zip(self.before, |reported, before| {
                let reported = reported?;
                Some(match before {
                    // The later one holds what an earlier one says.
                    _ if !newer => 0,
                    // Less than before: it began anew.
                    Some(before) => reported.checked_sub(before).unwrap_or(reported),
                    // What was before it became known is not known either.
                    None => 0,
                })
            }),
        }
    }

    /// Adds a sample, of which [`Self::growth`] told the growth.
    pub(super) fn add(&mut self, growth: Traffic, reported: Traffic, newer: bool) {
        self.totals = self.totals.plus(growth);
        if newer {
            self.before = reported.zip(self.before, Option::or);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: u64) -> Traffic {
        Traffic {
            disk_read_bytes: Some(bytes),
            ..Traffic::default()
        }
    }

    fn count(counters: &mut Counters, reported: u64, counting: Counting, newer: bool) -> u64 {
        let growth = counters.growth(read(reported), counting, newer);
        counters.add(growth, read(reported), newer);
        growth.disk_read_bytes.unwrap()
    }

    #[test]
    fn growth_is_added_up_even_when_it_comes_late() {
        let mut counters = Counters::default();
        for (reported, newer) in [(5, true), (0, true), (7, false), (1, true)] {
            let growth = count(&mut counters, reported, Counting::SinceLast, newer);
            assert_eq!(growth, reported);
        }
        assert_eq!(counters.totals, read(13));
    }

    #[test]
    fn totals_of_a_process_go_on_when_it_starts_anew() {
        let mut counters = Counters::default();
        let mut count =
            |reported, newer| count(&mut counters, reported, Counting::SinceStart, newer);
        assert_eq!(count(100, true), 0);
        assert_eq!(count(130, true), 30);
        assert_eq!(count(120, false), 0);
        assert_eq!(count(20, true), 20);
        assert_eq!(count(25, true), 5);
        assert_eq!(counters.totals, read(55));
    }
}
