//! From a saved edit of an exercise to its series in Prometheus: natively, where the
//! student stops their service and starts it again with `cargo run --package student`,
//! and in the stack, by `docker compose up --build --detach student`. What was edited is
//! put back at the end.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::report::{Report, Target};
use crate::support::engine::{self, Stack};
use crate::support::http;
use crate::support::prometheus::{Prometheus, percent_encoded};
use crate::support::pushgateway::free_address;

/// How often it is edited: the median counts.
const ROUNDS: usize = 5;
const TIMEOUT: Duration = Duration::from_secs(300);
const AIM: Target = Target::AtMost(15.0);

/// With a Prometheus of one's own that scrapes as often as the stack's.
pub(crate) fn natively(binary: &Path, report: &mut Report) {
    let target = free_address();
    let prometheus = Prometheus::configured(
        binary,
        &format!(
            "scrape_configs:\n  - job_name: student\n    scrape_interval: 2s\n    \
             scrape_timeout: 2s\n    static_configs:\n      - targets: ['{target}']\n"
        ),
    );
    let mut edited = Edited::new();
    let mut student = Student::start(target);
    let there = |series: &str| {
        let path = format!("/api/v1/query?query={}", percent_encoded(series));
        let answer = http::get(prometheus.address(), &path, &[]).json();
        let result = answer["data"]["result"].as_array();
        result.is_some_and(|result| !result.is_empty())
    };
    wait(|| there(r#"up{job="student"} == 1"#));
    rounds(report, "natively", || {
        let series = edited.edit();
        student.restart();
        wait(|| there(&series));
    });
}

/// In a stack whose images are built; it stays up.
pub(crate) fn in_the_stack(stack: &Stack, report: &mut Report) {
    stack.compose(&["up", "--detach", "--no-build", "prometheus", "student"]);
    wait(|| {
        stack.answers("prometheus", 9090, "/-/ready")
            && !stack.query(r#"up{job="student"} == 1"#, None).is_empty()
    });
    let mut edited = Edited::new();
    rounds(report, "in the stack", || {
        let series = edited.edit();
        stack.compose(&["up", "--build", "--detach", "student"]);
        wait(|| !stack.query(&series, None).is_empty());
    });
}

fn rounds(report: &mut Report, place: &str, mut round: impl FnMut()) {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let figure = format!("saved edit to series, {place}, median of {ROUNDS}");
    report.row(&figure, times[ROUNDS / 2], 1, "s", AIM);
    let figure = format!("saved edit to series, {place}, slowest");
    report.row(&figure, times[ROUNDS - 1], 1, "s", Target::None);
}

fn wait(mut until: impl FnMut() -> bool) {
    let start = Instant::now();
    while !until() {
        assert!(start.elapsed() < TIMEOUT, "no series appears");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The stub of the first exercise, with one metric more at each edit. Dropping it puts
/// back what was there.
struct Edited {
    file: PathBuf,
    original: String,
    stub: String,
    edits: usize,
}

impl Edited {
    fn new() -> Self {
        let exercises = engine::root().join("exercises");
        let read = |path: PathBuf| fs::read_to_string(path).expect("it is checked in");
        let file = exercises.join("01_traffic/traffic.rs");
        Self {
            original: read(file.clone()),
            stub: read(exercises.join("stubs/01_traffic/traffic.rs")),
            file,
            edits: 0,
        }
    }

    /// Saves the next edit; returns the series that it makes.
    fn edit(&mut self) -> String {
        const PLACE: &str = "let traffic = Self::default();\n";
        self.edits += 1;
        let name = format!("edit_{}_{}", std::process::id(), self.edits);
        let metric =
            format!(r#"registry.register("{name}", "An edit", Counter::<u64>::default());"#);
        assert!(self.stub.contains(PLACE), "the stub has no {PLACE}");
        let text = self.stub.replace(PLACE, &format!("{PLACE}{metric}\n"));
        fs::write(&self.file, text).expect("it is the user's own");
        format!(r#"{name}_total{{job="student"}}"#)
    }
}

impl Drop for Edited {
    fn drop(&mut self) {
        fs::write(&self.file, &self.original).expect("it was written before");
    }
}

/// `cargo run --package student`, which becomes the service once that is built.
/// Dropping it ends it.
struct Student {
    bind: SocketAddr,
    child: Child,
}

impl Student {
    fn start(bind: SocketAddr) -> Self {
        let child = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "student"])
            .current_dir(engine::root())
            .env("STUDENT_BIND", bind.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("cargo runs this benchmark");
        Self { bind, child }
    }

    fn restart(&mut self) {
        self.end();
        *self = Self::start(self.bind);
    }

    fn end(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Student {
    fn drop(&mut self) {
        self.end();
    }
}
