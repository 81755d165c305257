//! What goes wrong by itself and not with a request: leaks, pauses, the loop, and the
//! limits that change. One task, which follows the conditions in force.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::busy_loop::BusyLoop;
use super::leaks::Leaks;
use super::pauses::stand_still;
use crate::Service;
use simulation::Conditions;

/// How often what grows has grown.
const TICK: Duration = Duration::from_millis(250);

/// Follows the conditions until the service stops.
pub(crate) async fn work(
    service: Service,
    mut conditions: watch::Receiver<Arc<Conditions>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut busy_loop = BusyLoop::default();
    let mut leaks = Leaks::default();
    let mut leaked = Instant::now();
    let mut paused = Instant::now();
    loop {
        let now = Arc::clone(&conditions.borrow_and_update());
        service.admission.narrow(now.concurrency);
        service.scrapes.lose(now.lost_scrapes_percent);
        busy_loop.burn(now.burnt_percent);
        if now.series_per_request == 0 {
            service.series.clear();
        }
        leaks.go_on(
            leaked.elapsed().as_secs_f64(),
            now.leaked_kib_per_second,
            now.leaked_descriptors_per_minute,
        );
        leaked = Instant::now();
        match now.pauses {
            Some(pauses) if paused.elapsed() >= pauses.every => {
                paused = Instant::now();
                stand_still(pauses.length);
            }
            Some(_) => {}
            None => paused = Instant::now(),
        }
        let grows = now.leaked_kib_per_second > 0
            || now.leaked_descriptors_per_minute > 0
            || now.pauses.is_some();
        tokio::select! {
            _ = ticks.tick(), if grows => {}
            changed = conditions.changed() => {
                if changed.is_err() {
                    return;
                }
                // What begins now has not leaked before.
                leaked = Instant::now();
            }
            // An error means that the service is gone without having said so.
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}
