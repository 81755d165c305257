//! Exercise 22: which of six models ails from what, and since when. What is said of a wrong answer
//! is what the metrics of the model show that was named.

mod evidence;

use std::path::Path;

use crate::answer_file::Answers;
use crate::checks::under_name;
use crate::finding::{Finding, Judgement, ensure};
use crate::models::{Ailment, Case, MODELS, REASONS, cases};
use crate::reading::{numbers, words};

const STUB: &str = include_str!("../../../stubs/22_ailing_model/answers.txt");

// Scrapes come every 5 s, and a rate looks back.
const ONSET_TOLERANCE: f64 = 15.0;
// The alert's window and its `for`.
const ALERT_COMES_LATER: f64 = 150.0;
// In percent; the shares are tens.
const SHARE_TOLERANCE: f64 = 4.0;

/// What was said.
struct Said {
    unit: usize,
    missing: (usize, f64),
    fallback: (usize, &'static str),
    taste: usize,
    stuck: usize,
    healthy: usize,
    onset: f64,
    level: f64,
}

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let answers = Answers::read(file, STUB)?;
    // As in exercises 11 and 12, the name is taken as it stands there.
    let name = answers.name(1)?;
    for number in 2..=10 {
        answers.required(number)?;
    }
    let one = |number| {
        let expected = format!("one of {}", MODELS.join(", "));
        answers.read_as(number, &expected, |text| Some(model(text)?.0))
    };
    let said = Said {
        unit: one(2)?,
        missing: answers.read_as(3, "a model and a share, such as arneis 10%", |text| {
            let (model, rest) = model(text)?;
            Some((model, percent(&rest)?))
        })?,
        fallback: answers.read_as(4, "a model and a reason, such as arneis absent", |text| {
            let (model, rest) = model(text)?;
            Some((model, reason(&rest)?))
        })?,
        taste: one(5)?,
        stuck: one(6)?,
        healthy: one(7)?,
        onset: answers.read_as(8, "one number of seconds, such as 40", |text| {
            let number = numbers::one(text)?;
            let seconds = if number.unit.is_empty() {
                Some(number.value)
            } else {
                number.seconds()
            };
            seconds.filter(|seconds| seconds.is_finite())
        })?,
        level: answers.read_as(9, "1, 2 or 3", |text| {
            let levels = text.to_lowercase().replace("level", " ");
            let level = numbers::one(&levels)?.value;
            [1.0, 2.0, 3.0].contains(&level).then_some(level)
        })?,
    };
    under_name(name.as_str(), "models", |name| judge(&cases(name), &said))?;
    evidence::check(&cases(name.as_str()), answers.required(10)?)
}

// The place of the one model that is named, and the rest of the text.
fn model(text: &str) -> Option<(usize, String)> {
    let said = words(text);
    let mut places =
        (0..MODELS.len()).filter(|place| said.iter().any(|word| word == MODELS[*place]));
    let place = places.next()?;
    let rest = text.to_lowercase().replace(MODELS[place], " ");
    places.next().is_none().then_some((place, rest))
}

// `30%`, `30 percent`, `0.3`, `3/10`, `30`.
fn percent(text: &str) -> Option<f64> {
    let number = numbers::one(&text.replace('%', " percent "))?;
    let is_percent = text.contains('%') || text.contains("percent") || number.value > 1.0;
    Some(number.value * if is_percent { 1.0 } else { 100.0 })
}

fn reason(text: &str) -> Option<&'static str> {
    let said = words(text);
    let known = |word: &String| match word.as_str() {
        "slow" | "timeouts" => Some("timeout"),
        "errors" | "failing" | "fails" => Some("error"),
        "gone" | "missing" => Some("absent"),
        word => REASONS.iter().map(|one| one.0).find(|one| *one == word),
    };
    let mut reasons = said.iter().filter_map(known);
    let first = reasons.next()?;
    reasons.all(|other| other == first).then_some(first)
}

// What the metrics of a model show.
fn shows(case: &Case) -> String {
    match case.ailment {
        Ailment::None => "its scores are as far from their reference as chance explains, its features are \
            whole and in range, the model answers, and its Brier score is that of wines held out"
            .to_owned(),
        Ailment::Unit => "`model_feature_out_of_range_total` rises, and half of its scores are in the lowest decile"
            .to_owned(),
        Ailment::Missing(_) => "`model_feature_missing_total` rises, and nothing else that rises did not before".to_owned(),
        Ailment::Fallback(..) => "`predictions_total{by=\"rules\"}` rises".to_owned(),
        Ailment::Taste => "features, scores and `prediction_rule_disagreements_total` go on as before, and its Brier score \
            is much worse than before"
            .to_owned(),
        Ailment::Stuck => "features and scores go on as before, its Brier score is much worse than before, and \
            `prediction_rule_disagreements_total` rises much faster than before"
            .to_owned(),
    }
}

fn judge(cases: &[Case; 6], said: &Said) -> Judgement {
    let named = |place: usize, what: &str, id, is_it: fn(Ailment) -> bool| {
        ensure(is_it(cases[place].ailment), id, || {
            format!(
                "You say that {what} `{}`. There, {}. Which one shows what you look for?",
                MODELS[place],
                shows(&cases[place])
            )
        })
    };
    // What is taken for something else, and is well, is the worst that a watcher can do.
    let accused = [
        said.unit,
        said.missing.0,
        said.fallback.0,
        said.taste,
        said.stuck,
    ];
    let innocent = accused
        .iter()
        .find(|place| cases[**place].ailment == Ailment::None);
    ensure(innocent.is_none(), "healthy-accused", || {
        let model = MODELS[*innocent.unwrap_or(&0)];
        format!(
            "You say of `{model}` that something ails it. There, {}. What made you look there, and how often would \
             that wake somebody in a week?",
            shows(&Case {
                ailment: Ailment::None,
                onset: 0
            })
        )
    })?;
    named(
        said.unit,
        "alcohol comes in another unit at",
        "unit-elsewhere",
        |ailment| ailment == Ailment::Unit,
    )?;
    named(
        said.missing.0,
        "alcohol is missing at",
        "missing-elsewhere",
        |ailment| matches!(ailment, Ailment::Missing(_)),
    )?;
    named(
        said.fallback.0,
        "rules answer at",
        "fallback-elsewhere",
        |ailment| matches!(ailment, Ailment::Fallback(..)),
    )?;
    let turned =
        cases[said.taste].ailment == Ailment::Stuck && cases[said.stuck].ailment == Ailment::Taste;
    ensure(!turned, "taste-and-stuck-turned", || {
        format!(
            "You say that taste has changed at `{}`, and that each gets the answer of another at `{}`. Both are wrong by their labels \
             alone. But at the first, {}. What do two opinions of the same wine say, when the model answers about another one?",
            MODELS[said.taste],
            MODELS[said.stuck],
            shows(&cases[said.taste])
        )
    })?;
    named(
        said.taste,
        "taste has changed at",
        "taste-elsewhere",
        |ailment| ailment == Ailment::Taste,
    )?;
    named(
        said.stuck,
        "each gets the answer of another at",
        "stuck-elsewhere",
        |ailment| ailment == Ailment::Stuck,
    )?;
    named(said.healthy, "nothing ails", "not-healthy", |ailment| {
        ailment == Ailment::None
    })?;
    details(cases, said)
}

fn details(cases: &[Case; 6], said: &Said) -> Judgement {
    let (place, share) = said.missing;
    if let Ailment::Missing(percent) = cases[place].ailment {
        let is_near = (share - f64::from(percent)).abs() <= SHARE_TOLERANCE;
        ensure(is_near, "other-share", || {
            format!(
                "You say that alcohol is missing in {share}% of the questions to `{}`. Since it began, over five minutes, \
                 `model_feature_missing_total` has risen by another share of what `predictions_total` has. A window that \
                 began before shows less.",
                MODELS[place]
            )
        })?;
    }
    let (place, reason) = said.fallback;
    let case = cases[place];
    let Ailment::Fallback(truth, _) = case.ailment else {
        return Err(Finding::new("fallback-elsewhere", shows(&case)));
    };
    ensure(reason == REASONS[truth].0, "other-reason", || {
        format!(
            "`predictions_total{{job=\"{}\",reason=\"{reason}\"}}` does not rise. Which one does?",
            MODELS[place]
        )
    })?;
    let late = said.onset - f64::from(case.onset);
    ensure(
        late <= ONSET_TOLERANCE || late > ALERT_COMES_LATER,
        "alert-for-onset",
        || {
            format!(
                "You say that it began {} s after the start; `predictions_total{{job=\"{}\",by=\"rules\"}}` had begun \
                 to rise {late:.0} s before. An alert looks back over its window, and waits. When did it *begin*?",
                said.onset, MODELS[place]
            )
        },
    )?;
    ensure(late.abs() <= ONSET_TOLERANCE, "other-onset", || {
        format!(
            "You say that it began {} s after the start (`process_start_time_seconds`). At that moment \
             `predictions_total{{job=\"{}\",by=\"rules\"}}` did not begin to rise.",
            said.onset, MODELS[place]
        )
    })?;
    ensure(said.level != 1.0, "level-one", || {
        "Level 1 gets somebody out of bed: nobody can log in. Here everybody gets an answer, some of them a worse one.".to_owned()
    })?;
    ensure(said.level == 2.0, "level-three", || {
        "Level 3 is planned work, for a few who are a little worse off. Here the model, which this is all about, \
         does not answer a good part of them. How long may that last?"
            .to_owned()
    })
}
