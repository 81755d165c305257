//! The link `target`: Prometheus scrapes the service, and the scrape succeeds.

use std::time::Duration;

use golden_http_client::BaseUrl;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::prometheus::api;
use super::report::Finding;
use super::{Context, Doctor, Verdict};

const PATH: &str = "/api/v1/targets";

/// A target that is new has not been scraped yet; this long is waited for it.
const TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(250);

/// Some of what is down is enough to be shown.
const MAX_SHOWN: usize = 3;

pub(super) async fn is_up(doctor: &Doctor, context: &mut Context) -> Verdict {
    let start = Instant::now();
    loop {
        let data = api(&doctor.prometheus, PATH, &[("state", "active")]).await?;
        let all = data["activeTargets"].as_array();
        let all = all.map(Vec::as_slice).unwrap_or_default();
        let job = doctor.options.job.as_str();
        let ours: Vec<_> = all
            .iter()
            .filter(|target| target["labels"]["job"] == job)
            .collect();
        if ours.is_empty() {
            return Err(no_target(doctor, all).await);
        }
        let unknown = ours.iter().any(|target| health(target) == "unknown");
        let down: Vec<_> = ours
            .iter()
            .copied()
            .filter(|target| health(target) != "up")
            .collect();
        if unknown && down.len() == ours.len() && start.elapsed() < TIMEOUT {
            sleep(PAUSE).await;
            continue;
        }
        context.scrape_interval = ours
            .iter()
            .filter_map(|target| humantime::parse_duration(target["scrapeInterval"].as_str()?).ok())
            .max();
        return verdict(doctor, ours.len(), &down);
    }
}

fn verdict(doctor: &Doctor, all: usize, down: &[&Value]) -> Verdict {
    let job = &doctor.options.job;
    let Some(first) = down.first() else {
        return Ok(Finding::ok(format!("{all} of {all} of job {job} are up")));
    };
    let seen: Vec<_> = down
        .iter()
        .take(MAX_SHOWN)
        .map(|target| {
            let error = target["lastError"].as_str().filter(|text| !text.is_empty());
            let error = error.unwrap_or("not scraped yet");
            let url = scrape_url(target);
            // Go's own errors have it in them already.
            if error.contains(url) {
                error.to_owned()
            } else {
                format!("{url}: {error}")
            }
        })
        .collect();
    let number = down.len();
    let observed = format!(
        "{number} of {all} of job {job} are down: {}",
        seen.join("; ")
    );
    let error = first["lastError"].as_str().unwrap_or_default();
    let remedy = remedy(error, scrape_url(first));
    let url = doctor.prometheus.base().join(PATH, &[]);
    if number == all {
        Err(Finding::broken(observed, remedy).asked(url))
    } else {
        Ok(Finding::warning(observed, remedy).asked(url))
    }
}

fn health(target: &Value) -> &str {
    target["health"].as_str().unwrap_or("unknown")
}

fn scrape_url(target: &Value) -> &str {
    target["scrapeUrl"].as_str().unwrap_or("an unknown address")
}

/// The job is not configured, or its discovery finds nothing.
async fn no_target(doctor: &Doctor, all: &[Value]) -> Finding {
    let job = &doctor.options.job;
    let mut jobs: Vec<_> = all
        .iter()
        .filter_map(|target| target["labels"]["job"].as_str())
        .collect();
    jobs.sort_unstable();
    jobs.dedup();
    let jobs = if jobs.is_empty() {
        "none at all".to_owned()
    } else {
        jobs.join(", ")
    };
    // Older than Prometheus 2.42, it is not told; then nothing is lost.
    let pools = api(&doctor.prometheus, "/api/v1/scrape_pools", &[]).await;
    let configured = pools.is_ok_and(|pools| {
        let pools = pools["scrapePools"].as_array();
        pools.is_some_and(|pools| pools.iter().any(|pool| pool == job.as_str()))
    });
    let (observed, remedy) = if configured {
        let observed = format!(
            "job {job} is configured, but its discovery finds no target; jobs with targets: {jobs}"
        );
        let remedy = format!(
            "In compose the container is found by its name in the DNS: `docker compose up -d {job}`, and both must be in one network.\n\
             Natively nothing answers for that name: use static_configs with targets: ['127.0.0.1:8000']."
        );
        (observed, remedy)
    } else {
        let observed = format!("Prometheus has no target of job {job}; it has: {jobs}");
        let remedy = format!(
            "Write the job into scrape_configs of prometheus.yml (`promtool check config` reads it), then reload:\n\
             `docker compose restart prometheus`, or natively `curl -X POST {}`. Another name: --job NAME.",
            doctor.prometheus.base().join("/-/reload", &[])
        );
        (observed, remedy)
    };
    Finding::broken(observed, remedy).asked(doctor.prometheus.base().join(PATH, &[]))
}

/// What an error of a scrape usually means.
fn remedy(error: &str, scrape_url: &str) -> String {
    let says = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
    let at_loopback = scrape_url
        .parse()
        .is_ok_and(|url: BaseUrl| url.is_loopback());
    let reload = "Then reload: `docker compose restart prometheus`, or natively POST /-/reload.";
    if says(&["connection refused"]) && at_loopback {
        format!(
            "If Prometheus runs in a container, localhost is the container itself: the target must be app:8000, not localhost.\n\
             Natively: nothing listens at that port; start the service, or correct the port in prometheus.yml.\n{reload}"
        )
    } else if says(&["connection refused"]) {
        format!(
            "The host is there, but nothing listens at that port: the service listens at 8000, and inside a container it must\n\
             listen at 0.0.0.0 (GOLDEN_BIND=0.0.0.0:8000), not at 127.0.0.1. Correct the port in prometheus.yml.\n{reload}"
        )
    } else if says(&["no such host", "server misbehaving", "name resolution"]) {
        format!(
            "The host's name is wrong: in compose it is the service's name (app), natively 127.0.0.1. Correct prometheus.yml.\n{reload}"
        )
    } else if says(&["context deadline exceeded", "Client.Timeout", "i/o timeout"]) {
        "The service does not answer the scrape in time: is it stopped or overloaded (`docker compose ps app`, its log)?\n\
         Or does a firewall drop what is sent there? Raise scrape_timeout only if the scrape is rightly long."
            .to_owned()
    } else if says(&["HTTP status 404"]) {
        format!(
            "Something answers, but not at that path: metrics_path must be /metrics and the port the service's.\n{reload}"
        )
    } else if says(&["HTTP status 401", "HTTP status 403"]) {
        "Something asks for a password there. The service's /metrics never does: the target is another one.".to_owned()
    } else if says(&["HTTP status"]) {
        "Something answers, but with an error: open the address above in a browser and read what it says; then its log.".to_owned()
    } else if says(&["no route to host", "network is unreachable"]) {
        "No way leads there: in compose both must be in one network; natively the address is wrong."
            .to_owned()
    } else if says(&["HTTP response to HTTPS", "tls:", "x509"]) {
        format!("The service speaks http: scheme must be http in prometheus.yml.\n{reload}")
    } else if says(&[
        "Content-Type",
        "expected ",
        "invalid metric",
        "pars",
        "unsupported",
        "invalid UTF-8",
    ]) {
        "What it answers is not Prometheus' text format, so it is not /metrics, or an exporter has a mistake.\n\
         See where: `curl -s ADDRESS | promtool check metrics`."
            .to_owned()
    } else if says(&["EOF", "connection reset"]) {
        "It hung up in the middle: it was restarted just now, or what listens there does not speak HTTP.".to_owned()
    } else if says(&["sample limit", "body size limit", "label"]) {
        "A limit in prometheus.yml (sample_limit, body_size_limit, label_…) refuses the whole scrape; raise or remove it.".to_owned()
    } else {
        "Open the address above from where Prometheus runs (`docker compose exec prometheus wget -qO- ADDRESS`) and compare it with prometheus.yml.".to_owned()
    }
}
