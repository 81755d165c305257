//! Alerts, dashboards and exercises: how many a page says there are, and the tables that
//! name each of them.

use std::collections::{BTreeMap, BTreeSet};

use workshop::course::EXERCISES;

use crate::repository::{alerts, dashboards};
use crate::support::readme::Page;

#[test]
fn the_numbers_given_are_right() {
    let alerts = alerts();
    let of = |file: &str| alerts[file].len();
    let all: usize = alerts.values().map(BTreeMap::len).sum();
    let mut counted = BTreeSet::new();
    for page in Page::all() {
        let words: Vec<_> = page.prose.split_whitespace().collect();
        for pair in words.windows(2) {
            let [number, things] = pair else { continue };
            let Some(number) = number_of(number) else {
                continue;
            };
            let things = things.trim_matches(|letter: char| !letter.is_alphanumeric());
            let right = match (things, page.path.as_str()) {
                ("alerts", "docs/processes.md") => vec![of("processes")],
                ("alerts", "docs/training.md") => vec![of("training")],
                ("alerts", "docs/model.md") => vec![of("model")],
                ("alerts", "docs/service.md") => vec![all, of("alerts")],
                ("alerts", _) => vec![all],
                ("dashboards", _) => vec![dashboards().len()],
                ("exercises", _) => vec![EXERCISES.len()],
                _ => continue,
            };
            let said = format!("{}: {} {things}", page.path, pair[0]);
            assert!(right.contains(&number), "{said}, and it is {right:?}");
            counted.insert((page.path.clone(), things.to_owned()));
        }
    }
    // A page that no longer says it in these words is not checked.
    for (page, things) in [
        ("README.md", "alerts"),
        ("README.md", "dashboards"),
        ("README.md", "exercises"),
        ("docs/service.md", "alerts"),
        ("docs/service.md", "dashboards"),
        ("docs/processes.md", "alerts"),
        ("docs/training.md", "alerts"),
        ("docs/model.md", "alerts"),
    ] {
        let counts = counted.contains(&(page.to_owned(), things.to_owned()));
        assert!(counts, "{page} does not say how many {things} there are");
    }
}

#[test]
fn the_tables_name_every_alert_with_its_level() {
    let alerts = alerts();
    for (page, section, file) in [
        ("docs/service.md", "Rules and alerts", "alerts"),
        ("docs/processes.md", "Alerts", "processes"),
        ("docs/training.md", "Alerts", "training"),
        ("docs/model.md", "Alerts", "model"),
    ] {
        let page = Page::read(page);
        let named: BTreeMap<String, String> = page
            .table(section)
            .iter()
            .flat_map(|row| {
                let level = row.cells[0].text.split(',').next().unwrap().to_owned();
                let alerts = row.cells.last().unwrap().spans.iter();
                alerts.map(move |alert| (alert.clone(), level.clone()))
            })
            .collect();
        assert_eq!(named, alerts[file], "{}", page.path);
    }
}

#[test]
fn the_table_names_every_dashboard() {
    let page = Page::read("docs/service.md");
    let named: BTreeSet<String> = page
        .links
        .iter()
        .filter_map(|link| link.target.split_once("/d/"))
        .map(|(_, uid)| uid.to_owned())
        .collect();
    assert_eq!(named, dashboards());
}

/// `Eighteen`, `18` or `18,`.
fn number_of(word: &str) -> Option<usize> {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
    let by_name = || {
        WORDS
            .iter()
            .position(|name| name.eq_ignore_ascii_case(word))
    };
    word.parse().ok().or_else(by_name)
}
