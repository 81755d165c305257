//! The link `sample`: what is scraped is also stored, under a time of now, and
//! this machine means the same by now as Prometheus.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::prometheus::query;
use super::report::Finding;
use super::{Context, Doctor, Verdict};

/// If Prometheus does not tell how often it scrapes: its own default.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Scrapes may fall out, and a scrape takes a while.
const MISSED_SCRAPES: u32 = 3;
const GRACE: Duration = Duration::from_secs(5);

/// Clocks further apart shift graphs visibly, in seconds …
const WORTH_KNOWING: f64 = 2.0;
/// … or out of "the last 5 minutes".
const EMPTIES_GRAPHS: f64 = 60.0;

pub(super) async fn is_fresh(doctor: &Doctor, context: &mut Context) -> Verdict {
    let job = &doctor.options.job;
    let interval = context.scrape_interval.unwrap_or(DEFAULT_INTERVAL);
    // Both times by Prometheus' clock. Not of `up`, which Prometheus stores under
    // its own time even if it stores nothing of what it scraped.
    let series = format!("http_requests_total{{job=\"{job}\"}}");
    let expression = format!("time() - max(timestamp({series}))");
    let url = doctor
        .prometheus
        .base()
        .join("/api/v1/query", &[("query", &expression)]);
    let age = query(&doctor.prometheus, &expression).await?;
    let Some(age) = age.first().copied() else {
        let observed =
            format!("the scrape succeeds, but no sample of {series} of the last 5 min is stored");
        let remedy = "Either metric_relabel_configs in prometheus.yml drop it, or samples are refused: look for \"out of order\", \"too old\"\n\
                      or \"no space left\" in `docker compose logs prometheus`, or natively in its log.";
        return Err(Finding::broken(observed, remedy).asked(url));
    };
    let most = (interval * MISSED_SCRAPES + GRACE).as_secs_f64();
    if age > most {
        let observed = format!(
            "the newest sample of {series} is {age:.0} s old, by Prometheus' clock; with a scrape every {} s it should be under {most:.0} s",
            interval.as_secs_f64()
        );
        let remedy = "Scrapes succeed and bring old samples: what is scraped states times of its own (honor_timestamps: false ignores them),\n\
                      or Prometheus is overloaded or cannot write: `docker compose logs prometheus`, or natively its log.";
        return Err(Finding::broken(observed, remedy).asked(url));
    }
    let fresh = format!("the newest is {:.1} s old", age.max(0.0));
    let skew = skew(doctor).await?;
    let ahead = if skew > 0.0 { "ahead of" } else { "behind" };
    let observed = format!(
        "{fresh}; Prometheus' clock is {:.0} s {ahead} this machine's",
        skew.abs()
    );
    let remedy = "Grafana draws \"the last 5 minutes\" by the browser's clock and finds samples by Prometheus': set both clocks (NTP).\n\
                  Docker Desktop's machine falls behind while a laptop sleeps: restart Docker.";
    if skew.abs() >= EMPTIES_GRAPHS {
        Err(Finding::broken(observed, remedy))
    } else if skew.abs() >= WORTH_KNOWING {
        Ok(Finding::warning(observed, remedy))
    } else if no_buckets(doctor).await? {
        let observed = format!("{fresh}, but there is no http_request_duration_seconds_bucket");
        let remedy = "Prometheus took the native histograms and left the classic buckets: panels that draw quantiles from them are empty.\n\
                      Write always_scrape_classic_histograms: true into the job in prometheus.yml and reload.";
        Ok(Finding::warning(observed, remedy))
    } else {
        Ok(Finding::ok(format!("{fresh}; the clocks agree")))
    }
}

/// Whether the classic buckets, which the service exposes, are not stored.
async fn no_buckets(doctor: &Doctor) -> Result<bool, Finding> {
    let job = &doctor.options.job;
    let series = format!("count(http_request_duration_seconds_bucket{{job=\"{job}\"}})");
    Ok(query(&doctor.prometheus, &series).await?.is_empty())
}

/// By how many seconds Prometheus' clock is certainly ahead of ours, or behind
/// (negative); what the answer took is in its favour.
async fn skew(doctor: &Doctor) -> Result<f64, Finding> {
    let before = now();
    let theirs = query(&doctor.prometheus, "time()").await?;
    let after = now();
    Ok(theirs.first().map_or(0.0, |theirs| {
        if *theirs > after {
            theirs - after
        } else if *theirs < before {
            theirs - before
        } else {
            0.0
        }
    }))
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
