//! Programs that the grader starts: ended when they are no longer held, waited for
//! with a limit, and read so that none of them has to wait for its reader.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// A child that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub(crate) Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until it has ended; kills it at the timeout.
pub(crate) fn wait(mut child: KillOnDrop, timeout: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Ok(Some(status)) = child.0.try_wait() {
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
