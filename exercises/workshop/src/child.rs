//! Programs that the grader starts: ended when they are no longer held or the grader
//! leaves, waited for with a limit, and read so that none of them has to wait for its
//! reader.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Those that run, by process id; nothing once all were ended.
static RUNNING: Mutex<Option<BTreeMap<u32, Arc<Mutex<Child>>>>> = Mutex::new(Some(BTreeMap::new()));

/// A child that is killed when this is dropped, or by [`end_all`].
#[derive(Debug)]
pub(crate) struct KillOnDrop {
    id: u32,
    child: Arc<Mutex<Child>>,
}

impl KillOnDrop {
    pub(crate) fn new(child: Child) -> Self {
        let id = child.id();
        let child = Arc::new(Mutex::new(child));
        match locked(&RUNNING).as_mut() {
            Some(running) => {
                running.insert(id, Arc::clone(&child));
            }
            // Whoever starts a program while the grader leaves has lost it.
            None => end(&child),
        }
        Self { id, child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        locked(&self.child).try_wait()
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        end(&self.child);
        if let Some(running) = locked(&RUNNING).as_mut() {
            running.remove(&self.id);
        }
    }
}

/// Ends all programs, whoever holds them, and every one that is started from now on: for
/// a grader that leaves in the middle of a check.
pub(crate) fn end_all() {
    let running = locked(&RUNNING).take();
    for child in running.into_iter().flat_map(BTreeMap::into_values) {
        end(&child);
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = locked(child);
    // Both fail only if it is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

// Whoever panicked left a child that runs or one that has ended: both are fine.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until it has ended; nothing at the timeout.
pub(crate) fn wait(child: &KillOnDrop, timeout: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Calls `each` with every line, from a thread of its own, until there are no more.
pub(crate) fn each_line(
    from: Option<impl Read + Send + 'static>,
    mut each: impl FnMut(String) + Send + 'static,
) {
    let Some(from) = from else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        // A line may be endless.
        while (&mut reader)
            .take(64 << 10)
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            each(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
}
