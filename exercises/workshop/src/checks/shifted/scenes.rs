//! What may happen to the answers of a model: how many come, and in which tenth of the
//! reference they are; and whether that is more than chance explains.
//!
//! The quiet ones are as far from the reference as one draw in two or three is: by Kolmogorov and
//! Smirnov about 1/√n, by χ² less than 12.3 at 9 degrees of freedom.

use crate::promtool::Scene;

/// The share of the answers in each tenth.
type Shares = [f64; 10];

const REFERENCE: Shares = [0.1; 10];
const OF_6000: Shares = [
    0.104, 0.097, 0.101, 0.098, 0.102, 0.096, 0.103, 0.1, 0.098, 0.101,
];
const OF_600: Shares = [
    0.118, 0.109, 0.112, 0.085, 0.087, 0.105, 0.089, 0.112, 0.083, 0.1,
];
const OF_100: Shares = [0.17, 0.13, 0.11, 0.06, 0.11, 0.06, 0.08, 0.13, 0.06, 0.09];
/// The rules say 0.2 or 0.8, as often: their mean is that of the reference.
const OF_RULES: Shares = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0];
const ALL_LOWEST: Shares = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

/// Answers in five minutes of one of the two instances, and how they are distributed.
#[derive(Clone, Copy)]
struct Flow {
    answers: f64,
    shares: Shares,
    by_rules: bool,
}

/// Something that happens.
pub(super) struct Scenario {
    pub(super) scene: Scene,
    /// Whether the alert must fire.
    pub(super) fires: bool,
    /// The finding if it does otherwise.
    pub(super) id: &'static str,
    pub(super) asks: &'static str,
}

pub(super) const CALM: usize = 0;
pub(super) const BUSIER: usize = 1;
/// The first in which something has shifted.
pub(super) const SHIFTED: usize = 6;

const BUSY: Flow = Flow {
    answers: 3000.0,
    shares: OF_6000,
    by_rules: false,
};

// Fewer with a high score, by straight lines; the greatest distance is 0.278 times `slope`.
fn tilted(slope: f64) -> Shares {
    let mut shares = REFERENCE;
    for (share, place) in shares.iter_mut().zip(0..) {
        *share *= 1.0 + slope * (4.5 - f64::from(place)) / 4.5;
    }
    shares
}

/// All of them. What is quiet comes first.
pub(super) fn all() -> Vec<Scenario> {
    let of = |shares: Shares| Flow { shares, ..BUSY };
    let rules = Flow {
        by_rules: true,
        ..of(OF_RULES)
    };
    let few = |answers: f64, shares: Shares| Flow {
        answers,
        ..of(shares)
    };
    let busier = few(24_000.0, OF_6000);
    let quiet = |name, flows, id, asks| scenario(name, flows, 0, false, id, asks);
    let lasting = |name, flow, id, asks| scenario(name, [flow; 2], 0, true, id, asks);
    vec![
        quiet(
            "6000 answers in five minutes are distributed as they should be",
            [BUSY; 2],
            "fires-in-calm",
            "Nothing has shifted. What does your expression return when all is well?",
        ),
        scenario(
            "eight times as many answers come as two minutes ago, distributed as before",
            [busier; 2],
            24,
            false,
            "moves-with-traffic",
            "More of everything is no other distribution. By what do you divide?",
        ),
        quiet(
            "600 answers in five minutes are distributed as they should be, but for chance",
            [few(300.0, OF_600); 2],
            "fires-by-chance",
            "So few are never exactly like their reference. How far are 600 by chance, and 100, and a million?",
        ),
        quiet(
            "it is night, and 100 answers in five minutes are distributed as they should be, but for chance",
            [few(50.0, OF_100); 2],
            "fires-at-night",
            "So few are never exactly like their reference. How far are 100 by chance, and 6000?",
        ),
        quiet(
            "one instance gives 6000 answers in five minutes and the other 100, all as they should be, but for chance",
            [few(6000.0, OF_6000), few(100.0, OF_100)],
            "instances-alone",
            "By itself, the other instance has hardly anything to say. How are *all* answers distributed?",
        ),
        quiet(
            "nobody has asked for twenty minutes",
            [few(0.0, OF_6000); 2],
            "fires-in-silence",
            "There was no answer that could have shifted.",
        ),
        scenario(
            "wines with less alcohol have come for eight minutes, after months without a change",
            [of(tilted(0.7)); 2],
            96,
            true,
            "silent-at-shift",
            "Is the threshold one that 6000 answers in five minutes exceed by chance? Does the alert wait longer than that?",
        ),
        lasting(
            "wines with less alcohol have come for twenty minutes, after months without a change",
            of(tilted(0.7)),
            "heals-itself",
            "Ten minutes ago it was seen. What is your reference, and does it stay where it is?",
        ),
        lasting(
            "6000 answers in five minutes have been shifted a little for twenty minutes: 54 in a hundred are in the lower half",
            of(tilted(0.288)),
            "silent-at-small-shift",
            "By chance 6000 answers are not as far away as that. Which distance would be chance, for so many?",
        ),
        lasting(
            "the rules have answered for everybody for twenty minutes, with 0.2 or 0.8",
            rules,
            "blind-to-fallback",
            "Their mean is that of the reference. What else do two distributions have that may differ?",
        ),
        lasting(
            "alcohol has come in another unit for twenty minutes, and all scores are below 0.1",
            of(ALL_LOWEST),
            "silent-at-unit",
            "Nine of the tenths are empty. What does your expression make of a 0?",
        ),
        lasting(
            "it is night, 100 answers come in five minutes, and for twenty minutes all of their scores are below 0.1",
            few(50.0, ALL_LOWEST),
            "silent-at-night",
            "By chance not even 100 answers are as far away as that. How many do you wait for, and who sleeps until then?",
        ),
    ]
}

// Values come every 5 s, for twenty minutes; what happens begins so many steps before the end, or
// with the first.
const STEPS: usize = 241;

fn scenario(
    name: &'static str,
    flows: [Flow; 2],
    since: usize,
    fires: bool,
    id: &'static str,
    asks: &'static str,
) -> Scenario {
    let mut series = Vec::new();
    for (instance, flow) in ["a", "b"].iter().zip(flows) {
        let target = format!("job=\"student\",instance=\"{instance}\"");
        service(&mut series, &target, flow, since);
    }
    // Another service, of which all is well, and ten times the traffic.
    let other = Flow {
        answers: 60_000.0,
        ..BUSY
    };
    service(&mut series, "job=\"app\",instance=\"c\"", other, 0);
    Scenario {
        scene: Scene {
            name,
            series,
            at: 5 * (STEPS as u32 - 1),
        },
        fires,
        id,
        asks,
    }
}

fn service(series: &mut Vec<(String, String)>, target: &str, flow: Flow, since: usize) {
    const BOUNDS: [&str; 10] = [
        "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "+Inf",
    ];
    // Of a million answers before, a tenth in each tenth.
    const PAST: f64 = 1e6;
    let before = (since > 0).then_some(BUSY);
    // A counter: this much of the past, and so much of what comes at each step.
    let counter = |of: &dyn Fn(&Shares) -> f64, by_rules: bool| {
        let rise = |flow: Flow| {
            let is_of = flow.by_rules == by_rules;
            f64::from(u8::from(is_of)) * flow.answers / 60.0 * of(&flow.shares)
        };
        let past = f64::from(u8::from(!by_rules)) * PAST * of(&REFERENCE);
        let Some(before) = before else {
            return format!("{past}+{}x{}", rise(flow), STEPS - 1);
        };
        let earlier = STEPS - since;
        let reached = past + rise(before) * (earlier - 1) as f64;
        format!(
            "{past}+{}x{} {}+{}x{}",
            rise(before),
            earlier - 1,
            reached + rise(flow),
            rise(flow),
            since - 1
        )
    };
    let name = "prediction_score";
    for (by, by_rules) in [("model", false), ("rules", true)] {
        let labels = format!("{target},by=\"{by}\"");
        for (place, bound) in BOUNDS.iter().enumerate() {
            let up_to = |shares: &Shares| shares[..=place].iter().sum::<f64>();
            let bucket = format!("{name}_bucket{{{labels},le=\"{bound}\"}}");
            series.push((bucket, counter(&up_to, by_rules)));
        }
        let count = counter(&|shares| shares.iter().sum::<f64>(), by_rules);
        series.push((format!("{name}_count{{{labels}}}"), count));
        // The rules' scores are bounds; the model's lie in the middle.
        let mean = |shares: &Shares| {
            let middle = |place: usize| place as f64 / 10.0 + if by_rules { 0.1 } else { 0.05 };
            (0..10)
                .map(|place| shares[place] * middle(place))
                .sum::<f64>()
        };
        series.push((format!("{name}_sum{{{labels}}}"), counter(&mean, by_rules)));
    }
    for place in 0..10 {
        let of = |shares: &Shares| shares[place];
        let (model, rules) = (counter(&of, false), counter(&of, true));
        // Who answered is not told apart here.
        let values = if flow.by_rules { rules } else { model };
        series.push((
            format!("prediction_decile_total{{{target},decile=\"{place}\"}}"),
            values,
        ));
        let constant = |value: f64| format!("{value}x{}", STEPS - 1);
        series.push((
            format!("prediction_decile_reference_ratio{{{target},decile=\"{place}\"}}"),
            constant(REFERENCE[place]),
        ));
        if place < 9 {
            series.push((
                format!(
                    "{name}_reference_ratio{{{target},bound=\"{}\"}}",
                    BOUNDS[place]
                ),
                constant((place + 1) as f64 / 10.0),
            ));
        }
    }
}
