//! What exercise 22 says of its six models is what they show.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod reference;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use workshop::exposition::Exposition;
use workshop::http;
use workshop::models::{Ailment, MODELS, Models, REASONS, cases};

const NAME: &str = "ana";
// A minute and more of onset, in seconds.
const HURRY: f64 = 30.0;
// Labels come after a quarter of a minute, and six services share the machine with other tests.
const TIMEOUT: Duration = Duration::from_secs(180);

// OpenMetrics, as the strict reader wants it.
fn page(address: SocketAddr) -> Exposition {
    let host = address.to_string();
    let headers = [
        ("host", host.as_str()),
        ("accept", "application/openmetrics-text;version=1.0.0"),
    ];
    let answer = http::request_with(address, "GET", "/metrics", &headers).unwrap();
    Exposition::parse(&answer.body).unwrap()
}

/// What a page shows since another, earlier one.
struct Seen<'a>(&'a Exposition, &'a Exposition);

impl Seen<'_> {
    fn rose(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.1.sum(name, labels) - self.0.sum(name, labels)
    }

    fn predictions(&self) -> f64 {
        self.rose("predictions_total", &[])
    }

    fn brier(&self) -> f64 {
        let by = [("by", "model")];
        self.rose("prediction_squared_error_sum", &by)
            / self.rose("prediction_squared_error_count", &by)
    }

    fn disagreements(&self) -> f64 {
        self.rose("prediction_rule_disagreements_total", &[]) / self.predictions()
    }

    /// What ails it, by what exercise 22's page tells to look at.
    fn ailment(&self) -> &'static str {
        if self.rose(
            "model_feature_out_of_range_total",
            &[("feature", "alcohol")],
        ) > 0.2 * self.predictions()
        {
            "unit"
        } else if self.rose("model_feature_missing_total", &[]) > 0.1 * self.predictions() {
            "missing"
        } else if self.rose("predictions_total", &[("by", "rules")]) > 0.1 * self.predictions() {
            "fallback"
        } else if self.brier() < 0.22 {
            "none"
        } else if self.disagreements() < 0.4 {
            "taste"
        } else {
            "stuck"
        }
    }
}

fn name_of(ailment: Ailment) -> &'static str {
    match ailment {
        Ailment::None => "none",
        Ailment::Unit => "unit",
        Ailment::Missing(_) => "missing",
        Ailment::Fallback(..) => "fallback",
        Ailment::Taste => "taste",
        Ailment::Stuck => "stuck",
    }
}

#[test]
fn each_model_shows_what_ails_it() {
    let models = Models::start(reference::program(), NAME, HURRY).unwrap();
    let start: Vec<_> = models.addresses().iter().copied().map(page).collect();
    let deadline = Instant::now() + TIMEOUT;
    // So many labels that chance hides nothing.
    let labelled = |page: &Exposition| page.sum("labels_total", &[]) > 250.0;
    let pages = loop {
        let pages: Vec<_> = models.addresses().iter().copied().map(page).collect();
        if pages.iter().all(labelled) {
            break pages;
        }
        assert!(Instant::now() < deadline, "labels are missing");
        thread::sleep(Duration::from_millis(200));
    };
    for (number, case) in cases(NAME).into_iter().enumerate() {
        let seen = Seen(&start[number], &pages[number]);
        let shown = (seen.brier(), seen.disagreements());
        assert_eq!(
            seen.ailment(),
            name_of(case.ailment),
            "{}: {shown:?}",
            MODELS[number]
        );
        match case.ailment {
            Ailment::Missing(percent) => {
                let share = seen.rose("model_feature_missing_total", &[]) / seen.predictions();
                let apart = (100.0 * share - f64::from(percent)).abs();
                assert!(apart < 12.0, "{share}");
            }
            Ailment::Fallback(reason, _) => {
                let labels = [("by", "rules"), ("reason", REASONS[reason].0)];
                assert!(seen.rose("predictions_total", &labels) > 0.0);
            }
            _ => {}
        }
    }
    // Nobody is told who has no token.
    for address in models.addresses() {
        let host = address.to_string();
        let headers = [("host", host.as_str())];
        let answer = http::request_with(*address, "GET", "/control/model", &headers).unwrap();
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
}

#[test]
fn a_name_decides_and_all_come_up() {
    let mut seen = BTreeSet::new();
    for number in 0..600 {
        let cases = cases(&format!("student {number}"));
        let names: BTreeSet<_> = cases.iter().map(|case| name_of(case.ailment)).collect();
        assert_eq!(names.len(), 6);
        assert!(cases.iter().all(|case| (60..=150).contains(&case.onset)));
        seen.extend(
            cases
                .iter()
                .enumerate()
                .map(|(place, case)| format!("{place} {:?}", case.ailment)),
        );
    }
    // Six places for three ailments without a number, three shares, and four reasons by three.
    assert_eq!(seen.len(), 6 * (4 + 3 + 12));
    // The same on every machine, for ever.
    let ana = cases(NAME).map(|case| (name_of(case.ailment), case.onset));
    assert_eq!(
        ana,
        [
            ("none", 130),
            ("taste", 117),
            ("stuck", 86),
            ("fallback", 150),
            ("missing", 88),
            ("unit", 105)
        ]
    );
}
