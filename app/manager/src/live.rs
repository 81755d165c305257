//! A broadcast of incoming messages. Bounded: a slow watcher learns how many events
//! it missed, and slows nobody down.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{Semaphore, broadcast, watch};

/// Maximum number of watchers.
pub const MAX_WATCHERS: usize = 64;

/// Events buffered for slow watchers.
const BUFFER: usize = 4_096;

/// An incoming message.
#[derive(Debug)]
pub struct Event {
    /// `task_metrics`, `metrics` or `alive`.
    pub kind: &'static str,
    /// Its proplet.
    pub proplet: String,
    /// Its task, if it has one.
    pub task: Option<String>,
    /// The message as the API shows it, JSON.
    pub data: String,
}

/// Broadcasts events to watchers.
#[derive(Debug)]
pub struct Live {
    sender: broadcast::Sender<Arc<Event>>,
    pub(super) watchers: Arc<Semaphore>,
    pub(super) shutdown: watch::Receiver<bool>,
}

impl Live {
    /// Streams end once `shutdown` turns true.
    #[must_use]
    pub fn new(shutdown: watch::Receiver<bool>) -> Self {
        Self {
            sender: broadcast::Sender::new(BUFFER),
            watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
            shutdown,
        }
    }

    /// Whether anybody watches: otherwise events need not be serialised.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Sends an event to all watchers.
    pub fn publish(
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
        let _ = self.sender.send(Arc::new(Event {
            kind,
            proplet: proplet.to_owned(),
            task: task.map(str::to_owned),
            data,
        }));
    }

    /// The events from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.sender.subscribe()
    }
}
