//! Gateways that are away, refuse, or hang: the training must go on.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::expected::{data, examples, known, lines};
use super::{BATCH, BATCHES, EXIT_TIMEOUT, HALF, SHORT_INTERVAL, TIMEOUT, ended};
use crate::finding::{Finding, Judgement, ensure};
use crate::gateway::{Behaviour, Gateway};
use crate::server::no_port;
use crate::worker::{Worker, wait_until};

// Nobody listens.
pub(super) fn goes_on_without(program: &Path) -> Judgement {
    let data = data(3);
    let mut worker = Worker::start(program, nobody()?, "worker-3", SHORT_INTERVAL)?;
    worker.feed(lines(&data));
    let status = worker.end(EXIT_TIMEOUT);
    let all = wait_until(TIMEOUT, || worker.steps() == BATCHES);
    let well = status.is_some_and(|status| status.success()) && all;
    ensure(well, "stops-with-the-gateway", || {
        format!(
            "Nobody listened at the gateway's address. There was data for {BATCHES} batches; the \
             worker learned from {}, and {}. Is a training worth less than its monitoring?{}",
            worker.steps(),
            status.map_or("did not end".to_owned(), |status| format!(
                "ended with {status}"
            )),
            worker.complaints()
        )
    })
}

// The gateway reads, and says nothing.
pub(super) fn does_not_wait(program: &Path) -> Judgement {
    let data = data(4);
    let gateway = Gateway::start("127.0.0.1:0", Behaviour::Hangs)?;
    let mut worker = Worker::start(program, gateway.address(), "worker-4", SHORT_INTERVAL)?;
    // Some batch by batch, each when a push is due.
    let (start, timeout) = (Instant::now(), Duration::from_secs(6));
    let left = || timeout.saturating_sub(start.elapsed());
    let (some, rest) = data.split_at(5 * BATCH);
    for batch in some.chunks(BATCH) {
        let before = worker.steps();
        worker.feed(lines(batch));
        wait_until(left(), || worker.steps() > before);
        thread::sleep(SHORT_INTERVAL.min(left()));
    }
    worker.feed(lines(rest));
    let done = wait_until(left(), || worker.steps() == BATCHES);
    ensure(done, "waits-for-the-gateway", || {
        format!(
            "The gateway took connections and answered nothing. There was data for {BATCHES} \
             batches; within {} s the worker learned from {}. Who was waiting for whom?{}",
            timeout.as_secs(),
            worker.steps(),
            worker.complaints()
        )
    })?;
    gateway.set_behaviour(Behaviour::Accepts);
    ended(&mut worker, BATCHES)
}

// The gateway answers 500 for a while.
pub(super) fn tries_again(program: &Path) -> Judgement {
    let data = data(5);
    let gateway = Gateway::start("127.0.0.1:0", Behaviour::Refuses)?;
    let mut worker = Worker::start(program, gateway.address(), "worker-5", SHORT_INTERVAL)?;
    worker.feed(lines(&data[..HALF]));
    wait_until(TIMEOUT, || {
        gateway.exchanges().iter().any(|one| one.status == 500)
    });
    let learned = wait_until(TIMEOUT, || worker.steps() * BATCH == HALF);
    ensure(learned, "stops-with-the-gateway", || {
        format!(
            "The gateway answered 500. There was data for {} batches; the worker learned from {}.{}",
            HALF / BATCH,
            worker.steps(),
            worker.complaints()
        )
    })?;
    gateway.set_behaviour(Behaviour::Accepts);
    let half = known(&data[..HALF]).examples;
    let arrived = wait_until(TIMEOUT, || {
        let shown: f64 = gateway
            .groups()
            .iter()
            .map(|one| examples(&one.metrics))
            .sum();
        shown == half
    });
    ensure(arrived, "gives-up", || {
        format!(
            "The gateway answered 500 for a while and then was well again. {} s later it still did \
             not know of the {half} examples that had been learned from meanwhile; there had been \
             {} pushes in all. What happens after the first one that fails?{}",
            TIMEOUT.as_secs(),
            gateway.exchanges().len(),
            worker.complaints()
        )
    })?;
    worker.feed(lines(&data[HALF..]));
    ended(&mut worker, BATCHES)
}

// An address at which nobody listens: that of one who has just gone.
pub(super) fn nobody() -> Result<SocketAddr, Finding> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(|error| no_port("127.0.0.1:0", &error))
}
