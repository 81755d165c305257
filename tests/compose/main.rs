//! docker-compose.yml on a real engine: our image, built by the real Dockerfile,
//! and the stack around it. Grafana is left out where its image cannot be had. What
//! the file takes for granted of others' images is in [`images`]; what the further
//! roles bring into the stack in [`student`], [`processes`] and [`training`].

mod images;
mod processes;
mod student;
#[path = "../support/mod.rs"]
mod support;
mod training;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use support::engine::{Docker, Stack, dotenv};
use support::{http, peers, readme};

/// Longer than anything takes that a user waits for.
const PATIENCE: Duration = Duration::from_secs(60);
const MAX_IMAGE_BYTES: u64 = 120_000_000;

/// Traffic of the tests' own making alone, fast, and with a share of errors that
/// both statuses are certain to occur among thousands.
const EXACT: [(&str, &str); 3] = [
    ("GOLDEN_TRAFFIC", "0"),
    ("GOLDEN_DELAY", "constant(2ms)"),
    ("GOLDEN_ERROR_RATE", "0.1"),
];

/// One test, because bringing it up is the expensive part.
#[test]
fn the_stack_comes_up_counts_scales_remembers_and_goes() {
    let Some(docker) = Docker::require_engine() else {
        return;
    };
    let stack = Stack::new(&docker, &EXACT);
    let services = stack.services();
    assert!(services.len() >= 6, "{services:?}");
    build(&stack);
    let up = [
        "up",
        "--detach",
        "--no-build",
        "--wait",
        "--wait-timeout",
        "120",
    ];
    let services: Vec<_> = services.iter().map(String::as_str).collect();
    stack.compose(&[&up[..], &services].concat());

    everything_is_confined(&stack);
    student::what_the_student_writes_is_scraped(&stack);
    training::all_metrics_arrive(&stack);
    processes::tasks_arrive_at_the_manager(&stack);
    processes::the_broker_refuses_what_is_too_large(&stack);
    prometheus_counts_what_hey_counts(&stack);
    wrk_reports_by_its_script(&stack);
    replicas_are_found_and_lost(&stack);
    history_outlives_prometheus(&stack);
    no_link_of_the_chain_is_broken(&stack);
    processes::history_outlives_the_manager(&stack);
    training::who_stops_leaves_nothing(&stack);

    it_goes_without_a_trace(&stack);
    the_old_compose_brings_it_up_as_well(&stack);
    it_goes_without_a_trace(&stack);
}

/// What can be set is in .env, and what is in .env sets something.
#[test]
fn the_variables_are_those_of_the_environment_file() {
    let files = include_str!("../../docker-compose.yml");
    let used: BTreeSet<_> = files
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split([':', '}']).next())
        .collect();
    let given = dotenv();
    let given: BTreeSet<_> = given.iter().map(|(name, _)| *name).collect();
    // That one is compose's own.
    let own = BTreeSet::from(["COMPOSE_PROJECT_NAME"]);
    assert_eq!(used, &given - &own);
}

fn it_goes_without_a_trace(stack: &Stack) {
    let volumes = mounted_volumes(stack);
    assert!(volumes.len() >= 2, "named volumes: {volumes:?}");
    stack.down();
    assert_eq!(stack.remains(), "");
    for volume in volumes {
        let remains = stack.docker().succeeds(&["volume", "inspect", &volume]);
        assert!(!remains, "volume {volume} remains");
    }
}

/// docker-compose 1.29, where it is installed: `.ci/install-peers` does.
fn the_old_compose_brings_it_up_as_well(stack: &Stack) {
    let Some(program) = peers::require("docker-compose") else {
        // Something must be there to go.
        stack.compose(&["up", "--detach", "--no-build", "prometheus"]);
        return;
    };
    let up = [
        "up",
        "--detach",
        "--no-build",
        "--scale",
        "app=2",
        "balancer",
        "prometheus",
    ];
    stack.compose_by(&program, &up);
    stack.number_when(r#"sum(up{job="app"})"#, |replicas| replicas == 2.0);
    let status = http::get(stack.address("balancer", 8000), "/readyz", &[]).status;
    assert_eq!(status, 200);
}

fn build(stack: &Stack) {
    stack.compose(&["--profile", "load", "build", "app", "student", "load"]);
    let image = &stack.docker().inspect(&[&stack.variable("APP_IMAGE")])[0];
    let size = image["Size"].as_u64().expect("an image has a size");
    assert!(size <= MAX_IMAGE_BYTES, "the image has {size} bytes");
    let labels = &image["Config"]["Labels"];
    for label in ["title", "description", "licenses", "revision"] {
        let name = format!("org.opencontainers.image.{label}");
        assert!(labels[&name].is_string(), "{name} is not in {labels}");
    }
    assert!(image["Config"]["Healthcheck"]["Test"].is_array(), "{image}");
}

/// Whatever a container is, it can do nothing that it need not.
fn everything_is_confined(stack: &Stack) {
    let containers = stack.containers();
    assert!(!containers.is_empty());
    for container in &containers {
        let name = &container["Name"];
        let host = &container["HostConfig"];
        let user = container["Config"]["User"].as_str().unwrap_or_default();
        let user = user.split(':').next().unwrap_or_default();
        assert!(!["", "0", "root"].contains(&user), "{name} runs as root");
        assert_eq!(host["ReadonlyRootfs"], true, "{name}");
        assert_eq!(host["Privileged"], false, "{name}");
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]), "{name}");
        assert!(host["CapAdd"].is_null(), "{name}: {}", host["CapAdd"]);
        let options = host["SecurityOpt"].to_string();
        assert!(
            options.contains("no-new-privileges:true"),
            "{name}: {options}"
        );
        assert!(
            host["Memory"].as_u64() > Some(0),
            "{name} may take all memory"
        );
        assert!(
            host["NanoCpus"].as_u64() > Some(0),
            "{name} may take all CPUs"
        );
        assert_eq!(container["State"]["Health"]["Status"], "healthy", "{name}");
        let mounts = container["Mounts"].as_array().expect("a list");
        for mount in mounts.iter().filter(|mount| mount["Type"] == "bind") {
            assert_eq!(mount["RW"], false, "{name}: {mount}");
        }
        let ports = container["NetworkSettings"]["Ports"].as_object();
        let bindings = ports
            .into_iter()
            .flatten()
            .filter_map(|(_, to)| to.as_array());
        for binding in bindings.flatten() {
            assert_eq!(binding["HostIp"], "127.0.0.1", "{name}: {binding}");
        }
    }
    // What the settings come to, as the kernel has it.
    for service in ["app", "student", "manager", "proplet", "trainer"] {
        let status = stack.compose(&["exec", "-T", service, "cat", "/proc/self/status"]);
        for line in [
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
            "Uid:\t10001\t10001\t10001\t10001",
        ] {
            assert!(
                status.contains(line),
                "{service}: {line} is not in\n{status}"
            );
        }
    }
}

/// `golden-signals doctor`, as a student calls it on the running stack.
fn no_link_of_the_chain_is_broken(stack: &Stack) {
    // One replica again, under the traffic that a student's has.
    stack.compose(&[
        "up",
        "--detach",
        "--no-build",
        "--no-recreate",
        "--scale=app=1",
        "app",
    ]);
    let token = format!("Bearer {}", stack.variable("GOLDEN_CONTROL_TOKEN"));
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    let service = stack.address("balancer", 8000);
    for (path, body) in [
        ("/control/traffic", r#"{"rate": 5}"#),
        ("/control/faults", r#"{"error_rate": 0}"#),
    ] {
        let answer = http::request(service, "PATCH", path, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let doctor = [
        "run",
        "--rm",
        "-T",
        "doctor",
        "--wait=60s",
        "--send-test-alert",
    ];
    let report = stack.compose(&[&doctor[..], &without_grafana(stack)].concat());
    assert!(!report.contains("BROKEN"), "{report}");
    the_readmes_commands_run(stack);

    // From outside, and the dashboards' queries on this Prometheus.
    let url = |service, port| format!("http://{}", stack.address(service, port));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .args(["doctor", "--wait=60s", "--skip=grafana"])
        .arg("--dashboards=grafana/provisioning/dashboards")
        .args(["--app", &url("balancer", 8000)])
        .args(["--prometheus", &url("prometheus", 9090)])
        .args(["--alertmanager", &url("alertmanager", 9093)])
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
}

/// As they stand there, but without a terminal.
fn the_readmes_commands_run(stack: &Stack) {
    let commands = readme::commands();
    let commands: Vec<Vec<&str>> = commands
        .iter()
        .filter_map(|command| command.strip_prefix("docker compose run --rm "))
        .map(|arguments| arguments.split_whitespace().collect())
        .collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for arguments in commands {
        let skipped = if arguments[0] == "doctor" {
            without_grafana(stack)
        } else {
            vec![]
        };
        stack.compose(&[&["run", "--rm", "-T"][..], &arguments, &skipped].concat());
    }
}

/// Where Grafana's image cannot be had, it is not examined.
fn without_grafana(stack: &Stack) -> Vec<&'static str> {
    let runs = stack.services().iter().any(|service| service == "grafana");
    if runs { vec![] } else { vec!["--skip=grafana"] }
}

fn prometheus_counts_what_hey_counts(stack: &Stack) {
    // A multiple of the clients: hey sends no others.
    let command = ["run", "--rm", "-T", "load", "hey", "-n", "3000", "-c", "20"];
    let report = stack.compose(&[&command[..], &["http://app:8000/random"]].concat());
    let sent: Vec<_> = ["200", "500"]
        .into_iter()
        .map(|status| (status, reported(&report, status)))
        .collect();
    let all: u64 = sent.iter().map(|(_, count)| count).sum();
    assert_eq!(all, 3000, "{report}");
    let counted = r#"http_requests_total{job="app", route="/random""#;
    stack.number_when(&format!("sum({counted}}})"), |sum| sum >= 3000.0);
    for (status, sent) in sent {
        let counted = format!(r#"sum({counted}, status="{status}"}})"#);
        assert_eq!(stack.number(&counted), Some(sent as f64), "status {status}");
    }
    let durations = r#"http_request_duration_seconds{job="app", route="/random"}"#;
    let native = stack.number(&format!("histogram_count(sum({durations}))"));
    assert_eq!(native, Some(3000.0), "in the native histogram");
}

/// The count beside `[status]` in what hey and our script for wrk report.
fn reported(report: &str, status: &str) -> u64 {
    let mark = format!("[{status}]");
    let line = report.lines().find(|line| line.trim().starts_with(&mark));
    let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    count.unwrap_or_else(|| panic!("no {mark} in\n{report}"))
}

fn wrk_reports_by_its_script(stack: &Stack) {
    let command = ["run", "--rm", "-T", "load", "wrk", "-t1", "-c10", "-d2s"];
    let target = ["-s", "random.lua", "http://app:8000"];
    let report = stack.compose(&[&command[..], &target].concat());
    let answered = reported(&report, "200") + reported(&report, "500");
    // It hangs up on what is under way at its end: the service counts a few more.
    stack.number_when(
        r#"sum(http_requests_total{job="app", route="/random"})"#,
        |sum| sum >= (3000 + answered) as f64,
    );
    assert!(report.contains("99.0%"), "{report}");
}

fn replicas_are_found_and_lost(stack: &Stack) {
    let scale = ["up", "--detach", "--no-build", "--no-recreate", "--wait"];
    stack.compose(&[&scale[..], &["--scale", "app=3", "app"]].concat());
    let up = r#"count(up{job="app"} == 1)"#;
    let known = r#"count(up{job="app"})"#;
    stack.number_when(up, |count| count == 3.0);
    // Load leaves the replicas that it meets.
    let load = ["run", "--rm", "-T", "load", "hey", "-n", "20", "-c", "2"];
    stack.compose(&[&load[..], &["http://app:8000/random"]].concat());
    let replicas = stack.compose(&["ps", "--quiet", "app"]);
    assert_eq!(replicas.lines().count(), 3, "{replicas}");

    // The one door leads to all of them.
    let each = r#"min(sum by (instance) (http_requests_total{job="app", route="/random"}))"#;
    let start = Instant::now();
    while stack.number(each).is_none_or(|least| least == 0.0) {
        assert!(start.elapsed() < PATIENCE, "a replica gets no requests");
        let status = http::get(stack.address("balancer", 8000), "/random", &[]).status;
        assert!([200, 500].contains(&status), "{status}");
    }

    // The last one: the proplet lives and dies with the first.
    let replica = format!("{}-app-3", stack.project());
    stack.docker().run(&["stop", &replica]);
    stack.number_when(known, |count| count == 2.0);
    assert_eq!(stack.number(up), Some(2.0));
    // Nobody outside notices that it is gone.
    for _ in 0..20 {
        let status = http::get(stack.address("balancer", 8000), "/random", &[]).status;
        assert!([200, 500].contains(&status), "{status}");
    }
}

fn history_outlives_prometheus(stack: &Stack) {
    let expression = r#"sum by (status) (http_requests_total{route="/random"})"#;
    let now = stack
        .number("vector(time())")
        .expect("Prometheus knows the time");
    // Of a while ago, so that no scrape is still to be stored.
    let then = Some(now - 5.0);
    let before = stack.query(expression, then);
    assert!(!before.is_empty(), "{expression} selects nothing");
    stack.compose(&["restart", "prometheus"]);
    let start = Instant::now();
    while !stack.answers("prometheus", 9090, "/-/ready") {
        assert!(start.elapsed() < PATIENCE, "Prometheus does not come back");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(stack.query(expression, then), before);
    // And it goes on: a sample from after the restart.
    stack.number_when(
        r#"min(timestamp(up{job="app"})) - max(process_start_time_seconds{job="prometheus"})"#,
        |age| age > 0.0,
    );
}

/// The volumes of all containers, those without a name included.
fn mounted_volumes(stack: &Stack) -> Vec<String> {
    let containers = stack.containers();
    let mounts = containers
        .iter()
        .filter_map(|container| container["Mounts"].as_array());
    mounts
        .flatten()
        .filter(|mount| mount["Type"] == "volume")
        .filter_map(|mount| mount["Name"].as_str().map(str::to_owned))
        .collect()
}
