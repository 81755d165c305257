//! The link `traffic`: requests are being counted. Without any, a rate is 0 and
//! a quantile is no number, which no graph shows.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::peer::Peer;
use super::report::Finding;
use super::{Verdict, exposition};

/// The route whose requests count; those of probes and scrapes never end.
const ROUTE: &str = "route=\"/random\"";

/// Under one request a second, one is missed in 10 s once in 22,000 times.
const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn moves(app: &Peer) -> Verdict {
    let start = Instant::now();
    let first = counted(app).await?;
    loop {
        sleep(PAUSE).await;
        let now = counted(app).await?;
        // Smaller after a restart.
        if now.to_bits() != first.to_bits() {
            return Ok(Finding::ok(format!(
                "GET /random is asked for; {now} answered so far"
            )));
        }
        if start.elapsed() > TIMEOUT {
            let observed = format!(
                "no request to /random ended within {} s; http_requests_total{{{ROUTE}}} stays at {first}",
                TIMEOUT.as_secs()
            );
            let remedy = format!(
                "Send some: `hey -z 1m -q 5 -c 1 {}/random`, or let the service send itself some: in compose GOLDEN_TRAFFIC: 5\n\
                 for app, natively `golden-signals serve --traffic 5`, or at once PATCH /control/traffic with {{\"rate\": 5}}.",
                app.base()
            );
            return Err(Finding::broken(observed, remedy).asked(app.base().join("/metrics", &[])));
        }
    }
}

async fn counted(app: &Peer) -> Result<f64, Finding> {
    let text = app.get_text_format("/metrics").await?;
    Ok(exposition::sum(&text, "http_requests_total", &[ROUTE]).unwrap_or(0.0))
}
