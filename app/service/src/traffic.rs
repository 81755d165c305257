//! The traffic that the service sends itself, so that no graph is ever empty.
//!
//! Open loop: requests come when a Poisson process says so, whether or not the
//! earlier ones have been answered. A generator that waited for answers would
//! send less just when the service is slow, and hide what it should show.
//! Requests go through the layer that measures and the whole router, but not
//! through a socket.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use tokio::sync::watch;
use tower::ServiceExt as _;

use golden_http::api::App;
use simulation::{ArrivalRate, PoissonArrivals, Stream};

/// How far behind its schedule the generator catches up; older requests are
/// skipped. Longer stalls are a suspended laptop, whose hours nobody wants in a
/// second.
const MAX_CATCH_UP: Duration = Duration::from_secs(10);

/// More than any answer to `/random` has.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends requests at the rates that `rates` has, until the service stops.
pub(super) async fn generate(
    app: App,
    rates: watch::Receiver<ArrivalRate>,
    arrivals: Stream,
    mut stopped: watch::Receiver<bool>,
) {
    tokio::select! {
        () = send_all(app, rates, arrivals) => {}
        // An error means that the service is gone without having said so.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn send_all(app: App, mut rates: watch::Receiver<ArrivalRate>, arrivals: Stream) {
    let mut arrivals = PoissonArrivals::new(arrivals);
    let mut planned = Instant::now();
    loop {
        let rate = *rates.borrow_and_update();
        let Some(gap) = arrivals.next_gap(rate) else {
            if rates.changed().await.is_err() {
                return;
            }
            planned = Instant::now();
            continue;
        };
        planned += gap;
        let now = Instant::now();
        if planned > now {
            tokio::select! {
                _ = async_io::Timer::at(planned) => {}
                changed = rates.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // A Poisson process has no memory: it may begin anew.
                    planned = Instant::now();
                    continue;
                }
            }
        } else {
            if now.duration_since(planned) > MAX_CATCH_UP {
                planned = now;
            }
            // Behind schedule nothing waits; others must have their turn.
            tokio::task::consume_budget().await;
        }
        tokio::spawn(send(app.clone()));
    }
}

async fn send(app: App) {
    let request = Request::get("/random").body(Body::empty());
    let request = request.expect("a constant that is a request");
    let Ok(answer) = app.oneshot(request).await;
    // Read to its end: an answer dropped before would count as cancelled.
    if let Err(error) = axum::body::to_bytes(Body::new(answer.into_body()), MAX_ANSWER_BYTES).await
    {
        tracing::warn!(%error, "a response to the generated traffic was cut off");
    }
}
