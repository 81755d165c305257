//! The pager as its users run it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::http;
use super::server::Server;

/// A running pager. Dropping it kills it and removes its history.
pub struct Pager {
    pub server: Server,
    history: History,
}

/// The file, which is removed in the end.
struct History(PathBuf);

impl Drop for History {
    fn drop(&mut self) {
        // Not there if the pager never came to write it.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Pager {
    /// One with a history of its own and these further arguments.
    ///
    /// # Panics
    ///
    /// If it does not come to listen.
    pub fn start(arguments: &[&str]) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("pager-{}-{number}.json", std::process::id());
        let history = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        Self::with_history(History(history), arguments)
    }

    fn with_history(history: History, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command
            .args(["pager", "--bind", "127.0.0.1:0", "--log-format", "json"])
            .arg("--history")
            .arg(&history.0)
            .args(arguments);
        Self {
            server: Server::spawn(command),
            history,
        }
    }

    /// Kills it, without leave to finish anything, and starts it anew at the same address.
    pub fn restart(self, arguments: &[&str]) -> Self {
        let bind = self.address().to_string();
        let Self { server, history } = self;
        drop(server);
        Self::with_history(history, &[arguments, &["--bind", &bind][..]].concat())
    }

    /// Asks it to stop, waits until it has, and starts it anew at the same address.
    ///
    /// # Panics
    ///
    /// If it does not end well.
    pub fn restart_in_order(self, arguments: &[&str]) -> Self {
        let bind = self.address().to_string();
        let Self {
            mut server,
            history,
        } = self;
        assert!(server.stop().success());
        Self::with_history(history, &[arguments, &["--bind", &bind][..]].concat())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What it lists.
    pub fn list(&self) -> Value {
        listed(self.address())
    }
}

/// What the pager at this address lists.
pub fn listed(pager: SocketAddr) -> Value {
    let answer = http::get(pager, "/alerts", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// All alerts of such a list, whatever their group.
pub fn alerts(list: &Value) -> Vec<&Value> {
    let groups = list["groups"].as_array().expect("a list").iter();
    let alerts = groups.flat_map(|group| group["alerts"].as_array().expect("a list"));
    alerts.collect()
}
