//! The doctor: for "everything is up and the graph is empty".
//!
//! Follows the data through the stack, link by link, from the service to the pager,
//! and stops at the first link that is broken: those after it cannot work, and
//! reporting them would only distract. It sends the same requests that a person would
//! send with curl, and changes nothing; only
//! `--send-test-alert` sends something, a harmless alert.
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
mod managers;
pub mod options;
mod panels;
mod peer;
mod prometheus;
pub mod report;
mod rules;
mod sample;
mod target;
mod template;
mod test_alert;
mod traffic;
mod webhook;

use std::time::Duration;

use golden_http_client::BaseUrl;
use tokio::time::{Instant, sleep, timeout};

use self::dashboards::Dashboard;
use self::options::{Name, Options};
use self::peer::{Peer, Service};
use self::report::{Finding, Link, Report, State};

/// No link may take longer than this, however many answers it needs.
const LINK_TIMEOUT: Duration = Duration::from_secs(120);

/// The pause between two rounds of `--wait`.
const PAUSE: Duration = Duration::from_secs(1);

/// What was found at a link. `Err` ends its examination early and is usually, but not
/// always, a broken link.
type Verdict = Result<Finding, Finding>;

/// What a link found out for those after it.
#[derive(Default)]
struct Context {
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
    async fn check(&self, link: Name, context: &mut Context) -> Verdict {
        match link {
            Name::App => app::answers(&self.app).await,
            Name::Metrics => app::has_golden_signals(&self.app).await,
            Name::Traffic => traffic::moves(&self.app).await,
            Name::Prometheus => prometheus::is_ready(&self.prometheus).await,
            Name::Target => target::is_up(self, context).await,
            Name::Sample => sample::is_fresh(self, context).await,
            Name::Rules => {
                managers::receive(
                    &self.prometheus,
                    rules::are_healthy(&self.prometheus).await?,
                )
                .await
            }
            Name::Grafana => grafana::answers(&self.grafana).await,
            Name::DataSource => data_source::reaches_prometheus(self, context).await,
            Name::Dashboards => dashboards::are_present(self, context).await,
            Name::Panels => panels::have_data(self, context).await,
            Name::Alertmanager => alertmanager::is_known(self).await,
            Name::Webhook => webhook::delivers(self).await,
            Name::TestAlert => test_alert::arrives(self).await,
        }
    }

    async fn examine(&self) -> Report {
        let mut context = Context::default();
        let mut broken = false;
        let mut links = Vec::new();
        for name in Name::ALL {
            let finding = if self.options.skips(name) {
                Finding::skipped(self.options.why_skipped(name))
            } else if broken {
                Finding::not_reached()
            } else {
                let verdict = timeout(LINK_TIMEOUT, self.check(name, &mut context)).await;
                verdict.map_or_else(|_| too_slow(), |verdict| verdict.unwrap_or_else(|bad| bad))
            };
            broken |= finding.state == State::Broken;
            links.push(Link { name, finding });
        }
        Report::new(links)
    }
}

fn too_slow() -> Finding {
    let observed = format!("no verdict within {} s", LINK_TIMEOUT.as_secs());
    let remedy = "Each answer came in time, but together they took too long: \
                  check whether the machine is overloaded, or shorten --timeout.";
    Finding::broken(observed, remedy)
}

/// Examines the stack once, or, with `--wait`, until nothing is broken or that
/// time is over.
pub async fn run(options: Options) -> Report {
    let peer = |service, url: &BaseUrl| Peer::new(service, url, options.timeout);
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
            return report;
        }
        sleep(PAUSE).await;
    }
}
