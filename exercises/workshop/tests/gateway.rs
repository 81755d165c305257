//! The small gateway does what a real Pushgateway does, as far as exercise 17 can
//! see.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use workshop::gateway::{Behaviour, Gateway};
use workshop::http;

const GROUP: &str = "/metrics/job/training/instance/worker-1";
const OTHER: &str = "/metrics/job/training/instance/worker%202";
const EXAMPLES: &str = "# TYPE examples_total counter\nexamples_total 3\n";
const LOSS: &str = "# TYPE loss gauge\nloss{of=\"train\"} 0.25\n";

/// What is pushed, in this order; the answers and the page after each are compared.
const PUSHES: &[(&str, &str, &str)] = &[
    ("PUT", GROUP, EXAMPLES),
    ("PUT", OTHER, EXAMPLES),
    // Replaces the whole group, and the other one stays.
    ("PUT", GROUP, LOSS),
    // Adds to the group.
    ("POST", GROUP, EXAMPLES),
    (
        "PUT",
        "/metrics/job/training",
        "# TYPE a untyped\na{instance=\"x\"} 1\n# EOF\n",
    ),
    // The path's label wins.
    (
        "PUT",
        "/metrics/job/other/instance/y",
        "a{instance=\"x\"} 1\n",
    ),
    (
        "PUT",
        "/metrics/job/waits",
        "# TYPE wait histogram\nwait_bucket{le=\"1\"} 2\nwait_bucket{le=\"+Inf\"} 3\nwait_sum 4.5\nwait_count 3\n",
    ),
    // OpenMetrics' counter has no type here.
    (
        "PUT",
        "/metrics/job/open",
        "# TYPE b counter\nb_total 1\n# EOF\n",
    ),
    ("DELETE", OTHER, ""),
    ("PUT", GROUP, ""),
    // What it does not take.
    ("PUT", GROUP, "loss 0.25 1700000000000\n"),
    ("PUT", GROUP, "loss 0.25"),
    ("PUT", GROUP, "no metric\n"),
    ("PUT", "/metrics/jobs/training", LOSS),
    ("PUT", "/metrics/job/training/instance", LOSS),
];

fn push(address: SocketAddr, method: &str, path: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What it shows of what was pushed: samples and types, without when it was.
fn page(address: SocketAddr) -> BTreeSet<String> {
    let page = http::request(address, "GET", "/metrics").unwrap().body;
    let pushed = |line: &&str| {
        let name = line
            .trim_start_matches("# TYPE ")
            .split(['{', ' '])
            .next()
            .unwrap();
        ["examples_total", "loss", "a", "b", "b_total", "wait"].contains(&name)
            || name.starts_with("wait_")
    };
    let lines = page.lines().filter(|line| !line.starts_with("# HELP"));
    // What it makes up itself: an empty instance where the path has none.
    lines
        .filter(pushed)
        .map(|line| line.replace("instance=\"\",", ""))
        .collect()
}

struct Real(Child, SocketAddr);

impl Real {
    fn start() -> Option<Self> {
        // Who does not have it as Debian names it may have it as its makers do.
        let program =
            peers::find("pushgateway").or_else(|| peers::require("prometheus-pushgateway"))?;
        // It cannot tell which free port it took.
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new(program)
            .arg(format!("--web.listen-address={free}"))
            // Debian's is built to keep what is pushed in a file of the machine, for all.
            .arg("--persistence.file=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let real = Self(child, free);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !http::request(free, "GET", "/-/ready").is_ok_and(|answer| answer.status == 200) {
            assert!(Instant::now() < deadline, "it does not come up");
            thread::sleep(Duration::from_millis(20));
        }
        Some(real)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_takes_refuses_and_shows_what_a_real_one_does() {
    let Some(real) = Real::start() else { return };
    let ours = Gateway::start("127.0.0.1:0", Behaviour::Accepts).unwrap();
    for (method, path, body) in PUSHES {
        let said = format!("{method} {path}\n{body}");
        let statuses = [real.1, ours.address()].map(|address| push(address, method, path, body));
        assert_eq!(statuses[0], statuses[1], "{said}");
        assert_eq!(page(real.1), page(ours.address()), "{said}");
    }
}

#[test]
fn it_fails_on_demand_and_remembers_every_push() {
    let gateway = Gateway::start("127.0.0.1:0", Behaviour::Refuses).unwrap();
    assert_eq!(push(gateway.address(), "PUT", GROUP, EXAMPLES), 500);
    assert!(gateway.groups().is_empty());
    gateway.set_behaviour(Behaviour::Hangs);
    let hanging = thread::spawn({
        let address = gateway.address();
        move || push(address, "PUT", GROUP, LOSS)
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    while gateway.exchanges().len() < 2 {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!hanging.is_finished());
    gateway.set_behaviour(Behaviour::Accepts);
    assert_eq!(hanging.join().unwrap(), 200);
    let statuses: Vec<_> = gateway.exchanges().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [500, 200]);
    assert_eq!(gateway.groups().len(), 1);
}
