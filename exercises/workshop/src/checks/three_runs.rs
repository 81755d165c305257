//! Exercise 18: which of three real trainings has which fault. What is said of a
//! wrong answer is what the metrics of that run show.

use std::path::Path;

use crate::answer_file::Answers;
use crate::finding::{Finding, Judgement, ensure};
use crate::runs::{FEATURES, Fault, RUNS, SHARDS, faults};

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let answers = Answers::read(file)?;
    let words = |number| answers.words(number).collect::<Vec<_>>();
    // As in exercises 11 and 12, the name is taken as it stands there.
    let name = answers.name(1)?;
    for number in 2..=4 {
        answers.required(number)?;
    }
    let mut named = Vec::new();
    for number in 2..=4 {
        let &[run, detail] = words(number).as_slice() else {
            return Err(two_words(number, &words(number)));
        };
        let place = RUNS.iter().position(|known| *known == run);
        let Some(place) = place else {
            return Err(two_words(number, &words(number)));
        };
        named.push((run, place, detail));
    }
    let faults = faults(name.as_str());

    let (run, place, detail) = named[0];
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
    ensure(detail == FEATURES[feature], "other-feature", || {
        format!(
            "You say that the NaN of `{run}` comes from `{detail}`. \
             `nan_count{{job=\"{run}\",feat=\"{detail}\"}}` does not rise. Which one does?"
        )
    })?;

    let (run, place, detail) = named[1];
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
    ensure(detail == capacity.to_string(), "other-capacity", || {
        format!(
            "You say that each shard of `{run}` holds {detail} embeddings. At which number does \
             `embedding_table_entries{{job=\"{run}\"}}` stop to rise?"
        )
    })?;

    let (run, place, detail) = named[2];
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
    ensure(detail == SHARDS[shard], "other-shard", || {
        format!(
            "You say that `{detail}` is the slow shard of `{run}`. A batch has its embeddings when \
             the last shard has answered (`lookup_rpc_time_cost`). Which of the two takes as long as \
             that?"
        )
    })
}

fn two_words(number: usize, words: &[&str]) -> Finding {
    Finding::new(
        "no-run",
        format!(
            "Question {number}: you answered `{}`. One of {} was asked for, and one word more.",
            words.join(" "),
            RUNS.join(", ")
        ),
    )
}
