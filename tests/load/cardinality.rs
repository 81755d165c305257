//! The set of series is fixed when the service starts: all of them exist from the first
//! scrape, at 0, and nothing that a client sends creates another.

use std::collections::BTreeSet;
use std::thread;

use crate::support::connection::Connection;
use crate::support::http;
use crate::support::odd_requests::OddRequests;
use crate::support::samples::Samples;
use crate::support::server::Server;
use serde_json::Value;

/// Nine of the standard's, and what every other counts as.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other",
];

/// One line of the exposition without its value: a name and its labels.
type Series = String;

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let mut labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

/// All series; there must be no two lines of one.
fn all_series(samples: &Samples) -> BTreeSet<Series> {
    let all: BTreeSet<_> = samples
        .all
        .iter()
        .map(|sample| {
            let labels = sample.labels.iter();
            let labels: Vec<_> = labels
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            series(&sample.name, &labels)
        })
        .collect();
    assert_eq!(all.len(), samples.all.len(), "a series is exposed twice");
    all
}

fn no_difference(before: &BTreeSet<Series>, after: &BTreeSet<Series>) {
    let new: Vec<_> = after.difference(before).collect();
    let gone: Vec<_> = before.difference(after).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:#?}\ngone: {gone:#?}"
    );
}

/// The pages, their files and the description, which it leaves out, with their
/// statuses.
const ASSETS: [(&str, &[&str]); 5] = [
    ("/", &["200", "304"]),
    ("/page/{file}", &["200", "304", "404"]),
    ("/docs", &["307"]),
    ("/docs/{file}", &["200", "404"]),
    ("/openapi.json", &["200"]),
];

/// The method, route and statuses of each operation that `/openapi.json`
/// describes, and of the assets. Wherever GET is served, HEAD is.
fn operations(server: &Server) -> Vec<(String, String, Vec<String>)> {
    let description = server.get("/openapi.json").json();
    let paths = description["paths"]
        .as_object()
        .expect("paths are an object");
    let mut operations = Vec::new();
    for (path, statuses) in ASSETS {
        for method in ["GET", "HEAD"] {
            let statuses = statuses.iter().map(ToString::to_string).collect();
            operations.push((method.to_owned(), path.to_owned(), statuses));
        }
    }
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("a path is an object") {
            let method = method.to_uppercase();
            let Some(responses) = operation.get("responses").and_then(Value::as_object) else {
                continue;
            };
            let statuses: Vec<_> = responses.keys().cloned().collect();
            if method == "GET" {
                operations.push(("HEAD".to_owned(), path.clone(), statuses.clone()));
            }
            operations.push((method, path.clone(), statuses));
        }
    }
    operations
}

fn outcome(status: &str) -> &'static str {
    match status.as_bytes() {
        b"499" => "cancelled",
        [b'4', ..] => "client_error",
        [b'5', ..] => "server_error",
        _ => "success",
    }
}

#[test]
fn every_series_is_there_before_the_first_request_and_no_other_comes() {
    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)", "--error-rate=0.5"]);
    let first = server.metrics();
    let mut operations = operations(&server);
    assert!(
        operations.len() >= 20,
        "the description says nearly nothing: {operations:?}"
    );
    let unmatched = |method: &&str| {
        let statuses = vec!["404".to_owned(), "405".to_owned()];
        ((*method).to_owned(), "unmatched".to_owned(), statuses)
    };
    operations.extend(METHODS.iter().map(unmatched));
    let mut requests = BTreeSet::new();
    let mut durations = BTreeSet::new();
    let mut routes = BTreeSet::new();
    for (method, route, statuses) in &operations {
        routes.insert(route.as_str());
        // Any client may go away.
        for status in statuses.iter().map(String::as_str).chain(["499"]) {
            let of = |label| [("method", method.as_str()), ("route", route), label];
            requests.insert(series("http_requests_total", &of(("status", status))));
            let name = "http_request_duration_seconds_count";
            durations.insert(series(name, &of(("outcome", outcome(status)))));
        }
    }
    let present = all_series(&first);
    let of = |name: &str| {
        let start = format!("{name}{{");
        let of_name = present.iter().filter(|series| series.starts_with(&start));
        of_name.cloned().collect::<BTreeSet<_>>()
    };
    no_difference(&requests, &of("http_requests_total"));
    no_difference(&durations, &of("http_request_duration_seconds_count"));
    for name in [
        "http_requests_in_flight",
        "http_requests_shed_total",
        "http_request_timeouts_total",
        "http_request_panics_total",
    ] {
        let expected = routes.iter().map(|route| series(name, &[("route", route)]));
        no_difference(&expected.collect(), &of(name));
    }
    let resources = ["concurrency", "queue", "cpu", "memory", "fds", "runtime"];
    let expected = resources.map(|resource| series("saturation_ratio", &[("resource", resource)]));
    no_difference(&expected.into(), &of("saturation_ratio"));

    // At 0, but for this one scrape, which is in flight.
    for sample in first.all.iter().filter(|sample| {
        sample.name.starts_with("http_request") || sample.name.starts_with("random_value")
    }) {
        let scrape =
            sample.name == "http_requests_in_flight" && sample.labels["route"] == "/metrics";
        assert_eq!(sample.value, f64::from(u8::from(scrape)), "{sample:?}");
    }

    // Then one of everything, well-formed and not.
    let mut sent = 0;
    for (_, route, _) in &operations {
        let path = route.replace("{file}", "nothing");
        for method in METHODS {
            // A watcher of the live page is not let go.
            if (method, path.as_str()) == ("GET", "/live") {
                continue;
            }
            let method = if method == "other" { "BREW" } else { method };
            for (kind, body) in [
                ("application/json", ""),
                ("application/json", "{}"),
                (
                    "application/json",
                    r#"{"rate": "many", "name": 7, "error_rate": 2}"#,
                ),
                ("application/json", "[1, 2"),
                ("text/plain", "?"),
            ] {
                let headers = [("content-type", kind)];
                http::request(server.address(), method, &path, &headers, body.as_bytes());
                sent += 1;
            }
        }
    }
    let large = vec![b' '; 300 * 1024];
    for (method, path) in [("POST", "/alerts"), ("PATCH", "/control/faults")] {
        let headers = [("content-type", "application/json")];
        let answer = http::request(server.address(), method, path, &headers, &large);
        assert_eq!(answer.status, 413, "{}", answer.text());
    }
    assert!(sent > 2_000, "{sent}");
    no_difference(&present, &all_series(&server.metrics()));
}

#[test]
fn a_hundred_thousand_odd_requests_make_no_series() {
    const CONNECTIONS: u64 = 4;
    const BATCHES: u64 = 500;
    const BATCH: u64 = 50;

    let server = Server::start(&[
        "--traffic=0",
        "--delay=constant(0ms)",
        "--error-rate=0.5",
        "--seed=1",
    ]);
    let before = server.metrics();
    thread::scope(|scope| {
        for seed in 0..CONNECTIONS {
            let address = server.address();
            scope.spawn(move || {
                let mut odd = OddRequests::new(seed);
                let mut connection = Connection::open(address);
                for _ in 0..BATCHES {
                    let requests: Vec<_> = (0..BATCH).map(|_| odd.draw()).collect();
                    let bytes: Vec<_> = requests
                        .iter()
                        .map(|request| request.bytes.as_slice())
                        .collect();
                    connection.send(&bytes.concat()).expect("the service reads");
                    for request in &requests {
                        let answer = connection.receive(request.is_head);
                        if let Err(error) = answer {
                            panic!("{error} after {}", request.bytes.escape_ascii());
                        }
                    }
                }
            });
        }
    });
    let after = server.metrics();
    no_difference(&all_series(&before), &all_series(&after));
    // All of them have come to be counted; with the first scrape.
    let sent = u32::try_from(CONNECTIONS * BATCHES * BATCH).expect("a hundred thousand");
    let counted = |samples: &Samples| samples.sum("http_requests_total", &[]);
    assert_eq!(counted(&after) - counted(&before), f64::from(sent + 1));
    assert_eq!(after.sum("http_requests_in_flight", &[]), 1.0);
    let others = [("route", "unmatched"), ("method", "other")];
    assert!(after.sum("http_requests_total", &others) > 10_000.0);
}
