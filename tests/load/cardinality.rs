//! Few series exist before the first request, and the set of those that may be born is
//! fixed when the service starts: nothing that a client sends creates another.

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
    let gone: Vec<_> = before.difference(after).collect();
    assert!(gone.is_empty(), "gone: {gone:#?}");
    nothing_new(before, after);
}

fn nothing_new(known: &BTreeSet<Series>, found: &BTreeSet<Series>) {
    let new: Vec<_> = found.difference(known).collect();
    assert!(new.is_empty(), "new: {new:#?}");
}

/// The series of requests, each histogram as its count.
fn of_requests(samples: &Samples) -> BTreeSet<Series> {
    let samples = samples.all.iter().filter(|sample| {
        let part = ["_bucket", "_sum"];
        sample.name.starts_with("http_request")
            && !part.iter().any(|part| sample.name.ends_with(part))
    });
    let all = samples.map(|sample| {
        let labels = sample.labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        series(&sample.name, &labels)
    });
    all.collect()
}

/// Without those of requests.
fn others(all: &BTreeSet<Series>) -> BTreeSet<Series> {
    let others = all.iter().filter(|series| {
        let is_request = series.starts_with("http_request");
        !is_request && !OF_THE_MODEL.iter().any(|name| series.starts_with(name))
    });
    others.cloned().collect()
}

/// What the metrics of the model and of its labels begin with: they are born with their
/// first event.
const OF_THE_MODEL: [&str; 3] = ["prediction", "model_", "label"];

/// As many as there may be: the labels are those of docs/service.md.
fn no_more_than_known_of_the_model(samples: &Samples) {
    let known = |label: &str, value: &str| match label {
        "by" => ["model", "rules"].contains(&value),
        "segment" => ["web", "app", "partner"].contains(&value),
        "reason" => [
            "none",
            "absent",
            "timeout",
            "error",
            "nan",
            "stale",
            "unknown",
            "twice",
            "expired",
            "elsewhere",
        ]
        .contains(&value),
        "predicted" | "actual" => ["good", "bad"].contains(&value),
        "stage" => ["features", "model", "rules"].contains(&value),
        "feature" => model::wine::FEATURES.contains(&value),
        "decile" => value.parse().is_ok_and(|decile: u8| decile < 10),
        "le" | "bound" => value.parse::<f64>().is_ok(),
        // One of each as long as the process runs.
        "model" | "version" | "data" | "process" => true,
        _ => false,
    };
    let of_the_model = samples.all.iter().filter(|sample| {
        let mut names = OF_THE_MODEL.iter();
        names.any(|name| sample.name.starts_with(name))
    });
    for sample in of_the_model {
        for (label, value) in &sample.labels {
            assert!(known(label, value), "{sample:?}");
        }
    }
}

/// Every series of requests that may come to be. Any client may go away.
fn possible(operations: &[Operation]) -> BTreeSet<Series> {
    let mut possible = BTreeSet::new();
    for Operation {
        method,
        route,
        statuses,
    } in operations
    {
        let of = |label| [("method", method.as_str()), ("route", route), label];
        for status in statuses.iter().map(String::as_str).chain(["499"]) {
            possible.insert(series("http_requests_total", &of(("status", status))));
            let name = "http_request_duration_seconds_count";
            possible.insert(series(name, &of(("outcome", outcome(status)))));
        }
        for name in [
            "http_requests_in_flight",
            "http_requests_shed_total",
            "http_request_timeouts_total",
            "http_request_panics_total",
        ] {
            possible.insert(series(name, &[("route", route)]));
        }
    }
    possible
}

/// Those that exist from the start: `GET /random` whole, and of other routes the
/// counters of successes.
fn from_the_start(operations: &[Operation]) -> BTreeSet<Series> {
    let work = |operation: &&Operation| operation.route == "/random" && operation.method == "GET";
    let work: Vec<_> = operations.iter().filter(work).cloned().collect();
    let mut from_the_start = possible(&work);
    for operation in operations {
        let served = operation.method != "HEAD";
        let succeeds = |status: &&String| served && status.starts_with('2');
        for status in operation.statuses.iter().filter(succeeds) {
            let labels = [
                ("method", operation.method.as_str()),
                ("route", &operation.route),
                ("status", status),
            ];
            from_the_start.insert(series("http_requests_total", &labels));
        }
    }
    from_the_start
}

#[derive(Clone, Debug)]
struct Operation {
    method: String,
    route: String,
    statuses: Vec<String>,
}

impl Operation {
    fn new(method: &str, route: &str, statuses: &[String]) -> Self {
        Self {
            method: method.to_owned(),
            route: route.to_owned(),
            statuses: statuses.to_vec(),
        }
    }
}

/// The pages, their files and the description, which it leaves out, with their
/// statuses.
const ASSETS: [(&str, &[&str]); 6] = [
    ("/", &["200", "304"]),
    ("/page/{file}", &["200", "304", "404"]),
    ("/runbook", &["200", "304"]),
    ("/docs", &["307"]),
    ("/docs/{file}", &["200", "404"]),
    ("/openapi.json", &["200"]),
];

/// Each operation that `/openapi.json` describes, those of the assets, and what matches
/// none. Wherever GET is served, HEAD is.
fn operations(server: &Server) -> Vec<Operation> {
    let description = server.get("/openapi.json").json();
    let paths = description["paths"]
        .as_object()
        .expect("paths are an object");
    let mut operations = Vec::new();
    for (route, statuses) in ASSETS {
        let statuses: Vec<_> = statuses.iter().map(ToString::to_string).collect();
        operations.extend(["GET", "HEAD"].map(|method| Operation::new(method, route, &statuses)));
    }
    for (route, item) in paths {
        for (method, operation) in item.as_object().expect("a path is an object") {
            let Some(responses) = operation.get("responses").and_then(Value::as_object) else {
                continue;
            };
            let statuses: Vec<_> = responses.keys().cloned().collect();
            if method == "get" {
                operations.push(Operation::new("HEAD", route, &statuses));
            }
            operations.push(Operation::new(&method.to_uppercase(), route, &statuses));
        }
    }
    assert!(
        operations.len() >= 20,
        "the description says nearly nothing: {operations:?}"
    );
    let statuses = ["404", "405"].map(str::to_owned);
    operations.extend(METHODS.map(|method| Operation::new(method, "unmatched", &statuses)));
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
fn few_series_are_there_before_the_first_request_and_only_known_ones_come() {
    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)", "--error-rate=0.5"]);
    let exposition = server.get("/metrics");
    let lines = exposition.text().lines().count();
    assert!(lines <= 350, "{lines} lines");
    let size = exposition.body.len();
    assert!(size <= 35_000, "{size} bytes");

    let first = Samples::parse(exposition.text());
    let operations = operations(&server);
    let mut expected = from_the_start(&operations);
    // This scrape is a request too.
    let scrape = [("route", "/metrics")];
    expected.insert(series("http_requests_in_flight", &scrape));
    no_difference(&expected, &of_requests(&first));
    let present = all_series(&first);
    let resources = ["concurrency", "queue", "cpu", "memory", "fds", "runtime"];
    let expected = resources.map(|resource| series("saturation_ratio", &[("resource", resource)]));
    let found = present.iter();
    let found = found.filter(|series| series.starts_with("saturation_ratio{"));
    no_difference(&expected.into(), &found.cloned().collect());

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
    for Operation { route, .. } in &operations {
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
    for (method, path) in [("PUT", "/control/incident"), ("PATCH", "/control/faults")] {
        let headers = [("content-type", "application/json")];
        let answer = http::request(server.address(), method, path, &headers, &large);
        assert_eq!(answer.status, 413, "{}", answer.text());
    }
    assert!(sent > 2_000, "{sent}");
    let last = server.metrics();
    nothing_new(&possible(&operations), &of_requests(&last));
    no_difference(&others(&present), &others(&all_series(&last)));
    no_more_than_known_of_the_model(&last);
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
    nothing_new(&possible(&operations(&server)), &of_requests(&after));
    no_difference(&others(&all_series(&before)), &others(&all_series(&after)));
    // All of them have come to be counted; with the first scrape.
    let sent = u32::try_from(CONNECTIONS * BATCHES * BATCH).expect("a hundred thousand");
    let counted = |samples: &Samples| samples.sum("http_requests_total", &[]);
    assert_eq!(counted(&after) - counted(&before), f64::from(sent + 1));
    assert_eq!(after.sum("http_requests_in_flight", &[]), 1.0);
    let others = [("route", "unmatched"), ("method", "other")];
    assert!(after.sum("http_requests_total", &others) > 10_000.0);
}
