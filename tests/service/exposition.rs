//! What `/metrics` says, and in which format: judged by promtool, by Prometheus'
//! own Python client and, for the counts, by the requests that were made.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::read::GzDecoder;

use crate::support::http::{self, Answer};
use crate::support::peers;
use crate::support::server::Server;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; \
                        proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// What Prometheus 3.5 sends with `--enable-feature=native-histograms`, as a listener saw it.
const PROMETHEUS_NATIVE: &str = "application/vnd.google.protobuf;\
    proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
    application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,\
    text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// What it sends without.
const PROMETHEUS_PLAIN: &str = "application/openmetrics-text;version=1.0.0;\
    escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
    text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

fn quiet_server() -> Server {
    Server::start(&["--delay=constant(1ms)", "--traffic=0", "--seed=1"])
}

fn scrape(server: &Server, accept: &str) -> Answer {
    let answer = http::get(server.address(), "/metrics", &[("accept", accept)]);
    assert_eq!(answer.status, 200, "{accept}");
    answer
}

fn run(program: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    // Both programs read all of their input before they write.
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(input)
        .expect("it reads its input");
    child.wait_with_output().expect("it ends by itself")
}

#[test]
fn the_format_follows_the_accept_header() {
    let server = quiet_server();
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let cases = [
        (PROMETHEUS_NATIVE, PROTOBUF),
        (PROMETHEUS_PLAIN, OPENMETRICS),
        (protobuf, PROTOBUF),
        ("application/openmetrics-text;version=1.0.0", OPENMETRICS),
        (
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            OPENMETRICS,
        ),
        ("text/plain;version=0.0.4", TEXT),
        ("text/plain", TEXT),
        // Browsers and curl read what they get.
        ("*/*", TEXT),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            TEXT,
        ),
        // The client's weight decides, not the order.
        (
            "application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.9",
            TEXT,
        ),
        (
            "text/plain;version=0.0.4;q=0.2,application/openmetrics-text;version=1.0.0;q=0.9",
            OPENMETRICS,
        ),
        // Weight 0 means never.
        (
            "application/openmetrics-text;version=1.0.0;q=0,text/plain;version=0.0.4;q=0.1",
            TEXT,
        ),
        // A protobuf of another message or encoding is not ours.
        (
            "application/vnd.google.protobuf;proto=some.Other;encoding=delimited,text/plain;q=0.1",
            TEXT,
        ),
    ];
    for (accept, expected) in cases {
        assert_eq!(
            scrape(&server, accept).header("content-type"),
            Some(expected),
            "{accept}"
        );
    }
    let without = server.get("/metrics");
    assert_eq!(
        without.header("content-type"),
        Some(TEXT),
        "without an Accept header"
    );
}

#[test]
fn who_asks_for_gzip_gets_the_same_exposition_compressed() {
    let server = quiet_server();
    for format in [PROTOBUF, OPENMETRICS, TEXT] {
        let plain = scrape(&server, format);
        assert_eq!(plain.header("content-encoding"), None, "{format}");
        assert_eq!(plain.header("vary"), Some("accept, accept-encoding"));
        let headers = [("accept", format), ("accept-encoding", "gzip")];
        let answer = http::get(server.address(), "/metrics", &headers);
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{format}");
        assert_eq!(answer.header("content-type"), Some(format));
        let mut body = Vec::new();
        let mut decoder = GzDecoder::new(answer.body.as_slice());
        decoder.read_to_end(&mut body).expect("it is gzip");
        assert!(answer.body.len() * 2 < body.len(), "{format}");
        if format == TEXT {
            let families = |text: &[u8]| {
                let text = String::from_utf8(text.to_vec()).expect("it is text");
                crate::support::samples::Samples::parse(&text).types
            };
            assert_eq!(families(&body), families(&plain.body));
        }
    }
}

#[test]
fn head_says_what_get_would_and_sends_no_body() {
    let server = quiet_server();
    for coding in ["identity", "gzip"] {
        let headers = [("accept", OPENMETRICS), ("accept-encoding", coding)];
        let [get, head] = ["GET", "HEAD"]
            .map(|method| http::request(server.address(), method, "/metrics", &headers, b""));
        assert_eq!((get.status, head.status), (200, 200));
        assert!(head.body.is_empty() && !get.body.is_empty());
        for name in ["content-type", "content-encoding", "vary"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        let length = head.header("content-length").expect("GET has one");
        assert!(length.parse::<usize>().is_ok_and(|length| length > 1_000));
    }
}

#[test]
fn promtool_finds_no_problems() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let server = quiet_server();
    server.get("/random");
    let exposition = scrape(&server, "text/plain;version=0.0.4");
    let verdict = run(&promtool, &["check", "metrics"], &exposition.body);
    let said = [verdict.stdout, verdict.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(verdict.status.success());
}

/// Name and labels of a sample.
type Series = (String, BTreeMap<String, String>);

/// All samples by the independent parser, and the type of each family.
fn independently(
    python: &Path,
    format: &str,
    body: &[u8],
) -> (BTreeMap<Series, f64>, BTreeMap<String, String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/parse_exposition.py");
    let script = script.to_str().expect("the path of a checkout is text");
    let output = run(python, &[script, format], body);
    assert!(
        output.status.success(),
        "{format}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
    for line in String::from_utf8(output.stdout)
        .expect("the script writes JSON")
        .lines()
    {
        let (family, kind, name, labels, value): (String, String, String, _, String) =
            serde_json::from_str(line).expect("the script writes five fields");
        let value: f64 = value.parse().expect("the script writes a number");
        types.insert(family, kind);
        let twice = samples.insert((name.clone(), labels), value);
        assert!(twice.is_none(), "{format}: {name} is there twice");
    }
    (samples, types)
}

/// Whether the sample says the same however often it is read while nothing but reading happens.
fn stays((name, labels): &Series) -> bool {
    let of_scrapes = labels.get("route").is_some_and(|route| route == "/metrics");
    (name.starts_with("http_") || name.starts_with("random_value") || name == "build_info")
        && !of_scrapes
}

#[test]
fn an_independent_parser_agrees_on_every_sample() {
    let Some(python) = peers::require_python(&["prometheus_client"]) else {
        return;
    };
    let server = Server::start(&[
        "--delay=constant(1ms)",
        "--error-rate=0.25",
        "--traffic=0",
        "--seed=1",
    ]);
    let mut by_status = BTreeMap::new();
    for _ in 0..200 {
        *by_status.entry(server.get("/random").status).or_insert(0.0) += 1.0;
    }
    assert_eq!(
        by_status.keys().copied().collect::<Vec<_>>(),
        [200, 500],
        "a quarter was to fail"
    );
    *by_status
        .entry(server.get("/no/such/page").status)
        .or_insert(0.0) += 1.0;
    // An answer is counted once it has been handed over, which may be after it was read.
    server.metrics_when(
        std::time::Duration::from_secs(5),
        "all counted",
        |samples| {
            samples.sum("http_requests_total", &[("route", "/random")]) == 200.0
                && samples.sum("http_requests_total", &[("route", "unmatched")]) == 1.0
        },
    );

    let text = scrape(&server, "text/plain;version=0.0.4");
    let openmetrics = scrape(&server, "application/openmetrics-text;version=1.0.0");
    let (in_text, text_types) = independently(&python, "text", &text.body);
    let (in_openmetrics, openmetrics_types) =
        independently(&python, "openmetrics", &openmetrics.body);

    // Each other.
    let series = |samples: &BTreeMap<Series, f64>| samples.keys().cloned().collect::<BTreeSet<_>>();
    let mut both = series(&in_openmetrics);
    both.retain(|(name, _)| !name.ends_with("_created"));
    assert_eq!(series(&in_text), both);
    assert_eq!(text_types, openmetrics_types);
    for (series, value) in in_text.iter().filter(|(series, _)| stays(series)) {
        assert_eq!(in_openmetrics[series], *value, "{series:?}");
    }

    // Each counter and each histogram says since when it counts.
    let created: BTreeSet<_> = series(&in_openmetrics)
        .into_iter()
        .filter_map(|(name, labels)| Some((name.strip_suffix("_created")?.to_owned(), labels)))
        .collect();
    let counting = series(&in_text).into_iter().filter_map(|(name, labels)| {
        let counts = name
            .strip_suffix("_total")
            .or(name.strip_suffix("_count"))?;
        Some((counts.to_owned(), labels))
    });
    assert_eq!(created, counting.collect());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is past 1970").as_secs_f64();
    for ((name, _), at) in &in_openmetrics {
        let recent = (now - 60.0..=now).contains(at);
        assert!(!name.ends_with("_created") || recent, "{name} {at}");
    }

    // Our own reader, on which the other tests stand.
    for (body, samples) in [(&text, &in_text), (&openmetrics, &in_openmetrics)] {
        let ours = crate::support::samples::Samples::parse(body.text());
        let ours: BTreeMap<_, _> = ours
            .all
            .into_iter()
            .map(|sample| ((sample.name, sample.labels), sample.value.to_bits()))
            .collect();
        let theirs: BTreeMap<_, _> = samples
            .iter()
            .map(|(series, value)| (series.clone(), value.to_bits()))
            .collect();
        assert_eq!(ours, theirs);
    }

    // What was sent.
    let total = |name: &str, labels: &[(&str, &str)]| -> f64 {
        let selected = in_text.iter().filter(|((found, its), _)| {
            found == name
                && labels
                    .iter()
                    .all(|(key, value)| its.get(*key).is_some_and(|v| v == value))
        });
        selected.map(|(_, value)| value).sum()
    };
    for status in [200, 500] {
        let labels = [
            ("method", "GET"),
            ("route", "/random"),
            ("status", &status.to_string()),
        ];
        assert_eq!(
            total("http_requests_total", &labels),
            by_status[&status],
            "{status}"
        );
    }
    let unmatched = [("method", "GET"), ("route", "unmatched"), ("status", "404")];
    assert_eq!(total("http_requests_total", &unmatched), by_status[&404]);
    let random = ("route", "/random");
    assert_eq!(
        total("http_request_duration_seconds_count", &[random]),
        200.0
    );
    assert_eq!(
        total(
            "http_request_duration_seconds_bucket",
            &[random, ("le", "+Inf")]
        ),
        200.0
    );
    assert_eq!(total("http_requests_in_flight", &[random]), 0.0);
    assert_eq!(total("random_value_count", &[]), by_status[&200]);

    // What it is.
    for (family, kind) in [
        ("http_requests", "counter"),
        ("http_request_duration_seconds", "histogram"),
        ("http_requests_in_flight", "gauge"),
        ("http_requests_shed", "counter"),
        ("http_request_timeouts", "counter"),
        ("http_request_panics", "counter"),
        ("http_connections_failed", "counter"),
        ("saturation_ratio", "gauge"),
        ("random_value", "histogram"),
        ("process_cpu_seconds", "counter"),
        ("process_resident_memory_bytes", "gauge"),
        ("build_info", "gauge"),
    ] {
        assert_eq!(
            text_types.get(family).map(String::as_str),
            Some(kind),
            "{family}"
        );
    }
}

/// Reads a base-128 number (Protocol Buffers, "Encoding") and what follows it.
fn varint(bytes: &[u8]) -> (usize, &[u8]) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, &bytes[index + 1..]);
        }
    }
    panic!("cut short in the middle of a number");
}

#[test]
fn protobuf_carries_the_same_families() {
    let server = quiet_server();
    let body = scrape(&server, PROMETHEUS_NATIVE).body;
    let mut names = BTreeSet::new();
    let mut rest = body.as_slice();
    while !rest.is_empty() {
        let (length, after) = varint(rest);
        let (family, after) = after.split_at(length);
        rest = after;
        // Field 1, length-delimited: `string name = 1` of io.prometheus.client.MetricFamily.
        assert_eq!(family[0], 0x0a, "a family begins with its name");
        let (length, name) = varint(&family[1..]);
        names.insert(String::from_utf8(name[..length].to_vec()).expect("names are UTF-8"));
    }
    let text = scrape(&server, "text/plain;version=0.0.4");
    let types = crate::support::samples::Samples::parse(text.text()).types;
    assert_eq!(names, types.into_keys().collect());
}
