//! Which of the processes leaks, what, and how fast: questions 3 to 5 of exercise 16.

use super::INTERVAL;
use crate::answer_file::Answers;
use crate::finding::{Finding, Judgement, ensure};
use crate::processes::{Part, Processes, Resource};
use crate::reading::{numbers, words};

// Of the rate: what a minute of samples, read by hand, may miss it by.
const TOLERANCE: f64 = 0.15;

pub(super) fn check(processes: &Processes, answers: &Answers) -> Judgement {
    let given = answers.required(3)?;
    let said = words(given);
    let mut named = processes
        .names()
        .filter(|name| said.iter().any(|word| word == name));
    let name = named.next();
    if name.is_some() && named.next().is_some() {
        let sentence = format!("Question 3: `{given}` names several. One leaks: which?");
        return Err(Finding::new("unreadable", sentence));
    }
    let (id, asks) = match name.and_then(|name| Some((name, processes.part(name)?))) {
        Some((name, Part::Leaks)) => return resource(processes, name, answers),
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
        Some((_, Part::Big)) => (
            "big-is-no-leak",
            "It has more memory than the others. How much had it a minute earlier?",
        ),
        Some((_, Part::WarmsUp)) => (
            "warms-up",
            "It grew, at first. And after a minute? What is filled once is a cache.",
        ),
        Some((_, Part::Busy)) => (
            "busy-is-no-leak",
            "It works. What of it is more than a minute ago, and is never given back?",
        ),
        Some((_, Part::Writes)) => (
            "total-is-no-leak",
            "Its total rises, as a total must: it is a counter. What does it *hold*?",
        ),
        Some((_, Part::Many)) => (
            "many-is-no-leak",
            "It has many threads and open files. How many had it a minute earlier?",
        ),
    };
    Err(Finding::new(
        id,
        format!("Question 3: you answered `{given}`. {asks}"),
    ))
}

fn resource(processes: &Processes, name: &str, answers: &Answers) -> Judgement {
    let given = answers.read_as(4, "one of those that the question names", resources)?;
    let right = match processes.resource {
        Resource::Memory => "memory",
        Resource::Descriptors => "descriptors",
    };
    ensure(given == right, "other-resource", || {
        format!(
            "Question 4: you answered `{}`. Compare two messages of {name}, a minute apart, \
             number by number: which have become more?",
            answers.get(4)
        )
    })?;
    let rate_given = answers.read_as(5, "one number, such as 12.5", numbers::one_per_second)?;
    let number = match processes.resource {
        Resource::Memory => rate_given.bytes().unwrap_or(rate_given.value),
        Resource::Descriptors => rate_given.value,
    };
    rate(processes, name, number, answers.get(5))
}

// The one resource that a text names.
fn resources(text: &str) -> Option<&'static str> {
    let known: [(&str, &[&str]); 6] = [
        ("memory", &["memory", "ram", "rss", "heap", "memory_bytes"]),
        (
            "descriptors",
            &[
                "descriptor",
                "descriptors",
                "fd",
                "fds",
                "file",
                "files",
                "handle",
                "handles",
                "file_descriptor_count",
            ],
        ),
        ("cpu", &["cpu", "processor", "cpu_percent"]),
        ("disk", &["disk", "disk_write_bytes", "disk_read_bytes"]),
        ("network", &["network", "socket", "sockets"]),
        ("threads", &["thread", "threads", "thread_count"]),
    ];
    let said = words(text);
    let mut named = known.into_iter().filter_map(|(resource, names)| {
        let is_named = said.iter().any(|word| names.contains(&word.as_str()));
        is_named.then_some(resource)
    });
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

fn rate(processes: &Processes, name: &str, number: f64, given: &str) -> Judgement {
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
        format!("Question 5: you answered `{given}`. {asks}"),
    ))
}
