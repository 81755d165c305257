//! The batches that a worker keeps: those that have arrived, and those that
//! wait for their gradients. Knows nothing of what they are for.

use std::collections::HashMap;
use std::sync::Mutex;

use super::LookedUp;
use crate::call::CallError;
use crate::messages::{BatchRef, FeatureIds, MAX_NAME_BYTES, Session};
use crate::metrics::{Gauge, exact};

/// The most batches kept for trainers to claim, as in Persia. A trainer keeps
/// far fewer waiting; this is for one that has lost count.
const MAX_PENDING: usize = 1000;

/// The most batches that may be out: the greatest staleness bound that a trainer
/// may be given.
const MAX_LOOKED_UP: usize = 10_000;

/// The most trainers that are remembered: far more than a worker can serve.
const MAX_TRAINERS: usize = 1000;

/// Each in a lock of its own: they are touched at different moments.
#[derive(Debug)]
pub(super) struct Buffers {
    pending: Mutex<Pending>,
    looked_up: Mutex<HashMap<BatchRef, LookedUp>>,
    sessions: Mutex<HashMap<String, u64>>,
}

/// The batches that have arrived. How many they are is told while they are held: told
/// afterwards, an earlier number could overtake a later one and stay.
#[derive(Debug)]
struct Pending {
    batches: HashMap<BatchRef, Vec<FeatureIds>>,
    shown: Option<Gauge>,
}

impl Pending {
    fn show(&self) {
        if let Some(gauge) = &self.shown {
            gauge.set(exact(self.batches.len() as u64));
        }
    }
}

const UNPOISONED: &str = "nothing panics while it holds a map";

impl Buffers {
    /// Empty ones, the number of whose pending batches is shown.
    pub(super) fn new(shown: Option<Gauge>) -> Self {
        Self {
            pending: Mutex::new(Pending {
                batches: HashMap::new(),
                shown,
            }),
            looked_up: Mutex::default(),
            sessions: Mutex::default(),
        }
    }

    /// Remembers the trainer's session, and forgets the batches of the one
    /// before; returns how many they were.
    pub(super) fn begin(&self, session: &Session) -> Result<usize, CallError> {
        if session.trainer.len() > MAX_NAME_BYTES {
            return Err(CallError::Invalid(
                "a trainer's name of more than 256 bytes".to_owned(),
            ));
        }
        let mut sessions = self.sessions.lock().expect(UNPOISONED);
        if sessions.len() >= MAX_TRAINERS && !sessions.contains_key(&session.trainer) {
            return Err(CallError::Invalid(
                "one trainer more than a thousand".to_owned(),
            ));
        }
        let before = sessions.insert(session.trainer.clone(), session.session);
        drop(sessions);
        Ok(match before {
            Some(before) if before != session.session => self.end(before),
            _ => 0,
        })
    }

    /// Forgets the session's batches; returns how many they were.
    pub(super) fn end(&self, session: u64) -> usize {
        let mut sessions = self.sessions.lock().expect(UNPOISONED);
        sessions.retain(|_, known| *known != session);
        drop(sessions);
        fn forget<T>(batches: &mut HashMap<BatchRef, T>, session: u64) -> usize {
            let before = batches.len();
            batches.retain(|batch, _| batch.session != session);
            before - batches.len()
        }
        let mut pending = self.pending.lock().expect(UNPOISONED);
        let forgotten = forget(&mut pending.batches, session);
        pending.show();
        drop(pending);
        forgotten + forget(&mut self.looked_up.lock().expect(UNPOISONED), session)
    }

    /// Keeps a batch. One that is sent again, because the answer was lost, is
    /// kept once.
    pub(super) fn keep(&self, batch: BatchRef, ids: Vec<FeatureIds>) -> Result<(), CallError> {
        let mut pending = self.pending.lock().expect(UNPOISONED);
        if pending.batches.len() >= MAX_PENDING && !pending.batches.contains_key(&batch) {
            return Err(CallError::BufferFull);
        }
        pending.batches.insert(batch, ids);
        pending.show();
        Ok(())
    }

    /// Gives a batch out, which is to be looked up.
    pub(super) fn claim(&self, batch: &BatchRef) -> Result<Vec<FeatureIds>, CallError> {
        if self.looked_up.lock().expect(UNPOISONED).len() >= MAX_LOOKED_UP {
            return Err(CallError::BufferFull);
        }
        let mut pending = self.pending.lock().expect(UNPOISONED);
        let claimed = pending.batches.remove(batch);
        pending.show();
        claimed.ok_or(CallError::UnknownBatch)
    }

    pub(super) fn wait_for_gradients(&self, batch: BatchRef, looked_up: LookedUp) {
        let mut all = self.looked_up.lock().expect(UNPOISONED);
        all.insert(batch, looked_up);
    }

    pub(super) fn take_looked_up(&self, batch: &BatchRef) -> Option<LookedUp> {
        self.looked_up.lock().expect(UNPOISONED).remove(batch)
    }
}
