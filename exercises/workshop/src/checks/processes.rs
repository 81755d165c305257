//! Exercise 16: processes, watched by a profile of one's own, which a real
//! proplet tries; the one that leaks; and what being told differs in from asking.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::answer_file::Answers;
use crate::checks::questions::{Question, judge};
use crate::finding::{Finding, Judgement, ensure};
use crate::processes::{Part, Processes, Resource, trial};
use proplet_schema::{MonitoringProfile, ProfileName};

const INTERVAL: Duration = Duration::from_millis(500);
const HISTORY: Duration = Duration::from_mins(10);
// Of the rate: what a minute of samples, read by hand, may miss it by.
const TOLERANCE: f64 = 0.15;

const QUESTIONS: &[Question] = &[
    Question {
        number: 6,
        right: "b",
        wrong: &[
            (
                "a",
                "last-words",
                "A process that is ended by `kill -9` runs no line more. Who is left to speak?",
            ),
            (
                "d",
                "nobody-speaks",
                "The broker has noticed that the connection is gone. What was it told to do then?",
            ),
        ],
        asks: "Who notices first, and what was left with whom for this very moment?",
    },
    Question {
        number: 7,
        right: "nothing everything",
        wrong: &[
            (
                "everything everything",
                "pull-remembers",
                "A gauge shows what is now. Who could say, afterwards, what it was then?",
            ),
            (
                "nothing nothing",
                "push-forgets",
                "The proplet went on sampling. Where are its samples while nobody takes them?",
            ),
            (
                "everything nothing",
                "other-way-round",
                "Which of the two writes a value down at once, and which only when asked?",
            ),
        ],
        asks: "For each: who had the number in hand during the outage, and where did it go?",
    },
    Question {
        number: 8,
        right: "0 2",
        wrong: &[
            (
                "0 0",
                "start-and-end-forgotten",
                "A sample each 10 s is not all that a proplet takes. When does it take the others?",
            ),
            (
                "0 1",
                "start-and-end-forgotten",
                "A proplet takes one sample at the start. And just before it lets a task go?",
            ),
            (
                "1 2",
                "at-least",
                "The visits are 15 s apart, and the task is there for 2 s. Must one of them meet it?",
            ),
        ],
        asks: "For each: what happens without any luck?",
    },
    Question {
        number: 9,
        right: "1",
        wrong: &[(
            "0",
            "up-of-another",
            "Who answered Prometheus when it came by? And is that the one who is silent?",
        )],
        asks: "It is 0 or 1: did the one whom Prometheus visits answer?",
    },
];

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let answers = Answers::read(file)?;
    let name = answers.name(1)?;
    watched(&read(answers.required(2)?)?)?;
    leak(&Processes::of(name.as_str()), &answers)?;
    judge(QUESTIONS, &answers)
}

/// Whose processes, and by which profile they are watched: the student's own,
/// or, as long as there is none, the standard one.
///
/// # Errors
///
/// What is missing in the file.
pub fn chosen(file: &Path) -> Result<(String, Option<MonitoringProfile>), Finding> {
    let answers = Answers::read(file)?;
    let name = answers.name(1)?.to_string();
    let profile = match answers.get(2) {
        "" => None,
        text => Some(read(text)?),
    };
    Ok((name, profile))
}

/// The profile of a process for which nobody has written one.
#[must_use]
pub fn standard() -> MonitoringProfile {
    ProfileName::Standard.into()
}

fn read(text: &str) -> Result<MonitoringProfile, Finding> {
    let value = if text.starts_with(['{', '[', '"']) {
        serde_json::from_str(text).map_err(|error| {
            Finding::new(
                "not-json",
                format!(
                    "Question 2: no program can read this as JSON: {error}. (A comma too many, \
                     or one too few? Is every name in quotes?)"
                ),
            )
        })?
    } else {
        Value::from(text)
    };
    MonitoringProfile::from_json("the profile", &value).map_err(|refusal| {
        Finding::new(
            "profile-refused",
            format!("The proplet refuses your profile: {refusal}."),
        )
    })
}

fn watched(profile: &MonitoringProfile) -> Judgement {
    let messages = trial(profile)?;
    let intro = "A process that lives for 2 s was watched by your profile.";
    let Some((_, last)) = messages.last() else {
        return Err(Finding::new(
            "not-published",
            format!("{intro} Nothing was published. Which of the profile's switches sends?"),
        ));
    };
    interval(profile, intro, &messages)?;
    metrics(profile, intro, &messages)?;
    ensure(!last["aggregated"].is_null(), "no-history", || {
        format!(
            "{intro} In its messages `aggregated` is null: no mean, no maximum. What are they \
             taken from, and is it kept?"
        )
    })?;
    let kept = profile.interval.duration().as_secs_f64() * profile.history_size as f64;
    let wanted = HISTORY.as_secs_f64();
    let id = if kept < wanted {
        "history-short"
    } else {
        "history-long"
    };
    ensure((kept / wanted - 1.0).abs() < 0.02, id, || {
        format!(
            "Your history keeps {} samples. With one each {} these are {}; ten minutes were asked \
             for. In which unit is `history_size`?",
            profile.history_size,
            profile.interval,
            time(kept),
        )
    })
}

// As a person would say it.
fn time(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds} s")
    } else {
        format!("{:.1} minutes", seconds / 60.0)
    }
}

fn interval(profile: &MonitoringProfile, intro: &str, messages: &[(f64, Value)]) -> Judgement {
    let interval = profile.interval.duration();
    let came: Vec<_> = messages
        .iter()
        .take(12)
        .map(|(at, _)| format!("{at:.1}"))
        .collect();
    let came = format!(
        "{intro} {} samples came, after {} s{}. Your interval is {}",
        messages.len(),
        came.join(", "),
        if messages.len() > 12 { " …" } else { "" },
        profile.interval
    );
    ensure(interval.as_secs() != 500, "unit-of-interval", || {
        format!("{came}. In which unit does the profile take a plain number?")
    })?;
    ensure(interval <= INTERVAL, "too-slow", || {
        format!("{came}. What happened between two samples, nobody will ever know.")
    })?;
    ensure(interval >= INTERVAL, "too-often", || {
        format!("{came}; asked for was half a second. Each sample costs: who pays?")
    })?;
    ensure(profile.adaptive.is_none(), "adaptive", || {
        format!(
            "{came}, but the profile is adaptive: while nothing changes it says nothing. A sample \
             each half second was asked for."
        )
    })
}

fn metrics(profile: &MonitoringProfile, intro: &str, messages: &[(f64, Value)]) -> Judgement {
    let wanted = [
        ("cpu_percent", profile.collect_cpu),
        ("memory_bytes", profile.collect_memory),
        ("disk_write_bytes", profile.collect_disk_io),
        ("thread_count", profile.collect_threads),
        ("file_descriptor_count", profile.collect_file_descriptors),
    ];
    // In any of them: the last one is of a process that has ended, and holds nothing
    // any more.
    let seen = |key: &str| {
        let mut values = messages.iter().map(|(_, message)| &message["metrics"][key]);
        values.find(|value| !value.is_null())
    };
    // What the system does not tell is absent, however the profile asks.
    let is_there =
        |key: &str, asked: bool| asked && (seen(key).is_some() || cfg!(not(target_os = "linux")));
    for (key, asked) in wanted {
        ensure(is_there(key, asked), "metric-missing", || {
            format!(
                "{intro} In its messages there is no `{key}`. What is not sampled is absent, and \
                 not 0: could you have told the difference?"
            )
        })?;
    }
    seen("network_rx_bytes").map_or(Ok(()), |value| {
        Err(Finding::new(
            "metric-unwanted",
            format!(
                "{intro} It has no socket, and yet its messages have `network_rx_bytes`, at first \
                 {value}. Whose bytes are these, and who pays for asking?"
            ),
        ))
    })
}

fn leak(processes: &Processes, answers: &Answers) -> Judgement {
    let given = answers.required(3)?;
    let (id, asks) = match processes.part(&given.to_lowercase()) {
        Some(Part::Leaks) => return resource(processes, given, answers),
        None => {
            let names: Vec<_> = processes.names().collect();
            return Err(Finding::new(
                "no-such-process",
                format!(
                    "Question 3: there is no process `{given}`. There are {}.",
                    names.join(", ")
                ),
            ));
        }
        Some(Part::Big) => (
            "big-is-no-leak",
            "It has more memory than the others. How much had it a minute earlier?",
        ),
        Some(Part::WarmsUp) => (
            "warms-up",
            "It grew, at first. And after a minute? What is filled once is a cache.",
        ),
        Some(Part::Busy) => (
            "busy-is-no-leak",
            "It works. What of it is more than a minute ago, and is never given back?",
        ),
        Some(Part::Writes) => (
            "total-is-no-leak",
            "Its total rises, as a total must: it is a counter. What does it *hold*?",
        ),
        Some(Part::Many) => (
            "many-is-no-leak",
            "It has many threads and open files. How many had it a minute earlier?",
        ),
    };
    Err(Finding::new(
        id,
        format!("Question 3: you answered `{given}`. {asks}"),
    ))
}

fn resource(processes: &Processes, name: &str, answers: &Answers) -> Result<(), Finding> {
    let given = answers.required(4)?;
    let words = given.to_lowercase();
    let right = match processes.resource {
        Resource::Memory => words.contains("memory"),
        Resource::Descriptors => words.contains("descriptor") || words.contains("file"),
    };
    ensure(right, "other-resource", || {
        format!(
            "Question 4: you answered `{given}`. Compare two messages of {name}, a minute apart, \
             number by number: which have become more?"
        )
    })?;
    rate(processes, name, answers.required(5)?)
}

fn rate(processes: &Processes, name: &str, given: &str) -> Judgement {
    let number: f64 = given.replace(['_', ','], "").parse().map_err(|_| {
        Finding::new(
            "no-number",
            format!("Question 5: `{given}` is not a number; bytes a second, or files a second."),
        )
    })?;
    let ratio = number / processes.per_second;
    let is = |factor: f64| (ratio / factor - 1.0).abs() <= TOLERANCE;
    if is(1.0) {
        return Ok(());
    }
    let (id, asks) = if [1e-3, 1.0 / 1024.0, 1e-6, 1.0 / 1024.0 / 1024.0]
        .into_iter()
        .any(is)
    {
        ("unit", "In which unit is `memory_bytes`?".to_owned())
    } else if is(INTERVAL.as_secs_f64()) {
        (
            "per-sample",
            "Is that by how much it grows from one message to the next? How many come in a second?"
                .to_owned(),
        )
    } else if is(60.0) {
        (
            "per-minute",
            "Is that by how much it grew in a minute?".to_owned(),
        )
    } else {
        let (times, way) = if ratio < 1.0 {
            (1.0 / ratio, "little")
        } else {
            (ratio, "much")
        };
        let asks = if (0.1..10.0).contains(&ratio) {
            format!("That is {times:.1} times too {way}.")
        } else {
            format!("That is far too {way}.")
        };
        (
            "other-rate",
            format!(
                "{asks} Take two messages of {name}, a minute apart: the difference of the \
                 values by the difference of the times."
            ),
        )
    };
    Err(Finding::new(
        id,
        format!("Question 5: you answered {given} a second. {asks}"),
    ))
}
