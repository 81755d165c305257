//! Invalid bodies: each gets an answer that names what is wrong, and leaves nothing
//! behind.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read as _, Write as _};
use std::process::Command;

use crate::support::connection::Connection;
use crate::support::http;
use crate::support::raw_http::*;
use serde_json::json;

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
        (
            "PUT",
            "/control/incident",
            r#"{"kind": "errors", "level": 1}"#,
        ),
        ("PUT", "/control/incident", r#"{"hidden": "a", "level": 4}"#),
        (
            "PUT",
            "/control/incident",
            r#"{"hidden": "a", "window": "9s"}"#,
        ),
        ("POST", "/control/incident/diagnose", "{}"),
        (
            "POST",
            "/control/incident/diagnose",
            r#"{"mechanism": "flood"}"#,
        ),
        (
            "POST",
            "/control/incident/diagnose",
            r#"{"mechanism": "nothing", "since": "yesterday"}"#,
        ),
        (
            "POST",
            "/control/incident/diagnose",
            r#"{"mechanism": "nothing", "scope": "most"}"#,
        ),
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
    assert_eq!(server.get("/control/incident").json()["state"], "idle");
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
    for (method, path) in [("PATCH", "/control/faults"), ("PUT", "/control/incident")] {
        let headers = [("content-type", "application/json")];
        let answer = http::request(address, method, path, &headers, body.as_bytes());
        assert_eq!(answer.status, 413, "{path}");
        assert!(answer.json()["detail"].is_string());
    }
    // The announcement is enough: a gigabyte need not be sent to be refused.
    let stream = connect(address);
    (&stream)
        .write_all(head("PATCH", "/control/faults", "content-length: 1000000000\r\n").as_bytes())
        .unwrap();
    assert_eq!(http::parse(&rest(&stream)).unwrap().status, 413);
    // And what is not announced ends where the limit is.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(5);
    let request =
        head("PATCH", "/control/faults", "transfer-encoding: chunked\r\n") + &chunk + "0\r\n\r\n";
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
    let samples = server.metrics();
    let too_large = [("reason", "head_too_large")];
    assert_eq!(
        samples.value("http_connections_failed_total", &too_large),
        3.0
    );
}

/// Most clients send all of a body before they read, whatever its answer may be. To close
/// on them would take the answer from them.
#[test]
fn who_sends_more_than_is_wanted_still_reads_why_it_is_not() {
    const LARGE: usize = 4 * 1024 * 1024;
    let server = quiet(&[]);
    let before = open_now(&server);
    let address = server.address();
    let json = "content-type: application/json\r\n";
    for (method, path, headers, expected) in [
        ("PATCH", "/control/traffic", json, 413),
        ("PATCH", "/control/faults", json, 413),
        ("PATCH", "/control/faults", "", 415),
        ("POST", "/no/such/path", json, 404),
        ("POST", "/random", json, 405),
        ("GET", "/random", json, 200),
    ] {
        for chunked in [false, true] {
            let length = if chunked {
                "transfer-encoding: chunked".to_owned()
            } else {
                format!("content-length: {LARGE}")
            };
            let head =
                format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{length}\r\n\r\n");
            let mut stream = connect(address);
            stream.write_all(head.as_bytes()).unwrap();
            let what = format!("{method} {path} {length}");
            let piece = "x".repeat(0x10000);
            for _ in 0..LARGE / piece.len() {
                let sent = if chunked {
                    stream.write_all(format!("10000\r\n{piece}\r\n").as_bytes())
                } else {
                    stream.write_all(piece.as_bytes())
                };
                sent.unwrap_or_else(|error| panic!("{what}: {error}"));
            }
            let mut bytes = Vec::new();
            // A reset would be an error here.
            stream
                .read_to_end(&mut bytes)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let answer = http::parse(&bytes).unwrap_or_else(|| panic!("{what}: no answer"));
            assert_eq!(answer.status, expected, "{what}");
            assert_eq!(answer.header("connection"), Some("close"), "{what}");
        }
    }
    nothing_remains(&server, before);
}

/// A small body that nobody reads does not cost the connection.
#[test]
fn after_a_small_body_that_nobody_wants_the_connection_goes_on() {
    let server = quiet(&[]);
    let mut connection = Connection::open(server.address());
    for _ in 0..3 {
        let request = "POST /no/such/path HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
        connection.send(request.as_bytes()).unwrap();
        assert_eq!(connection.receive(false).unwrap().0, 404);
    }
}

#[test]
fn curl_shows_the_answer_to_a_body_that_is_not_wanted() {
    // Part of every system that this is built on, as are the READMEs' commands.
    let curl = "curl";
    let server = quiet(&[]);
    let body = std::env::temp_dir().join(format!("golden-body-{}", std::process::id()));
    std::fs::write(&body, vec![b'x'; 8 * 1024 * 1024]).unwrap();
    let data = format!("@{}", body.display());
    // With `Expect`, curl waits for leave to send; without, it sends at once.
    for expect in ["expect:", "expect: 100-continue"] {
        for (path, status) in [("/control/faults", "413"), ("/no/such/path", "404")] {
            let output = Command::new(curl)
                .args(["--silent", "--show-error", "--output", "/dev/null"])
                .args(["--request", "PATCH"])
                .args(["--write-out", "%{http_code}", "--header", expect])
                .args(["--header", "content-type: application/json"])
                .args(["--data-binary", &data, &server.url(path)])
                .output();
            let Ok(output) = output else {
                continue;
            };
            assert!(output.status.success(), "{path} {expect} {output:?}");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                status,
                "{path} {expect}"
            );
        }
    }
    std::fs::remove_file(body).unwrap();
}
