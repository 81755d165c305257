//! What was pushed: of which types, and with which numbers.

use super::expected::{examples, known, series};
use super::{
    BATCH, BATCHES, CLICKS, COUNTERS, DROPPED, EXAMPLES, LOOKUPS, LOSS, MISSES, PAUSE, ROWS, Seen,
    WAIT,
};
use crate::checks::listed;
use crate::clicks::Click;
use crate::exposition::{Exposition, Sample};
use crate::finding::{Judgement, ensure};

// Series of one name that one worker may have.
const MAX_SERIES: usize = 10;

pub(super) fn kinds(metrics: &Exposition) -> Judgement {
    for name in [EXAMPLES, DROPPED, LOOKUPS, MISSES, LOSS, WAIT] {
        let sample = |one: &&Sample| one.name == name || one.name == format!("{name}_count");
        let there = metrics.samples.iter().any(|one| sample(&one));
        ensure(there, "no-metric", || {
            format!(
                "What the worker pushed last has no `{name}`. {}",
                if metrics.samples.is_empty() {
                    "Nothing is in it: what is there to know of a training?".to_owned()
                } else {
                    format!("It has\n\n{}", listed(&metrics.samples))
                }
            )
        })?;
    }
    let declared = |name: &str| metrics.types.get(name).map_or("untyped", String::as_str);
    for name in COUNTERS {
        ensure(declared(name) != "untyped", "untyped", || {
            format!(
                "The gateway does not know of which type `{name}` is. It reads the text format in \
                 which `# TYPE` is followed by the whole name: what did you declare?"
            )
        })?;
        ensure(declared(name) == "counter", "counter-as-gauge", || {
            format!(
                "`{name}` is a {}. It counts what has happened, so it only rises; and whoever reads \
                 its type knows that `rate` is right for it. Which type says that?",
                declared(name)
            )
        })?;
    }
    ensure(declared(LOSS) == "gauge", "loss-not-gauge", || {
        format!(
            "`{LOSS}` is a {}. Should it not fall, now and then?",
            declared(LOSS)
        )
    })?;
    ensure(declared(WAIT) == "histogram", "wait-not-histogram", || {
        format!(
            "`{WAIT}` is a {}, which remembers one wait of all those between two pushes. Was it the \
             long one?",
            declared(WAIT)
        )
    })
}

// Exactly what was in the data.
pub(super) fn counts(metrics: &Exposition, data: &[Click]) -> Judgement {
    let known = known(data);
    for name in COUNTERS {
        let series = metrics.series(name, &[]);
        ensure(series <= MAX_SERIES, "label-per-id", || {
            let all: Vec<_> = metrics.named(name).cloned().collect();
            format!(
                "{CLICKS} clicks left {series} series of `{name}`, such as\n\n{}\n\nHow many users \
                 do you hope to have? (Exercise 14.)",
                listed(&all)
            )
        })?;
    }
    let shown = examples(metrics);
    ensure(shown != CLICKS as f64, "nan-trained", || {
        format!(
            "{CLICKS} clicks were in the data; in {} of them a number was NaN, and nothing was \
             learned from those. `{EXAMPLES}` is {shown}. Trained on, or read?",
            CLICKS as f64 - known.examples
        )
    })?;
    ensure(shown != BATCHES as f64, "counts-batches", || {
        format!("`{EXAMPLES}` is {shown} after {BATCHES} batches of {BATCH}. Examples, or batches?")
    })?;
    for (name, labels, truth) in known.all() {
        let shown = metrics.sum(name, &labels);
        ensure(
            shown == truth || truth <= BATCHES as f64 || shown > BATCHES as f64 || shown == 0.0,
            "counts-batches",
            || {
                format!(
                    "{}: {truth} in the data, {shown} counted, in {BATCHES} batches. By how much \
                     does it rise when a batch has several?",
                    series(name, &labels)
                )
            },
        )?;
        ensure(shown == truth, "wrong-count", || {
            format!(
                "{} is {shown}; in the data there were {truth}. (A table of {ROWS} rows forgets what \
                 was not looked up for longest. From a click with a NaN nothing is learned, and \
                 nothing of it is looked up.)",
                series(name, &labels)
            )
        })?;
    }
    Ok(())
}

pub(super) fn loss(seen: &Seen) -> Judgement {
    let of = |worker: &str| -> Vec<f64> {
        let pushed = seen.of(worker).flat_map(|one| one.pushed.named(LOSS));
        pushed.map(|sample| sample.value).collect()
    };
    let all = of("worker-1");
    ensure(
        all.iter().all(|loss| loss.is_finite()),
        "loss-is-nan",
        || {
            format!(
                "`{LOSS}` of `worker-1` was, push by push, {}. The tenth batch had nothing but NaN in \
             it, so that nothing was learned from it. What is the mean of nothing, and what should \
             the gauge say then?",
                shortened(&all)
            )
        },
    )?;
    let last = of("worker-2").last().copied().unwrap_or(f64::NAN);
    // Of a model that has not learned anything.
    let guessing = std::f64::consts::LN_2;
    ensure(last > 0.0 && last < guessing, "other-loss", || {
        format!(
            "`{LOSS}` of `worker-2` is {last:.3} in the end. A model that answers one half to \
             everything has a mean loss of {guessing:.3}; this one had learned. Is it the mean over \
             the examples of a batch?"
        )
    })
}

pub(super) fn waits(seen: &Seen) -> Judgement {
    let metrics = &seen.group("worker-1")?.metrics;
    let (sum, count) = (
        metrics.sum(&format!("{WAIT}_sum"), &[]),
        metrics.sum(&format!("{WAIT}_count"), &[]),
    );
    let (seconds, halt) = (seen.seconds, PAUSE.as_secs_f64());
    // Whoever also times the wait for the end of the data is right too.
    let batches = BATCHES as f64;
    ensure(
        count == batches || count == batches + 1.0,
        "wrong-waits",
        || {
            format!(
                "`{WAIT}_count` is {count} after {BATCHES} batches. Is every wait measured once?"
            )
        },
    )?;
    ensure(sum <= seconds, "unit", || {
        format!(
            "`{WAIT}_sum` is {sum}, and the worker ran for {seconds:.1} s in all. In which unit did \
             it wait?"
        )
    })?;
    ensure(sum > halt / 2.0, "wait-not-measured", || {
        format!(
            "After the first batch no data came for {halt} s. `{WAIT}_sum` is {sum:.6} in the end. \
             Between which two moments does a training wait for a batch?"
        )
    })
}

pub(super) fn shortened(values: &[f64]) -> String {
    let mut text: Vec<String> = Vec::new();
    for value in values {
        let value = format!("{value:.3}");
        if text.last() != Some(&value) {
            text.push(value);
        }
    }
    text.join(", ")
}
