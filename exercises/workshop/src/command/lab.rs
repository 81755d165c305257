//! `cargo workshop lab`: exercise 10's requests in four histograms, and what a
//! Prometheus reports of each.

use std::process::ExitCode;
use std::time::Duration;

use super::failure;
use crate::checks::buckets;
use crate::course::{Course, EXERCISES};
use crate::lab::{Lab, Reported};
use crate::mystery::Distribution;
use crate::screen::Screen;

// Until Prometheus has seen a histogram twice.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs until the standard input has a line, or ends.
pub(super) fn lab(course: &Course, delays: &Distribution, text: &str, address: &str) -> ExitCode {
    let exercise = EXERCISES
        .iter()
        .find(|exercise| exercise.name == "10_buckets");
    let own = exercise.and_then(|exercise| buckets::own(&course.file(exercise)));
    let screen = Screen::new();
    let lab = match Lab::start(address, delays, own) {
        Ok(lab) => lab,
        Err(finding) => return failure(&finding.observed),
    };
    screen.print(&format!("listening on {}\n", lab.address()));
    screen.print(&format!(
        "A hundred requests a second take {text}. Enter ends it.\n"
    ));
    // Held until the end, for the student to ask it.
    let prometheus = lab.prometheus();
    match prometheus
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|prometheus| {
            screen.print(&format!(
                "Prometheus is at http://{}/\n",
                prometheus.address()
            ));
            lab.reported(prometheus, SCRAPE_TIMEOUT)
        }) {
        Ok(reported) => screen.print(&table(&reported, lab.truth())),
        Err(finding) => screen.print(&format!("{}\n", finding.observed)),
    }
    // Ended like this, Prometheus ends too.
    let _ = std::io::stdin().read_line(&mut String::new());
    ExitCode::SUCCESS
}

fn table(reported: &[Reported], truth: f64) -> String {
    let mut table = "\nThe 95th percentile in ms, where it may be as far as the buckets know, and the series that it costs;\n\
                     then both again after Prometheus has made one native histogram of the buckets (NHCB):\n"
        .to_owned();
    table += "               p95    above    up to  series      NHCB  series\n";
    for one in reported {
        let [p95, low, high] = [one.p95, one.between.0, one.between.1].map(|s| 1000.0 * s);
        table += &format!(
            "  {:<8} {p95:>7.1}  {low:>7.1}  {high:>7.1}  {:>6}",
            one.buckets, one.series
        );
        if let Some((p95, series)) = one.converted {
            table += &format!("  {:>8.1}  {series:>6}", 1000.0 * p95);
        }
        table.push('\n');
    }
    table + &format!("  {:<8} {:>7.1}\n", "truth", 1000.0 * truth)
}
