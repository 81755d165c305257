//! A heartbeat, for roles that listen on nothing and so cannot be asked over
//! HTTP: a file that is touched whenever work was done, and whose age is its
//! message. [`healthcheck`](crate::healthcheck) checks it from outside.
//!
//! The role counts its work; nothing here knows a role.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use thiserror::Error;

/// How often the count of work is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Touches the file whenever `done`, a count of the work, has grown; checks once a
/// second, for ever. Does nothing without a file. Warns once of a file that cannot
/// be touched: its age is what counts.
pub async fn follow(file: Option<PathBuf>, done: impl Fn() -> u64) -> std::convert::Infallible {
    let Some(file) = file else {
        return std::future::pending().await;
    };
    let mut last = 0;
    let mut warned = false;
    loop {
        let now = done();
        if now > last {
            last = now;
            if let Err(error) = touch(&file)
                && !std::mem::replace(&mut warned, true)
            {
                tracing::warn!(file = %file.display(), %error, "cannot write the heartbeat");
            }
        }
        tokio::time::sleep(CHECK_INTERVAL).await;
    }
}

/// The file stays empty: its time alone is the message.
fn touch(file: &Path) -> io::Result<()> {
    File::create(file)?.set_modified(SystemTime::now())
}

/// A heartbeat to check: `file:///run/heartbeat?max_age=30s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    file: PathBuf,
    max_age: Duration,
}

/// Why a text is not a [`Heartbeat`].
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be like file:///run/heartbeat?max_age=30s")]
pub struct NotAHeartbeat;

/// Why a heartbeat does not count as alive.
#[derive(Debug, Error)]
pub enum HeartbeatError {
    /// There was no heartbeat yet, or the file cannot be read.
    #[error("no heartbeat yet ({0})")]
    Missing(#[from] io::Error),
    /// The last heartbeat is too long ago.
    #[error("the last heartbeat was {} s ago", .0.as_secs())]
    Stale(Duration),
}

impl Heartbeat {
    /// How long ago the last heartbeat was.
    ///
    /// # Errors
    ///
    /// If that is longer than allowed, or there was none.
    pub fn check(&self) -> Result<Duration, HeartbeatError> {
        let modified = std::fs::metadata(&self.file)?.modified()?;
        // After a clock was set back the heartbeat is in the future; its
        // distance counts too.
        let age = match SystemTime::now().duration_since(modified) {
            Ok(age) => age,
            Err(ahead) => ahead.duration(),
        };
        if age > self.max_age {
            return Err(HeartbeatError::Stale(age));
        }
        Ok(age)
    }
}

impl FromStr for Heartbeat {
    type Err = NotAHeartbeat;

    fn from_str(text: &str) -> Result<Self, NotAHeartbeat> {
        let rest = text.strip_prefix("file://").ok_or(NotAHeartbeat)?;
        let (file, max_age) = rest.split_once("?max_age=").ok_or(NotAHeartbeat)?;
        let max_age = humantime::parse_duration(max_age).map_err(|_| NotAHeartbeat)?;
        if !file.starts_with('/') || max_age.is_zero() {
            return Err(NotAHeartbeat);
        }
        Ok(Self {
            file: PathBuf::from(file),
            max_age,
        })
    }
}

impl fmt::Display for Heartbeat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max_age = humantime::format_duration(self.max_age);
        write!(
            formatter,
            "file://{}?max_age={max_age}",
            self.file.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("golden-signals-{name}-{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::remove_file(&file).ok();
        file
    }

    fn of(file: &Path) -> Heartbeat {
        let text = format!("file://{}?max_age=30s", file.display());
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_beats_while_work_gets_done_and_only_then() {
        let file = scratch("beats");
        let done = Cell::new(0);
        let heartbeat = of(&file);
        let script = async {
            tokio::time::sleep(3 * CHECK_INTERVAL).await;
            assert!(matches!(heartbeat.check(), Err(HeartbeatError::Missing(_))));
            done.set(1);
            tokio::time::sleep(2 * CHECK_INTERVAL).await;
            heartbeat.check().unwrap();
            // From here on nothing is done: what was touched stays as old as it
            // is made.
            let long_ago = SystemTime::now() - Duration::from_secs(100);
            File::open(&file).unwrap().set_modified(long_ago).unwrap();
            tokio::time::sleep(3 * CHECK_INTERVAL).await;
            assert!(matches!(heartbeat.check(), Err(HeartbeatError::Stale(_))));
            done.set(2);
            tokio::time::sleep(2 * CHECK_INTERVAL).await;
            heartbeat.check().unwrap();
        };
        tokio::select! {
            _ = follow(Some(file.clone()), || done.get()) => unreachable!(),
            () = script => {}
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_beat_of_the_far_future_is_none() {
        let file = scratch("future");
        touch(&file).unwrap();
        of(&file).check().unwrap();
        let ahead = SystemTime::now() + Duration::from_secs(100);
        File::open(&file).unwrap().set_modified(ahead).unwrap();
        let error = of(&file).check().unwrap_err();
        assert!(
            error.to_string().starts_with("the last heartbeat was "),
            "{error}"
        );
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn heartbeats_are_read_and_written() {
        let text = "file:///run/heartbeat?max_age=1m 30s";
        assert_eq!(text.parse::<Heartbeat>().unwrap().to_string(), text);
        for bad in [
            "",
            "/run/heartbeat?max_age=30s",
            "file://run/heartbeat?max_age=30s",
            "file:///run/heartbeat",
            "file:///run/heartbeat?max_age=30",
            "file:///run/heartbeat?max_age=0s",
        ] {
            assert_eq!(bad.parse::<Heartbeat>(), Err(NotAHeartbeat), "{bad}");
        }
    }
}
