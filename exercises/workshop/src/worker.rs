//! A worker of the student's training: started, fed with data, heard, and ended,
//! whatever it does.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{KillOnDrop, each_line};
use crate::finding::Finding;

// Of its standard error, the lines that are kept to be shown.
const MAX_LINES: usize = 20;

/// A running worker. Dropping it ends it.
#[derive(Debug)]
pub struct Worker {
    child: KillOnDrop,
    started: Instant,
    // Nothing once the data has ended.
    data: Option<Sender<String>>,
    steps: Arc<AtomicUsize>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    /// Starts one that pushes to this gateway, under this name, at this interval.
    ///
    /// # Errors
    ///
    /// `does-not-start`.
    pub fn start(
        program: &Path,
        gateway: SocketAddr,
        instance: &str,
        every: Duration,
    ) -> Result<Self, Finding> {
        let mut child = Command::new(program)
            .args([&gateway.to_string(), instance])
            .arg(every.as_secs_f64().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Finding::new(
                    "does-not-start",
                    format!("Your training could not be started: {error}"),
                )
            })?;
        let (data, lines) = mpsc::channel::<String>();
        if let Some(mut stdin) = child.stdin.take() {
            // Whoever does not read must not keep us from looking.
            thread::spawn(move || {
                for text in lines {
                    if stdin.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
        let steps = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&steps);
        each_line(child.stdout.take(), move |line| {
            if line.starts_with("step ") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&complaints);
        each_line(child.stderr.take(), move |line| {
            if let Ok(mut kept) = kept.lock() {
                if kept.len() == MAX_LINES {
                    kept.remove(0);
                }
                kept.push(line);
            }
        });
        Ok(Self {
            child: KillOnDrop::new(child),
            started: Instant::now(),
            data: Some(data),
            steps,
            complaints,
        })
    }

    /// Gives it more data.
    pub fn feed(&self, text: impl Into<String>) {
        if let Some(data) = &self.data {
            // One that has ended needs none.
            let _ = data.send(text.into());
        }
    }

    /// There is no more data.
    pub fn feed_no_more(&mut self) {
        self.data = None;
    }

    /// Since it was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How many lines `step …` it has written.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }

    /// Waits until it has ended; nothing if it does not.
    pub fn end(&mut self, timeout: Duration) -> Option<ExitStatus> {
        self.feed_no_more();
        let mut status = None;
        wait_until(timeout, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        status
    }

    /// What it complained of last.
    #[must_use]
    pub fn complaints(&self) -> String {
        let complaints = self.complaints.lock();
        let lines = complaints.map(|kept| kept.join("\n")).unwrap_or_default();
        if lines.is_empty() {
            lines
        } else {
            format!(" The last it wrote:\n\n{lines}")
        }
    }
}

/// Looks again and again until it holds or the time is over; says whether it
/// held.
pub fn wait_until(timeout: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
