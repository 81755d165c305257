//! Limits concurrency: so many requests at once, so many waiting in a queue, and
//! the rest are shed at once, which costs a full service the least.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// Places that there are at the moment: fewer while an incident takes some away.
    limit: AtomicUsize,
    /// Places that have been taken away.
    withheld: Mutex<usize>,
    /// Places that are to be taken away as soon as they are given back.
    owed: AtomicUsize,
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
            limit: AtomicUsize::new(concurrency_limit),
            withheld: Mutex::new(0),
            owed: AtomicUsize::new(0),
        }
    }

    /// How much of the limit is used, from 0 to 1.
    pub fn concurrency_ratio(&self) -> f64 {
        let withheld = *self.withheld();
        let there = self.concurrency_limit - withheld;
        let used = there.saturating_sub(self.permits.available_permits());
        let limit = self.limit.load(Relaxed);
        ratio(used.min(limit), limit)
    }

    /// Leaves only so many places, at least one and no more than the limit; all of them
    /// with `None`. What is being worked on is not disturbed.
    pub(crate) fn narrow(&self, places: Option<usize>) {
        let limit = self.concurrency_limit;
        let places = places.map_or(limit, |places| places.clamp(1, limit));
        if self.limit.swap(places, Relaxed) == places {
            return;
        }
        let mut withheld = self.withheld();
        // Back to all of them, and from there to what is left.
        self.owed.store(0, Relaxed);
        self.permits.add_permits(*withheld);
        *withheld = self.permits.forget_permits(limit - places);
        self.owed.store(limit - places - *withheld, Relaxed);
    }

    /// Whether a place that is given back is to be taken away.
    fn takes_away(&self) -> bool {
        // Nearly always there is none, and then nothing is locked.
        if self.owed.load(Relaxed) == 0 {
            return false;
        }
        let mut withheld = self.withheld();
        let one_less = self
            .owed
            .fetch_update(Relaxed, Relaxed, |owed| owed.checked_sub(1));
        *withheld += usize::from(one_less.is_ok());
        one_less.is_ok()
    }

    fn withheld(&self) -> MutexGuard<'_, usize> {
        // A number is never half set.
        self.withheld.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How full the queue is, from 0 to 1.
    pub fn queue_ratio(&self) -> f64 {
        ratio(self.waiting.load(Relaxed), self.queue_limit)
    }

    /// A place to work, after waiting for it if need be; dropping it gives the
    /// place to the one who has waited longest.
    async fn admit(self: &Arc<Self>) -> Result<Admitted, Problem> {
        let admitted = |permit| Admitted {
            permit: Some(permit),
            admission: Arc::clone(self),
        };
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(admitted(permit));
        }
        let _place = self.queue().ok_or(Problem::Shed)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        Ok(admitted(permit.expect("the semaphore is never closed")))
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
pub struct Admitted {
    /// Taken only when dropped.
    permit: Option<OwnedSemaphorePermit>,
    admission: Arc<Admission>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.admission.takes_away()
        {
            permit.forget();
        }
    }
}

impl FromRequestParts<Service> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, service: &Service) -> Result<Self, Problem> {
        service.admission.admit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_served_in_order_and_no_longer_than_its_limit() {
        let admission = Arc::new(Admission::new(1, 1));
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
    async fn places_that_are_taken_away_come_back() {
        let admission = Arc::new(Admission::new(4, 0));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(admission.admit().await.unwrap());
        }
        admission.narrow(Some(2));
        assert_eq!(admission.concurrency_ratio(), 1.0);
        // One was free and is away; of the three the first to end is not given back.
        held.pop();
        assert!(matches!(admission.admit().await, Err(Problem::Shed)));
        held.pop();
        held.push(admission.admit().await.unwrap());
        assert!(matches!(admission.admit().await, Err(Problem::Shed)));
        // To none at all there is no way, and back to all of them.
        admission.narrow(Some(0));
        admission.narrow(None);
        for _ in 0..2 {
            held.push(admission.admit().await.unwrap());
        }
        assert_eq!(admission.concurrency_ratio(), 1.0);
        assert!(matches!(admission.admit().await, Err(Problem::Shed)));
        held.clear();
        assert_eq!(admission.concurrency_ratio(), 0.0);
        assert_eq!(admission.permits.available_permits(), 4);
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_the_queue() {
        let admission = Arc::new(Admission::new(1, 1));
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
