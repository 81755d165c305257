//! What is run by hand beside exercises 17 and 18: a gateway that tells what is
//! pushed to it, clicks for a training, and the three runs.

use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::thread;
use std::time::{Duration, Instant};

use simulation::Name;

use crate::clicks;
use crate::finding::Finding;
use crate::gateway::{Behaviour, Gateway};
use crate::reference;
use crate::runs::{RUNS, Runs};

/// Where a Pushgateway is, in the stack too.
pub(super) const GATEWAY: &str = "127.0.0.1:9091";

// As many as a small site has.
const CLICKS_PER_SECOND: f64 = 100.0;

/// A gateway that says what is pushed, until it is ended from outside.
///
/// # Errors
///
/// `no-port`.
pub(super) fn gateway(address: &str) -> Result<(), Finding> {
    let gateway = Gateway::start(address, Behaviour::Accepts).map_err(|finding| {
        let remedy = "Does the stack run? Its gateway will do.";
        Finding::new(finding.id, format!("{} {remedy}", finding.observed))
    })?;
    println!("listening on {}", gateway.address());
    println!(
        "It shows what it has at http://{}/metrics. Ctrl-C ends it.",
        gateway.address()
    );
    let mut printed = 0;
    loop {
        // One that is still being answered is printed the next time.
        for exchange in gateway.exchanges().iter().skip(printed) {
            if exchange.status == 0 {
                break;
            }
            println!(
                "{} {} {}: {} samples {}",
                exchange.status,
                exchange.method,
                exchange.path,
                exchange.pushed.samples.len(),
                exchange.complaint
            );
            printed += 1;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Writes clicks to the standard output for this many seconds, at their own pace.
///
/// # Errors
///
/// `no-seconds`.
pub(super) fn clicks(seconds: &str) -> Result<(), Finding> {
    let length = seconds
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let length = length.ok_or_else(|| {
        Finding::new(
            "no-seconds",
            format!("{seconds}: must be a number of seconds, like 60"),
        )
    })?;
    let start = Instant::now();
    for (number, click) in clicks::drawn(1).enumerate() {
        let due = Duration::from_secs_f64(number as f64 / CLICKS_PER_SECOND);
        if due >= length {
            break;
        }
        thread::sleep(due.saturating_sub(start.elapsed()));
        let mut out = io::stdout().lock();
        // A training that has ended needs no more.
        if writeln!(out, "{click}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Ok(())
}

/// The three runs of this name, until the standard input has a line, or ends.
///
/// # Errors
///
/// `no-name`; `no-address`; `no-port`; what building the reference comes to.
pub(super) fn runs(name: &str, gateway: &str) -> Result<(), Finding> {
    let name: Name = name
        .parse()
        .map_err(|error| Finding::new("no-name", format!("{name}: {error}")))?;
    let addresses: io::Result<Vec<SocketAddr>> = gateway.to_socket_addrs().map(Iterator::collect);
    let address = addresses.ok().and_then(|all| all.first().copied());
    let address = address.ok_or_else(|| {
        let remedy = format!("must be a host and a port, like {GATEWAY}");
        Finding::new("no-address", format!("{gateway}: {remedy}"))
    })?;
    if reference::built().is_none() {
        println!("Building the reference: the first time takes minutes.");
    }
    let program = reference::program()?;
    let runs = Runs::start(&program, name.as_str(), address)?;
    println!(
        "{} push to {} http://{}/metrics, once a second.",
        RUNS.join(", "),
        if runs.is_own_gateway() {
            "a gateway of their own,"
        } else {
            "the gateway that is there,"
        },
        runs.gateway()
    );
    println!("They run for a quarter of an hour. Enter ends them.");
    // An input that cannot be read has ended.
    let _ = io::stdin().read_line(&mut String::new());
    Ok(())
}
