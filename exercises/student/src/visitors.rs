//! Visitors, so that there is something to see where nobody calls: the stack asks for
//! some with `STUDENT_TRAFFIC`. They come by the network like everybody else.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::interval;

/// One in so many is answered with an error.
const ERROR_EVERY: u64 = 100;

/// Requests per second, from `STUDENT_TRAFFIC`; `None` without it or with 0.
///
/// # Panics
///
/// If that is not a number from 0 to 1000.
pub fn rate() -> Option<f64> {
    let text = std::env::var("STUDENT_TRAFFIC").ok()?;
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.0..=1000.0).contains(rate));
    let rate = rate.unwrap_or_else(|| {
        panic!("STUDENT_TRAFFIC is {text:?}; it must be requests per second, from 0 to 1000")
    });
    (rate > 0.0).then_some(rate)
}

/// Sends requests to `/random` at this rate, whether they are answered or not.
pub async fn send(to: SocketAddr, per_second: f64) {
    let mut next = interval(Duration::from_secs_f64(1.0 / per_second));
    for visitor in 1_u64.. {
        next.tick().await;
        let fails = visitor % ERROR_EVERY == 0;
        tokio::spawn(async move {
            // A visitor that gets no answer does not try again.
            let _ = visit(to, if fails { "?fail=500" } else { "" }).await;
        });
    }
}

async fn visit(to: SocketAddr, query: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let request = format!("GET /random{query} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
