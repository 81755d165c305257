//! Writes the dashboards that Grafana is provisioned with: `cargo dashboards`.
//!
//! One file a dashboard, named for it, says what its panels show: title, description, unit,
//! queries. What all of them share stands once: what a dashboard is made of in [`dashboard`], a
//! panel in [`panel`], what its plugin wants in [`kind`] and [`graph`], its fields in [`field`],
//! the lists on top in [`variable`]. Grafana reads the JSON, and people review it, so it is
//! committed; a test holds that it is what is written here. Nothing else depends on this crate.
//! It knows neither Grafana's API nor Prometheus': whether a query answers is for `tests/stack`
//! to say.

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use crate::dashboard::Dashboard;

mod alerts;
mod burn_rate;
mod dashboard;
mod distributions;
mod field;
mod golden_signals;
mod graph;
mod kind;
mod model;
mod panel;
mod process;
mod processes;
mod query;
mod training;
mod variable;
mod your_turn;

/// From where Grafana reads them.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/provisioning/dashboards");

fn dashboards() -> [Dashboard; 8] {
    [
        alerts::dashboard(),
        distributions::dashboard(),
        golden_signals::dashboard(),
        model::dashboard(),
        process::dashboard(),
        processes::dashboard(),
        training::dashboard(),
        your_turn::dashboard(),
    ]
}

/// Writes those that are not yet as they should be, and returns their names.
fn write(directory: &Path) -> io::Result<Vec<String>> {
    let mut written = Vec::new();
    for dashboard in dashboards() {
        let name = format!("{}.json", dashboard.uid());
        let path = directory.join(&name);
        let text = dashboard.text();
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        fs::write(&path, text).map_err(failed)?;
        written.push(name);
    }
    Ok(written)
}

fn main() -> ExitCode {
    match write(Path::new(DIRECTORY)) {
        Ok(written) if written.is_empty() => println!("All dashboards are as they should be."),
        Ok(written) => println!("Written: {}.", written.join(", ")),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{DIRECTORY, dashboards};

    #[test]
    fn what_is_committed_is_what_is_generated() {
        for dashboard in dashboards() {
            let path = format!("{DIRECTORY}/{}.json", dashboard.uid());
            let committed = fs::read_to_string(&path).expect("it is in the repository");
            let generated = dashboard.text();
            let differs = committed
                .lines()
                .zip(generated.lines())
                .position(|(committed, generated)| committed != generated);
            assert!(
                committed == generated,
                "{path} differs from its generator from line {:?} on: change grafana/src and \
                 run `cargo dashboards`",
                differs.map(|line| line + 1)
            );
        }
    }

    #[test]
    fn no_dashboard_is_there_that_nobody_generates() {
        let there: BTreeSet<_> = fs::read_dir(DIRECTORY)
            .expect("it is in the repository")
            .map(|entry| entry.expect("it can be listed").file_name())
            .filter_map(|name| Some(name.to_str()?.strip_suffix(".json")?.to_owned()))
            .collect();
        let generated = dashboards().iter().map(|it| it.uid().to_owned()).collect();
        assert_eq!(there, generated);
    }
}
