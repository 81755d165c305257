//! The query for the accuracy, judged by what it returns over labels of which the truth is known.

use crate::finding::{Finding, Judgement, ensure};
use crate::promtool::{Outcome, Scene, evaluate};
use crate::student::Student;

const RIGHT: &str = r#"(sum(rate(prediction_outcomes_total{job="student",by="model",predicted="good",actual="good"}[10m])) + sum(rate(prediction_outcomes_total{job="student",by="model",predicted="bad",actual="bad"}[10m]))) / sum(rate(prediction_outcomes_total{job="student",by="model"}[10m]))"#;

/// A mistake that is known: what to replace in the right query, the finding, and what it asks.
type Known = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const KNOWN: &[Known] = &[
    (
        &[(",by=\"model\"", "")],
        "rules-mixed-in",
        "The rules are worse than the model. Whose accuracy is it?",
    ),
    (
        &[("job=\"student\",", "")],
        "other-jobs",
        "There is another service, with ten times the labels. Whose accuracy is it?",
    ),
    (
        &[(
            "/ sum(rate(prediction_outcomes_total{job=\"student\",by=\"model\"}",
            "/ sum(rate(predictions_total{job=\"student\",by=\"model\"}",
        )],
        "labels-by-predictions",
        "A label of now is of a prediction of some time ago, and most predictions have none. By the number of what do you divide?",
    ),
    (
        &[("rate(", "("), ("[10m]", "")],
        "since-the-start",
        "Those are all labels since the start. How long would it take until a bad day is seen?",
    ),
    (
        &[("[10m]", "[5m]")],
        "other-window",
        "Over which time did you take it, and which was asked for?",
    ),
    (
        &[("[10m]", "[1m]")],
        "other-window",
        "Over which time did you take it, and which was asked for?",
    ),
];

/// The mean of each instance's accuracy.
const OF_INSTANCES: &str = r#"avg((sum by (instance) (rate(prediction_outcomes_total{job="student",by="model",predicted="good",actual="good"}[10m])) + sum by (instance) (rate(prediction_outcomes_total{job="student",by="model",predicted="bad",actual="bad"}[10m]))) / sum by (instance) (rate(prediction_outcomes_total{job="student",by="model"}[10m])))"#;

/// Of those that were called good.
const PRECISION: &str = r#"sum(rate(prediction_outcomes_total{job="student",by="model",predicted="good",actual="good"}[10m])) / sum(rate(prediction_outcomes_total{job="student",by="model",predicted="good"}[10m]))"#;

/// # Errors
///
/// The first finding.
pub(super) fn check(student: &Student) -> Judgement {
    let query = student.ask("GET", "/accuracy")?.body;
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure(!query.is_empty(), "no-query", || {
        "All labels are counted. `ACCURACY` is empty: which share of the model's answers was right?"
            .to_owned()
    })?;
    let mut known: Vec<(String, &str, &str)> = KNOWN
        .iter()
        .map(|(replaced, id, asks)| {
            let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
            let query = replaced.iter().fold(RIGHT.to_owned(), replace);
            (query, *id, *asks)
        })
        .collect();
    known.push((
        OF_INSTANCES.to_owned(),
        "average-of-averages",
        "One instance has nine labels in ten. Is the mean of two shares the share of all?",
    ));
    known.push((
        PRECISION.to_owned(),
        "precision-for-accuracy",
        "That looks at wines that were called good. What of those that were called bad?",
    ));
    let scenes = scenes();
    let mut queries = vec![query.clone(), RIGHT.to_owned()];
    queries.extend(known.iter().map(|(query, _, _)| query.clone()));
    let outcomes = evaluate(None, &scenes, &queries)?;
    let number = |scene: &[Outcome], at: usize| match &scene[at] {
        Ok(series) if series.len() == 1 => Some(series[0].value),
        _ => None,
    };
    let same = |a: usize, b: usize| {
        outcomes.iter().all(|scene| {
            let (a, b) = (number(scene, a), number(scene, b));
            a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
        })
    };
    if let Err(error) = &outcomes[0][0] {
        return Err(Finding::new(
            "does-not-parse",
            format!("Prometheus does not understand your query: {error}"),
        ));
    }
    if same(0, 1) {
        return Ok(());
    }
    let differs = outcomes.iter().zip(&scenes).find(|(scene, _)| {
        let (seen, truth) = (number(scene, 0), number(scene, 1));
        seen.zip(truth).is_none_or(|(a, b)| (a - b).abs() >= 1e-9)
    });
    let Some((outcome, scene)) = differs else {
        return Ok(());
    };
    let returned = outcome[0].as_ref().map_or(0, Vec::len);
    let truth = number(outcome, 1).unwrap_or(f64::NAN);
    let Some(seen) = number(outcome, 0) else {
        let (id, asks) = if returned == 0 {
            (
                "returns-nothing",
                "Is there a label on one side that the other side does not have?",
            )
        } else {
            ("several-series", "One number was asked for.")
        };
        return Err(Finding::new(
            id,
            format!(
                "While {}, your query returned {returned} series. {asks}",
                scene.name
            ),
        ));
    };
    let said = format!(
        "While {}, your query returned {seen:.4}, and the truth was {truth:.4}. ",
        scene.name
    );
    let mistake = (0..known.len()).find(|at| same(0, at + 2));
    let (id, asks) = mistake.map_or(("wrong-value", ""), |at| (known[at].1, known[at].2));
    Err(Finding::new(id, said + asks))
}

// What came in 5 s of each instance: called good and bad, and what it was.
const LABELS: [(&str, &str, [f64; 4]); 4] = [
    ("a", "model", [36.0, 9.0, 4.0, 41.0]),
    ("b", "model", [2.0, 3.0, 1.0, 4.0]),
    ("a", "rules", [5.0, 5.0, 4.0, 6.0]),
    ("b", "rules", [1.0, 1.0, 1.0, 1.0]),
];
const STEPS: usize = 180;

fn scenes() -> Vec<Scene> {
    vec![
        scene("labels come as ever", 1.0, [0.0; 4], 1.0),
        scene(
            "twice as many are asking as a minute ago, and their labels have not come yet",
            2.0,
            [0.0; 4],
            1.0,
        ),
        scene(
            "nobody has asked for a minute, and labels still come",
            0.0,
            [0.0; 4],
            1.0,
        ),
        scene(
            "taste changed a minute and a half ago, as the labels say",
            1.0,
            [-20.0, 20.0, 20.0, -20.0],
            1.0,
        ),
        scene(
            "half of the labels have been lost for a minute and a half",
            1.0,
            [0.0; 4],
            0.5,
        ),
    ]
}

// In the last 18 steps there are these more of instance a by the model, and so many of all; in
// the last twelve `asked` times as many predictions.
fn scene(name: &'static str, asked: f64, more: [f64; 4], of_all: f64) -> Scene {
    let mut series = Vec::new();
    let mut counter = |name: String, past: f64, rise: f64, late: usize, then: f64| {
        let early = STEPS - late;
        let reached = past + rise * (early - 1) as f64;
        let values = format!(
            "{past}+{rise}x{} {}+{then}x{}",
            early - 1,
            reached + then,
            late - 1
        );
        series.push((name, values));
    };
    let others = LABELS.iter().map(|one| ("app", one, 10.0));
    let own = LABELS.iter().map(|one| ("student", one, 1.0));
    for (job, (instance, by, cells), times) in own.chain(others) {
        let target = format!("job=\"{job}\",instance=\"{instance}\",by=\"{by}\"");
        let changes = job == "student" && *instance == "a" && *by == "model";
        let names = [
            ("good", "good"),
            ("good", "bad"),
            ("bad", "good"),
            ("bad", "bad"),
        ];
        for (at, (predicted, actual)) in names.iter().enumerate() {
            // The others' model is worse, and so was ours in the past.
            let is_right = predicted == actual;
            let rise = match (job, is_right) {
                ("app", true) => times * cells[at] / 2.0,
                _ => times * cells[at],
            };
            let past = if is_right { 1e5 } else { 9e4 };
            let then = of_all * (rise + if changes { more[at] } else { 0.0 });
            let labels = format!("{target},predicted=\"{predicted}\",actual=\"{actual}\"");
            counter(
                format!("prediction_outcomes_total{{{labels}}}"),
                past,
                rise,
                18,
                then,
            );
        }
        // Four in five are labelled at last.
        let rise = 1.25 * times * cells.iter().sum::<f64>();
        counter(
            format!("predictions_total{{{target}}}"),
            5e5,
            rise,
            12,
            rise * asked,
        );
    }
    let at = 5 * (STEPS as u32 - 1);
    Scene { name, series, at }
}
