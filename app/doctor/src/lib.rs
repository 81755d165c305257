//! The doctor: for "everything is up and the graph is empty".
//!
//! Follows a request's trace through the stack, link by link, from the service
//! to the pager, and stops at the first link that is broken: what comes behind
//! it cannot work, and saying so would only distract. It asks the same
//! questions that a person would ask with curl, and changes nothing; only
//! `--ring` sends something, a harmless alert.
//!
//! The chain stands in [`Doctor::check`], on one screen; one link, or one peer,
//! a file. Nothing that a peer answers is trusted: sizes and times are bounded
//! ([`peer`]), any field of any JSON may be absent or of another type, and what
//! is shown cannot reach the terminal's controls ([`report`]).
//!
//! A role like the service, which it knows only from outside.

mod alertmanager;
mod app;
mod dashboards;
mod data_source;
mod exposition;
mod grafana;
pub mod options;
mod panels;
mod peer;
mod prometheus;
pub mod report;
mod ring;
mod rules;
mod sample;
mod target;
mod template;
mod traffic;
mod webhook;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use self::dashboards::Dashboard;
use self::options::{Name, Options};
use self::peer::{Peer, Service};
use self::report::{Finding, Link, Report, State};

/// No link may take longer than this, however many answers it needs.
const LINK_PATIENCE: Duration = Duration::from_secs(120);

/// The pause between two rounds of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);

/// What a link found: `Err` ends the examination of the link early, and is
/// usually, but not always, a broken one.
type Verdict = Result<Finding, Finding>;

/// What a link leaves for those behind it.
#[derive(Default)]
struct Learned {
    /// How often Prometheus scrapes the job.
    scrape_interval: Option<Duration>,
    /// What Grafana believes that to be (`timeInterval` of the data source).
    time_interval: Option<Duration>,
    dashboards: Vec<Dashboard>,
}

struct Doctor {
    options: Options,
    app: Peer,
    prometheus: Peer,
    grafana: Peer,
    alertmanager: Peer,
}

impl Doctor {
    /// The chain, in its order.
    async fn check(&self, link: Name, learned: &mut Learned) -> Verdict {
        match link {
            Name::App => app::answers(&self.app).await,
            Name::Metrics => app::has_golden_signals(&self.app).await,
            Name::Traffic => traffic::moves(&self.app).await,
            Name::Prometheus => prometheus::is_ready(&self.prometheus).await,
            Name::Target => target::is_up(self, learned).await,
            Name::Sample => sample::is_fresh(self, learned).await,
            Name::Rules => rules::are_healthy(&self.prometheus).await,
            Name::Grafana => grafana::answers(&self.grafana).await,
            Name::DataSource => data_source::reaches_prometheus(self, learned).await,
            Name::Dashboards => dashboards::are_present(self, learned).await,
            Name::Panels => panels::have_data(self, learned).await,
            Name::Alertmanager => alertmanager::is_known(self).await,
            Name::Webhook => webhook::delivers(self).await,
            Name::Ring => ring::arrives(self).await,
        }
    }

    async fn examine(&self) -> Report {
        let mut learned = Learned::default();
        let mut broken = false;
        let mut links = Vec::new();
        for name in Name::ALL {
            let finding = if self.options.skips(name) {
                Finding::skipped(name.why_skipped())
            } else if broken {
                Finding::not_reached()
            } else {
                let verdict = timeout(LINK_PATIENCE, self.check(name, &mut learned)).await;
                verdict.map_or_else(|_| too_slow(), |verdict| verdict.unwrap_or_else(|bad| bad))
            };
            broken |= finding.state == State::Broken;
            links.push(Link { name, finding });
        }
        Report::new(links)
    }
}

fn too_slow() -> Finding {
    let observed = format!("no verdict within {} s", LINK_PATIENCE.as_secs());
    let remedy = "Each answer came in time, but there were too many of them or they were slow: \
                  see whether the machine is overloaded, or shorten --timeout.";
    Finding::broken(observed, remedy)
}

/// Examines the stack once, or, with `--wait`, until nothing is broken or that
/// time is over.
///
/// # Errors
///
/// If no HTTP client can be made, which is this machine's trouble.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let client = peer::client(options.timeout)?;
    let peer = |service, url: &options::BaseUrl| Peer::new(service, url, &client);
    let doctor = Doctor {
        app: peer(Service::App, &options.app),
        prometheus: peer(Service::Prometheus, &options.prometheus),
        grafana: peer(Service::Grafana, &options.grafana),
        alertmanager: peer(Service::Alertmanager, &options.alertmanager),
        options,
    };
    let start = Instant::now();
    loop {
        let report = doctor.examine().await;
        if report.is_healthy() || start.elapsed() + PAUSE > doctor.options.wait {
            return Ok(report);
        }
        sleep(PAUSE).await;
    }
}
