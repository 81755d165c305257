//! Exercise 17: workers of a training, fed with clicks whose numbers are known,
//! push to gateways that accept, fail, or are not there.

mod contents;
mod expected;
mod failing_gateway;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::clicks::Click;
use crate::finding::{Finding, Judgement, ensure};
use crate::gateway::{Behaviour, Exchange, Gateway, Group};
use crate::worker::{Worker, wait_until};
use contents::{counts, kinds, loss, waits};
use expected::{data, examples, known, lines, series};
use failing_gateway::{does_not_wait, goes_on_without, tries_again};

const EXAMPLES: &str = "train_examples_total";
const DROPPED: &str = "dropped_examples_total";
const LOOKUPS: &str = "embedding_lookups_total";
const MISSES: &str = "embedding_misses_total";
const LOSS: &str = "train_loss";
const WAIT: &str = "batch_wait_seconds";
const COUNTERS: [&str; 4] = [EXAMPLES, DROPPED, LOOKUPS, MISSES];

// What the file says: clicks of a batch, and weights that a table holds.
const BATCH: usize = 20;
const ROWS: usize = 50;
const BATCHES: usize = 20;
const CLICKS: usize = BATCHES * BATCH;
// The last batch of the first half has nothing to learn from.
const HALF: usize = CLICKS / 2;

const SHORT_INTERVAL: Duration = Duration::from_millis(100);
// Seldom enough that what is pushed at the end is pushed because it is the end.
const LONG_INTERVAL: Duration = Duration::from_secs(3);
// How long the data comes to a halt after the first batch.
const PAUSE: Duration = Duration::from_millis(300);
// Many times what anything takes.
const TIMEOUT: Duration = Duration::from_secs(3);
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let seen = watch(program)?;
    arrives(&seen)?;
    keeps_apart(&seen)?;
    last_push(&seen)?;
    let group = seen.group("worker-2")?;
    kinds(&group.metrics)?;
    counts(&group.metrics, &seen.data[1])?;
    loss(&seen)?;
    waits(&seen)?;
    goes_on_without(program)?;
    does_not_wait(program)?;
    tries_again(program)?;
    is_up_to_date(&seen)
}

/// What two workers at one gateway came to.
struct Seen {
    data: [Vec<Click>; 2],
    exchanges: Vec<Exchange>,
    groups: Vec<Group>,
    /// When the first worker had no data yet, those it had pushed by then.
    before: Vec<Exchange>,
    /// When it had half of its data, and nothing more came.
    halfway: Vec<Exchange>,
    /// How long the first worker ran, in seconds.
    seconds: f64,
}

fn watch(program: &Path) -> Result<Seen, Finding> {
    let gateway = Gateway::start("127.0.0.1:0", Behaviour::Accepts)?;
    let data = [data(1), data(2)];

    let mut first = Worker::start(program, gateway.address(), "worker-1", SHORT_INTERVAL)?;
    wait_until(TIMEOUT, || !gateway.exchanges().is_empty());
    let before = gateway.exchanges();
    first.feed(lines(&data[0][..BATCH]));
    // The data is late: this is what the training is to measure.
    thread::sleep(PAUSE);
    first.feed(lines(&data[0][BATCH..HALF]));
    let half = known(&data[0][..HALF]).examples;
    if wait_until(TIMEOUT, || first.steps() * BATCH >= HALF) {
        // Two more pushes: the first may have been written before the last batch, which
        // changes no count.
        let pushed = gateway.exchanges().len();
        wait_until(TIMEOUT, || {
            let all = gateway.exchanges();
            let last = all.last();
            all.len() > pushed + 1 && last.is_some_and(|last| examples(&last.pushed) == half)
        });
    }
    let halfway = gateway.exchanges();

    // Another begins and ends meanwhile.
    let mut second = Worker::start(program, gateway.address(), "worker-2", LONG_INTERVAL)?;
    let known_so_far = halfway.len();
    if !before.is_empty() {
        wait_until(TIMEOUT, || {
            let of_it = |exchange: &Exchange| instance(exchange) == Some("worker-2");
            gateway.exchanges()[known_so_far..].iter().any(of_it)
        });
    }
    second.feed(lines(&data[1]));
    ended(&mut second, BATCHES)?;
    first.feed(lines(&data[0][HALF..]));
    ended(&mut first, BATCHES)?;
    Ok(Seen {
        seconds: first.elapsed().as_secs_f64(),
        data,
        exchanges: gateway.exchanges(),
        groups: gateway.groups(),
        before,
        halfway,
    })
}

// Something comes, at a place where it can be kept, and while the training runs.
fn arrives(seen: &Seen) -> Judgement {
    ensure(!seen.exchanges.is_empty(), "no-push", || {
        format!(
            "Two workers trained on {} clicks and ended. Nothing was pushed to their gateway: \
             Prometheus comes by every few seconds, and what does it see of them?",
            2 * CLICKS
        )
    })?;
    for exchange in &seen.exchanges {
        let Exchange {
            method,
            path,
            status,
            complaint,
            ..
        } = exchange;
        let id = match status {
            404 | 405 => "other-path",
            400 if exchange.group.is_none() => "other-path",
            400 if complaint.contains("timestamp") => "timestamp",
            400 => "bad-exposition",
            _ => continue,
        };
        return Err(Finding::new(
            id,
            format!("`{method} {path}` was answered with {status}: {complaint}"),
        ));
    }
    let during = seen.halfway.len();
    ensure(during > 1, "only-at-the-end", || {
        format!(
            "A worker was to push every {} s. It had learned from {HALF} clicks, then the data \
             came to a halt for {} s, and by then there had been {during} pushes. A training runs \
             for days: who learns at its end that the loss has been NaN since the first?",
            SHORT_INTERVAL.as_secs_f64(),
            TIMEOUT.as_secs()
        )
    })
}

fn keeps_apart(seen: &Seen) -> Judgement {
    let deleted = seen.exchanges.iter().any(|one| one.method == "DELETE");
    ensure(!deleted || seen.groups.len() > 1, "deleted", || {
        "When the training ended, its metrics were deleted from the gateway. The last push had come \
         a moment before: had Prometheus been there in between?"
            .to_owned()
    })?;
    let paths: BTreeMap<_, usize> = seen.exchanges.iter().fold(BTreeMap::new(), |mut all, one| {
        *all.entry(one.path.as_str()).or_default() += 1;
        all
    });
    let paths = || {
        let lines = paths
            .iter()
            .map(|(path, pushes)| format!("    {path} ({pushes} pushes)"));
        lines.collect::<Vec<_>>().join("\n")
    };
    // One group of one worker has erased nobody's: the other did not push.
    let of_one = |group: &Group| group.labels.contains_key("instance");
    let apart = seen.groups.len() > 1 || seen.groups.iter().any(of_one);
    ensure(apart, "erases-the-other", || {
        let shown: f64 = seen.groups.iter().map(|one| examples(&one.metrics)).sum();
        let learned: f64 = seen.data.iter().map(|data| known(data).examples).sum();
        format!(
            "Two workers, `worker-1` and `worker-2`, learned from {learned} examples; they pushed \
             to\n\n{}\n\nand the gateway shows {shown} examples. What does a push do to what was \
             pushed to the same place before?",
            paths()
        )
    })?;
    for worker in ["worker-1", "worker-2"] {
        if worker == "worker-2" && seen.groups.len() == 1 {
            return Ok(());
        }
        let is_its = |group: &&Group| {
            let label = |name: &str| group.labels.get(name).map(String::as_str);
            label("job") == Some("training") && label("instance") == Some(worker)
        };
        ensure(
            seen.groups.iter().filter(is_its).count() == 1,
            "other-group",
            || {
                format!(
                    "There is no group with `job=\"training\"` and `instance=\"{worker}\"`. The workers \
                 pushed to\n\n{}\n\nBy which labels would you ask for all workers of this training, \
                 and by which for one of them?",
                    paths()
                )
            },
        )?;
    }
    Ok(())
}

// By the one that was pushed seldom.
fn last_push(seen: &Seen) -> Judgement {
    for worker in ["worker-1", "worker-2"] {
        let pushes = seen.of(worker).map(|one| examples(&one.pushed));
        let pushes: Vec<_> = pushes.collect();
        let falls = pushes.windows(2).find(|two| two[1] < two[0]);
        ensure(falls.is_none(), "pushes-differences", || {
            let (from, to) = falls.map_or((0.0, 0.0), |two| (two[0], two[1]));
            format!(
                "`{EXAMPLES}` of `{worker}` was {from} in one push and {to} in a later one. To \
                 Prometheus, a counter that falls belongs to a process that was started anew. Who \
                 computes by how much it rose?"
            )
        })?;
    }
    let known = known(&seen.data[1]).examples;
    let shown = seen.of("worker-2").last().map(|one| examples(&one.pushed));
    let counted = seen.of("worker-1").any(|one| examples(&one.pushed) > 0.0);
    ensure(
        shown.is_some_and(|shown| shown > 0.0 || !counted),
        "no-last-push",
        || {
            format!(
                "`worker-2` was to push every {} s. It learned from {known} examples in less, and \
                 ended; {}, and it stays so. Who pushes what happened since the last time?",
                LONG_INTERVAL.as_secs(),
                shown.map_or("the gateway has nothing of it".to_owned(), |shown| {
                    format!("its `{EXAMPLES}` in the gateway is {shown}")
                })
            )
        },
    )
}

// From before the first batch, and while no data comes.
fn is_up_to_date(seen: &Seen) -> Judgement {
    let first = seen.before.first();
    ensure(first.is_some(), "no-first-push", || {
        format!(
            "For {} s after its start `worker-1` got no data, and pushed nothing. How would somebody \
             see that it is there, and waits?",
            TIMEOUT.as_secs()
        )
    })?;
    let metrics = first.map(|first| &first.pushed);
    for (name, labels, _) in known(&[]).all() {
        let there = metrics.is_some_and(|metrics| metrics.series(name, &labels) > 0);
        ensure(there, "absent-at-start", || {
            format!(
                "The first push has no {}. Nothing of this kind has happened yet: is that 0, or \
                 nothing? (Exercise 3.)",
                series(name, &labels)
            )
        })?;
    }
    let half = known(&seen.data[0][..HALF]).examples;
    let shown = seen
        .halfway
        .last()
        .map_or(0.0, |last| examples(&last.pushed));
    ensure(shown == half, "silent-while-waiting", || {
        format!(
            "`worker-1` had learned from {half} examples when the data came to a halt. {} s later, \
             what it had pushed last said {shown}. Does it push while it waits for data?",
            TIMEOUT.as_secs()
        )
    })
}

fn ended(worker: &mut Worker, batches: usize) -> Judgement {
    let status = worker.end(EXIT_TIMEOUT);
    let complaints = worker.complaints();
    let status = status.ok_or_else(|| {
        Finding::new(
            "does-not-end",
            format!(
                "There was no more data, and {} s later your training had not ended.{complaints}",
                EXIT_TIMEOUT.as_secs()
            ),
        )
    })?;
    ensure(status.success(), "fails", || {
        format!("Your training ended with {status}.{complaints}")
    })?;
    let all = wait_until(TIMEOUT, || worker.steps() == batches);
    ensure(all, "other-steps", || {
        format!(
            "There was data for {batches} batches, and your training wrote {} lines that begin with \
             `step `. They are how one sees that it trains: are they all there?",
            worker.steps()
        )
    })
}

impl Seen {
    /// What this worker pushed.
    fn of(&self, worker: &str) -> impl Iterator<Item = &Exchange> {
        let all = self.exchanges.iter().filter(|one| one.method != "DELETE");
        all.filter(move |one| instance(one) == Some(worker))
    }

    fn group(&self, worker: &str) -> Result<&Group, Finding> {
        let is_its = |group: &&Group| group.labels.get("instance").is_some_and(|it| it == worker);
        let group = self.groups.iter().find(is_its);
        group.ok_or_else(|| Finding::new("other-group", format!("`{worker}` has no group.")))
    }
}

fn instance(exchange: &Exchange) -> Option<&str> {
    let labels = exchange.group.as_ref()?;
    labels.get("instance").map(String::as_str)
}
