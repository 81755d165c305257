//! Accepts connections: up to a limit, and only those that send their greeting in
//! time. Knows no call.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::server::Connected;

/// Connections open at a time; further ones wait in the kernel's backlog. Each
/// caller has one, however much it calls.
pub(super) const MAX_CONNECTIONS: usize = 64;

/// A caller says at once that it speaks HTTP/2, a health check what it asks for; one
/// that has not by then takes the place of one that would. Afterwards who speaks HTTP/2
/// is sent keep-alive pings.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

/// HTTP/2's preface and the header of the frame that must follow it (RFC 9113,
/// section 3.4).
const GREETING_BYTES: usize = 24 + 9;

/// After a failed accept: out of descriptors, the next one fails too until a
/// connection ends.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// The connections that a listener takes, for as long as it is asked for them.
pub(super) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Caller>> {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    stream::unfold((listener, permits), async |(listener, permits)| {
        let permit = Arc::clone(&permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Calls are small and waited for.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY refused");
                    }
                    return Some((Ok(Caller::new(stream, permit)), (listener, permits)));
                }
                Err(error) => {
                    tracing::debug!(%error, "accept failed");
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    })
}

/// A connection that was let in; its place is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Caller {
    stream: TcpStream,
    /// What the caller has not said yet of its greeting, and how long it has.
    greeting: Option<(usize, Pin<Box<Sleep>>)>,
    _place: OwnedSemaphorePermit,
}

impl Caller {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let time = Box::pin(tokio::time::sleep(GREETING_TIMEOUT));
        Self {
            stream,
            greeting: Some((GREETING_BYTES, time)),
            _place: place,
        }
    }
}

impl Connected for Caller {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Caller {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            let said = buffer.filled().len() - before;
            self.greeting = self
                .greeting
                .take()
                .filter(|(missing, _)| *missing > said)
                .map(|(missing, time)| (missing - said, time));
            return Poll::Ready(read);
        }
        match &mut self.greeting {
            None => Poll::Pending,
            Some((_, time)) => {
                ready!(time.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Caller {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    async fn connected(count: usize) -> (impl Stream<Item = io::Result<Caller>>, Vec<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut callers = Vec::new();
        for _ in 0..count {
            callers.push(TcpStream::connect(address).await.unwrap());
        }
        (incoming(listener), callers)
    }

    #[tokio::test]
    async fn one_more_than_may_be_waits_for_another_to_go() {
        let (let_in, _callers) = connected(MAX_CONNECTIONS + 1).await;
        let mut let_in = std::pin::pin!(let_in);
        let mut inside = Vec::new();
        while inside.len() < MAX_CONNECTIONS {
            inside.push(let_in.next().await.unwrap().unwrap());
        }
        // It has connected: nothing but the limit keeps it out.
        let mut next = let_in.next();
        for _ in 0..100 {
            let waits = timeout(Duration::ZERO, &mut next).await;
            assert!(waits.is_err(), "it was let in");
            tokio::task::yield_now().await;
        }
        inside.pop();
        next.await.unwrap().unwrap();
    }

    /// The clock stands still but for those who wait for nothing else.
    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_let_go_and_who_has_greeted_may_be_silent() {
        let (let_in, mut callers) = connected(2).await;
        let mut let_in = std::pin::pin!(let_in);
        let mut buffer = [0; 64];
        let mut silent = let_in.next().await.unwrap().unwrap();
        // A part of it is not enough.
        callers[0]
            .write_all(&[0; GREETING_BYTES - 1])
            .await
            .unwrap();
        let read = silent.read(&mut buffer).await.unwrap();
        assert_eq!(read, GREETING_BYTES - 1);
        let error = silent.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let mut greeted = let_in.next().await.unwrap().unwrap();
        callers[1].write_all(&[0; GREETING_BYTES]).await.unwrap();
        greeted
            .read_exact(&mut buffer[..GREETING_BYTES])
            .await
            .unwrap();
        let for_long = timeout(100 * GREETING_TIMEOUT, greeted.read(&mut buffer));
        assert!(for_long.await.is_err(), "it was let go");
    }
}
