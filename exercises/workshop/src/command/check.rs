//! `cargo workshop check`: the verdicts, for a reader or as JSON for `class`.

use std::process::ExitCode;

use serde_json::json;

use super::saved;
use crate::course::{Course, Exercise};
use crate::progress::Progress;
use crate::screen::Screen;

pub(super) fn check(course: &Course, exercises: &[&Exercise], as_json: bool) -> ExitCode {
    let screen = Screen::new(false);
    let reports = course.check(exercises, |report| {
        if !as_json {
            screen.print(&screen.verdict(report));
        }
    });
    let mut progress = Progress::read(course.root());
    for report in &reports {
        progress.judged(report.number, report.passed);
    }
    if as_json {
        let reports: Vec<_> = reports
            .iter()
            .zip(exercises)
            .map(|(report, exercise)| {
                let mut report = json!(report);
                report["hints_read"] = json!(progress.hints(exercise));
                report["begun"] = json!(course.is_begun(exercise));
                report
            })
            .collect();
        println!("{}", json!({ "reports": reports }));
    }
    let written = saved(&progress);
    if reports.iter().all(|report| report.passed) {
        written
    } else {
        ExitCode::FAILURE
    }
}
