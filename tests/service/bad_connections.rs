//! Connections without a request, with half of one, or with something else: each gets a
//! clear answer or is closed, is counted, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use crate::support::http;
use crate::support::raw_http::*;
use crate::support::samples::Samples;

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
        b"PATCH /control/faults HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"PATCH /control/faults HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n{}",
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
        let request = head("PATCH", "/control/faults", "transfer-encoding: chunked\r\n") + body;
        let answer = http::raw(address, request.as_bytes()).expect("it answers");
        let answer = http::parse(&answer).expect("it is HTTP");
        assert_eq!(answer.status, 400, "{body:?}");
        assert!(answer.json()["detail"].is_string(), "{body:?}");
    }
    let stream = connect(address);
    let request = head("PATCH", "/control/faults", "content-length: 100\r\n") + "{\"version\":";
    (&stream).write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    // Gone in the middle: whether it still reads or not, it has asked for nothing whole.
    assert_eq!(String::from_utf8_lossy(&rest(&stream)), "");

    // HTTP/2 without asking: an answer in HTTP/1.1 would be garbage to such a client.
    let stream = connect(address);
    (&stream)
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    assert!(http::parse(&rest(&stream)).is_none_or(|answer| answer.status == 400));
    nothing_remains(&server, before);
    let samples = server.metrics();
    // What was no request is not counted as one, but among the connections that failed.
    assert_eq!(
        samples.sum("http_requests_total", &[("route", "unmatched")]),
        0.0
    );
    assert_eq!(failed(&samples), [("invalid_request".to_owned(), 16.0)]);
    let faults = |status| {
        [
            ("route", "/control/faults"),
            ("method", "PATCH"),
            ("status", status),
        ]
    };
    for (status, count) in [("400", 3.0), ("499", 1.0)] {
        let counted = samples.value("http_requests_total", &faults(status));
        assert_eq!(counted, count, "{status}");
    }
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
    // The three halves, and the one that came byte by byte; silence is no failure.
    assert_eq!(
        failed(&server.metrics()),
        [("head_timeout".to_owned(), 4.0)]
    );
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
    server.metrics_when(TIMEOUT, "all wait for what they do not read", |samples| {
        samples.sum("http_requests_in_flight", &[("route", "/docs/{file}")]) == 50.0
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

/// Who monitors is served beyond the limit as well; everybody else is told at once.
#[test]
fn beyond_the_connection_limit_only_probes_and_scrapes_are_answered() {
    let server = quiet(&["--connection-limit", "2"]);
    let address = server.address();
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut buffer = [0; 1024];
    let held: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(request).unwrap();
            assert!(stream.read(&mut buffer).unwrap() > 0);
            stream
        })
        .collect();
    // Without `connection: close`, to see that it closes by itself.
    let ask = |path: &str| {
        let stream = connect(address);
        (&stream)
            .write_all(head("GET", path, "").as_bytes())
            .unwrap();
        http::parse(&rest(&stream)).expect("it is answered")
    };
    for path in ["/healthz", "/readyz", "/metrics"] {
        for _ in 0..20 {
            let answer = ask(path);
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("connection"), Some("close"), "{path}");
        }
    }
    for path in ["/random", "/", "/healthz/", "/live"] {
        let answer = ask(path);
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
        let detail = answer.json()["detail"].clone();
        assert!(detail.as_str().unwrap().contains("limit"), "{detail}");
    }
    let refused = [("connection_limit".to_owned(), 4.0)];
    assert_eq!(failed(&server.metrics()), refused);

    // Who sends nothing does not hold the reserve.
    let silent: Vec<_> = (0..50).map(|_| connect(address)).collect();
    assert_eq!(server.get("/healthz").status, 200);
    drop(silent);

    drop(held);
    server.metrics_when(TIMEOUT, "the places are free again", |_| {
        server.get("/random").status == 200
    });
    nothing_remains(&server, f64::INFINITY);
}

/// The connections that failed, by reason, all that is not 0.
fn failed(samples: &Samples) -> Vec<(String, f64)> {
    let failed = samples.select("http_connections_failed_total", &[]);
    failed
        .filter(|sample| sample.value != 0.0)
        .map(|sample| (sample.labels["reason"].clone(), sample.value))
        .collect()
}
