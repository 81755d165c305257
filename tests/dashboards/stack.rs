//! The stack without containers: three copies of the service, Prometheus with the
//! repository's rules, Alertmanager with the repository's routes, joined as
//! docker-compose.yml joins them. No Grafana.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::peers;
use crate::support::prometheus::Prometheus;
use crate::support::server::Server;

/// A running stack. Dropping it ends all of it.
pub(crate) struct Stack {
    /// The job `app`.
    pub(crate) app: [Server; 2],
    /// The job `student`: later there is one, and the dashboards must fit it as they
    /// are. Its address space is limited, as that of the others is not.
    _student: Server,
    pub(crate) prometheus: Prometheus,
    _alertmanager: Alertmanager,
    directory: PathBuf,
}

impl Stack {
    /// Starts everything; `None` if a program is missing on a laptop.
    pub(crate) fn start() -> Option<Self> {
        let prometheus = peers::require("prometheus")?;
        let alertmanager = peers::require("prometheus-alertmanager")?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("dashboards-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("cargo made the directory above");

        let quiet = ["--error-rate=0", "--delay=gamma(shape=3, scale=20ms)"];
        // Unequal, so that a selection can be told from another.
        let app = ["20", "8"]
            .map(|rate| Server::start(&[&format!("--traffic={rate}"), quiet[0], quiet[1]]));
        let student = limited_server(&quiet);
        let alertmanager = Alertmanager::start(&alertmanager, &directory, app[0].address());
        let itself = directory.join("prometheus.json");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/rules/*.rules.yml");
        // Jobs and rules are those of prometheus/prometheus.yml; everything comes
        // faster than there, because the test waits for it.
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{rules}']\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{pager}']}}]}}]}}\n\
             scrape_configs:\n\
             - job_name: app\n  always_scrape_classic_histograms: true\n  \
               static_configs: [{{targets: ['{first}', '{second}']}}]\n\
             - job_name: student\n  always_scrape_classic_histograms: true\n  \
               static_configs: [{{targets: ['{student}']}}]\n\
             - job_name: alertmanager\n  static_configs: [{{targets: ['{pager}']}}]\n\
             - job_name: prometheus\n  \
               file_sd_configs: [{{files: ['{itself}'], refresh_interval: 1s}}]\n",
            rules = rules.display(),
            pager = alertmanager.address,
            first = app[0].address(),
            second = app[1].address(),
            student = student.address(),
            itself = itself.display(),
        );
        let prometheus = Prometheus::configured(&prometheus, &configuration);
        // It does not know its own port before it listens.
        let targets = format!(r#"[{{"targets": ["{}"]}}]"#, prometheus.address());
        fs::write(&itself, targets).expect("the directory is ours");
        Some(Self {
            app,
            _student: student,
            prometheus,
            _alertmanager: alertmanager,
            directory,
        })
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Fails only if it is gone already; then there is nothing to do.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn limited_server(arguments: &[&str]) -> Server {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -v 8000000 && exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_golden-signals"))
        .args([
            "serve",
            "--bind=127.0.0.1:0",
            "--log-format=json",
            "--traffic=5",
        ])
        .args(arguments);
    Server::spawn(command)
}

/// A real Alertmanager that rings the service's pager.
struct Alertmanager {
    child: Child,
    address: SocketAddr,
}

impl Alertmanager {
    fn start(binary: &Path, directory: &Path, pager: SocketAddr) -> Self {
        let routes = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/alertmanager.yml");
        let routes = fs::read_to_string(routes).expect("it is in the repository");
        assert!(
            routes.contains("http://app:8000/alerts"),
            "nobody is notified"
        );
        let file = directory.join("alertmanager.yml");
        fs::write(&file, routes.replace("app:8000", &pager.to_string()))
            .expect("the directory is ours");
        let mut child = Command::new(binary)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                directory.join("alertmanager").display()
            ))
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (found, listening) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let address = line.split("msg=\"Listening on\" address=").nth(1);
                if let Some(address) = address.and_then(|address| address.parse().ok()) {
                    // Nobody waits any more once it has been found.
                    let _ = found.send(address);
                }
            }
        });
        let address = listening.recv_timeout(Duration::from_secs(30));
        let mut started = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        started.address = address.expect("Alertmanager listens within half a minute");
        started
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // Both fail only if it is gone already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
