//! What clients send by mistake, by accident and with intent: each is answered
//! clearly or closed, and afterwards nothing is lost and nothing is held.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use support::http::{self, Answer};
use support::server::Server;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

const QUIET: &[&str] = &[
    "--traffic",
    "0",
    "--error-rate",
    "0",
    "--delay",
    "constant(1ms)",
];

fn quiet(further: &[&str]) -> Server {
    Server::start(&[QUIET, further].concat())
}

/// The server lives, nothing is in flight, and no descriptor is held beyond
/// those that were open before.
fn nothing_remains(server: &Server, open_before: f64) {
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/random").status, 200);
    server.metrics_when(PATIENCE, "everything has ended and is closed", |samples| {
        let in_flight: f64 = samples
            .select("http_requests_in_flight", &[])
            .filter(|sample| sample.labels["route"] != "/metrics")
            .map(|sample| sample.value)
            .sum();
        in_flight == 0.0 && samples.value("process_open_fds", &[]) <= open_before
    });
    let panicked = server.log().iter().any(|line| line.contains("panicked"));
    assert!(!panicked, "{:#?}", server.log());
}

/// What is open while one scrapes and nothing else happens.
fn open_now(server: &Server) -> f64 {
    // The timer of the delays opens its own with the first delay.
    assert_eq!(server.get("/random").status, 200);
    server.metrics().value("process_open_fds", &[])
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream
}

/// Everything until the server closes, which it must.
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!(
            "not closed: {error}, after {:?}",
            String::from_utf8_lossy(&bytes)
        ),
    }
    bytes
}

fn patch(address: SocketAddr, path: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    http::request(address, "PATCH", path, &headers, body.as_bytes())
}

#[test]
fn a_bad_body_is_answered_with_all_that_is_wrong_with_it() {
    let server = quiet(&[]);
    let before = server.get("/control/faults").json();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_field = format!("{{\"delay\":{}", "{\"a\":".repeat(50_000));
    for (body, loc, kind) in [
        ("", json!(["body"]), "json_invalid"),
        ("{", json!(["body"]), "json_invalid"),
        ("{\"error_rate\": 0.5", json!(["body"]), "json_invalid"),
        ("{\"error_rate\": 0.5}}", json!(["body"]), "json_invalid"),
        ("{'error_rate': 0.5}", json!(["body"]), "json_invalid"),
        ("error_rate=0.5", json!(["body"]), "json_invalid"),
        ("\u{feff}{}", json!(["body"]), "json_invalid"),
        (&deep, json!(["body"]), "json_invalid"),
        (&deep_field, json!(["body"]), "json_invalid"),
        ("[]", json!(["body"]), "model_type"),
        ("null", json!(["body"]), "model_type"),
        ("0.5", json!(["body"]), "model_type"),
        (
            "{\"error_rate\": \"much\"}",
            json!(["body", "error_rate"]),
            "value_error",
        ),
        (
            "{\"error_rate\": 1.5}",
            json!(["body", "error_rate"]),
            "value_error",
        ),
        (
            "{\"error_rate\": -1e-9}",
            json!(["body", "error_rate"]),
            "value_error",
        ),
        (
            "{\"error_rate\": null}",
            json!(["body", "error_rate"]),
            "value_error",
        ),
        (
            "{\"error_rate\": [0.5]}",
            json!(["body", "error_rate"]),
            "value_error",
        ),
        (
            "{\"error_rate\": true}",
            json!(["body", "error_rate"]),
            "value_error",
        ),
        ("{\"delay\": 5}", json!(["body", "delay"]), "value_error"),
        (
            "{\"delay\": \"constant(5)\"}",
            json!(["body", "delay"]),
            "value_error",
        ),
        ("{\"delay\": \"\"}", json!(["body", "delay"]), "value_error"),
        (
            "{\"errorRate\": 0.5}",
            json!(["body", "errorRate"]),
            "extra_forbidden",
        ),
    ] {
        let answer = patch(server.address(), "/control/faults", body);
        let start: String = body.chars().take(40).collect();
        assert_eq!(answer.status, 422, "{start}: {}", answer.text());
        let detail = answer.json()["detail"].clone();
        assert_eq!(
            detail.as_array().map(Vec::len),
            Some(1),
            "{start}: {detail}"
        );
        assert_eq!(
            (&detail[0]["loc"], &detail[0]["type"]),
            (&loc, &json!(kind)),
            "{start}"
        );
        assert!(
            detail[0]["msg"].as_str().is_some_and(|msg| msg.len() > 5),
            "{detail}"
        );
    }
    // Invalid UTF-8 cannot be written as a string.
    let headers = [("content-type", "application/json")];
    let invalid = http::request(
        server.address(),
        "PATCH",
        "/control/faults",
        &headers,
        b"{\"delay\": \"\xff\xfe\"}",
    );
    assert_eq!(invalid.status, 422);

    // Everything at once, and nothing of it is taken over.
    let answer = patch(
        server.address(),
        "/control/faults",
        r#"{"error_rate": 0.5, "panic_rate": 7, "delay": "gamma(shpae=3, scale=40ms)", "what": 1}"#,
    );
    assert_eq!(answer.status, 422);
    let detail = answer.json()["detail"].clone();
    assert_eq!(detail.as_array().map(Vec::len), Some(3), "{detail}");
    assert!(
        detail[1]["msg"].as_str().unwrap().contains("`shape`"),
        "{detail}"
    );
    assert!(
        detail[2]["msg"].as_str().unwrap().contains("error_rate"),
        "{detail}"
    );
    assert_eq!(server.get("/control/faults").json(), before);

    // The others say no in the same form.
    for (method, path, body) in [
        ("PATCH", "/control/traffic", r#"{"rate": -1}"#),
        ("PATCH", "/control/traffic", r#"{"rate": 1e300}"#),
        ("PATCH", "/control/traffic", r#"{"rate": 1e999}"#),
        ("PATCH", "/control/traffic", r#"{"rate": "5"}"#),
        ("PATCH", "/control/traffic", "{}"),
        ("PUT", "/control/mystery", r#"{"name": ""}"#),
        ("PUT", "/control/mystery", r#"{"name": 7}"#),
        ("PUT", "/control/mystery", "{}"),
        ("PUT", "/control/incident", r#"{"kind": "flood"}"#),
        (
            "PUT",
            "/control/incident",
            r#"{"kind": "errors", "hidden": "alice"}"#,
        ),
        ("PUT", "/control/incident", r#"{"hidden": " "}"#),
        ("PUT", "/control/incident", "{}"),
        ("POST", "/alerts", r#"{"version": "3", "alerts": []}"#),
        ("POST", "/alerts", r#"{"version": "4"}"#),
        ("POST", "/alerts", "[]"),
    ] {
        let answer = http::request(server.address(), method, path, &headers, body.as_bytes());
        assert_eq!(
            answer.status,
            422,
            "{method} {path} {body}: {}",
            answer.text()
        );
        let first = &answer.json()["detail"][0];
        assert_eq!(first["loc"][0], "body", "{method} {path} {body}: {first}");
        assert!(
            first["msg"].is_string() && first["type"].is_string(),
            "{first}"
        );
    }
    assert_eq!(server.get("/control/traffic").json()["rate"], 0.0);
    assert_eq!(server.get("/control/incident").json()["running"], false);
}

#[test]
fn what_is_no_json_is_415_and_what_is_too_large_is_413_or_431() {
    let server = quiet(&[]);
    let before = open_now(&server);
    let address = server.address();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        for (method, path) in [
            ("PATCH", "/control/faults"),
            ("PATCH", "/control/traffic"),
            ("PUT", "/control/mystery"),
            ("PUT", "/control/incident"),
        ] {
            let headers = [("content-type", content_type)];
            let answer = http::request(address, method, path, &headers, b"{\"rate\": 1}");
            assert_eq!(answer.status, 415, "{method} {path} {content_type}");
            let detail = answer.json()["detail"].clone();
            assert!(
                detail.as_str().unwrap().contains("application/json"),
                "{detail}"
            );
        }
    }
    let headers = [("content-type", "Application/JSON ; charset=utf-8")];
    let answer = http::request(
        address,
        "PATCH",
        "/control/traffic",
        &headers,
        b"{\"rate\": 0}",
    );
    assert_eq!(answer.status, 200);

    let body = format!("{{\"delay\": \"{}\"}}", "x".repeat(300 * 1024));
    for (method, path) in [("PATCH", "/control/faults"), ("POST", "/alerts")] {
        let headers = [("content-type", "application/json")];
        let answer = http::request(address, method, path, &headers, body.as_bytes());
        assert_eq!(answer.status, 413, "{path}");
        assert!(answer.json()["detail"].is_string());
    }
    // Announced is enough: nobody need send a gigabyte to be told.
    let stream = connect(address);
    (&stream)
        .write_all(head("POST", "/alerts", "content-length: 1000000000\r\n").as_bytes())
        .unwrap();
    assert_eq!(http::parse(&rest(&stream)).unwrap().status, 413);
    // And what is not announced ends where the limit is.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(5);
    let request = head("POST", "/alerts", "transfer-encoding: chunked\r\n") + &chunk + "0\r\n\r\n";
    assert_eq!(status(address, request.as_bytes()), Some(413));

    let long = format!("x-long: {}\r\n", "a".repeat(20_000));
    let many: String = (0..2_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    for headers in [long, many] {
        let request = head("GET", "/healthz", &headers);
        assert_eq!(status(address, request.as_bytes()), Some(431));
    }
    let request = head("GET", &format!("/{}", "a".repeat(20_000)), "");
    assert!(matches!(
        status(address, request.as_bytes()),
        Some(414 | 431)
    ));
    nothing_remains(&server, before);
}

#[test]
fn what_is_no_http_is_400_or_closed() {
    let server = quiet(&["--header-timeout", "2s"]);
    let before = open_now(&server);
    let address = server.address();
    let binary: Vec<u8> = (0..=255).collect();
    for garbage in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a browser that speaks TLS\r\n\r\n"
            as &[u8],
        &binary,
        &[0; 64 * 1024],
        b"HELO example.org\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /health z HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nbad name: 1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 1e3\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /alerts HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /alerts HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n{}",
    ] {
        let answer = status(address, garbage);
        assert_eq!(
            answer,
            Some(400),
            "{:?}",
            String::from_utf8_lossy(&garbage[..garbage.len().min(60)])
        );
    }
    // A body whose chunks are none, or that ends before its end.
    for body in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}",
    ] {
        let request = head("POST", "/alerts", "transfer-encoding: chunked\r\n") + body;
        let answer = http::raw(address, request.as_bytes()).expect("it answers");
        let answer = http::parse(&answer).expect("it is HTTP");
        assert_eq!(answer.status, 400, "{body:?}");
        assert!(answer.json()["detail"].is_string(), "{body:?}");
    }
    let stream = connect(address);
    let request = head("POST", "/alerts", "content-length: 100\r\n") + "{\"version\":";
    (&stream).write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    // Whether the client still listens cannot be known: it is told, or hung up on.
    let answer = rest(&stream);
    assert!(answer.is_empty() || http::parse(&answer).unwrap().status == 400);

    // HTTP/2 without asking: an answer in HTTP/1.1 would be garbage to such a client.
    let stream = connect(address);
    (&stream)
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    assert!(http::parse(&rest(&stream)).is_none_or(|answer| answer.status == 400));
    nothing_remains(&server, before);
    let samples = server.metrics();
    // What was no request is not counted as one.
    assert_eq!(
        samples.sum("http_requests_total", &[("route", "unmatched")]),
        0.0
    );
}

#[test]
fn half_a_request_is_answered_408_and_silence_is_closed() {
    let server = quiet(&["--header-timeout", "300ms"]);
    let before = open_now(&server);
    let address = server.address();

    let silent = connect(address);
    assert!(rest(&silent).is_empty());

    for half in [
        "G",
        "GET /random HTTP/1.1\r\n",
        "GET /random HTTP/1.1\r\nhost: a\r\nx-a: ",
    ] {
        let stream = connect(address);
        (&stream).write_all(half.as_bytes()).unwrap();
        let answer = http::parse(&rest(&stream)).expect("it is told why");
        assert_eq!(answer.status, 408, "{half}");
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("in time")
        );
    }
    // Byte by byte is no faster.
    let stream = connect(address);
    let mut closed = false;
    for byte in b"GET /random HTTP/1.1\r\nx-slow: "
        .iter()
        .chain([b'a'; 2_000].iter())
    {
        if (&stream).write_all(&[*byte]).is_err() {
            closed = true;
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(closed, "a head that took 20 s was waited for");

    // The head came, the body did not.
    for (method, path) in [
        ("PATCH", "/control/faults"),
        ("PATCH", "/control/traffic"),
        ("PUT", "/control/mystery"),
        ("PUT", "/control/incident"),
        ("POST", "/alerts"),
    ] {
        for body in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
            let headers = format!("content-type: application/json\r\n{body}");
            let stream = connect(address);
            (&stream)
                .write_all((head(method, path, &headers) + "5\r\n{\"ve").as_bytes())
                .unwrap();
            let answer = http::parse(&rest(&stream)).expect("it is told why");
            assert_eq!(answer.status, 408, "{method} {path} {body}");
            assert!(
                answer.json()["detail"]
                    .as_str()
                    .unwrap()
                    .contains("in time")
            );
        }
    }

    // An idle connection that has been answered is closed without a word.
    let stream = connect(address);
    (&stream)
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let bytes = rest(&stream);
    assert_eq!(http::parse(&bytes).unwrap().status, 200);
    assert!(
        bytes.ends_with(b"}"),
        "{:?}",
        String::from_utf8_lossy(&bytes)
    );
    nothing_remains(&server, before);
}

/// Who does not read holds a connection, and nothing else.
#[test]
fn slow_readers_are_not_waited_for() {
    let server = quiet(&[]);
    let before = open_now(&server);
    let address = server.address();
    // More than the buffers of a connection hold.
    let request = head("GET", "/docs/swagger-ui-bundle.js", "").repeat(10);
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let stream = connect(address);
            (&stream).write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    server.metrics_when(PATIENCE, "all are connected", |samples| {
        samples.value("process_open_fds", &[]) >= before + 50.0
    });
    for _ in 0..20 {
        assert_eq!(server.get("/random").status, 200);
    }
    // One that reads at last gets all of it.
    let mut readers = readers.into_iter();
    let late = readers.next().unwrap();
    late.shutdown(Shutdown::Write).ok();
    let bundle = server.get("/docs/swagger-ui-bundle.js").body;
    let mut start = vec![0; bundle.len()];
    (&late).read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200 OK"));
    drop((late, readers));
    nothing_remains(&server, before);
}

#[test]
fn beyond_the_connection_limit_one_waits_until_another_closes() {
    let server = quiet(&["--connection-limit", "2"]);
    let address = server.address();
    let first = connect(address);
    let second = connect(address);
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut buffer = [0; 1024];
    for mut stream in [&first, &second] {
        stream.write_all(request).unwrap();
        assert!(stream.read(&mut buffer).unwrap() > 0);
    }
    let mut third = connect(address);
    third.write_all(request).unwrap();
    // However long one waits, nothing comes; a while shows it.
    third
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let error = third.read(&mut buffer).expect_err("it is not served");
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    drop(first);
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = third.read(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"HTTP/1.1 200 OK"));
    drop((second, third));
    nothing_remains(&server, f64::INFINITY);
}

fn head(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")
}

/// The status of the answer to these bytes, if it is one.
fn status(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let stream = connect(address);
    // It may say no before it has read everything.
    let _ = (&stream).write_all(bytes);
    http::parse(&rest(&stream)).map(|answer| answer.status)
}
