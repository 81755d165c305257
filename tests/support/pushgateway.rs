//! A real Pushgateway, which can be killed and started again on the same address; and a
//! stub, for what a real one does only when it fails.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::TIMEOUT;
use super::http;
use super::samples::Samples;

/// A Pushgateway. Dropping it kills it.
pub struct Pushgateway {
    binary: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Pushgateway {
    /// Starts one on a free port; returns once it is ready.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub fn start(binary: &Path) -> Self {
        // It does not report which free port it took; so one is found for it, and another
        // one if that has been taken meanwhile.
        for _ in 0..10 {
            let mut gateway = Self {
                binary: binary.to_owned(),
                address: free_address(),
                child: None,
                log: Arc::default(),
            };
            if gateway.come_up() {
                return gateway;
            }
        }
        panic!("{} does not come up", binary.display());
    }

    /// Where it listens, or did.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics holding it").clone()
    }

    /// Kills it; what was pushed to it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only if it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.come_up(), "it does not come up again");
    }

    /// What it exposes now.
    pub fn metrics(&self) -> Samples {
        let answer = http::get(self.address, "/metrics", &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Samples::parse(answer.text())
    }

    /// Polls until the condition holds, and returns what it then exposed.
    ///
    /// # Panics
    ///
    /// With the last samples, if it does not come to hold in a minute.
    pub fn metrics_when(&self, what: &str, condition: impl Fn(&Samples) -> bool) -> Samples {
        let start = Instant::now();
        loop {
            let samples = self.metrics();
            if condition(&samples) {
                return samples;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "not in a minute: {what}\n{samples:#?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn come_up(&mut self) -> bool {
        let child = Command::new(&self.binary)
            .arg(format!("--web.listen-address={}", self.address))
            // Debian's is built to keep what is pushed in a file of the machine, for all.
            .arg("--persistence.file=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        let child = self.child.insert(child);
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = log.lock().expect("nobody panics holding it");
                *log += &line;
                log.push('\n');
            }
        });
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            if child.try_wait().expect("it is our child").is_some() {
                return false;
            }
            if TcpStream::connect(self.address).is_ok()
                && http::get(self.address, "/-/ready", &[]).status == 200
            {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Pushgateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address on which nothing listens.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    listener.local_addr().expect("it is bound")
}

/// Takes pushes and answers with whatever status is set; with 0 not at all.
pub struct FakeGateway {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    pushes: Arc<AtomicU64>,
}

impl FakeGateway {
    /// Starts to listen, on a free port.
    pub fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
        let fake = Self {
            address: listener.local_addr().expect("it is bound"),
            status: Arc::new(AtomicU16::new(status)),
            pushes: Arc::default(),
        };
        let (status, pushes) = (Arc::clone(&fake.status), Arc::clone(&fake.pushes));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (status, pushes) = (Arc::clone(&status), Arc::clone(&pushes));
                thread::spawn(move || answer(stream, &status, &pushes));
            }
        });
        fake
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// How many pushes it has received whole.
    pub fn pushes(&self) -> u64 {
        self.pushes.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, status: &AtomicU16, pushes: &AtomicU64) {
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while !is_whole(&received) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => received.extend_from_slice(&buffer[..length]),
        }
    }
    pushes.fetch_add(1, Ordering::SeqCst);
    match status.load(Ordering::SeqCst) {
        // Holds the connection until the other side gives up.
        0 => while matches!(stream.read(&mut buffer), Ok(length) if length > 0) {},
        status => {
            let head = format!(
                "HTTP/1.1 {status} X\r\nlocation: http://elsewhere/\r\nconnection: close\r\n\
                 content-length: 4\r\n\r\nwhy?"
            );
            // Who has gone away hears nothing.
            let _ = stream.write_all(head.as_bytes());
        }
    }
}

/// Whether all of a request has been received.
pub fn is_whole(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.trim().parse().ok())
        .unwrap_or(0);
    received.len() >= end + 4 + length
}
