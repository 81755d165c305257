//! Leaks, bounded: memory that is taken and written to, descriptors that are opened, and
//! none of them given back until the incident is over.

use std::fs::File;

/// The most memory that is held: a container of the stack with 256 MiB lives.
const MOST_KIB: usize = 128 * 1024;

/// The most descriptors: a process may have at least 1,024 on every system.
const MOST_DESCRIPTORS: usize = 600;

/// What has leaked.
#[derive(Debug, Default)]
pub(super) struct Leaks {
    memory: Vec<Vec<u8>>,
    kib: usize,
    descriptors: Vec<File>,
    /// What is due and too little to be leaked by itself.
    due_kib: f64,
    due_descriptors: f64,
}

impl Leaks {
    /// Leaks for so many seconds at these rates; what no longer leaks is given back.
    pub(super) fn go_on(&mut self, seconds: f64, kib_per_second: u32, descriptors_per_minute: u32) {
        if kib_per_second == 0 && self.kib > 0 {
            *self = Self {
                descriptors: std::mem::take(&mut self.descriptors),
                ..Self::default()
            };
        }
        if descriptors_per_minute == 0 {
            self.descriptors = Vec::new();
        }
        self.due_kib += seconds * f64::from(kib_per_second);
        let kib = whole(&mut self.due_kib).min(MOST_KIB - self.kib);
        if kib > 0 {
            // Written to: memory that nobody has touched is not resident.
            self.memory.push(vec![1; kib * 1024]);
            self.kib += kib;
        }
        self.due_descriptors += seconds * f64::from(descriptors_per_minute) / 60.0;
        let room = MOST_DESCRIPTORS - self.descriptors.len();
        for _ in 0..whole(&mut self.due_descriptors).min(room) {
            // Where none is left, the leak has come to its end.
            let opened = std::env::current_exe().and_then(File::open);
            self.descriptors.extend(opened);
        }
    }
}

/// Takes the whole part.
fn whole(due: &mut f64) -> usize {
    let whole = due.floor();
    *due -= whole;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates times seconds are neither negative nor large"
    )]
    let whole = whole as usize;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_to_their_bounds_and_are_given_back() {
        let mut leaks = Leaks::default();
        for _ in 0..10 {
            leaks.go_on(0.25, 1_024, 120);
        }
        assert_eq!((leaks.kib, leaks.descriptors.len()), (2_560, 5));
        // One ends, the other goes on.
        leaks.go_on(0.25, 0, 120);
        assert_eq!((leaks.kib, leaks.memory.len()), (0, 0));
        assert_eq!(leaks.descriptors.len(), 5);
        leaks.go_on(0.25, 1_000_000, 1_000_000);
        leaks.go_on(0.25, 1_000_000, 1_000_000);
        assert_eq!(leaks.kib, MOST_KIB);
        assert_eq!(leaks.descriptors.len(), MOST_DESCRIPTORS);
        leaks.go_on(0.25, 0, 0);
        assert!(leaks.memory.is_empty() && leaks.descriptors.is_empty());
    }
}
