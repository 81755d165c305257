//! The stack without containers: Prometheus and Alertmanager with the repository's
//! own configuration and rules, two instances of the service, a second service such as
//! a student's, and two trainings, each with its gateway. No Grafana: a stub answers its
//! scrapes.

use std::process::Command;

use crate::support::alertmanager::Alertmanager;
use crate::support::pager::Pager;
use crate::support::peers;
use crate::support::prometheus::{Prometheus, Targets, replace, stack_configuration};
use crate::support::pushgateway::Pushgateway;
use crate::support::server::Server;
use crate::support::training::{Job, Training};

/// No error, so no alert either; with every machine's noise still below an objective.
const WELL: [&str; 2] = ["--error-rate=0", "--delay=gamma(shape=3, scale=20ms)"];

/// A running stack. Dropping it ends all of it.
pub(crate) struct Stack {
    /// The job `app`.
    pub(crate) app: [Server; 2],
    pub(crate) prometheus: Prometheus,
    _alertmanager: Alertmanager,
    _pager: Pager,
    _student: Server,
    _trainings: [(Training, Job, Pushgateway); 2],
}

/// The trainings' names.
pub(crate) const TRAININGS: [&str; 2] = ["training", "other_training"];

impl Stack {
    /// Starts everything; `None` if a program is missing on a laptop.
    pub(crate) fn start() -> Option<Self> {
        let prometheus = peers::require("prometheus")?;
        let alertmanager = peers::require("prometheus-alertmanager")?;
        // Unequal, so that selections can be distinguished.
        let app = ["20", "8"]
            .map(|rate| Server::start(&[&format!("--traffic={rate}"), WELL[0], WELL[1]]));
        let gateway = peers::require("prometheus-pushgateway")?;
        let trainings = TRAININGS.map(|name| {
            let gateway = Pushgateway::start(&gateway);
            let job = Job::new(name, gateway.address());
            let training = job.start(&["--examples-per-second=3000", "--evaluate-every=20"]);
            (training, job, gateway)
        });
        let [gateway, other_gateway] = [0, 1].map(|index: usize| trainings[index].2.address());
        let student = limited_server();
        let pager = Pager::start(&[]);
        let alertmanager = Alertmanager::of_the_stack(&alertmanager, pager.address());
        // Its own address is known once it listens.
        let prometheus = Prometheus::configured(&prometheus, "");
        let [first, second] = [0, 1].map(|index: usize| app[index].address());
        let targets = Targets {
            alertmanager: alertmanager.address(),
            metrics_gateway: gateway,
            pager: pager.address(),
            student: student.address(),
            ..Targets::service(first)
        };
        let mut configuration = stack_configuration(&targets, prometheus.address());
        let both = format!("['{first}', '{second}']");
        replace(&mut configuration, &format!("['{first}']"), &both, 1);
        let both = format!("['{gateway}', '{other_gateway}']");
        replace(&mut configuration, &format!("['{gateway}']"), &both, 1);
        prometheus.reload(&configuration);
        Some(Self {
            app,
            prometheus,
            _alertmanager: alertmanager,
            _pager: pager,
            _student: student,
            _trainings: trainings,
        })
    }
}

/// A service whose address space is limited, as that of others is not.
fn limited_server() -> Server {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -v 8000000 && exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_golden-signals"))
        .args(["serve", "--bind=127.0.0.1:0", "--log-format=json"])
        .args(["--traffic=5", WELL[0], WELL[1]]);
    Server::spawn(command)
}
