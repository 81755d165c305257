//! Exercise 16: processes, watched by a profile of one's own, which a real
//! proplet tries; the one that leaks; and what being told differs in from asking.

mod leak;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::answer_file::Answers;
use crate::checks::questions::{Kind, Question, judge};
use crate::checks::under_name;
use crate::finding::{Finding, Judgement, ensure};
use crate::processes::{Processes, trial};
use crate::reading::choices::Word;
use proplet_schema::{MonitoringProfile, ProfileName};

const STUB: &str = include_str!("../../../stubs/16_processes/answers.txt");

const INTERVAL: Duration = Duration::from_millis(500);
const HISTORY: Duration = Duration::from_mins(10);

const SHARES: &[Word] = &[
    ("nothing", &["none", "no", "lost", "0"]),
    ("everything", &["all", "complete"]),
];

// Of two, the first is Prometheus', the second the proplet's.
const WHOSE: [&[&str]; 2] = [&["prometheus", "scrape", "pull"], &["proplet", "push"]];

const QUESTIONS: &[Question] = &[
    Question {
        number: 6,
        kind: Kind::Choice,
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
        kind: Kind::Of(&Kind::Words(SHARES, 2), WHOSE),
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
        kind: Kind::Of(&Kind::Numbers(2), WHOSE),
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
        kind: Kind::Number,
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
    let answers = Answers::read(file, STUB)?;
    let name = answers.name(1)?;
    watched(&read(answers.required(2)?)?)?;
    under_name(name.as_str(), "processes", |name| {
        leak::check(&Processes::of(name), &answers)
    })?;
    judge(QUESTIONS, &answers, STUB)
}

/// Whose processes, and by which profile they are watched: the student's own,
/// or, as long as there is none, the standard one.
///
/// # Errors
///
/// What is missing in the file.
pub fn chosen(file: &Path) -> Result<(String, Option<MonitoringProfile>), Finding> {
    let answers = Answers::read(file, STUB)?;
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
