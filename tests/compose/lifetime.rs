//! What outlives a restart, and that nothing outlives the stack.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::engine::Stack;
use crate::support::{TIMEOUT, http, peers};

pub(crate) fn history_outlives_prometheus(stack: &Stack) {
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
        assert!(start.elapsed() < TIMEOUT, "Prometheus does not come back");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(stack.query(expression, then), before);
    // And it goes on: a sample from after the restart.
    stack.number_when(
        r#"min(timestamp(up{job="app"})) - max(process_start_time_seconds{job="prometheus"})"#,
        |age| age > 0.0,
    );
}

pub(crate) fn it_goes_without_a_trace(stack: &Stack) {
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
pub(crate) fn the_old_compose_brings_it_up_as_well(stack: &Stack) {
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

/// And goes as well as what the other one brought up.
pub(crate) fn it_goes_without_a_trace_again(stack: &Stack) {
    it_goes_without_a_trace(stack);
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
