//! Exercise 6: queries, judged by what they return over series that are written
//! down: in calm, in a burst, when an instance restarts, when nothing fails.

mod questions;
mod scenes;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use self::questions::{QUESTIONS, Question, Shape};
use crate::answer_file::Answers;
use crate::api::Api;
use crate::backfill::Backfilled;
use crate::finding::{Finding, Judgement, ensure};
use crate::promtool::{Outcome, Returned, Scene, evaluate};
use crate::query::{Mistake, Parsed, mistake_in};
use crate::stack::Stack;

const STUB: &str = include_str!("../../../stubs/06_promql/queries.promql");

/// # Errors
///
/// The first finding.
pub fn check(file: &Path, stack: &Stack) -> Result<Option<String>, Finding> {
    let answers = Answers::read(file, STUB)?;
    let answer = |question: &Question| {
        let answer = answers.get(question.number);
        if answer.is_empty() {
            "absent()"
        } else {
            answer
        }
        .to_owned()
    };
    let scenes = scenes::all();
    // First the students' queries, then for each question the right and the
    // wrong ones that are known.
    let mut queries: Vec<_> = QUESTIONS.iter().map(answer).collect();
    for question in QUESTIONS {
        queries.push(question.right.to_owned());
        queries.extend(question.wrong.iter().map(|wrong| wrong.query.to_owned()));
    }
    let outcomes = evaluate(None, &scenes, &queries)?;
    let mut known = QUESTIONS.len();
    for (index, question) in QUESTIONS.iter().enumerate() {
        let of = |query: usize| -> Vec<Outcome> {
            outcomes.iter().map(|scene| scene[query].clone()).collect()
        };
        let wrong: Vec<_> = (0..question.wrong.len())
            .map(|n| of(known + 1 + n))
            .collect();
        let answered = !answers.get(question.number).is_empty();
        ensure(answered, "not-answered", || {
            format!(
                "Question {} has no answer yet: {}",
                question.number, question.text
            )
        })?;
        judge(
            question,
            answers.get(question.number),
            &scenes,
            &of(index),
            &of(known),
            &wrong,
        )?;
        known += 1 + question.wrong.len();
    }
    let right: Vec<_> = QUESTIONS
        .iter()
        .map(|question| (question, answer(question)))
        .collect();
    in_graphs(&scenes, &right)?;
    match &stack.prometheus {
        None => Ok(None),
        Some(url) => on_running_prometheus(&Api::at(url)?, &right).map(Some),
    }
}

// What was right at one moment must be right in a graph too, which asks
// otherwise: a real Prometheus is asked for the last minute of each scene.
fn in_graphs(scenes: &[Scene], answers: &[(&Question, String)]) -> Judgement {
    let Some(prometheus) = Backfilled::start(scenes)? else {
        return Ok(());
    };
    for (question, answer) in answers {
        for (index, scene) in scenes.iter().enumerate() {
            let seen = prometheus.graph(index, answer)?;
            let truth = prometheus.graph(index, question.right)?;
            for (point, (seen, truth)) in seen.iter().zip(&truth).enumerate() {
                ensure(
                    question.shape.is_same(seen, truth),
                    "other-in-a-graph",
                    || {
                        format!(
                            "Query {}, {}:\n    in a graph of the last minute, over series in which \
                             {}, {} s before its end it shows {}, and the truth was {}.\n\nA graph \
                             asks for many moments at once. Which moment does your query speak of?",
                            question.number,
                            question.text,
                            scene.name,
                            Backfilled::before(point),
                            shown(seen),
                            shown(truth)
                        )
                    },
                )?;
            }
        }
    }
    Ok(())
}

// The same on the Prometheus that runs, whose truth nobody has written down: a
// query that is right returns what the known one returns.
fn on_running_prometheus(api: &Api, answers: &[(&Question, String)]) -> Result<String, Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    // What is being scraped just now may come between two queries.
    let time = now.map_or(0.0, |now| now.as_secs_f64()).floor() - 10.0;
    let mut said = "On the Prometheus that runs they return now:".to_owned();
    for (question, answer) in answers {
        let seen = api.at_time(answer, time)?;
        let truth = api.at_time(question.right, time)?;
        ensure(question.shape.is_same(&seen, &truth), "other-here", || {
            format!(
                "Query {}, {}:\n    it is right over series that are written down, but on the \
                 Prometheus that runs it returned {}, and the truth was {}.\n\nWhat is there that \
                 your query does not count on?",
                question.number,
                question.text,
                shown(&seen),
                shown(&truth)
            )
        })?;
        let _ = write!(said, "\n  {:>2}. {}", question.number, shown(&seen));
    }
    Ok(said)
}

fn judge(
    question: &Question,
    query: &str,
    scenes: &[Scene],
    answer: &[Outcome],
    right: &[Outcome],
    wrong: &[Vec<Outcome>],
) -> Judgement {
    let number = question.number;
    if let Some(Err(error)) = answer.first() {
        return Err(Finding::new(
            "does-not-parse",
            format!("Prometheus does not understand your query {number}: {error}"),
        ));
    }
    let same =
        |a: &[Outcome], b: &[Outcome]| a.iter().zip(b).all(|(a, b)| question.shape.is_same(a, b));
    if same(answer, right) {
        return Ok(());
    }
    let (index, scene) = scenes
        .iter()
        .enumerate()
        .find(|(index, _)| !question.shape.is_same(&answer[*index], &right[*index]))
        .unwrap_or((0, &scenes[0]));
    let seen = format!(
        "Query {number}, {}:\n    over series in which {} it returned {}",
        question.text,
        scene.name,
        shown(&answer[index])
    );
    // Causes are chosen by what is written and by what came out.
    let parsed = Parsed::of(query);
    if let Some(mistake) = parsed.as_ref().and_then(|query| written(question, query)) {
        return Err(Finding::new(
            mistake.id,
            format!("{seen}.\n\n{}", mistake.asks),
        ));
    }
    let known = question
        .wrong
        .iter()
        .zip(wrong)
        .find(|(known, wrong)| same(answer, wrong) && known.is_written_like(parsed.as_ref()));
    if let Some((known, _)) = known {
        return Err(Finding::new(known.id, format!("{seen}.\n\n{}", known.asks)));
    }
    let several = answer[index].as_ref().map_or(0, Vec::len);
    match question.shape {
        _ if several == 0 => Err(Finding::new(
            "returns-nothing",
            format!(
                "{seen}.\n\nIs there a label on one side that the other does not have, or a name that does not exist?"
            ),
        )),
        Shape::One | Shape::Count if several > 1 => Err(Finding::new(
            "several-series",
            format!("{seen}.\n\nOne number was asked for."),
        )),
        _ => Err(Finding::new(
            "wrong-value",
            format!("{seen}, and the truth is {}.", shown(&right[index])),
        )),
    }
}

// A mistake that can be read off the query, whatever came out.
fn written(question: &Question, query: &Parsed) -> Option<Mistake> {
    if let Some(mistake) = mistake_in(query) {
        return Some(mistake);
    }
    let is = |is_there: bool, id, asks| is_there.then_some(Mistake { id, asks });
    let Some(window) = question.window else {
        return is(
            query.calls("_over_time"),
            "not-now",
            "That speaks of a time that has passed. How full is it now?",
        );
    };
    let is_last_two = question.number == 9;
    let of_gauges = ["delta", "idelta", "deriv", "_over_time"];
    is(
        query.counts_series(),
        "counts-series",
        "`count` says how many series there are. Is that what was asked?",
    )
    .or_else(|| {
        is(
            of_gauges.iter().any(|name| query.calls(name)),
            "gauge-function",
            "`delta`, `deriv` and what ends in `_over_time` are for gauges. What do they make of a counter that begins again at 0?",
        )
    })
    .or_else(|| {
        is(
        query.has_no_speed() && question.number < 4,
        "no-rate",
        "That is everything since the start. How fast does it grow?",
        )
    })
    .or_else(|| {
        is(
            query.has_no_speed(),
            "since-the-start",
            "Those are all requests since the start. A bad last minute would not be seen for hours.",
        )
    })
    .or_else(|| {
        is(
            query.calls("irate") && !is_last_two,
            "irate-for-rate",
            "How many of the values in the window did `irate` look at?",
        )
    })
    .or_else(|| {
        let other = query.windows().iter().any(|given| *given != window);
        is(
            other && !is_last_two,
            "other-window",
            "Over which time did you take it, and which was asked for?",
        )
    })
    .or_else(|| {
        is(
            (5..=8).contains(&question.number) && !query.always_chooses("outcome"),
            "errors-inside",
            "Did only successful requests count?",
        )
    })
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Err(error) => error.clone(),
        Ok(series) if series.is_empty() => "nothing".to_owned(),
        Ok(series) => {
            let mut text: Vec<_> = series.iter().take(4).map(one).collect();
            if series.len() > 4 {
                text.push(format!("{} more", series.len() - 4));
            }
            text.join(", ")
        }
    }
}

fn one(returned: &Returned) -> String {
    let labels: Vec<_> = returned
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    let value = (returned.value * 1e6).round() / 1e6;
    if labels.is_empty() {
        value.to_string()
    } else {
        format!("{{{}}} {value}", labels.join(","))
    }
}

impl Shape {
    fn is_same(self, a: &Outcome, b: &Outcome) -> bool {
        let (Ok(a), Ok(b)) = (a, b) else {
            return a == b;
        };
        // By the label that was asked for; other labels are the student's choice.
        let keyed = |series: &[Returned]| {
            let mut keyed: Vec<_> = series
                .iter()
                .map(|one| {
                    let key = match self {
                        Self::One | Self::Count => None,
                        Self::By(label) => one.labels.get(label).cloned(),
                    };
                    (key, one.value)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            keyed
        };
        let (a, b) = (keyed(a), keyed(b));
        a.len() == b.len()
            && a.iter().zip(&b).all(|((key, value), (other, number))| {
                // So many requests: who likes a whole number may have one.
                if let Self::Count = self
                    && value.fract() == 0.0
                    && (value - number).abs() < 1.0
                {
                    return true;
                }
                let near = (value - number).abs() <= 1e-9 * number.abs().max(1e-9);
                key == other && (near || value.is_nan() && number.is_nan() || value == number)
            })
    }
}
