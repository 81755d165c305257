//! What a training has learned survives its processes: the commands of the page, killed and
//! started again; a directory that is full.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::peers;
use crate::support::pushgateway::{Pushgateway, free_address};
use crate::support::readme::Page;
use crate::support::training::{Job, Training};

/// The names in a directory, in their order.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("it was made");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries.flatten().map(name).collect();
    names.sort();
    names
}

/// The four commands of docs/training.md, with so many shards.
struct Roles {
    commands: Vec<String>,
}

impl Roles {
    fn of_the_page(shards: usize, directory: &Path) -> Self {
        let page = Page::read("docs/training.md");
        let mut commands = page.commands();
        commands.retain(|command| command.starts_with("golden-signals train --role "));
        assert_eq!(commands.len(), 4, "{commands:#?}");
        let addresses: Vec<_> = (0..shards).map(|_| free_address().to_string()).collect();
        // On ports of their own, and the second shard's command as often as there are more.
        let second = commands.remove(1);
        for _ in 1..shards {
            commands.insert(1, second.clone());
        }
        let worker = free_address().to_string();
        let mut binds = addresses.clone().into_iter().chain([worker.clone()]);
        for command in &mut commands {
            let is_shard = command.contains("--role parameter-server");
            if is_shard || command.contains("embedding-worker ") {
                let bind = binds.next().expect("one for each");
                *command = match command.split_once("--bind ") {
                    Some((before, rest)) => {
                        let after = rest.split_once(' ').map_or("", |(_, after)| after);
                        format!("{before}--bind {bind} {after}")
                    }
                    // On its default port.
                    None => format!("{command} --bind {bind}"),
                };
            }
            if let Some((before, rest)) = command.split_once("--parameter-servers ") {
                let after = rest.split_once(' ').map_or("", |(_, after)| after);
                let all = addresses.join(",");
                *command = format!("{before}--parameter-servers {all} {after}");
            }
            if command.contains("--role trainer") {
                *command = format!("{command} --embedding-workers {worker}");
            }
            let ours = format!("--checkpoints {}", directory.display());
            *command = command.replace("--checkpoints checkpoints", &ours);
        }
        Self { commands }
    }

    fn start(&self, trainer: &[&str]) -> Vec<Training> {
        let start = |command: &String| {
            let mut words: Vec<&str> = command.split_whitespace().skip(2).collect();
            if command.contains("--role trainer") {
                words.extend(trainer);
            }
            train(&words)
        };
        self.commands.iter().map(start).collect()
    }
}

fn train(arguments: &[&str]) -> Training {
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command
        .args(["train", "--log-format", "json"])
        .args(arguments);
    Training::spawn(command)
}

/// On samples that are many, so that what is compared is what was learned.
const JUDGED: [&str; 3] = [
    "--evaluate-every=900",
    "--held-out=30000",
    "--checkpoint-every=300",
];
const TO_THE_END: &str = "--steps=900";

fn auc(training: &mut Training) -> f64 {
    assert!(training.wait().success(), "{:#?}", training.log());
    let summary = training.line_when("trained on");
    let said = summary["message"].as_str().expect("it is a sentence");
    let auc = said.split("AUC ").nth(1).and_then(|rest| rest.parse().ok());
    auc.unwrap_or_else(|| panic!("no AUC: {said}"))
}

#[test]
fn what_the_page_s_commands_have_learned_survives_their_being_killed() {
    let job = Job::new("killed", free_address());
    let directory = job.file("checkpoints");
    let uninterrupted = auc(&mut train(&[&JUDGED[..], &[TO_THE_END]].concat()));

    let roles = Roles::of_the_page(2, &directory);
    let mut processes = roles.start(&JUDGED);
    let trainer = processes.last().expect("it is the last");
    trainer.lines_when("saved a checkpoint", 2);
    for process in &mut processes {
        process.kill();
    }
    // For another number of shards, from the very same.
    let copied = job.file("copied");
    fs::create_dir(&copied).expect("the directory is ours");
    for name in files(&directory) {
        fs::copy(directory.join(&name), copied.join(&name)).expect("both are ours");
    }
    for (shards, directory) in [(2, &directory), (3, &copied)] {
        let roles = Roles::of_the_page(shards, directory);
        let mut processes = roles.start(&[&JUDGED[..], &[TO_THE_END]].concat());
        let trainer = processes.last_mut().expect("it is the last");
        let resumed = auc(trainer);
        let step = trainer.line_when("resuming from a checkpoint")["step"].as_u64();
        assert!(step >= Some(600), "{step:?}");
        println!("{shards} shards: AUC {resumed}, uninterrupted {uninterrupted}");
        assert!(
            resumed >= uninterrupted - 0.002,
            "{shards} shards: AUC {resumed}, uninterrupted {uninterrupted}"
        );
    }
}

/// A limit on the size of files does what a full disk does: a write that has begun fails.
#[test]
#[cfg(unix)]
fn what_cannot_be_saved_is_said_counted_and_not_left_half_written() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let job = Job::new("full", gateway.address());
    let directory = job.file("checkpoints");
    let checkpoints = format!("--checkpoints={}", directory.display());
    let config = job.file("global_config.yaml");
    let config = format!("--global-config={}", config.display());
    let address = gateway.address().to_string();
    let run = |steps: &str, limit: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\""])
            .args(["sh", limit, env!("CARGO_BIN_EXE_golden-signals"), "train"])
            .args(["--log-format=json", "--batch-size=64", "--resume", steps])
            .args(["--evaluate-every=0", "--checkpoint-every=20"])
            .args([&config, &checkpoints])
            .env("PERSIA_METRICS_GATEWAY_ADDR", &address);
        let mut training = Training::spawn(command);
        let status = training.wait();
        (training, status.code())
    };
    let (_, code) = run("--steps=20", "unlimited");
    assert_eq!(code, Some(0));
    let complete = files(&directory);
    assert_eq!(complete.len(), 3, "{complete:?}");

    // Less than the embeddings take, and then less than the network does.
    for limit in ["64", "1"] {
        let (full, code) = run("--steps=70", limit);
        assert_eq!(code, Some(2), "{:#?}", full.log());
        full.line_when("resuming from a checkpoint");
        assert!(full.lines("saved a checkpoint").is_empty());
        let failed = full.lines("cannot save a checkpoint");
        let of_trainer: Vec<_> = failed
            .iter()
            .filter(|line| line["last_complete_step"] == 20)
            .collect();
        // At 40 and at 60, and at the end.
        assert_eq!(of_trainer.len(), 3, "{failed:#?}");
        for line in &of_trainer {
            let error = line["error"].as_str().unwrap_or_default();
            assert!(error.contains("File too large"), "{line}");
            assert!(error.contains("make room there"), "{line}");
        }
        let last = full.log().pop().expect("it says why it failed");
        let last = last.as_str().unwrap_or_default().to_owned();
        assert!(
            last.starts_with("error: ") && last.contains("make room"),
            "{last}"
        );
        assert_eq!(files(&directory), complete);
        let samples = gateway.metrics();
        assert_eq!(samples.sum("checkpoint_failures_total", &[]), 3.0);
        assert_eq!(samples.sum("checkpoint_step", &[]), 20.0);
    }
    let (_, code) = run("--steps=30", "unlimited");
    assert_eq!(code, Some(0));
    assert_eq!(gateway.metrics().sum("checkpoint_failures_total", &[]), 0.0);
}

#[test]
fn a_trainer_whose_shard_cannot_save_ends_before_it_trains() {
    let job = Job::new("forgetful", free_address());
    let directory = job.file("checkpoints");
    let mut roles = Roles::of_the_page(2, &directory);
    let forgetful = &mut roles.commands[1];
    let ours = format!("--checkpoints {} --resume", directory.display());
    *forgetful = forgetful.replace(&ours, "");
    let mut processes = roles.start(&[]);
    let trainer = processes.last_mut().expect("it is the last");
    assert_eq!(trainer.wait().code(), Some(2));
    let said = trainer.log().pop().expect("it says why");
    let said = said.as_str().unwrap_or_default().to_owned();
    let reason = "shard 1 has nowhere to save a checkpoint; start it with --checkpoints";
    assert!(
        said.starts_with("error: ") && said.matches(reason).count() == 1,
        "{said}"
    );
    assert!(!directory.join("trainer.checkpoint").exists());
}
