//! Tasks: processes of built-in workloads, started and ended here, and processes
//! that were running already. A command from the network never names a program.

use std::future::pending;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::monitor::Watch;
use super::workload;
use proplet_schema::{Aggregated, Traceparent, Workload};

/// How long a task may take to end once it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A process that is a task.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// `None` for one that was not started here.
    child: Option<Child>,
    ended: ended::Ended,
}

/// How a task ended.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub task_id: String,
    /// What came of it.
    pub results: String,
    /// What went wrong.
    pub error: Option<String>,
    /// What its samples came to.
    pub aggregated: Option<Aggregated>,
}

impl Process {
    /// Starts a workload as a process of its own, with its trace in the variable
    /// `TRACEPARENT`.
    ///
    /// # Errors
    ///
    /// If the system gives no process.
    pub fn start(workload: &Workload, traceparent: Option<&Traceparent>) -> io::Result<Self> {
        // Elsewhere than on Linux the pipe tells the child that this is gone.
        let stdin = if cfg!(target_os = "linux") {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["workload", &workload.to_json().to_string()])
            // No thread of the allocator's: a workload has those that it was told.
            .env("_RJEM_MALLOC_CONF", "background_thread:false")
            .env(workload::PROPLET_PID, std::process::id().to_string())
            .envs(traceparent.map(|traceparent| ("TRACEPARENT", traceparent.as_str())))
            .stdin(stdin)
            .stdout(Stdio::null())
            .spawn()?;
        match ended::Ended::of(child.id()) {
            Ok(ended) => Ok(Self {
                pid: child.id(),
                child: Some(child),
                ended,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Takes a process that is running already. It is watched and never ended.
    ///
    /// # Errors
    ///
    /// If there is none of this number.
    pub fn given(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            child: None,
            ended: ended::Ended::of(pid)?,
        })
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Until the process ends, or, once `stop` says so, is ended; takes the last
    /// sample between its end and its reaping.
    pub async fn run(
        mut self,
        task_id: String,
        watch: Option<Watch>,
        stop: oneshot::Receiver<()>,
    ) -> Outcome {
        let stop = async {
            if stop.await.is_err() {
                pending::<()>().await;
            }
        };
        let stopped = tokio::select! {
            () = self.wait(watch.as_ref()) => false,
            () = stop => true,
        };
        if stopped && let Some(child) = &mut self.child {
            ask_to_end(child);
            let ended = self.ended.wait(Some(child));
            if timeout(GRACE, ended).await.is_err() {
                // It fails only where the process is gone already.
                let _ = child.kill();
                self.ended.wait(Some(child)).await;
            }
        }
        let aggregated = match watch {
            Some(watch) => watch.finish().await,
            None => None,
        };
        let (results, error) = match self.child.as_mut().map(Child::wait) {
            None if stopped => ("no longer watched".to_owned(), None),
            None => ("ended".to_owned(), None),
            Some(_) if stopped => ("stopped".to_owned(), None),
            Some(Ok(status)) => described(status),
            Some(Err(error)) => (String::new(), Some(error.to_string())),
        };
        Outcome {
            task_id,
            results,
            error,
            aggregated,
        }
    }

    /// Until it ends; a process that runs already, and is watched with its descendants,
    /// until the last of them does: a daemon leaves its first process behind.
    async fn wait(&mut self, watch: Option<&Watch>) {
        self.ended.wait(self.child.as_mut()).await;
        let Some(watch) = watch.filter(|_| self.child.is_none()) else {
            return;
        };
        while let Some(pid) = watch.survivor().await {
            if let Ok(mut ended) = ended::Ended::of(pid) {
                ended.wait(None).await;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn described(status: ExitStatus) -> (String, Option<String>) {
    if status.success() {
        ("completed".to_owned(), None)
    } else {
        (String::new(), Some(format!("ended with {status}")))
    }
}

#[cfg(unix)]
fn ask_to_end(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Not reaped yet, the number is still its own.
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn ask_to_end(child: &mut Child) {
    let _ = child.kill();
}

/// Tells the end of a process before it is reaped, so that what it has used can
/// still be read.
#[cfg(target_os = "linux")]
mod ended {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::process::Child;

    use async_io::Async;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    #[derive(Debug)]
    pub(super) struct Ended(Async<OwnedFd>);

    impl Ended {
        pub(super) fn of(pid: u32) -> io::Result<Self> {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
            Async::new_nonblocking(pidfd_open(pid, PidfdFlags::NONBLOCK)?).map(Self)
        }

        pub(super) async fn wait(&mut self, _child: Option<&mut Child>) {
            // It stays readable: the readiness is left as it is.
            if self.0.readable().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Polls.
#[cfg(not(target_os = "linux"))]
mod ended {
    use std::io;
    use std::process::Child;
    use std::time::Duration;

    const CHECK_INTERVAL: Duration = Duration::from_millis(200);

    #[derive(Debug)]
    pub(super) struct Ended(u32);

    impl Ended {
        pub(super) fn of(pid: u32) -> io::Result<Self> {
            Ok(Self(pid))
        }

        pub(super) async fn wait(&mut self, mut child: Option<&mut Child>) {
            loop {
                let ended = match &mut child {
                    Some(child) => !matches!(child.try_wait(), Ok(None)),
                    None => super::super::sampler::Sampler::attach(
                        self.0,
                        super::super::sampler::Since::Now,
                        super::super::sampler::Counted::Process,
                    )
                    .is_err(),
                };
                if ended {
                    return;
                }
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
        }
    }
}
