//! How one role calls another: what can fail, and how long it is tried again.
//! Knows no message.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody answers, or what answers is going away: it may be tried again.
    #[error("does not answer: {0}")]
    Unavailable(String),
    /// The batch is not known: its worker has been restarted since.
    #[error("does not know the batch")]
    UnknownBatch,
    /// There is no room for another batch: it may be tried again.
    #[error("has no room for another batch")]
    BufferFull,
    /// The message makes no sense to who received it: both must be of the same
    /// build.
    #[error("refused: {0}; run the same version everywhere")]
    Invalid(String),
    /// Who received it cannot do what it asks for; says why, and what helps.
    #[error("{0}")]
    Refused(String),
    /// Nothing like it can be asked there.
    #[error(
        "{0} does not know the call: it is another role, or another version; check its address"
    )]
    UnknownCall(String),
}

impl CallError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::BufferFull)
    }

    /// Says whose answer it is, where that is not in the answer.
    fn of(self, peer: &str) -> Self {
        match self {
            Self::Invalid(reason) => Self::Invalid(format!("{peer}: {reason}")),
            Self::UnknownCall(known) if known.is_empty() => Self::UnknownCall(peer.to_owned()),
            other => other,
        }
    }
}

/// The pauses between attempts: short at first, so that a restart is bridged
/// quickly, and never longer than it takes a person to notice.
#[derive(Debug)]
pub struct Backoff(Duration);

const MIN_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);

impl Default for Backoff {
    fn default() -> Self {
        Self(MIN_PAUSE)
    }
}

impl Backoff {
    /// Waits, each time twice as long.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (2 * self.0).min(MAX_PAUSE);
    }
}

/// Another role, as its callers know it: whether it answers is told once for all
/// of them.
#[derive(Debug)]
pub struct Link {
    peer: String,
    waiting: AtomicBool,
}

impl Link {
    /// The link to this role, which is believed to answer.
    #[must_use]
    pub fn new(peer: String) -> Self {
        Self {
            peer,
            waiting: AtomicBool::new(false),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Calls until it does not fail temporarily. Says once that it has to wait,
    /// and once that it need not any more.
    ///
    /// `failed` hears of every attempt that failed temporarily.
    ///
    /// # Errors
    ///
    /// What the call fails with for good.
    pub async fn until_answered<T, F: Future<Output = Result<T, CallError>>>(
        &self,
        failed: impl Fn(),
        mut call: impl FnMut() -> F,
    ) -> Result<T, CallError> {
        let peer = self.peer.as_str();
        let mut backoff = Backoff::default();
        loop {
            match call().await {
                Err(error) if error.is_temporary() => {
                    failed();
                    let gone = matches!(error, CallError::Unavailable(_));
                    if gone && !self.waiting.swap(true, Relaxed) {
                        tracing::warn!(peer, %error, "waiting for a peer");
                    }
                    backoff.pause().await;
                }
                ended => {
                    if self.waiting.swap(false, Relaxed) {
                        tracing::info!(peer, "peer is back");
                    }
                    return ended.map_err(|error| error.of(peer));
                }
            }
        }
    }
}
