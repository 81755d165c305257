//! The TCP stream as hyper reads and writes it. It knows what hyper's connection does not
//! say: whether a head has begun, whether a write waits for the client, and whether the
//! client of a request in flight is still there. Knows no HTTP beyond its first byte.
//!
//! A client that closes its sending side may still wait for its answer (RFC 9112, section
//! 9.6), as `nc -N` does, or may have gone: TCP says the same of both. Only to send
//! something tells, since the system of a client that has gone resets the connection. So
//! the first byte of the answer is sent, which is that of any answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::watch::Watch;

/// What every answer begins with.
const FIRST_BYTE: &[u8] = b"H";

/// How long, and how much of, what a client still sends is thrown away after an answer
/// that did not wait for it. To close at once would reset the connection, and so take the
/// answer from the client before it has read it.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_LINGER_BYTES: u64 = 16 * 1024 * 1024;

/// What is sent to a client whose request head did not arrive in time.
const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/json\r\nconnection: close\r\ncontent-length: 59\r\n\r\n\
    {\"detail\":\"The head of the request did not arrive in time\"}";

/// A stream that is watched.
pub(super) struct Stream {
    read: Reader,
    write: OwnedWriteHalf,
    watch: Arc<Watch>,
    /// Bytes have come since the last answer went out.
    request_begun: bool,
    /// The first byte of the answer has been sent before the others.
    first_byte_sent: bool,
    /// The next request waits to be read: until it is, nothing can be said of the client.
    is_ahead: bool,
}

enum Reader {
    Open(OwnedReadHalf),
    /// All that the client sends has been read. Resolves when the connection is reset.
    Ended(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Stream {
    pub(super) fn new(stream: TcpStream, watch: Arc<Watch>) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read: Reader::Open(read),
            write,
            watch,
            request_begun: false,
            first_byte_sent: false,
            is_ahead: false,
        }
    }

    /// Answers 408 if a request has begun, and says whether. A connection that is merely
    /// idle is closed without a word, since its client may be about to send one.
    pub(super) fn refuse_late_head(&self) -> bool {
        // An empty send buffer takes these bytes; a full one belongs to a client that
        // does not read, to which nothing can be said.
        self.request_begun && self.write.try_write(REQUEST_TIMEOUT).is_ok()
    }

    /// Closes without waiting for what is unsent, which the system would otherwise keep.
    pub(super) fn reset(self) {
        if let Err(error) = self.write.as_ref().set_zero_linger() {
            tracing::debug!(%error, "SO_LINGER refused");
        }
    }

    /// Closes once the client has had time to read the answer while it is still sending.
    pub(super) async fn linger(mut self) {
        let Reader::Open(read) = &mut self.read else {
            return;
        };
        if self.write.shutdown().await.is_ok() {
            let (mut rest, mut nowhere) = (read.take(MAX_LINGER_BYTES), tokio::io::sink());
            let drained = tokio::io::copy(&mut rest, &mut nowhere);
            // Whatever comes of it, the connection closes.
            let _ = tokio::time::timeout(LINGER_TIMEOUT, drained).await;
        }
    }

    /// Looks whether the client of a request in flight is still there. While its body is
    /// awaited, reading that tells.
    fn poll_client(&mut self, cx: &mut Context<'_>) {
        if self.watch.awaits_body() {
            return;
        }
        if let Reader::Open(read) = &mut self.read {
            if self.is_ahead {
                return;
            }
            let mut byte = [0];
            match read.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => {
                    if self.watch.is_unanswered() && !self.first_byte_sent {
                        // A full buffer asks the client's system as well.
                        self.first_byte_sent = self.write.try_write(FIRST_BYTE).is_ok();
                    }
                    self.end_reading();
                }
                Poll::Ready(Ok(_)) => {
                    self.is_ahead = true;
                    return;
                }
                Poll::Ready(Err(_)) => {
                    self.watch.leave();
                    return;
                }
            }
        }
        if let Reader::Ended(reset) = &mut self.read
            && reset.as_mut().poll(cx).is_ready()
        {
            self.watch.leave();
        }
    }

    fn end_reading(&mut self) {
        let ended = Reader::Ended(Box::pin(std::future::pending()));
        if let Reader::Open(read) = std::mem::replace(&mut self.read, ended) {
            self.read = Reader::Ended(Box::pin(reset(read)));
        }
    }

    /// How many of the first bytes of a write have been sent before it.
    fn sent_before(&mut self, bytes: &[u8]) -> usize {
        if self.first_byte_sent && !bytes.is_empty() {
            self.first_byte_sent = false;
            FIRST_BYTE.len()
        } else {
            0
        }
    }

    /// Notes how a write of so many bytes went.
    fn note(&self, written: &Poll<io::Result<usize>>, bytes: usize) {
        match written {
            Poll::Ready(Ok(taken)) => self.watch.wrote(*taken, bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.watch.block(bytes),
        }
    }
}

/// Resolves when the connection is reset.
async fn reset(read: OwnedReadHalf) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = read.ready(tokio::io::Interest::ERROR).await;

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        const INTERVAL: Duration = Duration::from_millis(50);
        let stream: &TcpStream = read.as_ref();
        while !stream
            .ready(tokio::io::Interest::WRITABLE)
            .await
            .is_ok_and(|ready| ready.is_write_closed())
        {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.watch.close();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.read {
            Reader::Open(read) => Pin::new(read).poll_read(cx, buffer),
            Reader::Ended(_) => Poll::Ready(Ok(())),
        };
        if read.is_pending() {
            return read;
        }
        if buffer.filled().len() > before {
            self.request_begun = true;
            self.is_ahead = false;
        } else if self.watch.awaits_body() {
            // Gone in the middle of a body. The handler is not told, so that its answer
            // to nobody counts as what it is; the connection's task drops both.
            self.watch.leave();
            return Poll::Pending;
        }
        read
    }
}

/// Not vectored: hyper then copies the pieces of an answer behind its head, and most
/// answers so go out as one.
impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.request_begun = false;
        let before = self.sent_before(bytes);
        if before > 0 {
            return Poll::Ready(Ok(before));
        }
        let written = Pin::new(&mut self.write).poll_write(cx, bytes);
        self.note(&written, bytes.len());
        written
    }

    /// hyper flushes at the end of each of its polls, so also while a handler works.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.flushed();
        if self.watch.is_busy() {
            self.poll_client(cx);
        }
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_refusal_states_its_length() {
        let text = std::str::from_utf8(super::REQUEST_TIMEOUT).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
    }
}
