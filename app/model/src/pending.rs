//! The predictions whose labels may still come, in a ring of fixed size: each knows what
//! became of it, and what is pushed out without a label is counted. Knows no HTTP and no
//! metrics.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use crate::segment::Segment;

/// Names a prediction of one process: another process's are unknown to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Id {
    process: u32,
    number: u64,
}

/// What is kept of a prediction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) score: f64,
    pub(crate) by_model: bool,
    pub(crate) segment: Segment,
    pub(crate) at: Instant,
}

/// Why a label matches no prediction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unmatched {
    /// This process has made no prediction of this id yet.
    Unknown,
    /// Another process made it: another replica, or this one before it was started again.
    Elsewhere,
    /// It has been labelled.
    Twice,
    /// It was pushed out by later ones.
    Expired,
}

impl Unmatched {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 4] = [Self::Unknown, Self::Elsewhere, Self::Twice, Self::Expired];

    /// The label `reason`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Elsewhere => "elsewhere",
            Self::Twice => "twice",
            Self::Expired => "expired",
        }
    }
}

/// The last predictions.
#[derive(Debug)]
pub(crate) struct Pending {
    process: u32,
    /// Number of the next prediction.
    next: u64,
    capacity: usize,
    /// The last predictions, each until it is labelled.
    ring: VecDeque<Option<Kept>>,
}

impl Pending {
    /// For the predictions of this process, the last `capacity` of them.
    pub(crate) fn new(process: u32, capacity: usize) -> Self {
        Self {
            process,
            next: 0,
            capacity: capacity.max(1),
            ring: VecDeque::new(),
        }
    }

    /// What the ids begin with.
    pub(crate) fn process(&self) -> String {
        format!("{:08x}", self.process)
    }

    /// Keeps a prediction. Returns its id, and whether another one was pushed out that
    /// had no label.
    pub(crate) fn push(&mut self, kept: Kept) -> (Id, bool) {
        let full = self.ring.len() == self.capacity;
        let evicted = full && self.ring.pop_front().flatten().is_some();
        self.ring.push_back(Some(kept));
        let id = Id {
            process: self.process,
            number: self.next,
        };
        self.next += 1;
        (id, evicted)
    }

    /// Takes the prediction that a label is for.
    pub(crate) fn take(&mut self, id: Id) -> Result<Kept, Unmatched> {
        if id.process != self.process {
            return Err(Unmatched::Elsewhere);
        }
        if id.number >= self.next {
            return Err(Unmatched::Unknown);
        }
        let age = usize::try_from(self.next - id.number).unwrap_or(usize::MAX);
        let place = self.ring.len().checked_sub(age);
        let place = place.ok_or(Unmatched::Expired)?;
        self.ring[place].take().ok_or(Unmatched::Twice)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.process, self.number)
    }
}

impl FromStr for Id {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parts = text.split_once('-').and_then(|(process, number)| {
            let process = u32::from_str_radix(process, 16).ok()?;
            let number = number.parse().ok()?;
            Some(Self { process, number })
        });
        // Only as it is written: one prediction has one id, without `+` and further zeros.
        let parts = parts.filter(|id| id.to_string() == text);
        parts.ok_or("must be the `id` of an answer of /predict, like 0a1b2c3d-17")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            score: 0.5,
            by_model: true,
            segment: Segment::Web,
            at: Instant::now(),
        }
    }

    #[test]
    fn every_label_finds_its_prediction_once_and_says_why_not() {
        let mut pending = Pending::new(7, 3);
        let ids: Vec<Id> = (0..5).map(|_| pending.push(kept()).0).collect();
        for (id, expected) in [
            (ids[0], Err(Unmatched::Expired)),
            (ids[2], Ok(())),
            (ids[2], Err(Unmatched::Twice)),
            (ids[4], Ok(())),
        ] {
            assert_eq!(pending.take(id).map(|_| ()), expected, "{id}");
        }
        for (id, why) in [
            ("00000007-5", Unmatched::Unknown),
            ("00000008-4", Unmatched::Elsewhere),
        ] {
            let id = id.parse().unwrap();
            assert_eq!(pending.take(id).map(|_| ()), Err(why), "{id}");
        }
        // A labelled one that is pushed out is no loss.
        let lost = (0..3).filter(|_| pending.push(kept()).1).count();
        assert_eq!(lost, 1, "of 2, 3 and 4 only 3 had no label");
        let id: Id = ids[3].to_string().parse().unwrap();
        assert_eq!(id, ids[3]);
        for no_id in [
            "17",
            "x-1",
            "7-1",
            "0000000A-1",
            "00000007-01",
            "00000007-+1",
            "+0000007-1",
            "00000007-18446744073709551616",
            "000000007-1",
        ] {
            assert!(no_id.parse::<Id>().is_err(), "{no_id}");
        }
    }

    #[test]
    fn a_million_predictions_without_labels_take_no_more_memory_than_the_ring() {
        let mut pending = Pending::new(1, 1_000);
        let lost = (0..1_000_000).filter(|_| pending.push(kept()).1).count();
        assert_eq!(lost, 1_000_000 - 1_000);
        assert!(
            pending.ring.capacity() < 2_100,
            "{}",
            pending.ring.capacity()
        );
        let used = allocation_counter::measure(|| {
            pending.push(kept());
        });
        assert_eq!(used.count_total, 0);
    }
}
