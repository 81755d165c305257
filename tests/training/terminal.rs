//! What a training shows on a terminal: a bar that moves, and lines of the log above it.

use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::peers;

/// What a terminal has received from a training with these arguments, which ends by itself.
fn shown(arguments: &str) -> Option<String> {
    let script = peers::require("script")?;
    let program = env!("CARGO_BIN_EXE_golden-signals");
    let command = format!("stty cols 120 && exec '{program}' train {arguments}");
    let output = Command::new(script)
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm")
        .output()
        .expect("it starts");
    let shown = String::from_utf8(output.stdout).expect("it is UTF-8");
    assert!(output.status.success(), "{shown}");
    Some(shown)
}

#[test]
fn a_terminal_shows_a_bar_and_lines_above_it() {
    let directory = Daemon::directory("terminal");
    // Two seconds of it, with something to say in between.
    let Some(shown) = shown(&format!(
        "--steps 400 --batch-size 64 --examples-per-second 12800 --evaluate-every 50 \
         --held-out 256 --checkpoint-every 50 --checkpoints '{}'",
        directory.display()
    )) else {
        return;
    };
    // The bar, with all that it is for.
    let bar = |part: &str| part.contains("/400") && part.contains("examples/s");
    let drawn: Vec<_> = shown.split(['\r', '\n']).filter(|part| bar(part)).collect();
    assert!(drawn.len() > 2, "{shown:?}");
    for word in ["step ", "loss ", "AUC ", " left"] {
        assert!(
            drawn.iter().any(|part| part.contains(word)),
            "{word}: {shown:?}"
        );
    }
    // No line of progress, which is for those who read a file; every other line has a
    // row of its own, from its first column on.
    let messages = ["saved a checkpoint", "trained on 400 batches"];
    for line in shown.lines().filter(|line| line.contains("INFO")) {
        assert!(
            messages.iter().any(|message| line.contains(message)),
            "{line:?}"
        );
        let row = line
            .rsplit(['\r', '\u{1b}'])
            .find(|part| part.contains("20"));
        assert!(!bar(row.unwrap_or(line)), "{line:?}");
    }
    assert_eq!(shown.matches("saved a checkpoint").count(), 8);
    assert_eq!(shown.matches("trained on 400 batches").count(), 1);
    std::fs::remove_dir_all(directory).expect("it is ours");
}
