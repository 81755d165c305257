//! What a task exposes itself: asked for at each of its samples, within bounds of time,
//! bytes and series, so that a task that answers slowly, much or badly costs itself.
//! Knows nothing of sampling.

mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use proplet_schema::Custom;

/// A task's answer takes no longer, or is not waited for.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum bytes of an answer, head included.
const MAX_ANSWER: usize = 256 * 1024;

/// Maximum bytes of its head.
const MAX_HEAD: usize = 16 * 1024;

/// A listener of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// On the loopback.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix {
        /// Where it is.
        path: PathBuf,
        /// The task's processes: another one that listens there is not asked.
        pids: Vec<i32>,
    },
}

/// What the task exposes now; or why it does not, which is part of the answer.
pub async fn ask(target: Target, path: String) -> Custom {
    let answer = async {
        match target {
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                exchange(stream, &path).await
            }
            Target::Unix { path: file, pids } => unix(file, &pids, &path).await,
        }
    };
    let answer = timeout(TIMEOUT, answer).await;
    let answer = answer.unwrap_or_else(|_| Err(format!("did not answer within {TIMEOUT:?}")));
    match answer {
        Ok(body) => text::parse(&body),
        Err(reason) => Custom::failed(&reason),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unreachable(error: std::io::Error) -> String {
    format!("cannot be reached: {error}")
}

#[cfg(unix)]
async fn unix(file: PathBuf, pids: &[i32], path: &str) -> Result<String, String> {
    let connected = tokio::net::UnixStream::connect(file).await;
    let stream = connected.map_err(unreachable)?;
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    if peer.is_none_or(|peer| !pids.contains(&peer)) {
        return Err("another process listens there".to_owned());
    }
    exchange(stream, path).await
}

#[cfg(not(unix))]
async fn unix(_: PathBuf, _: &[i32], _: &str) -> Result<String, String> {
    Err("Unix sockets are not supported here".to_owned())
}

/// Asks in HTTP/1.0, to which nobody answers in chunks; the body.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
) -> Result<String, String> {
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain;version=0.0.4\r\n\
         User-Agent: golden-signals-proplet\r\nConnection: close\r\n\r\n"
    );
    let failed = |error: std::io::Error| format!("broke off: {error}");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    let mut head = None;
    loop {
        let searched = answer.len().saturating_sub(3);
        let mut part = (&mut stream).take(16 * 1024);
        if part.read_buf(&mut answer).await.map_err(failed)? == 0 {
            break;
        }
        if head.is_none() {
            // Not from the beginning: it may come byte by byte.
            head = Head::find(&answer, searched)?;
        }
        let most = if head.is_none() { MAX_HEAD } else { MAX_ANSWER };
        if answer.len() > most {
            return Err(format!("answered with more than {most} bytes"));
        }
        if head.as_ref().is_some_and(|head| head.end <= answer.len()) {
            break;
        }
    }
    let head = head.ok_or("did not answer in HTTP")?;
    answer.truncate(head.end);
    let body = answer.split_off(head.length);
    String::from_utf8(body).map_err(|_| "answered with what is no UTF-8".to_owned())
}

/// The head of an answer.
struct Head {
    /// Its bytes, the empty line included.
    length: usize,
    /// Where the body ends; without a length it lasts as long as the connection.
    end: usize,
}

impl Head {
    /// Once it is there; searched for from here on.
    fn find(answer: &[u8], from: usize) -> Result<Option<Self>, String> {
        let end = answer[from..]
            .windows(4)
            .position(|four| four == b"\r\n\r\n");
        let Some(length) = end.map(|end| from + end + 4) else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&answer[..length]);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        if status != Some("200") {
            let shown = status.filter(|status| status.bytes().all(|b| b.is_ascii_digit()));
            let shown = shown.filter(|status| status.len() == 3).unwrap_or("none");
            return Err(format!("answered with status {shown}, must be 200"));
        }
        let headers = lines.filter_map(|line| line.split_once(':'));
        let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let body = lengths
            .next()
            .and_then(|(_, text)| text.trim().parse().ok());
        let end = body.map_or(usize::MAX, |body: usize| length.saturating_add(body));
        Ok(Some(Self { length, end }))
    }
}

#[cfg(test)]
mod tests;
