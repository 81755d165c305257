//! `golden-signals healthcheck`, as Docker calls it: an exit code, and one line of why.

mod support;

use std::process::{Command, Output};

use support::server::Server;

fn healthcheck(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .arg("healthcheck")
        .args(arguments)
        .output()
        .expect("it starts")
}

/// The exit code, and the one line on either output.
fn outcome(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).expect("it is UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text)
}

#[test]
fn a_ready_service_is_healthy_and_one_that_is_gone_is_not() {
    let server = Server::start(&["--traffic=0"]);
    let url = server.url("/readyz");
    let (code, line) = outcome(&healthcheck(&[&url]));
    assert_eq!(code, Some(0), "{line}");
    assert_eq!(line, format!("{url}: 200 OK\n"));

    let (code, line) = outcome(&healthcheck(&[&server.url("/nowhere")]));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("404"), "{line}");

    drop(server);
    let (code, line) = outcome(&healthcheck(&[&url]));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.starts_with(&format!("error: {url}: ")), "{line}");
}

#[test]
fn a_wrong_address_is_bad_usage() {
    for address in ["localhost:8000", "https://localhost", "http://localhost:x"] {
        let (code, line) = outcome(&healthcheck(&[address]));
        assert_eq!(code, Some(2), "{line}");
        assert!(line.contains(address), "{line}");
        assert!(line.contains("http://127.0.0.1:8000/readyz"), "{line}");
        assert!(!line.contains("GOLDEN_"), "{line}");
    }
}
