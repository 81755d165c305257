//! Limits concurrency: so many requests at once, so many waiting in a queue, and
//! the rest are shed at once, which costs a full service the least.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Service;
use golden_http::problem::Problem;

/// The concurrency limit and its queue.
#[derive(Debug)]
pub struct Admission {
    permits: Arc<Semaphore>,
    concurrency_limit: usize,
    queue_limit: usize,
    waiting: AtomicUsize,
}

impl Admission {
    /// Admits `concurrency_limit` requests at once and queues `queue_limit` more.
    #[must_use]
    pub fn new(concurrency_limit: usize, queue_limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(concurrency_limit)),
            concurrency_limit,
            queue_limit,
            waiting: AtomicUsize::new(0),
        }
    }

    /// How much of the limit is used, from 0 to 1.
    pub fn concurrency_ratio(&self) -> f64 {
        ratio(
            self.concurrency_limit - self.permits.available_permits(),
            self.concurrency_limit,
        )
    }

    /// How full the queue is, from 0 to 1.
    pub fn queue_ratio(&self) -> f64 {
        ratio(self.waiting.load(Relaxed), self.queue_limit)
    }

    /// A place to work, after waiting for it if need be; dropping it gives the
    /// place to the one who has waited longest.
    async fn admit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self.queue().ok_or(Problem::Shed)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        Ok(permit.expect("the semaphore is never closed"))
    }

    /// A place in the queue, left when dropped: also when the client goes away.
    fn queue(&self) -> Option<Waiting<'_>> {
        let within = |waiting| (waiting < self.queue_limit).then_some(waiting + 1);
        let taken = self.waiting.fetch_update(Relaxed, Relaxed, within);
        taken.ok().map(|_| Waiting(&self.waiting))
    }
}

/// One that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "limits are at most a million")]
fn ratio(used: usize, limit: usize) -> f64 {
    if limit == 0 {
        0.0
    } else {
        used as f64 / limit as f64
    }
}

/// An argument of the handlers that do work: while it lives, its request holds
/// a place.
#[derive(Debug)]
pub struct Admitted(#[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit);

impl FromRequestParts<Service> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, service: &Service) -> Result<Self, Problem> {
        service.admission.admit().await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_served_in_order_and_no_longer_than_its_limit() {
        let admission = Admission::new(1, 1);
        let first = admission.admit().await.unwrap();
        let mut second = std::pin::pin!(admission.admit());
        assert!(poll_once(second.as_mut()).is_none());
        assert_eq!(
            (admission.concurrency_ratio(), admission.queue_ratio()),
            (1.0, 1.0)
        );
        assert!(matches!(admission.admit().await, Err(Problem::Shed)));
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(
            (admission.concurrency_ratio(), admission.queue_ratio()),
            (1.0, 0.0)
        );
        drop(second);
        assert_eq!(admission.concurrency_ratio(), 0.0);
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_the_queue() {
        let admission = Admission::new(1, 1);
        let _first = admission.admit().await.unwrap();
        {
            let mut second = std::pin::pin!(admission.admit());
            assert!(poll_once(second.as_mut()).is_none());
        }
        assert_eq!(admission.queue_ratio(), 0.0);
    }

    fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
