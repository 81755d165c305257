//! docker-compose.yml on a real engine: our image, built by the real Dockerfile,
//! and the stack around it. Grafana is left out where its image cannot be had. What
//! the file relies on in published images is in [`images`]; the other roles of the stack
//! are in [`student`], [`processes`] and [`training`], and the stack on a swarm in [`swarm`].
//!
//! A program of its own, because there is one engine: no other test uses it meanwhile.

mod chain;
mod confinement;
mod images;
mod lifetime;
mod load;
mod memory;
mod processes;
mod student;
#[path = "../support/mod.rs"]
mod support;
mod swarm;
mod training;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use support::engine::{Docker, Stack, dotenv};
use support::steps::{self, steps};

/// Everything, under traffic of the tests' own making alone, fast, and with a share of errors that
/// both statuses are certain to occur among thousands.
const EXACT: [(&str, &str); 4] = [
    ("COMPOSE_PROFILES", "all"),
    ("GOLDEN_TRAFFIC", "0"),
    ("GOLDEN_DELAY", "constant(2ms)"),
    ("GOLDEN_ERROR_RATE", "0.1"),
];

/// The steps share one stack, because bringing it up is the expensive part. Their order
/// matters: what is counted exactly comes first, and the stack goes at the end.
#[test]
fn the_stack_starts_counts_scales_persists_and_stops() {
    let Some(docker) = Docker::require_engine() else {
        return;
    };
    let _alone = support::engine::alone();
    let stack = Stack::new(&docker, &EXACT);
    let services = stack.services();
    assert!(services.len() >= 6, "{services:?}");
    stack.compose(&["--profile", "load", "build", "app", "student", "load"]);
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
    steps::run(
        &stack,
        &steps![
            confinement::the_image_is_small_and_labelled,
            confinement::everything_is_confined,
            student::what_the_student_writes_is_scraped,
            training::all_metrics_arrive,
            processes::tasks_arrive_at_the_manager,
            processes::the_broker_refuses_what_is_too_large,
            load::prometheus_counts_what_hey_counts,
            load::wrk_reports_by_its_script,
            load::replicas_are_found_and_lost,
            memory::the_program_gives_memory_back,
            lifetime::history_outlives_prometheus,
            chain::no_link_of_the_chain_is_broken,
            chain::the_readmes_commands_run,
            chain::no_link_is_broken_from_outside,
            processes::the_runbooks_cure_of_a_killed_service_starts_the_proplet_too,
            processes::history_outlives_the_manager,
            training::a_stopped_node_leaves_nothing,
            lifetime::it_goes_without_a_trace,
            lifetime::the_old_compose_brings_it_up_as_well,
            lifetime::it_goes_without_a_trace_again,
        ],
    );
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
    // Those are compose's own.
    let own = BTreeSet::from(["COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"]);
    assert_eq!(used, &given - &own);
}

/// Of [`steps`] itself: one that fails is named at the end, and hides none after it.
#[test]
fn a_step_that_fails_is_named_and_hides_none_after_it() {
    fn counts(run: &AtomicU32) {
        run.fetch_add(1, Ordering::Relaxed);
    }
    fn fails_as_it_is_meant_to(run: &AtomicU32) {
        counts(run);
        panic!("as it is meant to");
    }

    let run = AtomicU32::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        steps::run(&run, &steps![counts, fails_as_it_is_meant_to, counts]);
    }));
    let said = outcome.expect_err("one fails");
    let said = said.downcast_ref::<String>().map(String::as_str);
    assert_eq!(said, Some("1 of 3 steps failed: fails_as_it_is_meant_to"));
    assert_eq!(run.into_inner(), 3);
}
