//! A command of the workshop on a terminal of 80 columns and 24 rows: what it draws, as
//! somebody would see it, and keys as somebody would press them.

#![allow(unreachable_pub, reason = "it is part of a test program")]

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::TIMEOUT;
use crate::copy::Copy;

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

impl Terminal {
    /// Nothing where there is no `script`, which gives a program a terminal.
    pub fn start(course: &Copy, words: &[&str], environment: &[(&str, &str)]) -> Option<Self> {
        let script = peers::require("script")?;
        let command = format!(
            "stty rows {ROWS} cols {COLUMNS} && exec '{}' {}",
            env!("CARGO_BIN_EXE_workshop"),
            words.join(" ")
        );
        // With the course's folder and cargo's settings, as other commands have them.
        let settings = course.command(&[]);
        let mut child = Command::new(script)
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .envs(
                settings
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .current_dir(settings.get_current_dir().unwrap())
            .env("TERM", "xterm-256color")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let size = |cells| NonZeroU16::new(cells).unwrap();
        Some(Self {
            keys: child.stdin.take().unwrap(),
            child,
            output,
            parser: vt100::Parser::new(size(ROWS), size(COLUMNS), 0),
        })
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// What stands on the screen now.
    pub fn contents(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the screen is so.
    pub fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + TIMEOUT;
        while !holds(&self.contents()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(_) => panic!("never {what}:\n{}", self.contents()),
            }
        }
        self.contents()
    }

    /// Waits until this stands on the screen.
    pub fn shows(&mut self, text: &str) -> String {
        self.until(text, |contents| contents.contains(text))
    }

    /// Waits until it has ended; says whether all was well, what it drew since the last
    /// look, and whether the terminal's own screen is back.
    pub fn ends(mut self) -> (bool, Vec<u8>, bool) {
        let mut rest = Vec::new();
        while let Ok(bytes) = self.output.recv_timeout(TIMEOUT) {
            self.parser.process(&bytes);
            rest.extend(bytes);
        }
        let own = !self.parser.screen().alternate_screen();
        (self.child.wait().unwrap().success(), rest, own)
    }

    /// Waits until nothing has been drawn for so long.
    pub fn is_quiet_for(&mut self, time: Duration) {
        let deadline = Instant::now() + 20 * time;
        while let Ok(bytes) = self.output.recv_timeout(time) {
            assert!(Instant::now() < deadline, "it draws and draws");
            self.parser.process(&bytes);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
