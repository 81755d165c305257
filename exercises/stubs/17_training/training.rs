//! Exercise 17, a training that nobody sees: it learns from clicks which come
//! next, and ends.
//!
//! ```text
//! training GATEWAY INSTANCE SECONDS
//! ```
//!
//! reads clicks from its standard input, one a line, and pushes its metrics to
//! the gateway every so many seconds.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Clicks of a batch.
const BATCH: usize = 20;

/// Weights that a table may hold.
const ROWS: usize = 50;

/// How far a click moves the weights.
const LEARNING_RATE: f64 = 0.5;

/// A label and its value.
type Label = [(&'static str, &'static str); 1];

/// What the training counts and measures.
///
/// TODO 2: what the page asks for, each with the type that suits its question.
#[derive(Clone)]
struct Metrics {}

impl Metrics {
    /// Makes them known. The library adds `_total` to the name of every counter.
    fn register(registry: &mut Registry) -> Self {
        Self {}
    }
}

/// One line of the data.
struct Click {
    clicked: f64,
    user: u64,
    item: u64,
    price: f64,
    age: f64,
}

/// A weight for each id. It holds a few only: the one that was not looked up for
/// longest makes room.
#[derive(Default)]
struct Table {
    weights: HashMap<u64, f64>,
    used: BTreeMap<u64, u64>,
    when: HashMap<u64, u64>,
    now: u64,
}

impl Table {
    /// Looks the id up; if it is not there, it is added with the weight 0. Returns
    /// whether it was there.
    fn look_up(&mut self, id: u64) -> bool {
        self.now += 1;
        let last = self.when.insert(id, self.now);
        self.used.insert(self.now, id);
        if let Some(last) = last {
            self.used.remove(&last);
            return true;
        }
        self.weights.insert(id, 0.0);
        if self.weights.len() > ROWS
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.weights.remove(&oldest);
            self.when.remove(&oldest);
        }
        false
    }
}

/// Logistic regression: the probability of a click is the logistic function of
/// the sum of a weight for the user, one for the item, and one times each number.
#[derive(Default)]
struct Model {
    bias: f64,
    price: f64,
    age: f64,
    users: Table,
    items: Table,
}

impl Model {
    /// Learns from a batch; returns the loss of each click that it learned from.
    fn learn(&mut self, batch: &[Click], metrics: &Metrics) -> Vec<f64> {
        let mut losses = Vec::new();
        for click in batch {
            // One NaN in a weight, and all weights are NaN soon after.
            let nan = [("price", click.price), ("age", click.age)]
                .into_iter()
                .find(|(_, value)| value.is_nan());
            if let Some((feature, _)) = nan {
                // TODO 3: an example that is dropped.
                continue;
            }
            for (name, table, id) in [
                ("user", &mut self.users, click.user),
                ("item", &mut self.items, click.item),
            ] {
                // TODO 3: a lookup, and perhaps a miss.
                let was_there = table.look_up(id);
            }
            let user = self.users.weights.entry(click.user).or_default();
            let item = self.items.weights.entry(click.item).or_default();
            let sum = self.bias + *user + *item + self.price * click.price + self.age * click.age;
            let probability = 1.0 / (1.0 + (-sum).exp());
            let hit = if click.clicked == 1.0 {
                probability
            } else {
                1.0 - probability
            };
            losses.push(-hit.max(1e-12).ln());
            let step = LEARNING_RATE * (click.clicked - probability);
            self.bias += step;
            *user += step;
            *item += step;
            self.price += step * click.price;
            self.age += step * click.age;
        }
        // TODO 3: what was learned from.
        losses
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, gateway, instance, seconds] = arguments.as_slice() else {
        panic!("usage: training GATEWAY INSTANCE SECONDS");
    };
    let seconds = seconds.parse().expect("SECONDS: a number");
    let every = Duration::from_secs_f64(seconds);
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);

    // TODO 1: push `page(&registry)` to the gateway: at once, then every so often,
    // whatever becomes of the gateway, and a last time when all is learned.
    train(&metrics);
}

/// Learns until the data ends.
fn train(metrics: &Metrics) {
    let mut model = Model::default();
    let mut lines = io::stdin().lock().lines();
    for step in 1.. {
        // TODO 3: how long does the training wait for its data?
        let batch: Vec<_> = lines.by_ref().take(BATCH).map(click).collect();
        if batch.is_empty() {
            return;
        }
        let losses = model.learn(&batch, metrics);
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        // TODO 3: the loss.
        println!("step {step} loss {loss:.3}");
    }
}

/// Reads `clicked user item price age`.
fn click(line: io::Result<String>) -> Click {
    let line = line.expect("the data can be read");
    let words: Vec<_> = line.split_whitespace().collect();
    let [clicked, user, item, price, age] = words.as_slice() else {
        panic!("no click: {line}");
    };
    let id = |word: &str| word.parse().expect("an id is a whole number");
    let number = |word: &str| word.parse().expect("a number, or NaN");
    Click {
        clicked: number(clicked),
        user: id(user),
        item: id(item),
        price: number(price),
        age: number(age),
    }
}

/// All metrics, in the text format that the gateway reads. (The library writes
/// OpenMetrics, in which a counter is declared without its `_total`.)
fn page(registry: &Registry) -> String {
    let mut page = String::new();
    text::encode(&mut page, registry).expect("writing to a String does not fail");
    let lines = page.lines().filter(|line| *line != "# EOF");
    let lines = lines.filter(|line| !line.starts_with("# HELP "));
    lines
        .map(|line| match line.strip_suffix(" counter") {
            Some(declared) => format!("{declared}_total counter\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

/// Sends something to the gateway, which has two seconds to take it.
fn send(method: &str, gateway: &str, path: &str, body: &str) -> io::Result<()> {
    let timeout = Duration::from_secs(2);
    let address = gateway.to_socket_addrs()?.next();
    let address = address.ok_or_else(|| io::Error::other("a name without an address"))?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {gateway}\r\ncontent-type: text/plain; version=0.0.4\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_whitespace().nth(1) {
        Some("200" | "202") => Ok(()),
        _ => Err(io::Error::other(answer)),
    }
}
