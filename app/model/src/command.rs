//! `golden-signals model`: trains the model again, and prints what is true of its answers.

use std::io::Write;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use command_line::flags::whole;
use simulation::Probability;

use crate::artefact::Model;
use crate::scenario::{Scenario, WRITTEN};
use crate::truth::noise_floor;

/// What is to be done with the model.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Train the model and print it, as app/model/wine-gbm.json holds it
    Train(Train),
    /// Print the exact distances and qualities of the answers, scenario by scenario
    Truth(Truth),
}

/// The options of `model train`.
#[derive(Args, Clone, Debug)]
pub struct Train {
    /// Seed that chooses the 1,000 wines of training among 1,599
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_SEED", value_name = "N", default_value = "1", value_parser = whole::<u64>(0, u64::MAX))]
    pub seed: u64,

    /// When it was trained, as the file says [default: now]
    #[arg(long, env = "GOLDEN_TRAINED_AT", value_name = "TIME", value_parser = time)]
    pub trained_at: Option<SystemTime>,
}

/// The options of `model truth`.
#[derive(Args, Clone, Debug)]
pub struct Truth {
    /// Only this scenario: none, absent, slow, failing, nan, stale, tilt(-0.6), fraction,
    /// micrograms, missing, concept or stuck [default: all]
    #[arg(long, env = "GOLDEN_SCENARIO", value_name = "SCENARIO", value_parser = str::parse::<Scenario>)]
    pub scenario: Option<Scenario>,

    /// Share of the answers that are affected, from 0 to 1
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_SHARE",
        value_name = "P",
        default_value = "1"
    )]
    pub share: Probability,

    /// Number of answers for which the noise floor is printed
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_ANSWERS", value_name = "N", default_value = "6000", value_parser = whole::<u32>(1, u32::MAX))]
    pub answers: u32,
}

/// Does it, writing to `out`.
///
/// # Errors
///
/// If `out` cannot be written to.
pub fn run(command: &Command, out: &mut dyn Write) -> std::io::Result<()> {
    match command {
        Command::Train(train) => {
            let at = train.trained_at.unwrap_or_else(SystemTime::now);
            out.write_all(Model::train(train.seed, at).to_json().as_bytes())
        }
        Command::Truth(truth) => write_truth(truth, out),
    }
}

fn write_truth(truth: &Truth, out: &mut dyn Write) -> std::io::Result<()> {
    let model = Model::shipped();
    let all = WRITTEN.iter().filter_map(|written| written.parse().ok());
    let scenarios = truth
        .scenario
        .map_or_else(|| all.collect(), |one| vec![one]);
    writeln!(
        out,
        "{:<12} {:>6} {:>6} {:>7} {:>6} {:>8} {:>6} {:>6}",
        "scenario", "KS", "D1", "PSI", "mean", "accuracy", "AUC", "Brier"
    )?;
    for scenario in scenarios {
        let law = scenario.law(model, truth.share.get());
        let (distance, quality) = (law.distance(model.reference()), law.quality());
        writeln!(
            out,
            "{:<12} {:>6.4} {:>6.4} {:>7.4} {:>6.4} {:>8.4} {:>6.4} {:>6.4}",
            scenario.to_string(),
            distance.ks,
            distance.d1,
            distance.psi,
            quality.mean,
            quality.accuracy,
            quality.auc,
            quality.brier
        )?;
    }
    let floor = noise_floor(f64::from(truth.answers));
    writeln!(
        out,
        "KS of {} answers without a shift: up to {floor:.4} in 99 of 100 cases",
        truth.answers
    )
}

fn time(text: &str) -> Result<SystemTime, String> {
    humantime::parse_rfc3339(text)
        .map_err(|_| "must be a time in RFC 3339, like 2026-01-01T00:00:00Z".to_owned())
}
