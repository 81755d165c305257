//! What the parts of a connection, of which hyper owns some, and the sweep know of each
//! other: a few atomics, which cost a request next to nothing. Nothing here waits, or
//! decides what becomes of a connection.

use std::sync::atomic::{AtomicU16, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use tokio::sync::Notify;

/// What clients that do not read may hold of answers, over all connections of a listener.
/// Most answers fit into what the kernel takes of them, and so never count here. A buffer
/// that grew may take twice its length, and while those go who were told, others come: so
/// up to four times this is in use.
pub(super) const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// A request has been read and its answer is not sent yet.
const BUSY: u16 = 1;
/// The answer has been handed over; what is buffered of it is still to be sent.
const HANDED_OVER: u16 = 1 << 1;
/// Nothing of the answer has been sent.
const UNANSWERED: u16 = 1 << 2;
/// The request's body is not read to its end.
const BODY: u16 = 1 << 3;
/// A write waits for the client to read.
const BLOCKED: u16 = 1 << 4;
/// Too long in the same state: set by the sweep, taken back by any progress.
const OVERDUE: u16 = 1 << 5;
/// To end with the request in flight: set by the sweep.
const DRAINING: u16 = 1 << 6;
/// The client has gone.
const GONE: u16 = 1 << 7;
/// The answer is not this connection's alone.
const SHARED: u16 = 1 << 8;

/// What the sweep sees of a connection, and what the parts of the connection, of which
/// hyper owns some, see of each other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    flags: AtomicU16,
    /// Counts the writes that the client has made room for.
    writes: AtomicU32,
    /// The buffered bytes of which some are unsent, and what is to follow them.
    held: AtomicUsize,
    /// What is to follow of the answer.
    rest: AtomicUsize,
    all: Arc<All>,
    /// The connection's task, which Tokio wakes by the same waker for all its life.
    waker: OnceLock<Waker>,
}

/// What the watches of all connections share.
#[derive(Debug, Default)]
pub(super) struct All {
    held: AtomicUsize,
    /// More is held than may be.
    pub(super) pressed: Notify,
}

impl All {
    /// The bytes that all of them hold.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Watch {
    pub(super) fn new(all: Arc<All>) -> Self {
        Self {
            all,
            ..Self::default()
        }
    }

    fn set(&self, flags: u16) {
        self.flags.fetch_or(flags, Ordering::AcqRel);
    }

    fn clear(&self, flags: u16) {
        self.flags.fetch_and(!flags, Ordering::AcqRel);
    }

    fn has(&self, flags: u16) -> bool {
        self.flags.load(Ordering::Acquire) & flags != 0
    }

    /// Has this task woken when the sweep has set something.
    pub(super) fn wake(&self, waker: &Waker) {
        if self.waker.get().is_none() {
            let _ = self.waker.set(waker.clone());
            // What is set before this is seen by whoever asks next; who sets
            // something after it finds the waker.
            self.set(0);
        }
    }

    /// The head of a request has been read; whether a body follows.
    pub(super) fn begin(&self, has_body: bool) {
        self.clear(OVERDUE | BODY | SHARED);
        self.set(BUSY | UNANSWERED | if has_body { BODY } else { 0 });
    }

    /// The request's body has been read to its end.
    pub(super) fn end_body(&self) {
        self.clear(BODY);
    }

    /// All of the answer has been handed over, or will never be.
    pub(super) fn hand_over(&self) {
        self.set(HANDED_OVER);
    }

    /// The client's side took this many bytes of so many.
    pub(super) fn wrote(&self, taken: usize, of: usize) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.clear(UNANSWERED | BLOCKED | OVERDUE);
        if taken < of {
            self.hold_at_least(of);
        }
    }

    /// The client's side takes no more for now.
    pub(super) fn block(&self, unsent: usize) {
        self.set(BLOCKED);
        self.hold_at_least(unsent);
    }

    /// Everything that was handed over has been sent.
    pub(super) fn flushed(&self) {
        if self.has(HANDED_OVER) {
            self.clear(BUSY | HANDED_OVER);
        }
        if self.held.load(Ordering::Relaxed) > 0 {
            self.hold(0);
        }
    }

    /// What is to follow of the answer costs nothing.
    pub(super) fn share(&self) {
        self.set(SHARED);
    }

    /// So many bytes of the answer are there and not yet handed over.
    pub(super) fn follow(&self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.rest.store(bytes, Ordering::Relaxed);
    }

    // What is unsent of a buffer holds all of it.
    fn hold_at_least(&self, buffered: usize) {
        let rest = if self.has(SHARED) {
            0
        } else {
            self.rest.load(Ordering::Relaxed)
        };
        let bytes = buffered.saturating_add(rest);
        if bytes <= self.held.load(Ordering::Relaxed) {
            return;
        }
        let all = self.hold(bytes);
        if all > MAX_HELD_BYTES {
            self.all.pressed.notify_one();
        }
        // Others were told, and more come than let go: this one is not kept.
        if all > 2 * MAX_HELD_BYTES {
            self.set(OVERDUE);
        }
    }

    /// The connection is closed, and holds nothing any more.
    pub(super) fn close(&self) {
        self.hold(0);
    }

    /// Sets what this connection holds; returns what all of them do.
    fn hold(&self, bytes: usize) -> usize {
        let before = self.held.swap(bytes, Ordering::Relaxed);
        let change = bytes.wrapping_sub(before);
        let all = self.all.held.fetch_add(change, Ordering::Relaxed);
        all.wrapping_add(change)
    }

    /// The client has gone.
    pub(super) fn leave(&self) {
        self.set(GONE);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.has(BUSY)
    }

    pub(super) fn is_unanswered(&self) -> bool {
        self.has(UNANSWERED)
    }

    /// Whether a handler still waits for bytes of the request's body.
    pub(super) fn awaits_body(&self) -> bool {
        self.flags.load(Ordering::Acquire) & (BODY | HANDED_OVER) == BODY
    }

    /// Whether bytes of a request's body were never read.
    pub(super) fn has_unread_body(&self) -> bool {
        self.has(BODY)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.has(DRAINING)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.has(GONE)
    }

    /// How many writes the client has made room for, of late.
    pub(super) fn writes(&self) -> u32 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// What the connection waits for that its client has to do.
    pub(super) fn waits_for(&self) -> Option<Wait> {
        Wait::of(self.flags.load(Ordering::Acquire))
    }

    /// Tells it that it has waited too long.
    pub(super) fn tell_overdue(&self) {
        self.tell(OVERDUE);
    }

    /// Tells it to end with the request in flight.
    pub(super) fn tell_to_drain(&self) {
        self.tell(DRAINING);
    }

    fn tell(&self, flag: u16) {
        self.set(flag);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn is_told_overdue(&self) -> bool {
        self.has(OVERDUE)
    }

    /// What the connection waited for too long, if it still does.
    pub(super) fn overdue(&self) -> Option<Wait> {
        let flags = self.flags.load(Ordering::Acquire);
        (flags & OVERDUE != 0).then(|| Wait::of(flags)).flatten()
    }
}

/// What a connection waits for that its client has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Send the head of a request.
    Head,
    /// Read what was written.
    Read,
}

impl Wait {
    fn of(flags: u16) -> Option<Self> {
        match (flags & BLOCKED != 0, flags & BUSY != 0) {
            (true, _) => Some(Self::Read),
            (false, false) => Some(Self::Head),
            // The handler's work, or the request's body: bounded elsewhere.
            (false, true) => None,
        }
    }
}
