//! A real Alertmanager with any configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::daemon::Daemon;

/// A running Alertmanager. Dropping it kills it and removes its data.
pub struct Alertmanager {
    daemon: Daemon,
}

impl Alertmanager {
    /// One that calls this webhook at once.
    pub fn calling(binary: &Path, webhook: &str) -> Self {
        Self::configured(
            binary,
            &format!(
                "route: {{receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 2s}}\n\
                 receivers: [{{name: pager, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n"
            ),
        )
    }

    /// One with this configuration.
    pub fn configured(binary: &Path, configuration: &str) -> Self {
        let directory = Daemon::directory("alertmanager");
        let file = directory.join("alertmanager.yml");
        fs::write(&file, configuration).expect("the directory is ours");
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg("--storage.path")
            .arg(directory.join("data"))
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ]);
        Self {
            daemon: Daemon::start(command, directory),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.daemon.address()
    }
}
