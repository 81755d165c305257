//! Connections without a request, with half of one, or with something else: each gets a
//! clear answer or is closed, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use crate::support::http;
use crate::support::raw_http::*;

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
    // Whether the client still reads cannot be known: it gets an answer, or the connection closes.
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
    server.metrics_when(TIMEOUT, "all are connected", |samples| {
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
fn beyond_the_connection_limit_a_client_waits_until_another_closes() {
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
    third.set_read_timeout(Some(TIMEOUT)).unwrap();
    let length = third.read(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"HTTP/1.1 200 OK"));
    drop((second, third));
    nothing_remains(&server, f64::INFINITY);
}
