//! The traffic that the service sends itself, so that no graph is ever empty.
//!
//! Open loop: requests come when a Poisson process says so, whether or not the
//! earlier ones have been answered. A generator that waited for answers would
//! send less just when the service is slow, and hide what it should show.
//! Requests go through the layer that measures and the whole router, but not
//! through a socket.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::scenario::Traffic;
use golden_http::api::App;
use simulation::incident::Retries;
use simulation::{ArrivalRate, PoissonArrivals, Stream};

use crate::predictions::Predictions;

/// How far behind its schedule the generator catches up; older requests are
/// skipped. Longer stalls are a suspended laptop, whose hours nobody wants in a
/// second.
const MAX_CATCH_UP: Duration = Duration::from_secs(10);

/// Of the gaps between two requests, what is left of them while it catches up: a quarter
/// more traffic. What a stall has held up, sent at once, would fill the queue and be shed.
const CATCH_UP_GAP: f64 = 0.8;

/// What is late by no more than this is sent at once: timers and schedulers are not
/// exact, and nobody sees it.
const LATENESS: Duration = Duration::from_millis(50);

/// More than any answer to `/random` has.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends the requests that `traffic` tells, until the service stops.
pub(super) async fn generate(
    app: App,
    traffic: watch::Receiver<Traffic>,
    arrivals: Stream,
    mut stopped: watch::Receiver<bool>,
) {
    let send = |retries| {
        tokio::spawn(send(app.clone(), retries));
    };
    tokio::select! {
        () = send_all(send, |rate| rate, traffic, arrivals) => {}
        // An error means that the service is gone without having said so.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Asks for predictions, and sends their labels, until the service stops.
pub(super) async fn predict(
    mut predictions: Predictions,
    traffic: watch::Receiver<Traffic>,
    arrivals: Stream,
    mut stopped: watch::Receiver<bool>,
) {
    let share = predictions.share().get();
    let fewer = |rate: ArrivalRate| {
        // Too few to be a rate are none.
        ArrivalRate::try_from(rate.per_second() * share).unwrap_or(ArrivalRate::OFF)
    };
    tokio::select! {
        () = send_all(|_| predictions.send(), fewer, traffic, arrivals) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Calls `send` whenever a request is due, at the rate that `of_traffic` makes of the
/// traffic's.
async fn send_all(
    mut send: impl FnMut(Option<Retries>),
    of_traffic: impl Fn(ArrivalRate) -> ArrivalRate,
    mut traffic: watch::Receiver<Traffic>,
    arrivals: Stream,
) {
    let mut arrivals = PoissonArrivals::new(arrivals);
    let mut schedule = Schedule::from(Instant::now());
    loop {
        let Traffic { rate, retries } = *traffic.borrow_and_update();
        let rate = of_traffic(rate);
        let Some(gap) = arrivals.next_gap(rate) else {
            if traffic.changed().await.is_err() {
                return;
            }
            schedule = Schedule::from(Instant::now());
            continue;
        };
        let now = Instant::now();
        let due = schedule.next(gap, now);
        if due > now {
            tokio::select! {
                _ = async_io::Timer::at(due) => {}
                changed = traffic.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // A Poisson process has no memory: it may begin anew.
                    schedule = Schedule::from(Instant::now());
                    continue;
                }
            }
        } else {
            // Behind schedule nothing waits; others must have their turn.
            tokio::task::consume_budget().await;
        }
        send(retries);
    }
}

/// When requests are sent: as planned, and after a stall somewhat faster.
struct Schedule {
    /// When the last request should have been sent.
    planned: Instant,
    /// When it was.
    sent: Instant,
}

impl From<Instant> for Schedule {
    fn from(now: Instant) -> Self {
        Self {
            planned: now,
            sent: now,
        }
    }
}

impl Schedule {
    /// When the request is sent that comes `gap` after the last.
    fn next(&mut self, gap: Duration, now: Instant) -> Instant {
        self.planned += gap;
        if now.saturating_duration_since(self.planned) > MAX_CATCH_UP {
            self.planned = now;
        }
        let paced = self.sent + gap.mul_f64(CATCH_UP_GAP);
        let not_late = now.checked_sub(LATENESS).unwrap_or(now);
        self.sent = self.planned.max(paced.max(not_late));
        self.sent
    }
}

/// Sends one request; in a retry storm also again, at once, as often as it may be.
async fn send(app: App, retries: Option<Retries>) {
    let Some(retries) = retries else {
        // What has become of it does not matter here.
        let _ = send_once(app).await;
        return;
    };
    for _ in 0..=retries.attempts {
        let answered = tokio::time::timeout(retries.patience, send_once(app.clone()));
        if let Ok(status) = answered.await
            && !status.is_server_error()
        {
            return;
        }
    }
}

async fn send_once(app: App) -> StatusCode {
    let request = Request::get("/random").body(Body::empty());
    let request = request.expect("a constant that is a request");
    let Ok(answer) = app.oneshot(request).await;
    let status = answer.status();
    // Read to its end: an answer dropped before would count as cancelled.
    if let Err(error) = axum::body::to_bytes(Body::new(answer.into_body()), MAX_ANSWER_BYTES).await
    {
        tracing::warn!(%error, "a response to the generated traffic was cut off");
    }
    status
}

#[cfg(test)]
mod tests {
    use simulation::{ArrivalRate, Streams};

    use super::*;

    /// When requests are sent at this rate, in seconds from the start on, by a generator
    /// that does nothing from `stall` on for so long.
    fn sent(rate: &str, stall: f64, length: f64, until: f64) -> Vec<f64> {
        let rate: ArrivalRate = rate.parse().unwrap();
        let mut arrivals = PoissonArrivals::new(Streams::new(7).arrivals());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs_f64(seconds);
        let mut schedule = Schedule::from(start);
        let mut now = start;
        let mut sent = Vec::new();
        while now < at(until) {
            let due = schedule.next(arrivals.next_gap(rate).unwrap(), now);
            now = now.max(due);
            if (at(stall)..at(stall + length)).contains(&now) {
                now = at(stall + length);
            }
            sent.push((now - start).as_secs_f64());
        }
        sent
    }

    fn within(sent: &[f64], from: f64, to: f64) -> usize {
        sent.iter().filter(|at| (from..to).contains(*at)).count()
    }

    #[test]
    fn what_a_stall_has_held_up_comes_a_quarter_faster() {
        let undisturbed = sent("200", 0.0, 0.0, 60.0);
        let stalled = sent("200", 10.0, 4.0, 60.0);
        assert_eq!(within(&stalled, 10.1, 14.0), 0);
        // No burst: at most what the longest lateness is worth, and a quarter more.
        let most = (14_000..30_000)
            .map(|ms| within(&stalled, f64::from(ms) / 1e3, f64::from(ms) / 1e3 + 0.1))
            .max();
        assert!(most <= Some(55), "{most:?} in a tenth of a second");
        let seconds = within(&stalled, 15.0, 25.0);
        assert!(
            (2_300..2_700).contains(&seconds),
            "{seconds} in ten seconds"
        );
        // Then all have come, and come as if nothing had been.
        let at = undisturbed.partition_point(|at| *at < 40.0);
        assert_eq!(stalled[at..], undisturbed[at..]);
    }

    #[test]
    fn what_a_long_stall_has_held_up_is_skipped() {
        let stalled = sent("200", 10.0, 3_600.0, 3_630.0);
        let seconds = within(&stalled, 3_610.0, 3_630.0);
        assert!(
            (3_700..4_300).contains(&seconds),
            "{seconds} in twenty seconds"
        );
    }
}
