//! Each incident that requests meet can be seen in time, at every magnitude: a service of
//! five requests a second is replayed in virtual time, its counters are what Prometheus
//! would record, and one of the series made of them moves by at least five times its
//! noise. In its quiet twin none does.

use simulation::{
    ArrivalRate, Conditions, Faults, Incident, IncidentKind, PoissonArrivals, Probability, Streams,
};

use crate::replay::{Replay, Totals};

/// How long it is quiet before, in seconds: enough windows to know the noise.
const QUIET: f64 = 3_000.0;

/// The kinds whose effect is on the process or on its metrics and not on requests: the
/// test `incidents` of the service sees them in a real process.
const OF_THE_PROCESS: [&str; 6] = [
    "memory-leak",
    "descriptor-leak",
    "busy-loop",
    "series-explosion",
    "lost-scrapes",
    "wrong-unit",
];

fn usual() -> Conditions {
    let five = ArrivalRate::try_from(5.0).expect("within the bounds");
    Conditions::usual(Faults::default(), Probability::NEVER, five)
}

/// What is recorded over a window, as series: their names, values, and what one request
/// more or less changes, below which nothing is told apart.
fn series(before: &Totals, after: &Totals, seconds: f64) -> [(&'static str, f64, f64); 10] {
    let of = |total: fn(&Totals) -> f64| total(after) - total(before);
    let ended = of(|totals| totals.ended).max(1.0);
    let ratio = |count: f64| (count / ended, 1.0 / ended);
    let rate = |count: f64| (count / seconds, 1.0 / seconds);
    let named = |name, (value, least)| (name, value, least);
    [
        named("arrivals", rate(of(|totals| totals.arrived))),
        named("good", rate(of(|totals| totals.good))),
        named("failed", ratio(of(|totals| totals.failed))),
        named("panicked", ratio(of(|totals| totals.panicked))),
        named("timed out or shed", ratio(of(|totals| totals.given_up))),
        named("over 0.5 s", ratio(of(|totals| totals.over[0]))),
        named("over 1 s", ratio(of(|totals| totals.over[1]))),
        named("over 2.5 s", ratio(of(|totals| totals.over[2]))),
        named("mean", (of(|totals| totals.seconds) / ended, 0.01)),
        named("in flight", (of(|totals| totals.in_flight) / seconds, 0.05)),
    ]
}

/// The largest effect at the end of a window of this length, as a multiple of its series'
/// noise, and which series it is.
fn effect(incident: Option<&Incident>, window: f64, seed: u64) -> (f64, &'static str) {
    let streams = Streams::new(seed);
    let arrivals = PoissonArrivals::new(streams.arrivals());
    let mut replay = Replay::new(usual(), streams, arrivals);
    // The service is warm by then.
    replay.until(600.0);
    let mut totals = vec![replay.totals()];
    let windows = (QUIET / window) as usize;
    for n in 1..=windows {
        replay.until(600.0 + window * n as f64);
        totals.push(replay.totals());
    }
    if let Some(incident) = incident {
        replay.change(incident.apply(&usual()));
    }
    replay.until(600.0 + window * (windows + 1) as f64);
    let last = series(&totals[windows], &replay.totals(), window);
    let quiet: Vec<_> = totals
        .windows(2)
        .map(|pair| series(&pair[0], &pair[1], window))
        .collect();
    let effects = last
        .iter()
        .enumerate()
        .map(|(index, (name, value, least))| {
            let values = quiet.iter().map(|of| of[index].1);
            let count = quiet.len() as f64;
            let mean = values.clone().sum::<f64>() / count;
            let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            ((value - mean).abs() / variance.sqrt().max(*least), *name)
        });
    effects
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .expect("there are signals")
}

#[test]
fn every_magnitude_moves_a_series_by_five_times_its_noise_and_its_twin_none() {
    let mut invisible = Vec::new();
    let mut seed = 1;
    for kind in IncidentKind::ALL {
        if OF_THE_PROCESS.contains(&kind.name()) {
            continue;
        }
        assert!(kind.visible_after() <= 180, "{kind}");
        let window = f64::from(kind.visible_after());
        for incident in kind.magnitudes() {
            seed += 1;
            let (seen, series) = effect(Some(&incident), window, seed);
            let (twin, of_twin) = effect(None, window, seed);
            if seen < 5.0 || twin >= 5.0 {
                invisible.push(format!(
                    "{}: {seen:.1} in {series}; its twin {twin:.1} in {of_twin}",
                    incident.reveal()
                ));
            }
        }
    }
    assert!(invisible.is_empty(), "{invisible:#?}");
}
