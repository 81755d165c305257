//! The incident game, played from outside: a client of a running service, and of the
//! Prometheus that judges the evidence.
//!
//! - [`options`]: the commands and what they take.
//! - [`answer`]: an answer's file, and the words that it may have.
//! - [`service`]: the service's `/control/incident`.
//! - [`evidence`]: the query that was given, over the incident's time and the quiet time.
//! - [`report`]: what is printed, as text or as JSON.
//!
//! What an incident is and what an answer earns stands in the crate `simulation`; this
//! role keeps no state.

mod answer;
mod evidence;
pub mod options;
mod report;
mod service;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use self::evidence::Judgement;
use self::options::{Command, Options};
use self::service::Service;
use simulation::incident::marks::{FULL, SEPARATES};
use simulation::incident::truth::seal_of;

/// Does what the command says, and returns what is to be printed.
///
/// # Errors
///
/// What a peer answers instead, or what is wrong with a file.
pub async fn run(options: Options) -> anyhow::Result<String> {
    let told = match options.command {
        Command::Arm(arm) => {
            let state = Service::new(arm.service).arm(&arm.game).await?;
            report::told(options.json, &state, report::state)
        }
        Command::Status(service) => {
            let state = Service::new(service).state().await?;
            report::told(options.json, &state, report::state)
        }
        Command::Declare(service) => {
            let state = Service::new(service).declare().await?;
            report::told(options.json, &state, report::state)
        }
        Command::Diagnose(diagnose) => {
            let answer = answer::read(&diagnose.file)?;
            let state = Service::new(diagnose.service).diagnose(&answer).await?;
            report::told(options.json, &state, report::state)
        }
        Command::Reveal(reveal) => {
            let mut ended = Service::new(reveal.service).end().await?;
            if ended["revealed"].is_object() {
                let judgement = evidence::judge(&reveal.prometheus, &ended).await;
                mark(&mut ended, &judgement);
            }
            if let Some(path) = &reveal.output {
                let text = format!("{ended:#}\n");
                std::fs::write(path, text)
                    .with_context(|| format!("--output {}", path.display()))?;
            }
            report::told(options.json, &ended, report::revealed)
        }
        Command::Verify(verify) => {
            let checked = verified(&verify.file, verify.seal.as_deref())?;
            report::told(options.json, &checked, report::verified)
        }
        Command::Words => report::told(options.json, &answer::words(), report::words),
    };
    Ok(told)
}

/// Adds what the query has earned.
fn mark(ended: &mut Value, judgement: &Judgement) {
    let revealed = &mut ended["revealed"];
    let nothing = revealed["mechanism"] == "nothing";
    let separates = judgement.separation.is_some_and(|auc| auc >= SEPARATES);
    let earned = if separates && !nothing {
        FULL.evidence
    } else {
        0
    };
    if earned > 0 {
        let marks = &mut revealed["marks"];
        let total = marks["total"].as_i64().unwrap_or_default() + i64::from(earned);
        marks["evidence"] = earned.into();
        marks["total"] = total.into();
    }
    revealed["judgement"] = json!({
        "separation": judgement.separation,
        "why": judgement.why,
    });
}

/// Whether the opening in a file that `reveal` wrote is what the seal was made of.
fn verified(file: &std::path::Path, seal: Option<&str>) -> anyhow::Result<Value> {
    let written: Value = serde_json::from_str(&answer::text_of(file)?)
        .with_context(|| format!("{}: is not what reveal --output writes", file.display()))?;
    let Some(opening) = written["revealed"]["opening"].as_str() else {
        bail!(
            "{}: has no revealed.opening; give what reveal --output wrote",
            file.display()
        );
    };
    let Some(seal) = seal.or_else(|| written["game"]["seal"].as_str()) else {
        bail!("{}: has no game.seal; give it with --seal", file.display());
    };
    let computed = seal_of(opening);
    if computed != seal.trim().to_lowercase() {
        bail!(
            "the opening is not what was sealed: its SHA-256 is {computed}, and the seal is {seal}"
        );
    }
    Ok(json!({ "seal": computed, "opening": opening }))
}
