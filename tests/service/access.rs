//! Who may use `/control`: whoever has the token, if there is one; without one, this
//! machine on loopback, and no page from elsewhere.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use crate::control::{JSON, logged, steady};
use crate::support::http::{self, Answer};
use crate::support::server::Server;

fn everywhere(further: &[&str]) -> Server {
    Server::start(&[&["--bind", "0.0.0.0:0", "--traffic", "0"], further].concat())
}

/// Every operation of `/control`, with a body that would be taken.
const OPERATIONS: [(&str, &str, &str); 15] = [
    ("GET", "/control/faults", ""),
    ("PATCH", "/control/faults", "{\"error_rate\":1}"),
    ("GET", "/control/traffic", ""),
    ("PATCH", "/control/traffic", "{\"rate\":3}"),
    ("GET", "/control/mystery", ""),
    ("PUT", "/control/mystery", "{\"name\":\"alice\"}"),
    ("DELETE", "/control/mystery", ""),
    ("GET", "/control/incident", ""),
    ("PUT", "/control/incident", "{\"kind\":\"errors\"}"),
    ("DELETE", "/control/incident", ""),
    ("GET", "/control/model", ""),
    ("PATCH", "/control/model", "{\"scenario\":\"nan\"}"),
    ("GET", "/control/model/mystery", ""),
    ("PUT", "/control/model/mystery", "{\"name\":\"alice\"}"),
    ("DELETE", "/control/model/mystery", ""),
];

fn ask(
    server: &Server,
    (method, path, body): (&str, &str, &str),
    headers: &[(&str, &str)],
) -> Answer {
    let address = ([127, 0, 0, 1], server.address().port()).into();
    http::request(
        address,
        method,
        path,
        &[&[JSON], headers].concat(),
        body.as_bytes(),
    )
}

#[test]
fn beyond_loopback_there_is_no_control_without_a_token() {
    let server = everywhere(&[]);
    for operation in OPERATIONS {
        for headers in [
            &[] as &[_],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer x")],
        ] {
            let answer = ask(&server, operation, headers);
            assert_eq!(answer.status, 403, "{operation:?}");
            let detail = answer.json()["detail"].clone();
            assert!(
                detail.as_str().unwrap().contains("--control-token"),
                "{detail}"
            );
        }
    }
    // Everything else is open.
    assert_eq!(ask(&server, ("GET", "/metrics", ""), &[]).status, 200);
    assert_eq!(ask(&server, ("GET", "/readyz", ""), &[]).status, 200);
}

#[test]
fn beyond_loopback_the_token_lets_in() {
    let server = everywhere(&["--control-token", "s3cret", "--log", "trace"]);
    let right = [("authorization", "Bearer s3cret")];
    let before = ask(&server, ("GET", "/control/faults", ""), &right).json();
    for wrong in [
        None,
        Some("Bearer s3cre"),
        Some("Bearer s3crets"),
        Some("Bearer S3CRET"),
        Some("Bearer"),
        Some("Basic s3cret"),
        Some("s3cret"),
        Some("Bearer s3cret, Bearer x"),
    ] {
        for operation in OPERATIONS {
            let headers: Vec<_> = wrong
                .iter()
                .map(|wrong| ("authorization", *wrong))
                .collect();
            let answer = ask(&server, operation, &headers);
            assert_eq!(answer.status, 401, "{operation:?} {wrong:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            let detail = answer.json()["detail"].clone();
            assert!(
                detail.as_str().unwrap().contains("Authorization: Bearer"),
                "{detail}"
            );
        }
    }
    assert_eq!(
        ask(&server, ("GET", "/control/faults", ""), &right).json(),
        before
    );
    for operation in OPERATIONS {
        // The scheme's name has no case (RFC 9110, 11.1).
        for scheme in ["Bearer", "bearer"] {
            let given = format!("{scheme} s3cret");
            let answer = ask(&server, operation, &[("authorization", &given)]);
            assert_eq!(answer.status, 200, "{operation:?}: {}", answer.text());
        }
    }
    logged(&server, "incident ended", 2);
    let log = server.log().join("\n");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn on_loopback_no_token_is_needed_but_the_host_must_be_ours() {
    let server = steady(&[]);
    for operation in OPERATIONS {
        assert_eq!(ask(&server, operation, &[]).status, 200, "{operation:?}");
    }
    let address = server.address();
    for (host, status) in [
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
    ] {
        for (method, path, body) in OPERATIONS {
            let length = body.len();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            let answer = http::raw(address, request.as_bytes()).unwrap();
            let answer = http::parse(&answer).unwrap();
            assert_eq!(answer.status, status, "{host} {method} {path}");
        }
    }
}

fn status(server: &Server, (method, path, body): (&str, &str, &str), headers: &str) -> u16 {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{headers}connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let answer = http::raw(server.address(), request.as_bytes()).unwrap();
    http::parse(&answer).unwrap().status
}

/// A proxy on this machine, as the README advises for TLS, sends a loopback host.
#[test]
fn a_token_counts_on_loopback_too() {
    let server = steady(&["--control-token", "s3cret"]);
    for operation in OPERATIONS {
        assert_eq!(ask(&server, operation, &[]).status, 401, "{operation:?}");
        let wrong = [("authorization", "Bearer s3cre")];
        assert_eq!(ask(&server, operation, &wrong).status, 401, "{operation:?}");
        let right = [("authorization", "Bearer s3cret")];
        assert_eq!(ask(&server, operation, &right).status, 200, "{operation:?}");
    }
    assert_eq!(server.get("/metrics").status, 200);
}

#[test]
fn without_a_token_a_page_of_another_origin_changes_nothing() {
    let server = steady(&[]);
    let before = server.get("/control/faults").json();
    let host = format!("host: {}\r\n", server.address());
    for header in [
        "origin: http://evil.example",
        "origin: http://localhost:3000",
        "origin: null",
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
    ] {
        let headers = format!("{host}{header}\r\n");
        for operation in OPERATIONS {
            let expected = if operation.0 == "GET" { 200 } else { 403 };
            let status = status(&server, operation, &headers);
            assert_eq!(status, expected, "{header} {operation:?}");
        }
    }
    assert_eq!(server.get("/control/faults").json(), before);
    let own = format!(
        "{host}origin: http://{}\r\nsec-fetch-site: same-origin\r\n",
        server.address()
    );
    for operation in OPERATIONS {
        assert_eq!(status(&server, operation, &own), 200, "{operation:?}");
    }
}

#[test]
fn a_host_that_is_given_twice_or_is_no_text_is_refused() {
    let server = steady(&[]);
    for operation in OPERATIONS {
        for hosts in [
            "host: localhost\r\nhost: localhost\r\n",
            "host: localhost\r\nhost: evil.example\r\n",
            "host: localhost\u{e9}\r\n",
        ] {
            let status = status(&server, operation, hosts);
            assert_eq!(status, 400, "{hosts} {operation:?}");
        }
    }
}

#[test]
fn a_token_in_a_file_counts() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("token-{}", std::process::id()));
    fs::write(&path, "from-a-file\n").unwrap();
    let server = everywhere(&["--control-token-file", path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    for operation in OPERATIONS {
        assert_eq!(ask(&server, operation, &[]).status, 401, "{operation:?}");
        let right = [("authorization", "Bearer from-a-file")];
        assert_eq!(ask(&server, operation, &right).status, 200, "{operation:?}");
    }
}
