//! Exercise 5: a configuration of Prometheus, tried out by Prometheus. It asks by way of
//! a proxy that answers in its targets' place, so that nothing else need run and every
//! address stays as the student wrote it.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::answer_file;
use crate::finding::{Finding, Judgement, ensure};
use crate::http::encoded;
use crate::prometheus::Prometheus;
use crate::server::{Request, Response, Server, serve_http};

// Prometheus looks for its targets every 5 s; a busy machine gets time besides.
const TARGETS_TIMEOUT: Duration = Duration::from_secs(20);
const NEXT_LOOK: Duration = Duration::from_secs(7);
// The interval of the copy, whatever the student's is: nobody waits for a minute.
const QUICK: &str = "1s";
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(20);

// Each shows a series with labels of its own besides: somebody else's, if they are left alone.
const STUDENT: &str = "random_numbers_drawn_total 1
http_requests_total{method=\"GET\",route=\"/random\",status=\"200\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/random\",outcome=\"success\",le=\"+Inf\"} 1
http_request_duration_seconds_sum{method=\"GET\",route=\"/random\",outcome=\"success\"} 0.1
http_request_duration_seconds_count{method=\"GET\",route=\"/random\",outcome=\"success\"} 1
http_requests_in_flight 0
saturation_ratio{resource=\"concurrency\"} 0
borrowed{job=\"somebody\",instance=\"else\"} 1
";
const APP: &str = "random_value_count 1\nborrowed{job=\"somebody\",instance=\"else\"} 1\n";
// What a job has pushed, with the labels it was pushed under.
const PUSHED: &str = "records_total{job=\"training\",instance=\"worker-1\"} 1\n";

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let text = answer_file::text(file)?;
    // Held while Prometheus may ask it.
    let proxy = Server::bind("127.0.0.1:0", |stream| {
        serve_http(stream, |request| Some(in_its_place(request)))
    })?;
    // The student's own says how often it would visit whom. Its copy does it at once.
    let own = Prometheus::start(&text)?;
    let configuration = own.api("status/config")?;
    let configuration = configuration["yaml"].as_str().unwrap_or_default();
    let prometheus = Prometheus::start(&quickened(configuration, proxy.address()))?;

    let jobs = configuration.matches("- job_name: ").count();
    let targets = targets(&own, jobs)?;
    for (job, port, max_interval) in [("student", 8001, 5.0), ("metrics_gateway", 9091, 60.0)] {
        let mine: Vec<_> = targets
            .iter()
            .filter(|one| one["labels"]["job"] == job)
            .collect();
        if mine.is_empty() {
            let jobs: Vec<_> = targets
                .iter()
                .filter_map(|one| one["labels"]["job"].as_str())
                .collect();
            return Err(Finding::new(
                "no-target",
                format!(
                    "Prometheus knows no target of a job `{job}`. {}",
                    if jobs.is_empty() {
                        "It knows none at all: nobody would be asked.".to_owned()
                    } else {
                        format!("It knows: {}.", jobs.join(", "))
                    }
                ),
            ));
        }
        for target in mine {
            let interval = target["scrapeInterval"].as_str().unwrap_or_default();
            ensure(seconds(interval) <= max_interval, "too-slow", || {
                format!(
                    "Prometheus would visit the job `{job}` every {interval}. How long would you \
                     sit in front of an empty graph? (Port {port}; it was to be every \
                     {max_interval} s at most.)"
                )
            })?;
        }
    }
    drop(own);
    arrives(&prometheus, "student", "random_numbers_drawn_total", 8001)?;
    arrives(&prometheus, "metrics_gateway", "records_total", 9091)?;
    let pushed = query(&prometheus, "records_total")?;
    let labels = &pushed[0]["metric"];
    ensure(
        labels["job"] == "training" && labels["instance"] == "worker-1",
        "labels-renamed",
        || {
            format!(
                "A training job has pushed `{}` to the gateway. In Prometheus it has become \
                 `records_total{labels}`. Whose metric is it, the gateway's or the training's?",
                PUSHED.trim()
            )
        },
    )?;
    everybody_is_visited(&prometheus, jobs)?;
    let dropped = "scrape_samples_scraped{job=\"student\"} - scrape_samples_post_metric_relabeling";
    if let Some(dropped) = query(&prometheus, dropped)?.first() {
        let dropped = dropped["value"][1].as_str().unwrap_or("0");
        ensure(dropped == "0", "drops-metrics", || {
            format!(
                "Of what the job `student` shows, Prometheus throws {dropped} series away, as \
                 your configuration says (`metric_relabel_configs`). Which question will they be \
                 missed by?"
            )
        })?;
    }
    let borrowed = query(&prometheus, "borrowed")?;
    let lost = borrowed
        .iter()
        .map(|one| &one["metric"])
        .find(|labels| labels["job"] == "somebody" || labels["instance"] == "else");
    ensure(lost.is_none(), "labels-believed", || {
        format!(
            "A service that is no gateway showed `borrowed{{job=\"somebody\",instance=\"else\"}}`. In \
             Prometheus it is `borrowed{}`: a service may call itself whatever it likes. Whose \
             word should Prometheus take for whom it has visited?",
            lost.map_or(String::new(), Value::to_string)
        )
    })
}

// What the target shows that a proxy is asked for.
fn in_its_place(request: &Request) -> Response {
    if request.method == "CONNECT" {
        return Response::text("400 It speaks http and no https", "");
    }
    let url = request.path.strip_prefix("http://").unwrap_or_default();
    let (address, path) = url.split_once('/').unwrap_or((url, ""));
    let page = match address.split_once(':') {
        Some(("127.0.0.1" | "localhost", "8001")) => STUDENT,
        Some(("127.0.0.1" | "localhost", "8000")) => APP,
        Some(("127.0.0.1" | "localhost", "9091")) => PUSHED,
        _ => return Response::text("503 Nobody listens there", ""),
    };
    match path.split('?').next() {
        Some("metrics") => Response::text("200 OK", page),
        _ => Response::text("404 Not Found", ""),
    }
}

// The configuration as Prometheus writes it, a field a line, with other intervals, and by
// way of the proxy.
fn quickened(configuration: &str, proxy: SocketAddr) -> String {
    let mut quick = String::new();
    for line in configuration.lines() {
        let field = line.trim_start().trim_start_matches("- ");
        if field.starts_with("proxy_url: ") {
            continue;
        }
        if line.starts_with("- job_name: ") {
            quick += &format!("{line}\n  proxy_url: http://{proxy}\n");
            continue;
        }
        let field = ["scrape_interval: ", "scrape_timeout: "]
            .into_iter()
            .find(|name| field.starts_with(name));
        match field.and_then(|name| Some(line.split_once(name)?.0).zip(Some(name))) {
            Some((before, name)) => quick += &format!("{before}{name}{QUICK}"),
            None => quick += line,
        }
        quick.push('\n');
    }
    quick
}

// Waits until a scrape of the job has brought what its target shows.
fn arrives(prometheus: &Prometheus, job: &str, metric: &str, port: u16) -> Judgement {
    let deadline = Instant::now() + SCRAPE_TIMEOUT;
    loop {
        // `up` first: a scrape that comes in between may only add to what follows.
        let up = query(prometheus, &format!("up{{job=\"{job}\"}}"))?;
        if !query(prometheus, metric)?.is_empty() {
            return Ok(());
        }
        let up = up.first().and_then(|one| one["value"][1].as_str());
        if up == Some("0") {
            let targets = targets(prometheus, 1)?;
            let target = targets.iter().find(|one| one["labels"]["job"] == job);
            return Err(Finding::new(
                "down",
                format!(
                    "Prometheus visits the job `{job}`, and `up` is 0: {}",
                    target.map_or("", |one| one["lastError"].as_str().unwrap_or_default())
                ),
            ));
        }
        ensure(up != Some("1"), "wrong-target", || {
            format!(
                "Prometheus visits the job `{job}`, and somebody answers, but shows no \
                 `{metric}`. Is it the right address? (It should be port {port}.)"
            )
        })?;
        ensure(Instant::now() < deadline, "never-scraped", || {
            format!(
                "A Prometheus with your configuration, in which it visits all every {QUICK}, has \
                 not visited the job `{job}` within {} s.",
                SCRAPE_TIMEOUT.as_secs()
            )
        })?;
        thread::sleep(Duration::from_millis(50));
    }
}

// Waits until each target has been scraped, whatever came of it.
fn everybody_is_visited(prometheus: &Prometheus, jobs: usize) -> Judgement {
    let deadline = Instant::now() + SCRAPE_TIMEOUT;
    let known = targets(prometheus, jobs)?.len();
    // It is stored together with what the target shows.
    while query(prometheus, "up")?.len() < known && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

// The active targets, once all jobs of the configuration have theirs.
fn targets(prometheus: &Prometheus, jobs: usize) -> Result<Vec<Value>, Finding> {
    let mut deadline = Instant::now() + TARGETS_TIMEOUT;
    loop {
        let targets = prometheus.api("targets?state=active")?["activeTargets"].take();
        let targets = targets.as_array().cloned().unwrap_or_default();
        if !targets.is_empty() {
            // A job may have none. Those that there are come at the next look.
            deadline = deadline.min(Instant::now() + NEXT_LOOK);
        }
        if targets.len() >= jobs || Instant::now() > deadline {
            return Ok(targets);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn query(prometheus: &Prometheus, query: &str) -> Result<Vec<Value>, Finding> {
    let query = encoded(query);
    let result = prometheus.api(&format!("query?query={query}"))?["result"].take();
    Ok(result.as_array().cloned().unwrap_or_default())
}

// Of `5s`, `1m`, `1m30s`, `500ms`.
fn seconds(duration: &str) -> f64 {
    let mut seconds = 0.0;
    let mut rest = duration;
    while let Some(end) = rest.find(|letter: char| !letter.is_ascii_digit()) {
        let (number, after) = rest.split_at(end);
        let unit_end = after
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let factor = match unit {
            "ms" => 0.001,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => 1.0,
        };
        seconds += number.parse().unwrap_or(0.0) * factor;
        rest = next;
    }
    seconds
}
