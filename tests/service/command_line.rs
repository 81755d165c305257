//! The command line and the environment: an error is one line that names
//! the flag, the value and the remedy.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::http;
use crate::support::server::Server;
use simulation::Mystery;

/// Runs it with these arguments and variables, to its end.
pub(super) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GOLDEN_") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    if !ends(&mut child) {
        let _ = child.kill();
        panic!("{arguments:?} {variables:?}: still runs");
    }
    child.wait_with_output().expect("it has ended")
}

fn ends(child: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < TIMEOUT {
        if child.try_wait().expect("it is our child").is_some() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// The one line with which it refuses.
pub(super) fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(arguments, variables);
    let what = format!("{arguments:?} {variables:?}: {output:?}");
    assert_eq!(output.status.code(), Some(2), "{what}");
    assert!(output.stdout.is_empty(), "{what}");
    let line = String::from_utf8(output.stderr).expect("it is UTF-8");
    let line = line
        .strip_suffix('\n')
        .expect("it ends its line")
        .to_owned();
    assert!(!line.contains('\n'), "several lines: {what}");
    assert!(line.starts_with("error: "), "{what}");
    line
}

fn help() -> String {
    let output = run(&["serve", "--help"], &[]);
    assert!(output.status.success() && output.stderr.is_empty());
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// Every flag of `serve` but --help, and the lines of the help about it.
fn flags(help: &str) -> Vec<(String, String)> {
    let mut flags: Vec<(String, String)> = Vec::new();
    for line in help.lines() {
        let line = line.trim();
        if let Some(flag) = line.split(' ').next().filter(|word| word.starts_with("--")) {
            flags.push((flag.to_owned(), String::new()));
        } else if line.starts_with("-h, ") {
            break;
        }
        if let Some((_, text)) = flags.last_mut() {
            *text += line;
            text.push('\n');
        }
    }
    assert!(flags.len() >= 18, "{flags:#?}");
    flags
}

#[test]
fn a_bad_value_is_reported_with_its_flag_and_a_remedy() {
    let long = format!("--traffic={}", "9".repeat(10_000));
    for (arguments, expected) in [
        // Distributions: where it is, and what was meant.
        (
            &["--delay", "gamma(shpae=3, scale=40ms)"] as &[&str],
            &[
                "--delay gamma(shpae=3, scale=40ms)",
                "column 7",
                "`shpae`",
                "`shape`",
            ] as &[&str],
        ),
        (
            &["--value", "nromal(mean=1, sd=2)"],
            &["--value nromal", "column 1", "`normal`"],
        ),
        (
            &["--delay", "constant(120)"],
            &["--delay constant(120)", "unit", "`120ms`"],
        ),
        (
            &["--delay", "constant(1h)"],
            &["--delay constant(1h)", "column"],
        ),
        (
            &["--value", "uniform(10, 1)"],
            &["--value uniform(10, 1)", "column"],
        ),
        (
            &["--value", "normal(mean=50"],
            &["--value normal(mean=50", "column 15"],
        ),
        (&["--value", "-1"], &["--value -1", "column 1"]),
        // Numbers.
        (&["--error-rate", "2"], &["--error-rate 2", "from 0 to 1"]),
        (
            &["--error-rate", "-0.1"],
            &["--error-rate -0.1", "from 0 to 1"],
        ),
        (
            &["--error-rate", "NaN"],
            &["--error-rate NaN", "from 0 to 1"],
        ),
        (&["--error-rate", "1%"], &["--error-rate 1%", "from 0 to 1"]),
        (&["--traffic", "-1"], &["--traffic -1", "0.001 to 100000"]),
        (
            &["--traffic", "a\nb"],
            &["--traffic a\\nb", "0.001 to 100000"],
        ),
        (&[&long], &["--traffic 999", "0.001 to 100000"]),
        (
            &["--seed", "x"],
            &["--seed x", "whole number from 0 to 18446744073709551615"],
        ),
        (&["--seed", "-1"], &["--seed -1", "whole number from 0"]),
        (
            &["--concurrency-limit", "0"],
            &["--concurrency-limit 0", "from 1 to 1000000"],
        ),
        (
            &["--queue-limit", "1.5"],
            &["--queue-limit 1.5", "from 0 to 1000000"],
        ),
        (
            &["--connection-limit", "1000001"],
            &["--connection-limit 1000001", "from 1 to 1000000"],
        ),
        // Times.
        (
            &["--request-timeout", "10"],
            &["--request-timeout 10", "unit", "10s"],
        ),
        (
            &["--header-timeout", "-1s"],
            &["--header-timeout -1s", "unit", "10s"],
        ),
        (
            &["--lame-duck", "soon"],
            &["--lame-duck soon", "unit", "10s"],
        ),
        (
            &["--drain-timeout", "25h"],
            &["--drain-timeout 25h", "at most 24h"],
        ),
        // Addresses.
        (
            &["--bind", "localhost"],
            &["--bind localhost", "127.0.0.1:8000"],
        ),
        (
            &["--bind", "127.0.0.1"],
            &["--bind 127.0.0.1", "127.0.0.1:8000"],
        ),
        (
            &["--bind", "127.0.0.1:65536"],
            &["--bind 127.0.0.1:65536", "127.0.0.1:8000"],
        ),
        // Words.
        (
            &["--log-format", "xml"],
            &["--log-format xml", "pretty, json"],
        ),
        (&["--log", "a=b=c"], &["--log a=b=c", "info", "debug"]),
        (&["--mystery", " "], &["--mystery", "name", "alice"]),
        (&["--mystery", "al\u{200b}ice"], &["--mystery", "U+200B"]),
        (
            &["--value", "constant(1e9)"],
            &["--value constant(1e9)", "-1000000 to 1000000"],
        ),
        (
            &["--control-token", ""],
            &["--control-token", "visible ASCII"],
        ),
        (&["--bind"], &["--bind", "needs a value"]),
        (&["--bind="], &["--bind", "127.0.0.1:8000"]),
        // What there is not.
        (&["--nope"], &["'--nope'", "serve --help"]),
        (&["--bnd", "1"], &["'--bnd'", "'--bind'", "serve --help"]),
        (&["serv"], &["'serv'", "'serve'", "serve --help"]),
        (&["serve", "extra"], &["'extra'", "serve --help"]),
        (&["--seed", "1", "serve"], &["'serve'", "serve --help"]),
    ] {
        let line = refusal(arguments, &[]);
        for part in expected {
            assert!(
                line.contains(part),
                "{arguments:?}: no {part:?} in {line:?}"
            );
        }
        assert!(line.len() < 400, "{arguments:?}: {line}");
        assert!(!line.contains("(from "), "{line}");
    }
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let line = refusal(&["--bind", &address], &[]);
    for part in [&*format!("--bind {address}"), "in use", "port 0"] {
        assert!(line.contains(part), "no {part:?} in {line:?}");
    }
    // An address of the range reserved for documentation (RFC 5737): nobody's.
    let line = refusal(&["--bind", "192.0.2.1:80"], &[]);
    assert!(
        line.contains("--bind 192.0.2.1:80") && line.contains("another address"),
        "{line}"
    );
}

#[test]
fn help_shows_every_flag_with_its_variable_and_default() {
    for (flag, text) in flags(&help()) {
        let variable = variable(&flag);
        assert!(
            text.contains(&format!("[env: {variable}=]"))
                || text.contains(&format!("[env: {variable}]")),
            "{flag}: no {variable} in {text}"
        );
        let optional = flag.ends_with("-file")
            || [
                "--control-token",
                "--mystery",
                "--model-max-age",
                "--model-mystery",
            ]
            .contains(&flag.as_str());
        assert_eq!(text.contains("[default: "), !optional, "{text}");
        assert!(
            flag != "--seed" || text.contains("[default: random]"),
            "{text}"
        );
        // A time's unit stands with its default.
        if text.contains("<DURATION>") {
            assert!(text.contains("s]"), "{text}");
        }
    }
    assert!(help().contains("Requests per second"));
}

#[test]
fn every_flag_can_come_from_its_variable() {
    for (flag, _) in flags(&help()) {
        let variable = variable(&flag);
        let bad = match flag.as_str() {
            // Every text is a salt: its effect is tested below.
            "--mystery-salt" => continue,
            "--mystery" | "--model-mystery" | "--control-token" => " ",
            _ => "a=b=c",
        };
        let line = refusal(&[], &[(&variable, bad)]);
        let named =
            line.contains(&format!("{flag} ")) && line.contains(&format!("(from {variable})"));
        assert!(named, "{flag}: {line}");
        // The command line wins.
        if flag == "--seed" {
            let line = refusal(&["--seed=x"], &[(&variable, "3")]);
            assert!(line.contains("--seed x: "), "{line}");
        }
    }
}

#[test]
fn good_variables_hold_and_without_a_subcommand_it_serves() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command.envs([
        ("GOLDEN_BIND", "127.0.0.1:0"),
        ("GOLDEN_LOG_FORMAT", "json"),
        ("GOLDEN_TRAFFIC", "7.5"),
        ("GOLDEN_ERROR_RATE", "1"),
        ("GOLDEN_MYSTERY", "alice"),
        ("GOLDEN_MYSTERY_SALT", "thursday"),
    ]);
    let server = Server::spawn(command);
    assert_eq!(server.get("/control/traffic").json()["rate"], 7.5);
    assert_eq!(server.get("/control/faults").json()["error_rate"], 1.0);
    let mystery = server.get("/control/mystery").json();
    assert_eq!(mystery["name"], "alice");
    let headers = [];
    let path = "/control/mystery?reveal=true";
    let ended = http::request(server.address(), "DELETE", path, &headers, b"").json();
    let alice = Mystery::new(&"alice".parse().unwrap(), "thursday");
    let truth = format!("\nvalue: {}\ndelay: {}\n", alice.value(), alice.delay());
    assert!(ended["was"].as_str().unwrap().ends_with(&truth), "{ended}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command.args([
        "--bind",
        "127.0.0.1:0",
        "--log-format=json",
        "--traffic",
        "0",
    ]);
    command.env("GOLDEN_TRAFFIC", "7.5");
    let server = Server::spawn(command);
    assert_eq!(server.get("/control/traffic").json()["rate"], 0.0);

    // Of several the last counts, as wrappers and shell aliases rely on.
    let server = Server::start(&["--traffic", "1", "--traffic", "2"]);
    assert_eq!(server.get("/control/traffic").json()["rate"], 2.0);
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [
        &["--help"] as &[&str],
        &["-h"],
        &["help"],
        &["serve", "-h"],
        &["--seed", "1", "--help"],
    ] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
        let text = String::from_utf8(output.stdout).expect("it is UTF-8");
        assert!(
            text.contains("Usage: golden-signals"),
            "{arguments:?}: {text}"
        );
        // The help of the program as a whole says where the options are.
        assert!(
            text.contains("--bind") || text.contains("serve --help"),
            "{text}"
        );
    }
    for arguments in [["--version"], ["-V"]] {
        let output = run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(0));
        let version = concat!("golden-signals ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(String::from_utf8_lossy(&output.stdout), version);
    }
}

fn variable(flag: &str) -> String {
    let name = flag.trim_start_matches('-').replace('-', "_");
    format!("GOLDEN_{}", name.to_uppercase())
}
