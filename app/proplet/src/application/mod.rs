//! What a task exposes itself: asked for at each of its samples, within bounds of time,
//! bytes and series, so that a task that answers slowly, much or badly costs itself.
//! Knows nothing of sampling.

mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use golden_http_client::exchange_over;
use http::header::{ACCEPT, CONNECTION, USER_AGENT};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use proplet_schema::Custom;

/// A task's answer takes no longer, or is not waited for.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum bytes of an answer's body.
const MAX_BODY: usize = 256 * 1024;

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

/// The body of what it answers.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
) -> Result<String, String> {
    let request = Request::get(format!("http://localhost{path}"))
        .header(ACCEPT, "text/plain;version=0.0.4")
        .header(CONNECTION, "close")
        .header(USER_AGENT, "golden-signals-proplet")
        .body(Bytes::new());
    let request = request.map_err(|error| format!("cannot be asked: {error}"))?;
    let response = exchange_over(stream, request, MAX_BODY).await;
    let response = response.map_err(|error| format!("gave no answer: {error}"))?;
    if response.status() != StatusCode::OK {
        let status = response.status().as_u16();
        return Err(format!("answered with status {status}, must be 200"));
    }
    let body = response.into_body().into();
    String::from_utf8(body).map_err(|_| "answered with what is no UTF-8".to_owned())
}

#[cfg(test)]
mod tests;
