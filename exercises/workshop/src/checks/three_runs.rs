//! Exercise 18: which of three real trainings has which fault. What is said of a
//! wrong answer is what the metrics of that run show.

use std::path::Path;

use crate::answer_file::Answers;
use crate::checks::under_name;
use crate::finding::{Finding, Judgement, ensure};
use crate::reading::{numbers, words};
use crate::runs::{FEATURES, Fault, RUNS, SHARDS, faults};

const STUB: &str = include_str!("../../../stubs/18_three_runs/answers.txt");

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let answers = Answers::read(file, STUB)?;
    // As in exercises 11 and 12, the name is taken as it stands there.
    let name = answers.name(1)?;
    for number in 2..=4 {
        answers.required(number)?;
    }
    let named = [
        named(&answers, 2, "a feature", feature)?,
        named(&answers, 3, "a number", capacity)?,
        named(&answers, 4, "a shard", shard)?,
    ];
    under_name(name.as_str(), "runs", |name| judge(name, &named))
}

/// A run: its name, its place in [`RUNS`], and what was said of it.
type Named = (&'static str, usize, String);

fn named(
    answers: &Answers,
    number: usize,
    what: &str,
    detail: fn(&str) -> Option<String>,
) -> Result<Named, Finding> {
    let expected = format!("one of {} and {what}", RUNS.join(", "));
    answers.read_as(number, &expected, |text| {
        let said = words(text);
        let mut places =
            (0..RUNS.len()).filter(|place| said.iter().any(|word| word == RUNS[*place]));
        let place = places.next()?;
        let rest = text.to_lowercase().replace(RUNS[place], " ");
        places
            .next()
            .is_none()
            .then(|| Some((RUNS[place], place, detail(&rest)?)))?
    })
}

fn feature(text: &str) -> Option<String> {
    let said = words(text);
    let mut features = FEATURES
        .iter()
        .filter(|feature| said.iter().any(|word| word == *feature));
    let feature = features.next()?;
    features.next().is_none().then(|| (*feature).to_owned())
}

fn capacity(text: &str) -> Option<String> {
    let number = numbers::one(text)?;
    let factor = if number.unit == "k" { 1000.0 } else { 1.0 };
    Some((number.value * factor).to_string())
}

// `rep_1`, `rep1`, `rep-1`, `shard 1`, `instance="rep_1"`, `1`.
fn shard(text: &str) -> Option<String> {
    let mut digits = text.chars().filter(char::is_ascii_digit);
    let digit = digits.next()?;
    let name = format!("rep_{digit}");
    digits.next().is_none().then_some(name)
}

fn judge(name: &str, named: &[Named; 3]) -> Judgement {
    let faults = faults(name);

    let (run, place, ref detail) = named[0];
    let Fault::Nan(feature) = faults[place] else {
        return Err(Finding::new(
            "nan-elsewhere",
            format!(
                "You say that `{run}` has the NaN. `nan_count{{job=\"{run}\"}}` is 0 for every \
                 `feat`, however long it runs. A gradient with a NaN in it is counted where it is \
                 dropped: where is that not 0?"
            ),
        ));
    };
    ensure(*detail == FEATURES[feature], "other-feature", || {
        format!(
            "You say that the NaN of `{run}` comes from `{detail}`. \
             `nan_count{{job=\"{run}\",feat=\"{detail}\"}}` does not rise. Which one does?"
        )
    })?;

    let (run, place, ref detail) = named[1];
    let Fault::SmallTable(capacity) = faults[place] else {
        return Err(Finding::new(
            "table-elsewhere",
            format!(
                "You say that `{run}` has the small table. \
                 `embedding_evictions{{job=\"{run}\"}}` is 0: nothing had to make room. At first \
                 every id is a miss, in every table. In which run do ids miss that had been there?"
            ),
        ));
    };
    ensure(*detail == capacity.to_string(), "other-capacity", || {
        format!(
            "You say that each shard of `{run}` holds {detail} embeddings. At which number does \
             `embedding_table_entries{{job=\"{run}\"}}` stop to rise?"
        )
    })?;

    let (run, place, ref detail) = named[2];
    let Fault::SlowShard(shard) = faults[place] else {
        return Err(Finding::new(
            "shard-elsewhere",
            format!(
                "You say that `{run}` has the slow shard. By \
                 `lookup_mixed_batch_time_cost{{job=\"{run}\"}}`, sum by count, its two shards take \
                 about as long as each other. In which run do they not?"
            ),
        ));
    };
    ensure(*detail == SHARDS[shard], "other-shard", || {
        format!(
            "You say that `{detail}` is the slow shard of `{run}`. A batch has its embeddings when \
             the last shard has answered (`lookup_rpc_time_cost`). Which of the two takes as long as \
             that?"
        )
    })
}
