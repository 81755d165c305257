//! Asks Prometheus and Alertmanager for their health, so that a silence can be given a
//! name. What the answers mean is the [watchdog](super::watchdog)'s matter.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use golden_http_client::{BaseUrl, exchange};
use http::{Request, StatusCode};
use tokio::time::{MissedTickBehavior, interval};

use super::pager::Pager;

/// The time between two questions.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long an answer may take, and how large it may be.
const TIMEOUT: Duration = Duration::from_secs(4);
const MAX_BYTES: usize = 64 * 1024;

/// Asks this peer for ever.
pub(super) async fn ask(pager: Arc<Pager>, name: &'static str, address: BaseUrl) {
    let mut every = interval(INTERVAL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let result = healthy(&address).await;
        pager.probed(name, result);
    }
}

/// The endpoint that both have
/// (<https://prometheus.io/docs/prometheus/latest/management_api/>).
async fn healthy(address: &BaseUrl) -> Result<(), String> {
    let request = Request::get(address.join("/-/healthy", &[]));
    let request = request
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer = exchange(request, TIMEOUT, MAX_BYTES).await;
    match answer {
        Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
        Ok(answer) => Err(format!("{address} answers {}", answer.status())),
        Err(error) => Err(format!("{address}: {error}")),
    }
}
