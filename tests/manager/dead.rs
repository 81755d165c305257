//! The page of a manager that is dead, or deaf, does not look calm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use rustix::process::Signal;

use crate::support::browser::Browser;
use crate::support::manager::{Directory, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::{TIMEOUT, peers};

#[test]
fn a_page_without_its_broker_or_manager_does_not_look_calm() {
    let programs = ["mosquitto", "mosquitto_sub"].map(peers::require);
    let [Some(mosquitto), Some(sub)] = programs else {
        return;
    };
    let mut broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let send = |broker: &Mosquitto, kind: &str, message: &str| {
        publish(&sub, broker.address(), &topic(kind), message);
    };
    send(&broker, "alive", &alive("p", "alive"));
    // Every hour, so that it is not late while the test runs.
    for ago in [3_600_000, 0] {
        let sample = task_sample("p", "t", now_ms() - ago).to_string();
        send(&broker, "task_metrics", &sample);
    }
    let Some(browser) = Browser::open_at(&manager.server.url("/")) else {
        return;
    };
    let minutes = |minutes: &str| {
        browser.run(&format!(
            "const field = document.getElementById('minutes'); field.value = '{minutes}';
             field.dispatchEvent(new Event('change'))"
        ));
    };
    minutes("1440");
    let row = "(document.querySelector('#tasks tbody tr')?.innerText ?? '')";
    let state = "document.getElementById('state').textContent";
    let proplets = "document.getElementById('proplets').innerText";
    browser.wait(TIMEOUT, &format!("{row}.includes('running')"));
    browser.wait(TIMEOUT, &format!("{proplets}.includes('p alive')"));

    // A browser's clock that is an hour behind or ahead hides nothing and alarms nobody.
    for hours in ["-2", "2"] {
        browser.run(&format!(
            "window.clock ??= Date.now; Date.now = () => window.clock() + {hours} * 3600000"
        ));
        minutes("1440");
        browser.wait(
            TIMEOUT,
            &format!("{row}.includes('running') && {row}.includes('42.5 %')"),
        );
    }
    browser.run("Date.now = window.clock");

    broker.kill();
    manager.metrics_when("it is noticed", |metrics| {
        metrics.value("manager_broker_connected", &[]) == 0.0
    });
    minutes("1440");
    browser.wait(
        TIMEOUT,
        &format!("{state}.includes('no connection to its broker')"),
    );

    manager.server.signal(Signal::KILL);
    browser.wait(
        TIMEOUT,
        &format!("{state}.startsWith('no connection to the manager since')"),
    );
    browser.wait(
        TIMEOUT,
        &format!("{row}.includes('unknown') && !{row}.includes('running')"),
    );
    browser.wait(TIMEOUT, &format!("{proplets}.includes('p unknown')"));
    let totals = "document.getElementById('totals').innerText";
    browser.wait(
        TIMEOUT,
        &format!("/proplets alive\\s+unknown/.test({totals})"),
    );
}
