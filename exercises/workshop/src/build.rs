//! Programs built by cargo, and how far that is: packages are counted as cargo's messages
//! (`--message-format`, <https://doc.rust-lang.org/cargo/reference/external-tools.html>)
//! report them. Nothing is shown here; whoever asked for the build shows its progress.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::{KillOnDrop, wait};
use crate::compiler;
use crate::finding::Finding;

// A first build compiles the libraries too.
const TIMEOUT: Duration = Duration::from_mins(15);
// Of what cargo writes, so much is read: a message is some kilobytes, of which a
// thousand make a build.
const MAX_BYTES: u64 = 64 << 20;
// At the end of its messages cargo ends.
const END_TIMEOUT: Duration = Duration::from_secs(10);

// A build that has its libraries is over by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far a build is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Packages that are ready.
    pub done: usize,
    /// Packages that are needed; nothing until cargo has said it.
    pub of: Option<usize>,
}

enum Said {
    Message(Value),
    Needed(usize),
    /// There are no more messages.
    End,
    /// What it wrote beside them, when it is all there.
    Beside(String),
}

/// Builds this program of this package and returns where it is. `each` is told of every
/// package that becomes ready.
///
/// # Errors
///
/// `does-not-compile` with what the compiler said; `no-cargo`, `build-hangs`.
pub fn build(
    root: &Path,
    package: &str,
    name: &str,
    each: &mut dyn FnMut(Progress),
) -> Result<PathBuf, Finding> {
    let mut child = cargo(root)
        .args(["build", "--quiet", "--package", package, "--bin", name])
        .args(["--message-format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Finding::new("no-cargo", format!("cargo could not be started: {error}"))
        })?;
    let (sender, said) = mpsc::channel();
    messages(&mut child, &sender);
    let child = KillOnDrop::new(child);
    let over = Arc::new(AtomicBool::new(false));
    needed(root, package, sender, Arc::clone(&over));
    let result = followed(&said, name, each);
    over.store(true, Ordering::Relaxed);
    let status = match result {
        Some(_) => wait(&child, END_TIMEOUT),
        None => None,
    };
    let (Some((program, errors)), Some(status)) = (result, status) else {
        return Err(Finding::new(
            "build-hangs",
            format!(
                "The build did not end within {} minutes.",
                TIMEOUT.as_secs() / 60
            ),
        ));
    };
    match program {
        Some(program) if status.success() => Ok(program),
        _ => Err(compiler::finding(&errors)),
    }
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

// Until cargo has no more to say: the program, if there is one, and the errors.
// Nothing at the timeout.
fn followed(
    said: &mpsc::Receiver<Said>,
    name: &str,
    each: &mut dyn FnMut(Progress),
) -> Option<(Option<PathBuf>, Vec<compiler::Error>)> {
    let deadline = Instant::now() + TIMEOUT;
    let (mut program, mut errors) = (None, Vec::new());
    let (mut ready, mut of) = (BTreeSet::new(), None);
    let (mut ended, mut beside) = (false, None);
    while !(ended && beside.is_some()) {
        match said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Said::Needed(count)) => of = Some(count),
            Ok(Said::End) => ended = true,
            Ok(Said::Beside(text)) => beside = Some(text),
            Ok(Said::Message(message)) => {
                if message["message"]["level"] == "error" {
                    errors.push(compiler::Error::of(&message["message"]));
                }
                let target = &message["target"];
                let is_library = target["kind"][0] != "custom-build";
                if message["reason"] != "compiler-artifact" || !is_library {
                    continue;
                }
                ready.insert(message["package_id"].to_string());
                if target["name"] == name {
                    program = message["executable"].as_str().map(PathBuf::from);
                }
            }
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let done = ready.len();
        // One that is needed at compile time and at run time may be counted once.
        each(Progress {
            done,
            of: of.map(|of| done.max(of)),
        });
    }
    if errors.is_empty() && program.is_none() {
        errors.push(compiler::Error::unknown(beside.unwrap_or_default()));
    }
    Some((program, errors))
}

// Cargo's messages, and in the end what else it wrote.
fn messages(child: &mut Child, sender: &Sender<Said>) {
    if let Some(stdout) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || {
            let lines = BufReader::new(stdout.take(MAX_BYTES)).lines();
            for line in lines.map_while(Result::ok) {
                if let Ok(message) = serde_json::from_str(&line)
                    && sender.send(Said::Message(message)).is_err()
                {
                    return;
                }
            }
            let _ = sender.send(Said::End);
        });
    }
    if let Some(stderr) = child.stderr.take() {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.take(MAX_BYTES).read_to_end(&mut text);
            let text = String::from_utf8_lossy(&text).into_owned();
            let _ = sender.send(Said::Beside(text));
        });
    }
}

// How many packages there are to be built, if it is not over soon. Beside the build: where
// sources must be downloaded first, cargo answers this when it has them. If it does not,
// nobody minds.
fn needed(root: &Path, package: &str, sender: Sender<Said>, over: Arc<AtomicBool>) {
    let mut tree = cargo(root);
    tree.args(["tree", "--quiet", "--package", package])
        .args(["--edges", "normal,build", "--prefix", "none"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        if over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut tree) = tree.spawn() else { return };
        let stdout = tree.stdout.take();
        let tree = KillOnDrop::new(tree);
        let mut text = String::new();
        let read = stdout.map(|stdout| stdout.take(MAX_BYTES).read_to_string(&mut text));
        if read.is_some_and(|read| read.is_ok()) && wait(&tree, END_TIMEOUT).is_some() {
            // A package that stands there again is marked.
            let packages: BTreeSet<_> = text
                .lines()
                .map(|line| line.trim_end_matches(" (*)"))
                .filter(|line| !line.is_empty())
                .collect();
            if !packages.is_empty() {
                let _ = sender.send(Said::Needed(packages.len()));
            }
        }
    });
}
