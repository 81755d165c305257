//! One sweep over all connections instead of a timer in each: ends those that keep the
//! service waiting, for a request's head or for bytes to be read, and tells all of them
//! to drain. What a connection waits for stands in its [`Watch`]. Nothing here reads or
//! writes a socket.
//!
//! The sweep has no clock of a connection: it remembers what it saw last, and counts how
//! often it has seen the same again. So a timeout of `T` takes `T` to `T` + 2`T`/16.
//!
//! Its own clock is not Tokio's: as long as Tokio has a timer to look after, each of its
//! workers looks at the time whenever it has nothing to do, which is after each request.

use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;

use super::watch::{All, MAX_HELD_BYTES, Wait, Watch};

/// Sweeps in the shortest timeout.
const SWEEPS: u32 = 16;

/// However short a timeout is.
const MIN_INTERVAL: Duration = Duration::from_millis(5);

/// All connections, and how long each may wait.
#[derive(Debug)]
pub(super) struct Sweep {
    every: Duration,
    next: Timer,
    head_sweeps: u32,
    write_sweeps: u32,
    connections: Vec<Seen>,
    all: Arc<All>,
}

/// A connection as the sweep saw it last.
#[derive(Debug)]
struct Seen {
    watch: Arc<Watch>,
    waits_for: Option<Wait>,
    writes: u32,
    /// Sweeps since then that saw the same.
    unchanged: u32,
}

impl Sweep {
    pub(super) fn new(head_timeout: Duration, write_timeout: Duration) -> Self {
        let every = (head_timeout.min(write_timeout) / SWEEPS).max(MIN_INTERVAL);
        let sweeps = |timeout: Duration| {
            let sweeps = timeout.as_nanos().div_ceil(every.as_nanos());
            u32::try_from(sweeps).unwrap_or(u32::MAX)
        };
        Self {
            every,
            next: Timer::after(every),
            head_sweeps: sweeps(head_timeout),
            write_sweeps: sweeps(write_timeout),
            connections: Vec::new(),
            all: Arc::default(),
        }
    }

    /// Takes in a connection, which leaves by dropping its `Watch`.
    pub(super) fn watch(&mut self) -> Arc<Watch> {
        let watch = Arc::new(Watch::new(Arc::clone(&self.all)));
        self.connections.push(Seen {
            watch: Arc::clone(&watch),
            waits_for: Some(Wait::Head),
            writes: 0,
            unchanged: 0,
        });
        watch
    }

    /// Sweeps when it is time.
    pub(super) async fn run(&mut self) {
        let is_pressed = tokio::select! {
            _ = &mut self.next => false,
            () = self.all.pressed.notified() => true,
        };
        if is_pressed {
            self.relieve();
        } else {
            self.look();
            // From now, not from when it was due: after a stall nobody is looked at twice
            // in a moment.
            self.next.set_after(self.every);
        }
    }

    /// Ends connections that do not read, the oldest first, until what all of them hold is
    /// within its bound. Those that have read since the last sweep come last.
    fn relieve(&self) {
        let held = |seen: &Seen| seen.watch.held();
        // Those that have been told are about to let go.
        let (told, others): (Vec<_>, Vec<_>) =
            (self.connections.iter()).partition(|seen| seen.watch.is_told_overdue());
        let told: usize = told.into_iter().map(held).sum();
        let all = self.all.held();
        let mut excess = all.saturating_sub(told + MAX_HELD_BYTES);
        let (readers, others): (Vec<_>, Vec<_>) = others
            .into_iter()
            .filter(|seen| seen.watch.waits_for() == Some(Wait::Read))
            .partition(|seen| seen.watch.writes() != seen.writes);
        for seen in others.into_iter().chain(readers) {
            if excess == 0 {
                return;
            }
            seen.watch.tell_overdue();
            excess = excess.saturating_sub(held(seen));
        }
    }

    /// Looks at every connection once.
    fn look(&mut self) {
        self.connections.retain_mut(|seen| {
            if Arc::strong_count(&seen.watch) == 1 {
                return false;
            }
            let waits_for = seen.watch.waits_for();
            let writes = seen.watch.writes();
            if (waits_for, writes) != (seen.waits_for, seen.writes) {
                (seen.waits_for, seen.writes) = (waits_for, writes);
                seen.unchanged = 0;
                return true;
            }
            let allowed = match waits_for {
                Some(Wait::Head) => self.head_sweeps,
                Some(Wait::Read) => self.write_sweeps,
                None => return true,
            };
            seen.unchanged = seen.unchanged.saturating_add(1);
            if seen.unchanged > allowed {
                seen.watch.tell_overdue();
            }
            true
        });
    }

    /// Tells all connections to end with the request in flight.
    pub(super) fn drain(&self) {
        for seen in &self.connections {
            seen.watch.tell_to_drain();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD_TIMEOUT: Duration = Duration::from_secs(32);
    const WRITE_TIMEOUT: Duration = Duration::from_secs(16);

    /// The sweeps of so many seconds, of which each has one.
    fn pass(sweep: &mut Sweep, seconds: u64) {
        assert_eq!(sweep.every, Duration::from_secs(1));
        for _ in 0..seconds {
            sweep.look();
        }
    }

    #[test]
    fn who_sends_no_head_or_reads_nothing_is_overdue_and_no_other() {
        let mut sweep = Sweep::new(HEAD_TIMEOUT, WRITE_TIMEOUT);
        let [silent, working, unread, reading] = [(); 4].map(|()| sweep.watch());
        for watch in [&working, &unread, &reading] {
            watch.begin(false);
        }
        for _ in 0..14 {
            unread.block(1);
            reading.wrote(1, 2);
            reading.block(1);
            pass(&mut sweep, 1);
        }
        assert_eq!(unread.overdue(), None);
        for _ in 0..5 {
            reading.wrote(1, 2);
            reading.block(1);
            pass(&mut sweep, 1);
        }
        assert_eq!(unread.overdue(), Some(Wait::Read));
        assert_eq!(silent.overdue(), None);
        for _ in 0..16 {
            reading.wrote(1, 2);
            reading.block(1);
            pass(&mut sweep, 1);
        }
        assert_eq!(silent.overdue(), Some(Wait::Head));
        assert_eq!((working.overdue(), reading.overdue()), (None, None));
    }

    #[test]
    fn what_comes_at_the_last_moment_counts() {
        let mut sweep = Sweep::new(HEAD_TIMEOUT, WRITE_TIMEOUT);
        let [silent, unread] = [(); 2].map(|()| sweep.watch());
        unread.begin(false);
        unread.block(1);
        pass(&mut sweep, 40);
        assert_eq!(silent.overdue(), Some(Wait::Head));
        silent.begin(false);
        assert_eq!(silent.overdue(), None);
        assert_eq!(unread.overdue(), Some(Wait::Read));
        unread.wrote(1, 1);
        assert_eq!(unread.overdue(), None);
    }

    #[test]
    fn beyond_the_bound_the_oldest_of_those_that_do_not_read_go() {
        let mut sweep = Sweep::new(HEAD_TIMEOUT, WRITE_TIMEOUT);
        let watches: Vec<_> = (0..6).map(|_| sweep.watch()).collect();
        for watch in &watches {
            watch.begin(false);
            watch.block(MAX_HELD_BYTES / 4);
        }
        // The oldest of all reads.
        sweep.look();
        watches[0].wrote(1, 2);
        watches[0].block(MAX_HELD_BYTES / 4);
        sweep.relieve();
        // Once more, before they have let go.
        sweep.relieve();
        let overdue = watches.iter().map(|watch| watch.overdue().is_some());
        let expected = [false, true, true, false, false, false];
        assert_eq!(overdue.collect::<Vec<_>>(), expected);
        watches[1].close();
        watches[2].close();
        assert_eq!(sweep.all.held(), MAX_HELD_BYTES);
    }

    #[test]
    fn of_a_shared_answer_only_what_is_buffered_is_held() {
        let mut sweep = Sweep::new(HEAD_TIMEOUT, WRITE_TIMEOUT);
        let [own, shared] = [(); 2].map(|()| sweep.watch());
        for watch in [&own, &shared] {
            watch.begin(false);
        }
        shared.share();
        for watch in [&own, &shared] {
            watch.follow(1_000);
            watch.block(10);
        }
        assert_eq!((own.held(), shared.held()), (1_010, 10));
    }

    #[test]
    fn a_connection_that_has_ended_is_forgotten() {
        let mut sweep = Sweep::new(HEAD_TIMEOUT, WRITE_TIMEOUT);
        let watch = sweep.watch();
        sweep.look();
        assert_eq!(sweep.connections.len(), 1);
        drop(watch);
        sweep.look();
        assert_eq!(sweep.connections.len(), 0);
    }
}
