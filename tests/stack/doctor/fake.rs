//! An HTTP server that answers whatever a test wants, wrong things included.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What it is asked.
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
}

/// What it answers.
pub enum Reply {
    Text(u16, &'static str, String),
    /// Every byte of the answer.
    Raw(Vec<u8>),
    /// A head, and a body that goes on as fast as it is read.
    Endless,
    /// A head, and a body that comes so slowly that it never ends.
    Dripping,
    /// Nothing; the connection stays open.
    Silence,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Text(status, "application/json", body.to_string())
    }
}

/// It stops when it is dropped.
pub struct Fake {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let stopped = Arc::new(AtomicBool::new(false));
        let (answer, stop) = (Arc::new(answer), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (answer, stop) = (Arc::clone(&answer), Arc::clone(&stop));
                // A client that disconnects does not matter to the test.
                thread::spawn(move || serve(stream, &*answer, &stop));
            }
        });
        Self { address, stopped }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; if that fails, it is gone.
        let _ = TcpStream::connect(self.address);
    }
}

/// An address where nothing listens.
pub fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
    listener.local_addr().expect("it is bound")
}

/// One request a connection.
fn serve(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
    stop: &AtomicBool,
) -> Option<()> {
    let request = read(&stream)?;
    let running = || !stop.load(Ordering::Relaxed);
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    match answer(&request) {
        Reply::Text(status, kind, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(body.as_bytes()).ok()?;
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).ok()?,
        Reply::Endless => {
            stream.write_all(head).ok()?;
            let block = [b' '; 1 << 16];
            while running() {
                stream.write_all(&block).ok()?;
            }
        }
        Reply::Dripping => {
            stream.write_all(head).ok()?;
            while running() {
                stream.write_all(b" ").ok()?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        Reply::Silence => {
            stream
                .set_read_timeout(Some(Duration::from_millis(100)))
                .ok()?;
            while running() && stream.read(&mut [0; 1]).ok() != Some(0) {}
        }
    }
    Some(())
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(ToOwned::to_owned);
    let request = Request {
        method: words.next()?,
        path: words.next()?,
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    // Unread, it would make the kernel reset the connection.
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(request)
}
