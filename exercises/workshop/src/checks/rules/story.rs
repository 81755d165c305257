//! What happens to a service, as the series that Prometheus would have of it, beside those of
//! another service.

use std::fmt::Write as _;

use crate::promtool::Scene;

// Values come every 5 s. So many make what needs the five minutes of the tail and its five
// minutes more, and what is over sooner.
pub(super) const LONG: usize = 241;
const SHORT: usize = 60;

/// What happens to each of the instances in 5 s. All of it by the steps that are
/// left: 0 at the last.
pub(super) struct Story {
    pub(super) instances: &'static [&'static str],
    /// How many values there are.
    pub(super) steps: usize,
    /// What `up` is; nothing if the target is gone.
    pub(super) up: fn(usize, &str) -> Option<u32>,
    /// Requests by status: 200, 404, and 500 or (of b) 503.
    pub(super) requests: fn(usize, &str) -> [u32; 3],
    /// Of a hundred successful requests, how many take longer than 0.5 s.
    pub(super) slow: fn(usize, &str) -> u32,
    /// Whether errors take that long as well.
    pub(super) slow_errors: bool,
}

pub(super) const ALL_WELL: [u32; 3] = [400, 98, 2];

/// Nothing is wrong.
pub(super) const CALM: Story = Story {
    instances: &["a", "b"],
    steps: SHORT,
    up: |_, _| Some(1),
    requests: |_, _| ALL_WELL,
    slow: |_, _| 0,
    slow_errors: false,
};

/// The series of what happens.
pub(super) fn scene(name: &'static str, story: &Story) -> Scene {
    let mut series = Vec::new();
    for instance in story.instances {
        let target = format!("job=\"student\",instance=\"{instance}\"");
        series.push((format!("up{{{target}}}"), up(story, instance)));
        service(&mut series, &target, story, instance);
    }
    // Another service, of which all is well, and ten times the traffic.
    let target = "job=\"app\",instance=\"c\"";
    let other = Story {
        steps: story.steps,
        requests: |_, _| [9000, 980, 20],
        ..CALM
    };
    series.push((format!("up{{{target}}}"), up(&other, "c")));
    service(&mut series, target, &other, "c");
    // What rules look at is over at the last value.
    let at = u32::try_from(5 * (story.steps - 1)).unwrap_or(u32::MAX);
    Scene { name, series, at }
}

fn up(story: &Story, instance: &str) -> String {
    let mut values = String::new();
    let mut was_there = false;
    for step in 0..story.steps {
        let value = (story.up)(story.steps - 1 - step, instance);
        match value {
            Some(value) => write!(values, "{value} "),
            // Prometheus marks the end of a series once.
            None => write!(values, "{} ", if was_there { "stale" } else { "_" }),
        }
        .expect("writing to a String does not fail");
        was_there = value.is_some();
    }
    values
}

fn service(series: &mut Vec<(String, String)>, target: &str, story: &Story, instance: &str) {
    // A counter that has a past, and rises by so much at each step.
    let summed = |past: u32, rise: &dyn Fn(usize) -> u32| {
        let mut total = past;
        let mut text = String::new();
        for step in 0..story.steps {
            total += rise(story.steps - 1 - step);
            write!(text, "{total} ").expect("writing to a String does not fail");
        }
        text
    };
    let labels = format!("{target},method=\"GET\",route=\"/random\"");
    // Days ago, a third failed, and a tenth was slow.
    const PAST: [u32; 3] = [200_000, 50_000, 100_000];
    let failed = if instance == "b" { "503" } else { "500" };
    for (index, status) in ["200", "404", failed].iter().enumerate() {
        series.push((
            format!("http_requests_total{{{labels},status=\"{status}\"}}"),
            summed(PAST[index], &|left| (story.requests)(left, instance)[index]),
        ));
    }
    let name = "http_request_duration_seconds";
    for (index, outcome) in ["success", "client_error", "server_error"]
        .iter()
        .enumerate()
    {
        let labels = format!("{labels},outcome=\"{outcome}\"");
        let all = |left: usize| (story.requests)(left, instance)[index];
        let slow = |left: usize| match index {
            0 => all(left) * (story.slow)(left, instance) / 100,
            2 if story.slow_errors => all(left),
            _ => 0,
        };
        for bound in ["0.1", "0.5", "1", "+Inf"] {
            let quick = bound == "0.1" || bound == "0.5";
            let past = PAST[index] - if quick { PAST[index] / 10 } else { 0 };
            series.push((
                format!("{name}_bucket{{{labels},le=\"{bound}\"}}"),
                summed(past, &|left| all(left) - if quick { slow(left) } else { 0 }),
            ));
        }
        series.push((
            format!("{name}_count{{{labels}}}"),
            summed(PAST[index], &all),
        ));
        // 0.05 s each, and 0.8 s the slow ones: in hundredths, that is all.
        series.push((
            format!("{name}_sum{{{labels}}}"),
            summed(PAST[index] / 10, &|left| {
                (all(left) * 5 + slow(left) * 75) / 100
            }),
        ));
    }
}
