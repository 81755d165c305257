//! Which signals end the process: the first one asks for a drain, of which
//! `process_stopping` tells, the second one ends it at once.

use std::io;

use anyhow::Context as _;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

/// Two futures, of which the first resolves with the first signal and the second with
/// the second one, whether or not anybody polls them meanwhile.
///
/// # Errors
///
/// If the handlers cannot be installed.
///
/// # Panics
///
/// Outside a Tokio runtime.
pub(crate) fn two_signals()
-> anyhow::Result<(LocalBoxFuture<'static, ()>, LocalBoxFuture<'static, ()>)> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let (first, drain) = oneshot::channel();
    let (second, stop_now) = oneshot::channel();
    tokio::spawn(async move {
        let signal = signals.next().await;
        golden_system::process::is_told_to_stop();
        tracing::info!(signal, "stopping; a second signal stops at once");
        first.send(()).ok();
        signals.next().await;
        second.send(()).ok();
    });
    Ok((Box::pin(sent(drain)), Box::pin(sent(stop_now))))
}

/// Resolves with the signal; never, where its sender is dropped instead.
async fn sent(signal: oneshot::Receiver<()>) {
    if signal.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Listens for SIGTERM and Ctrl-C (SIGINT).
#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts to listen; from here on the signals no longer end the process by
    /// themselves.
    ///
    /// # Errors
    ///
    /// If the handlers cannot be installed.
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and tells its name.
    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Never on this system.
    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal and tells its name.
    #[cfg(not(unix))]
    async fn next(&mut self) -> &'static str {
        // Without a handler the system's default ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
