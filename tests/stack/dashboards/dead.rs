//! What the dashboards say of a service that has died: nothing.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::answers::last_points;
use super::dashboard::{Query, Selection, all, text};
use super::panels::data_panels;
use super::queries::Asked;

/// How soon after the end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whether a number answers of scraping or of alerting itself, which go on; or of all of
/// the range, whose title says so.
fn is_of_the_watcher_or_of_the_past(query: &Query) -> bool {
    query.expression.contains("ALERTS")
        || query.expression == r#"sum(up{job="$job"})"#
        || query.expression.contains("[$__range]")
}

/// Both instances are killed: soon no number and no table has anything to show of them.
pub(super) fn a_dead_service_has_no_numbers(asked: &Asked) {
    let dashboards = all();
    let numbers: BTreeSet<(&str, &str)> = dashboards
        .iter()
        .flat_map(|dashboard| {
            let panels = data_panels(dashboard);
            panels
                .filter(|panel| panel["type"] == "stat" || panel["type"] == "table")
                .map(|panel| (dashboard.name.as_str(), text(&panel["title"])))
        })
        .collect();
    let mut waiting: Vec<_> = asked
        .queries
        .iter()
        .filter(|query| !["alerts", "training"].contains(&query.dashboard.as_str()))
        .filter(|query| numbers.contains(&(&query.dashboard, &query.panel)))
        .filter(|query| !is_of_the_watcher_or_of_the_past(query))
        .collect();
    assert!(waiting.len() >= 10, "only {} numbers", waiting.len());
    let selection = Selection {
        job: "app",
        instance: None,
    };
    for instance in &asked.stack.app {
        instance.signal(Signal::KILL);
    }
    let killed = Instant::now();
    loop {
        waiting.retain(|query| {
            let expression = query.filled(&selection);
            !last_points(&asked.stack.prometheus, query, &expression).is_empty()
        });
        if waiting.is_empty() {
            return;
        }
        let places: Vec<_> = waiting.iter().map(|query| query.place()).collect();
        assert!(
            killed.elapsed() < TIMEOUT,
            "numbers of the dead: {places:#?}"
        );
        thread::sleep(Duration::from_millis(250));
    }
}
