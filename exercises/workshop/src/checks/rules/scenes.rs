//! What may happen to a service of two instances, or of three, beside another service, and which alerts
//! must fire at the end of it.

use super::story::{ALL_WELL, CALM, LONG, Story, scene};
use crate::promtool::Scene;

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
    let mut all = vec![
        Scenario {
            // 500 in 5 s from each of two instances; 2 in 500 fail.
            truth: Some((200.0, 0.004)),
            ..scenario(
                "all is calm, and clients ask for what is not there",
                &Story {
                    steps: LONG,
                    ..CALM
                },
            )
        },
        scenario(
            "nobody asks anything, as at night",
            &Story {
                steps: LONG,
                requests: |left, _| if left >= 120 { ALL_WELL } else { [0; 3] },
                ..CALM
            },
        ),
    ];
    all.extend(down());
    all.extend(failing());
    all.extend(slow());
    all
}

fn down() -> Vec<Scenario> {
    vec![
        Scenario {
            fires: &["ServiceDown"],
            if_silent: "silent-when-down",
            asks_if_silent: "No instance has answered for 50 s. How long may that take to be noticed, and whose `up` do you look at?",
            ..scenario(
                "both instances have been down for 50 s, and another job's are up",
                &Story {
                    up: |left, _| Some(u32::from(left >= 10)),
                    requests: |left, _| if left >= 10 { ALL_WELL } else { [0; 3] },
                    ..CALM
                },
            )
        },
        Scenario {
            fires: &["ServiceDown"],
            if_silent: "silent-when-gone",
            asks_if_silent: "There is no series `up` of the job at all: its targets were lost in the configuration. What does a comparison return if there is nothing to compare?",
            ..scenario(
                "the job's targets have been gone for three minutes",
                &Story {
                    up: |left, _| (left >= 36).then_some(1),
                    requests: |left, _| if left >= 36 { ALL_WELL } else { [0; 3] },
                    ..CALM
                },
            )
        },
        Scenario {
            if_spurious: "fires-for-one",
            asks_if_spurious: "The third instance answers, so everybody is served. Is that worth waking somebody?",
            ..scenario(
                "two of three instances have been down for three minutes",
                &Story {
                    instances: &["a", "b", "c"],
                    up: |left, instance| Some(u32::from(instance == "b" || left >= 36)),
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
                    up: |left, _| Some(u32::from(left >= 1)),
                    ..CALM
                },
            )
        },
        Scenario {
            if_spurious: "fires-at-a-blip",
            asks_if_spurious: "At every moment one of the two answers. Of which moment, and of whom, does your expression speak?",
            ..scenario(
                "every other scrape fails, of one instance and then of the other",
                &Story {
                    up: |left, instance| Some(u32::from((left % 2 == 0) == (instance == "a"))),
                    ..CALM
                },
            )
        },
    ]
}

fn failing() -> Vec<Scenario> {
    let silent = Scenario {
        fires: &["ErrorRatioHigh"],
        if_silent: "silent-at-errors",
        asks_if_silent: "It has been so for more than one minute. For how long must it be, as you wrote it, and what is compared with what?",
        ..scenario("", &CALM)
    };
    vec![
        Scenario {
            truth: Some((400.0, 0.2)),
            ..silenced(
                &silent,
                "twice as many requests come as before, and a fifth of them have failed, for three minutes",
                &Story {
                    requests: |left, _| if left >= 36 { ALL_WELL } else { [800, 0, 200] },
                    ..CALM
                },
            )
        },
        Scenario {
            if_silent: "only-500",
            asks_if_silent: "All that failed was answered with 503. Which statuses does your expression count?",
            ..silenced(
                &silent,
                "one instance has answered a fifth of its requests with 503, for three minutes",
                &Story {
                    requests: |left, instance| match (left, instance) {
                        (0..36, "b") => [400, 0, 100],
                        _ => [400, 100, 0],
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            // Of the eleven steps that lie within a minute, three are such.
            truth: Some((200.0, (3.0 * 240.0 + 8.0 * 2.0) / (11.0 * 500.0))),
            if_silent: "silent-at-lumps",
            asks_if_silent: "Over each minute that is 12% of the requests. How many scrapes does your expression look at?",
            ..silenced(
                &silent,
                "every fourth scrape has brought many errors, for four minutes",
                &Story {
                    requests: |left, _| match left {
                        0..48 if left % 4 == 1 => [260, 0, 240],
                        _ => ALL_WELL,
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            // 950 and 50 in 5 s, of which 57 fail.
            truth: Some((200.0, 0.057)),
            if_silent: "average-of-ratios",
            asks_if_silent: "An instance that serves few has as much to say in your expression as one that serves nearly all. What is the share of *all* requests?",
            ..silenced(
                &silent,
                "one instance serves nearly all requests, and 6% of them fail, for three minutes",
                &Story {
                    requests: |left, instance| match (left, instance) {
                        (0..36, "a") => [893, 0, 57],
                        (0..36, _) => [50, 0, 0],
                        (_, "a") => [890, 58, 2],
                        _ => [50, 0, 0],
                    },
                    ..CALM
                },
            )
        },
        Scenario {
            truth: Some((200.0, 0.025)),
            if_spurious: "average-of-ratios",
            asks_if_spurious: "An instance that serves few has as much to say in your expression as one that serves nearly all. What is the share of *all* requests?",
            ..scenario(
                "half of the requests to an instance have failed that serves one in twenty",
                &Story {
                    steps: LONG,
                    requests: |_, instance| match instance {
                        "a" => [900, 50, 0],
                        _ => [25, 0, 25],
                    },
                    slow: |_, instance| if instance == "a" { 0 } else { 20 },
                    ..CALM
                },
            )
        },
        Scenario {
            if_spurious: "fires-at-a-burst",
            asks_if_spurious: "It has not been so for the minute that the exercise says. Which field of an alert makes it wait?",
            ..scenario(
                "half of the requests have failed for the last 55 s",
                &Story {
                    requests: |left, _| if left >= 11 { ALL_WELL } else { [250, 0, 250] },
                    ..CALM
                },
            )
        },
    ]
}

fn slow() -> Vec<Scenario> {
    const QUARTER_OF_AN_HOUR: usize = 180;
    let silent = Scenario {
        fires: &["LatencyTailLong"],
        if_silent: "silent-at-tail",
        asks_if_silent: "Three in a hundred users wait longer than 0.5 s, the others are served at once. Does your expression see them?",
        ..scenario("", &CALM)
    };
    let long = Story {
        steps: LONG,
        ..CALM
    };
    vec![
        silenced(
            &silent,
            "three in a hundred answers have taken more than 0.5 s for a quarter of an hour",
            &Story {
                slow: |left, _| if left >= QUARTER_OF_AN_HOUR { 0 } else { 3 },
                ..long
            },
        ),
        Scenario {
            fires: &["ErrorRatioHigh", "LatencyTailLong"],
            if_silent: "errors-hide-the-tail",
            asks_if_silent: "Errors are quick: they make the service look quicker. Whose times should be in there?",
            ..silenced(
                &silent,
                "three in a hundred successful answers have taken more than 0.5 s for a quarter of an hour, and four times as many requests have failed, quickly",
                &Story {
                    requests: |left, _| {
                        if left >= QUARTER_OF_AN_HOUR {
                            ALL_WELL
                        } else {
                            [100, 0, 400]
                        }
                    },
                    slow: |left, _| if left >= QUARTER_OF_AN_HOUR { 0 } else { 3 },
                    ..long
                },
            )
        },
        Scenario {
            if_spurious: "errors-make-the-tail",
            asks_if_spurious: "Those who are served are served at once. Whose times should be in there?",
            ..scenario(
                "four in a hundred requests have failed, each after more than 0.5 s, for twenty minutes",
                &Story {
                    requests: |_, _| [380, 100, 20],
                    slow_errors: true,
                    ..long
                },
            )
        },
        Scenario {
            if_spurious: "fires-at-a-burst",
            asks_if_spurious: "More than 1% over five minutes it has been for four minutes and a bit, and the exercise says for five. Which field of an alert makes it wait?",
            ..scenario(
                "three in a hundred answers have taken more than 0.5 s for the last six minutes",
                &Story {
                    slow: |left, _| if left >= 72 { 0 } else { 3 },
                    ..long
                },
            )
        },
        Scenario {
            if_spurious: "fires-when-it-is-over",
            asks_if_spurious: "For six minutes nobody has waited. Over which time does your expression look?",
            ..scenario(
                "three in a hundred answers took more than 0.5 s, until six minutes ago",
                &Story {
                    slow: |left, _| if left >= 72 { 3 } else { 0 },
                    ..long
                },
            )
        },
    ]
}

// As `like`, when this happens.
fn silenced(like: &Scenario, name: &'static str, story: &Story) -> Scenario {
    Scenario {
        scene: scene(name, story),
        ..*like
    }
}
