//! A real Mosquitto, on a port of the loopback, that can be killed and started
//! again on the same port.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::TIMEOUT;

/// A running Mosquitto. Dropping it kills it and removes its data.
pub struct Mosquitto {
    binary: PathBuf,
    child: Option<Child>,
    address: SocketAddr,
    directory: PathBuf,
}

impl Mosquitto {
    /// One that anybody may use, with these further lines of configuration.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come to listen.
    pub fn start(binary: &Path, configuration: &str) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("mosquitto-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("cargo made the directory above");
        let mut broker = Self {
            binary: binary.to_owned(),
            child: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory,
        };
        // It cannot choose a port itself: one that is free now may be taken by
        // the time it binds, and then another one is tried.
        let mut last = String::new();
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            broker.address = free.expect("the loopback has free ports");
            let port = broker.address.port();
            let given = configuration.replace("DIRECTORY", &broker.directory.display().to_string());
            let text =
                format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{given}\n");
            fs::write(broker.configuration(), text).expect("the directory is ours");
            match broker.spawn() {
                Ok(()) => return broker,
                Err(said) => last = said,
            }
        }
        panic!("Mosquitto does not come up, having written:\n{last}");
    }

    /// Where it listens, whether it runs or not.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `tcp://address`.
    pub fn url(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// Where `DIRECTORY` in its configuration is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it politely: it writes down what it is configured to.
    pub fn terminate(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.expect("a child's id is a process id"), Signal::TERM)
                .expect("the child has not been waited for, so its id is its own");
            child.wait().expect("it is our child");
        }
    }

    /// Starts it again after [`Mosquitto::kill`], on the same port.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come to listen.
    pub fn restart(&mut self) {
        self.kill();
        let start = Instant::now();
        // Its port may linger.
        while let Err(said) = self.spawn() {
            assert!(start.elapsed() < TIMEOUT, "does not come up again:\n{said}");
        }
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("mosquitto.conf")
    }

    fn spawn(&mut self) -> Result<(), String> {
        let mut child = Command::new(&self.binary)
            .arg("-c")
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().expect("nobody panics holding it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let start = Instant::now();
        loop {
            if child.try_wait().expect("it is our child").is_some() {
                reader.join().expect("it does not panic");
                return Err(log.lock().expect("nobody panics holding it").clone());
            }
            let listens = log
                .lock()
                .expect("nobody panics holding it")
                .contains(" running");
            if listens && TcpStream::connect(self.address).is_ok() {
                self.child = Some(child);
                return Ok(());
            }
            assert!(start.elapsed() < TIMEOUT, "Mosquitto does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A subscriber that writes down what it gets: `mosquitto_sub -v`, topic and
/// payload. Dropping it kills it.
pub struct Subscriber {
    child: Child,
    lines: Arc<Mutex<Vec<(String, String)>>>,
}

impl Subscriber {
    /// One that has subscribed to these filters when this returns.
    ///
    /// # Panics
    ///
    /// If it does not come to be subscribed.
    pub fn start(binary: &Path, broker: SocketAddr, filters: &[&str]) -> Self {
        let ready = format!("ready/{}/{}", std::process::id(), broker.port());
        let mut command = Command::new(binary);
        command
            .args([
                "-h",
                &broker.ip().to_string(),
                "-p",
                &broker.port().to_string(),
            ])
            .args(["-q", "1", "-v", "-t", &ready]);
        for filter in filters {
            command.args(["-t", filter]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let lines = Arc::<Mutex<Vec<(String, String)>>>::default();
        let written = Arc::clone(&lines);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let (topic, payload) = line.split_once(' ').unwrap_or((&line, ""));
                let message = (topic.to_owned(), payload.to_owned());
                written
                    .lock()
                    .expect("nobody panics holding it")
                    .push(message);
            }
        });
        let subscriber = Self { child, lines };
        let start = Instant::now();
        // What it gets back of its own topic shows that all its filters hold.
        while subscriber.on(&ready).is_empty() {
            assert!(start.elapsed() < TIMEOUT, "does not subscribe");
            publish(binary, broker, &ready, "x");
            thread::sleep(Duration::from_millis(20));
        }
        subscriber
    }

    /// The payloads on this topic so far.
    pub fn on(&self, topic: &str) -> Vec<String> {
        let lines = self.lines.lock().expect("nobody panics holding it");
        let on_topic = lines.iter().filter(|(other, _)| other == topic);
        on_topic.map(|(_, payload)| payload.clone()).collect()
    }

    /// The payloads on this topic, as JSON.
    pub fn json(&self, topic: &str) -> Vec<serde_json::Value> {
        let parse = |text: &String| serde_json::from_str(text).expect("it is JSON");
        self.on(topic).iter().map(parse).collect()
    }

    /// Polls until the payloads on this topic satisfy the condition.
    ///
    /// # Panics
    ///
    /// With what there was, if they do not come to.
    pub fn json_when(
        &self,
        topic: &str,
        what: &str,
        condition: impl Fn(&[serde_json::Value]) -> bool,
    ) -> Vec<serde_json::Value> {
        let start = Instant::now();
        loop {
            let seen = self.json(topic);
            if condition(&seen) {
                return seen;
            }
            let last = seen.iter().rev().take(3).collect::<Vec<_>>();
            assert!(
                start.elapsed() < TIMEOUT,
                "not within {TIMEOUT:?}: {what}; {} on {topic}, the last {last:#?}",
                seen.len()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Publishes one message with quality of service 1, with the `mosquitto_pub`
/// beside this `mosquitto_sub`.
pub fn publish(subscriber: &Path, broker: SocketAddr, topic: &str, payload: &str) {
    let mut child = Command::new(subscriber.with_file_name("mosquitto_pub"))
        .args([
            "-h",
            &broker.ip().to_string(),
            "-p",
            &broker.port().to_string(),
        ])
        .args(["-q", "1", "-t", topic, "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it comes with mosquitto_sub");
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may have failed to connect, which its status shows.
    let _ = stdin.write_all(payload.as_bytes());
    drop(stdin);
    assert!(child.wait().expect("it is our child").success(), "{topic}");
}
