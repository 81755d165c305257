//! A running service, seen from outside: how long its answers take and which
//! numbers are in them.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::finding::Finding;
use crate::http;
use crate::mystery::Kind;

// Requests under way at a time: the service waits for most of each.
const CONCURRENCY: usize = 32;

/// Sends `GET /random`, `count` times, and returns what was seen of those that were
/// answered with 200: the number in the answer, or the seconds until it was there.
///
/// # Errors
///
/// `no-answer` if one was not answered at all, or not one of them with 200.
pub fn requests(service: SocketAddr, kind: Kind, count: usize) -> Result<Vec<f64>, Finding> {
    let (sent, seen) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::new())));
    let note = |one: Result<Option<f64>, Finding>| {
        let mut seen = seen.lock().expect("nobody panics while holding it");
        match (seen.as_mut(), one) {
            (Ok(all), Ok(one)) => all.extend(one),
            (_, Err(finding)) => *seen = Err(finding),
            (Err(_), Ok(_)) => {}
        }
        seen.is_ok()
    };
    thread::scope(|scope| {
        for _ in 0..CONCURRENCY {
            scope.spawn(|| {
                while sent.fetch_add(1, Ordering::Relaxed) < count && note(one(service, kind)) {}
            });
        }
    });
    let seen = seen.into_inner().expect("nobody panics while holding it")?;
    if seen.is_empty() {
        let sentence = format!("None of {count} requests to {service} was answered with 200.");
        return Err(Finding::new("no-answer", sentence));
    }
    Ok(seen)
}

fn one(service: SocketAddr, kind: Kind) -> Result<Option<f64>, Finding> {
    let start = Instant::now();
    let answer = http::request(service, "GET", "/random").map_err(|error| {
        let sentence = format!("`GET /random` got no answer from {service}: {error}.");
        Finding::new("no-answer", sentence)
    })?;
    let took = start.elapsed().as_secs_f64();
    if answer.status != 200 {
        return Ok(None);
    }
    Ok(match kind {
        Kind::Delays => Some(took),
        Kind::Values => {
            let body: Option<serde_json::Value> = serde_json::from_str(&answer.body).ok();
            body.and_then(|body| body["random"].as_f64())
        }
    })
}
