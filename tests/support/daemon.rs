//! A server of Prometheus' family (Prometheus, Alertmanager): started on a free
//! port of the loopback, its address read from what it logs, killed when dropped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::TIMEOUT;
use super::http;

/// A running server. Dropping it kills it and removes its data.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// An empty directory for one that will be started.
    pub fn directory(name: &str) -> PathBuf {
        static MADE: AtomicUsize = AtomicUsize::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("cargo made the directory above");
        directory
    }

    /// Starts the command, which must listen on port 0 and log where; returns once
    /// `/-/ready` says so. The directory becomes its own.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come up.
    pub fn start(mut command: Command, directory: PathBuf) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let (found, listening) = mpsc::channel();
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if line.contains("msg=\"Listening on\"") {
                    let address = line
                        .rsplit("address=")
                        .next()
                        .and_then(|text| text.parse().ok());
                    // Nobody waits any more once it has been found.
                    let _ = found.send(address.expect("the address ends the line"));
                }
                let mut log = written.lock().expect("nobody panics holding it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = listening.recv_timeout(TIMEOUT);
        let mut started = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory,
            log,
        };
        let listens = address.is_ok_and(|address| {
            started.address = address;
            started.becomes_ready()
        });
        assert!(
            listens,
            "{command:?} does not come up, having written:\n{}",
            started.log()
        );
        started
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub fn files(&self) -> &Path {
        &self.directory
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics holding it").clone()
    }

    // It listens before it answers.
    fn becomes_ready(&self) -> bool {
        let deadline = Instant::now() + TIMEOUT;
        while http::get(self.address, "/-/ready", &[]).status != 200 {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // All three fail only if it is gone already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
