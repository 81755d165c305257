//! The six models of exercise 22, and a Prometheus that looks at them.

use std::io;

use simulation::Name;

use crate::finding::Finding;
use crate::models::{MODELS, Models};
use crate::prometheus::Prometheus;
use crate::promtool::REMEDY;
use crate::reference;

/// Those of this name, until the standard input has a line, or ends.
///
/// # Errors
///
/// `no-name`; `does-not-start`; what building the reference comes to, or starting Prometheus.
pub(super) fn models(name: &str) -> Result<(), Finding> {
    let name: Name = name
        .parse()
        .map_err(|error| Finding::new("no-name", format!("{name}: {error}")))?;
    if reference::built().is_none() {
        println!("Building the reference: the first time takes minutes.");
    }
    let program = reference::program()?;
    let models = Models::start(&program, name.as_str(), 1.0)?;
    for (model, address) in MODELS.iter().zip(models.addresses()) {
        println!("{model:<10} http://{address}/metrics");
    }
    let rules = reference::model_rules();
    let prometheus = match Prometheus::start(&models.configuration(&rules)) {
        Ok(prometheus) => Some(prometheus),
        Err(finding) if finding.id == "not-installed" => None,
        Err(finding) => return Err(finding),
    };
    match &prometheus {
        Some(prometheus) => println!(
            "A Prometheus scrapes them, with the reference's rules: http://{}/query",
            prometheus.address()
        ),
        None => println!("No Prometheus scrapes them: it is not installed. {REMEDY}"),
    }
    println!("All are well at first; within three minutes five of them are not. Enter ends them.");
    // An input that cannot be read has ended.
    let _ = io::stdin().read_line(&mut String::new());
    Ok(())
}
