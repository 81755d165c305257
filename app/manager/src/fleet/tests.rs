//! The state without a broker: names, limits, ends.

use proplet_schema::ProcessMetrics;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn fleet(series: usize) -> Fleet {
    let bounds = Bounds {
        series,
        proplets: 2,
        rate: 1_000,
        alive_timeout: Duration::from_secs(30),
        expire_after: Duration::from_secs(60),
    };
    Fleet::new(bounds, Vec::new(), 0)
}

fn observe(fleet: &Fleet, task: &str, at: i64) {
    observe_with(fleet, task, at, Beside::default());
}

fn observe_with(fleet: &Fleet, task: &str, at: i64, beside: Beside) {
    let metrics = ProcessMetrics {
        disk_read_bytes: Some(1),
        ..ProcessMetrics::default()
    };
    let reported = metrics.traffic();
    let sample = TaskSample {
        task_id: task.to_owned(),
        proplet_id: "p".to_owned(),
        metrics,
        aggregated: None,
        at,
    };
    fleet.observe_task(&sample, beside, reported, at);
}

fn tasks(fleet: &Fleet, now: i64) -> usize {
    fleet.proplet("p", now).map_or(0, |proplet| proplet.tasks)
}

#[test]
fn a_name_belongs_to_the_channel_that_used_it_first() {
    let fleet = fleet(100);
    assert_eq!(fleet.admit("p", "d", "c", 0), Ok(true));
    assert_eq!(fleet.admit("p", "d", "c", SECOND), Ok(false));
    assert_eq!(fleet.admit("p", "d", "other", 0), Err(Refused::Forged));
    assert_eq!(fleet.admit("p", "other", "c", 0), Err(Refused::Forged));
    assert_eq!(fleet.admit("q", "d", "c", 0), Ok(true));
    assert_eq!(fleet.admit("r", "d", "c", 0), Err(Refused::PropletLimit));
    // Once it is forgotten its name is free, and there is room again.
    fleet.expire(2 * 3_600 * SECOND);
    assert_eq!(fleet.admit("p", "d", "other", 2 * 3_600 * SECOND), Ok(true));
}

#[test]
fn a_task_that_is_rarely_sampled_is_not_gone_between_its_samples() {
    let fleet = fleet(100);
    let _ = fleet.admit("p", "d", "c", 0);
    // Every 50 s for one, every ten minutes for the other.
    for at in [0, 50, 100] {
        observe(&fleet, "often", at * SECOND);
    }
    observe(&fleet, "rarely", -600 * SECOND);
    observe(&fleet, "rarely", 0);
    fleet.expire(200 * SECOND);
    assert_eq!(tasks(&fleet, 200 * SECOND), 2);
    fleet.expire(300 * SECOND);
    assert_eq!(tasks(&fleet, 300 * SECOND), 1);
    fleet.expire(1_799 * SECOND);
    assert_eq!(tasks(&fleet, 1_799 * SECOND), 1);
    fleet.expire(1_800 * SECOND);
    assert_eq!(tasks(&fleet, 1_800 * SECOND), 0);
}

#[test]
fn series_are_given_back() {
    let fleet = fleet(2 * SERIES_OF_A_TASK + SERIES_OF_A_PROPLET);
    let _ = fleet.admit("p", "d", "c", 0);
    for round in 0..10 {
        let now = round * 100 * SECOND;
        fleet.alive("p", true, now);
        for task in ["a", "b", "c"] {
            observe(&fleet, task, now);
        }
        assert_eq!(tasks(&fleet, now), 2);
        assert_eq!(fleet.lock().series, fleet.bounds.series);
        if round % 2 == 0 {
            fleet.expire(now + 90 * SECOND);
        } else {
            fleet.forget_task("p", "a");
            fleet.forget_task("p", "a");
            fleet.expire(now + 90 * SECOND);
        }
        assert_eq!(fleet.lock().series, SERIES_OF_A_PROPLET);
    }
    // The third of each round.
    assert_eq!(fleet.lock().refused, 10);
}

#[test]
fn who_says_nothing_is_not_alive() {
    let fleet = fleet(100);
    let _ = fleet.admit("p", "d", "c", 0);
    let alive = |now| fleet.proplet("p", now).map(|proplet| proplet.alive);
    assert_eq!(alive(0), Some(false));
    assert!(fleet.alive("p", true, 0));
    assert!(!fleet.alive("p", true, 10 * SECOND));
    assert_eq!(alive(39 * SECOND), Some(true));
    assert_eq!(alive(40 * SECOND), Some(false));
    assert!(fleet.alive("p", true, 50 * SECOND));
    assert!(!fleet.alive("p", false, 51 * SECOND));
    assert_eq!(alive(51 * SECOND), Some(false));
}

fn exposing(series: usize) -> Beside {
    let mut custom = Custom::default();
    for number in 0..series {
        assert!(custom.add(&format!("a{number}"), [], 1.0));
    }
    Beside {
        custom: Some(custom),
        traceparent: None,
    }
}

#[test]
fn what_a_task_exposes_has_room_or_is_refused_and_gives_it_back() {
    let limit = 2 * SERIES_OF_A_TASK + 10;
    let fleet = fleet(limit);
    let _ = fleet.admit("p", "d", "c", 0);
    let series = || fleet.lock().series;
    observe_with(&fleet, "a", 1, exposing(8));
    assert_eq!(series(), SERIES_OF_A_TASK + 8);
    observe_with(&fleet, "b", 1, exposing(3));
    // It has none, and the task itself is shown.
    assert_eq!(series(), 2 * SERIES_OF_A_TASK + 8);
    assert_eq!(fleet.lock().refused, 1);
    observe_with(&fleet, "a", 2, exposing(7));
    observe_with(&fleet, "b", 2, exposing(3));
    assert_eq!(series(), limit);
    // What comes late changes nothing.
    observe_with(&fleet, "b", 0, exposing(1));
    assert_eq!(series(), limit);
    observe(&fleet, "a", 3);
    assert_eq!(series(), 2 * SERIES_OF_A_TASK + 3);
    fleet.forget_task("p", "b");
    assert_eq!(series(), SERIES_OF_A_TASK);
    fleet.expire(3_600 * SECOND);
    assert_eq!(series(), 0);
}

#[test]
fn what_tasks_say_is_added_up_without_an_overflow() {
    let fleet = fleet(100);
    let _ = fleet.admit("p", "d", "c", 0);
    for task in ["a", "b", "c"] {
        let sample = TaskSample {
            task_id: task.to_owned(),
            proplet_id: "p".to_owned(),
            metrics: ProcessMetrics {
                memory_bytes: Some(u64::MAX),
                disk_read_bytes: Some(u64::MAX),
                ..ProcessMetrics::default()
            },
            aggregated: None,
            at: 1,
        };
        fleet.observe_task(&sample, Beside::default(), sample.metrics.traffic(), 1);
    }
    let view = fleet.proplet("p", 1).unwrap();
    assert_eq!(view.memory_bytes, u64::MAX);
}
