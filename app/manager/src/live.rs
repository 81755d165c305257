//! What arrives, told to those who watch, as it arrives. Bounded: who cannot
//! keep up is told how much was missed, and slows nobody down.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{Semaphore, broadcast, watch};

/// Those who may watch at a time.
pub const MOST_WATCHERS: usize = 64;

/// Happenings kept for those who lag.
const KEPT: usize = 4_096;

/// Something that arrived.
#[derive(Debug)]
pub struct Happening {
    /// `task_metrics`, `metrics` or `alive`.
    pub kind: &'static str,
    /// The proplet that it is about.
    pub proplet: String,
    /// The task that it is about, if it is about one.
    pub task: Option<String>,
    /// The message as the API shows it, JSON.
    pub data: String,
}

/// Tells.
#[derive(Debug)]
pub struct Live {
    sender: broadcast::Sender<Arc<Happening>>,
    pub(super) watchers: Arc<Semaphore>,
    pub(super) shutdown: watch::Receiver<bool>,
}

impl Live {
    /// Watchers are let go once `shutdown` turns true.
    #[must_use]
    pub fn new(shutdown: watch::Receiver<bool>) -> Self {
        Self {
            sender: broadcast::Sender::new(KEPT),
            watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
            shutdown,
        }
    }

    /// Whether anybody watches: else nothing need be written for them.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells everybody.
    pub fn tell(
        &self,
        kind: &'static str,
        proplet: &str,
        task: Option<&str>,
        data: &impl Serialize,
    ) {
        let Ok(data) = serde_json::to_string(data) else {
            return;
        };
        // Nobody may be left.
        let _ = self.sender.send(Arc::new(Happening {
            kind,
            proplet: proplet.to_owned(),
            task: task.map(str::to_owned),
            data,
        }));
    }

    /// What happens from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Happening>> {
        self.sender.subscribe()
    }
}
