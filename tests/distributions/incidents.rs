//! What an incident changes; what a game hides, and that its seal proves it.

use std::collections::BTreeMap;
use std::time::Duration;

use simulation::incident::truth::{Truth, seal_of};
use simulation::{
    ArrivalRate, Conditions, Faults, Incident, IncidentKind, PUBLIC_SALT, Probability,
};

fn kind(name: &str) -> IncidentKind {
    name.parse().expect("it is a kind")
}

fn usual() -> Conditions {
    let five = ArrivalRate::try_from(5.0).expect("within the bounds");
    Conditions::usual(Faults::default(), Probability::NEVER, five)
}

fn with_delay(delay: &str) -> Conditions {
    let faults = Faults {
        delay: delay.parse().expect("it is a distribution"),
        ..Faults::default()
    };
    Conditions::usual(faults, Probability::NEVER, ArrivalRate::OFF)
}

fn apply(name: &str) -> Conditions {
    Incident::new(kind(name)).apply(&usual())
}

#[test]
fn each_incident_changes_its_own_condition() {
    let before = usual();
    let delay = |conditions: &Conditions| conditions.faults.delay.clone();

    let slow_tail = apply("slow-tail");
    assert_eq!(
        delay(&slow_tail).to_string(),
        "0.95*lognormal(mean=120ms, cv=0.6) + 0.05*lognormal(mean=2s, cv=0.3)"
    );
    assert!(delay(&slow_tail).quantile(0.5) < 1.1 * delay(&before).quantile(0.5));
    assert!(delay(&slow_tail).quantile(0.99) > 4.0 * delay(&before).quantile(0.99));

    let errors = apply("errors");
    assert!((errors.faults.error_rate.get() - 0.208).abs() < 1e-12);
    assert_eq!(apply("more-traffic").traffic.per_second(), 20.0);
    assert!((apply("lost-clients").traffic.per_second() - 1.0).abs() < 1e-12);
    let all_slow = apply("all-slow");
    assert!((delay(&all_slow).mean() - 20.0 * delay(&before).mean()).abs() < 1e-3);

    // So much of the capacity arrives, by Little's law.
    let overload = apply("overload");
    let places = overload.concurrency.expect("it takes places away");
    let capacity = f64::from(u32::try_from(places).unwrap()) / delay(&overload).mean();
    assert!((5.0 / capacity - 1.10).abs() < 1e-6, "{capacity}");

    let storm = apply("retry-storm");
    let surge = storm.surge.expect("it has a cause");
    assert_eq!(storm.traffic_after(Duration::ZERO).per_second(), 20.0);
    assert_eq!(storm.traffic_after(surge.lasts).per_second(), 5.0);

    // Every magnitude of every kind changes something, and says another sentence.
    for kind in IncidentKind::ALL {
        let mut sentences = Vec::new();
        for incident in kind.magnitudes() {
            assert!(incident.apply(&before) != before, "{}", incident.reveal());
            assert_eq!(incident.kind(), kind);
            assert!(!sentences.contains(&incident.reveal()));
            sentences.push(incident.reveal());
        }
        assert!(sentences.len() > 1, "{kind} can be guessed");
    }
}

#[test]
fn incidents_stay_within_what_can_be() {
    let all_slow = Incident::new(kind("all-slow"));
    for (before, after) in [
        ("constant(10s)", "constant(60s)"),
        ("constant(60s)", "constant(60s)"),
        ("constant(0s)", "constant(0s)"),
        ("normal(mean=1ms, sd=2ms)", "normal(mean=20ms, sd=40ms)"),
        (
            "0.5*beta(2, 5, scale=1s) + 0.5*constant(2s)",
            "0.5*beta(2, 5, scale=20s) + 0.5*constant(40s)",
        ),
        (
            "clamp(gamma(shape=3, scale=1ms), 1ms, 30s)",
            "clamp(gamma(shape=3, scale=2ms), 2ms, 60s)",
        ),
    ] {
        let slowed = all_slow.apply(&with_delay(before)).faults.delay;
        assert_eq!(slowed.to_string(), after);
    }
    // Neither traffic that is off nor the most of it, nor a service that always fails.
    for rate in [ArrivalRate::OFF, ArrivalRate::MIN, ArrivalRate::MAX] {
        for kind in IncidentKind::ALL {
            for incident in kind.magnitudes() {
                let mut before = usual();
                before.traffic = rate;
                before.faults.error_rate = Probability::ALWAYS;
                before.panic_rate = Probability::ALWAYS;
                let after = incident.apply(&before);
                assert_eq!(after.faults.error_rate, Probability::ALWAYS);
                assert_eq!(after.traffic.is_off(), rate.is_off(), "{kind}");
                assert!(after.traffic <= ArrivalRate::MAX);
                assert!(after.concurrency.is_none_or(|places| places > 0));
            }
        }
    }

    // A mixture in a mixture is one mixture, whose text is read back.
    let mixed = with_delay("0.9*constant(1ms) + 0.1*constant(2ms)");
    let delay = Incident::new(kind("slow-tail")).apply(&mixed).faults.delay;
    assert_eq!(delay.to_string().parse(), Ok(delay.clone()));
    assert!((delay.mean() - (0.95 * 0.0011 + 0.05 * 2.0)).abs() < 1e-12);
}

fn game(name: &str, salt: &str, level: Option<u8>) -> Truth {
    let name = name.parse().expect("it is a name");
    Truth::draw(&name, salt, level, Truth::USUAL_WINDOW)
}

#[test]
fn a_game_is_what_it_was_when_this_test_was_written() {
    // If this fails, every name that a teacher has prepared means another game.
    let sealed = game("tuesday", "pepper", None).seal_with(0x5eed);
    assert_eq!(sealed.opening(), PINNED);
    assert_eq!(sealed.seal(), seal_of(PINNED));
    assert_ne!(
        sealed.seal(),
        game("tuesday", "pepper", None).seal_with(1).seal()
    );
    let shown = format!("{sealed:?} {:?}", sealed.truth());
    assert_eq!(shown, "SealedTruth { .. } Truth { .. }");
}

const PINNED: &str = "golden-signals incident\n\
    name: tuesday\n\
    nonce: 00000000000000000000000000005eed\n\
    window: 1200 s\n\
    incident: cache-stampede: every 30 s the cache expires, and fetching takes 3 s\n\
    onset: after 368.043 s\n\
    decoy: a fifth more traffic for a while after 667.455 s\n";

/// 4,000 games: a share of a quarter has a standard deviation of 0.7%.
#[test]
fn a_quarter_of_the_games_hides_nothing_and_every_kind_has_its_turn() {
    for (level, salt) in [
        (None, "pepper"),
        (Some(1), "pepper"),
        (Some(2), "s"),
        (Some(3), "s"),
    ] {
        let mut drawn: BTreeMap<String, u32> = BTreeMap::new();
        for n in 0..4_000 {
            let truth = game(&format!("name {n}"), salt, level);
            let minutes = truth.onset().as_secs_f64() / 60.0;
            assert!((1.0..=8.0).contains(&minutes), "{minutes}");
            if let Some((_, at)) = truth.decoy() {
                assert!(at + truth.decoy_lasts() <= truth.window());
            } else {
                assert!(truth.incident().is_some(), "nothing has a decoy");
            }
            let what = truth.incident().map_or("nothing", |incident| {
                assert!(level.is_none_or(|level| level == incident.kind().level()));
                incident.kind().name()
            });
            *drawn.entry(what.to_owned()).or_default() += 1;
        }
        let nothing = drawn.remove("nothing").unwrap_or_default();
        assert!((870..1_130).contains(&nothing), "{nothing} of 4000");
        let kinds = IncidentKind::ALL.into_iter();
        let kinds = kinds.filter(|kind| level.is_none_or(|level| kind.level() == level));
        let kinds: Vec<_> = kinds.collect();
        let fair = 3_000 / kinds.len();
        for kind in kinds {
            let times = drawn.get(kind.name()).copied().unwrap_or_default() as usize;
            assert!(
                (fair * 7 / 10..=fair * 13 / 10).contains(&times),
                "{kind}: {times}"
            );
        }
    }
}

/// Who has the program, the name and the public salt knows nothing: it is drawn anew.
#[test]
fn under_the_public_salt_a_name_says_nothing() {
    let first = game("alice", "only the teacher knows", None);
    assert!(first == game("alice", "only the teacher knows", None));
    assert!(first != game("alice", "another", None) || first != game("bob", "another", None));
    let drawn: Vec<_> = (0..30).map(|_| game("alice", PUBLIC_SALT, None)).collect();
    assert!(drawn.iter().any(|truth| *truth != drawn[0]));
    let nothing = drawn.iter().filter(|truth| truth.incident().is_none());
    // All thirty or none of them: 0.75^30 < 0.0002.
    assert!((1..30).contains(&nothing.count()));
}

#[test]
fn an_unknown_kind_is_told_the_known() {
    let error = "disk".parse::<IncidentKind>().unwrap_err().to_string();
    assert!(error.starts_with("unknown incident `disk`; must be one of slow-tail, errors, "));
    for kind in IncidentKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
        assert!((1..=3).contains(&kind.level()));
        assert_eq!(format!("{:?}", Incident::new(kind)), "Incident { .. }");
    }
}
