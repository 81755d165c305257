//! What may happen to a service of two instances, over twenty minutes, and
//! which alerts must fire at their end.

use std::fmt::Write as _;

use crate::promtool::Scene;

// A value every 5 s for twenty minutes.
const STEPS: usize = 240;
const END: u32 = 1195;

/// Something that happens.
pub(super) struct Scenario {
    pub(super) scene: Scene,
    /// Requests per second over the last minute, and the share of 5xx in them.
    pub(super) truth: Option<(f64, f64)>,
    /// The alerts that must fire. All others must not.
    pub(super) fires: &'static [&'static str],
    /// The finding if one that must fire does not.
    pub(super) if_silent: &'static str,
    pub(super) asks_if_silent: &'static str,
    /// The finding if one fires that must not.
    pub(super) if_spurious: &'static str,
    pub(super) asks_if_spurious: &'static str,
}

/// What happens to the service at each step, from 0 to `STEPS`.
struct Story {
    /// What `up` is, for the instances a and b; nothing if the target is gone.
    up: fn(usize, &str) -> Option<u32>,
    /// Requests of each instance in 5 s, by status 200, 404 and 500.
    requests: fn(usize) -> [u32; 3],
    /// Of a hundred successful requests, how many take longer than 0.5 s.
    slow: fn(usize) -> u32,
}

const CALM: Story = Story {
    up: |_, _| Some(1),
    requests: |_| [400, 98, 2],
    slow: |_| 0,
};

fn scenario(name: &'static str, story: &Story) -> Scenario {
    Scenario {
        scene: scene(name, story),
        truth: None,
        fires: &[],
        if_silent: "",
        asks_if_silent: "",
        if_spurious: "fires-in-calm",
        asks_if_spurious: "Nothing is wrong that is our fault. What does your expression return when all is well?",
    }
}

/// All scenarios.
pub(super) fn all() -> Vec<Scenario> {
    vec![
        Scenario {
            // 500 in 5 s from each of two instances; 2 in 500 fail.
            truth: Some((200.0, 0.004)),
            ..scenario("all is calm, and clients ask for what is not there", &CALM)
        },
        scenario(
            "nobody asks anything, as at night",
            &Story {
                requests: |step| if step < 120 { [400, 98, 2] } else { [0; 3] },
                ..CALM
            },
        ),
        Scenario {
            fires: &["ServiceDown"],
            if_silent: "silent-when-down",
            asks_if_silent: "No instance has answered for 50 s. How long may that take to be noticed?",
            ..scenario(
                "both instances have been down for 50 s",
                &Story {
                    up: |step, _| Some(u32::from(step < STEPS - 10)),
                    requests: |step| {
                        if step < STEPS - 10 {
                            [400, 98, 2]
                        } else {
                            [0; 3]
                        }
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            fires: &["ServiceDown"],
            if_silent: "silent-when-gone",
            asks_if_silent: "There is no series `up` of the job at all: its targets were lost in the configuration. What does a comparison return if there is nothing to compare?",
            ..scenario(
                "the job's targets have been gone for five minutes",
                &Story {
                    up: |step, _| (step < STEPS - 60).then_some(1),
                    requests: |step| {
                        if step < STEPS - 60 {
                            [400, 98, 2]
                        } else {
                            [0; 3]
                        }
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            if_spurious: "fires-for-one",
            asks_if_spurious: "The other instance answers, so everybody is served. Is that worth waking somebody?",
            ..scenario(
                "one of the two instances has been down for ten minutes",
                &Story {
                    up: |step, instance| Some(u32::from(instance == "b" || step < STEPS - 120)),
                    ..CALM
                },
            )
        },
        Scenario {
            if_spurious: "fires-at-a-blip",
            asks_if_spurious: "A single scrape has failed; the next may well succeed. Which field of an alert makes it wait?",
            ..scenario(
                "a single scrape of both has just failed",
                &Story {
                    up: |step, _| Some(u32::from(step < STEPS - 1)),
                    ..CALM
                },
            )
        },
        Scenario {
            truth: Some((200.0, 0.2)),
            fires: &["ErrorRatioHigh"],
            if_silent: "silent-at-errors",
            asks_if_silent: "It has been so for more than one minute. For how long must it be, as you wrote it, and what is compared with what?",
            ..scenario(
                "a fifth of the requests have failed for three minutes",
                &Story {
                    requests: |step| {
                        if step < STEPS - 36 {
                            [400, 98, 2]
                        } else {
                            [400, 0, 100]
                        }
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            if_spurious: "fires-at-a-burst",
            asks_if_spurious: "It has been so for 20 s, and the exercise says a minute. Which field of an alert makes it wait?",
            ..scenario(
                "half of the requests have failed for the last 20 s",
                &Story {
                    requests: |step| {
                        if step < STEPS - 4 {
                            [400, 98, 2]
                        } else {
                            [250, 0, 250]
                        }
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            fires: &["LatencyTailLong"],
            if_silent: "silent-at-tail",
            asks_if_silent: "Three in a hundred users wait longer than 0.5 s, the others are served at once. Does your expression see them?",
            ..scenario(
                "three in a hundred answers have taken more than 0.5 s for a quarter of an hour",
                &Story {
                    slow: |step| if step < 60 { 0 } else { 3 },
                    ..CALM
                },
            )
        },
    ]
}

fn scene(name: &'static str, story: &Story) -> Scene {
    let mut series = Vec::new();
    for instance in ["a", "b"] {
        let target = format!("job=\"student\",instance=\"{instance}\"");
        let mut up = String::new();
        for step in 0..STEPS {
            match (story.up)(step, instance) {
                Some(value) => write!(up, "{value} "),
                // Prometheus marks the end of a series once.
                None => write!(
                    up,
                    "{} ",
                    if (story.up)(step - 1, instance).is_some() {
                        "stale"
                    } else {
                        "_"
                    }
                ),
            }
            .expect("writing to a String does not fail");
        }
        series.push((format!("up{{{target}}}"), up));

        let labels = format!("{target},method=\"GET\",route=\"/random\"");
        for (index, status) in ["200", "404", "500"].iter().enumerate() {
            series.push((
                format!("http_requests_total{{{labels},status=\"{status}\"}}"),
                summed(|step| (story.requests)(step)[index]),
            ));
        }
        let fine = |step: usize| (story.requests)(step)[0];
        let slow = |step: usize| fine(step) * (story.slow)(step) / 100;
        let name = "http_request_duration_seconds";
        let labels = format!("{labels},outcome=\"success\"");
        for bound in ["0.1", "0.5", "1", "+Inf"] {
            let quick = bound == "0.1" || bound == "0.5";
            series.push((
                format!("{name}_bucket{{{labels},le=\"{bound}\"}}"),
                summed(|step| fine(step) - if quick { slow(step) } else { 0 }),
            ));
        }
        series.push((format!("{name}_count{{{labels}}}"), summed(fine)));
        // 0.05 s each, and 0.8 s the slow ones: in hundredths, that is all.
        series.push((
            format!("{name}_sum{{{labels}}}"),
            summed(|step| (fine(step) * 5 + slow(step) * 75) / 100),
        ));
    }
    Scene {
        name,
        series,
        at: END,
    }
}

// A counter that rises by so much at each step.
fn summed(rise: impl Fn(usize) -> u32) -> String {
    let mut total = 0;
    let mut text = String::new();
    for step in 0..STEPS {
        total += rise(step);
        write!(text, "{total} ").expect("writing to a String does not fail");
    }
    text
}
