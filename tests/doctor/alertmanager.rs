//! A real Alertmanager.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where Debian's binary looks for its templates, unpacked or installed.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager/default.tmpl";

/// A running Alertmanager. Dropping it kills it and removes its data.
pub struct Alertmanager {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Alertmanager {
    /// One that calls this webhook at once.
    pub fn calling(binary: &Path, webhook: &str) -> Self {
        Self::configured(
            binary,
            &format!(
                "route: {{receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
                 receivers: [{{name: pager, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n"
            ),
        )
    }

    pub fn configured(binary: &Path, configuration: &str) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("doctors-alertmanager-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("cargo made the directory above");
        fs::write(directory.join("alertmanager.yml"), configuration).expect("it is ours");
        let mut child = command(binary)
            .args([
                "--config.file=alertmanager.yml",
                "--storage.path=data",
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ])
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (found, listening) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if line.contains("msg=\"Listening on\"") {
                    let address = line.rsplit("address=").next();
                    // Nobody waits any more once it has been found.
                    let _ = found.send(address.and_then(|text| text.parse().ok()));
                } else if line.contains("level=ERROR") {
                    eprintln!("{line}");
                }
            }
        });
        let address = listening.recv_timeout(PATIENCE).ok().flatten();
        Self {
            child,
            address: address.expect("Alertmanager comes to listen"),
            directory,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Unpacked and not installed, it must be shown its templates where it looks for
/// them; only it sees them there.
fn command(binary: &Path) -> Command {
    if Path::new(TEMPLATES).exists() {
        return Command::new(binary);
    }
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/peers/debian/usr/share");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--map-root-user", "sh", "-c"])
        .arg("mount --bind \"$1\" /usr/share && shift && exec \"$@\"")
        .arg("sh")
        .arg(unpacked)
        .arg(fs::canonicalize(binary).expect("it was found"));
    command
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // All three fail only if it is gone already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
