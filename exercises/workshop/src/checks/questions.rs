//! Exercise 9: the questions at the end of the day. Their answers can be computed
//! or chosen; what cannot be graded is for the discussion.

use std::path::Path;

use crate::answer_file::Answers;
use crate::finding::{Finding, Judgement};

pub(super) struct Question {
    pub(super) number: usize,
    pub(super) right: &'static str,
    /// What is often answered instead, how that is called, and what to ask back.
    pub(super) wrong: &'static [(&'static str, &'static str, &'static str)],
    /// What to ask back whatever else was answered.
    pub(super) asks: &'static str,
}

const QUESTIONS: &[Question] = &[
    Question {
        number: 1,
        right: "2",
        wrong: &[
            (
                "600",
                "increase-for-rate",
                "That is by how much it rose. In which unit does `rate` answer?",
            ),
            (
                "120",
                "per-minute",
                "That is per minute. In which unit does `rate` answer?",
            ),
        ],
        asks: "By how much did it rise, in how many seconds?",
    },
    Question {
        number: 2,
        right: "600",
        wrong: &[(
            "2",
            "rate-for-increase",
            "That is how fast it rose. By how much?",
        )],
        asks: "What did the counter say before, and what after?",
    },
    Question {
        number: 3,
        right: "35",
        wrong: &[
            (
                "-85",
                "last-minus-first",
                "A counter never falls by itself. What happened between 120 and 5?",
            ),
            (
                "-95",
                "last-minus-first",
                "A counter never falls by itself. What happened between 120 and 5?",
            ),
            (
                "30",
                "restart-forgotten",
                "Before it showed 5, the new process had counted from where?",
            ),
        ],
        asks: "Add what came from each value to the next. Where the value falls, the process began again at 0.",
    },
    Question {
        number: 4,
        right: "counter gauge histogram gauge",
        wrong: &[
            (
                "counter counter histogram gauge",
                "gauge-taken-for-counter",
                "Can a queue become shorter?",
            ),
            (
                "counter gauge gauge gauge",
                "gauge-taken-for-histogram",
                "A gauge remembers the last duration. How would you say what most people waited?",
            ),
            (
                "counter gauge summary gauge",
                "summary-for-histogram",
                "There are several instances. Can their quantiles be put together?",
            ),
        ],
        asks: "Which of them only ever grow? Which go up and down? Of which do you need to know how they are spread?",
    },
    Question {
        number: 5,
        right: "c",
        wrong: &[],
        asks: "Think of ten instances, and of the p99 of all of them together.",
    },
    Question {
        number: 6,
        right: "pull push push pull",
        wrong: &[(
            "push push push push",
            "push-everything",
            "With push, what does silence mean?",
        )],
        asks: "Who is there when Prometheus comes by, and can be reached?",
    },
    Question {
        number: 7,
        right: "no",
        wrong: &[],
        asks: "Imagine that the third instance serves one request in a million. And then that it serves nearly all.",
    },
    Question {
        number: 8,
        right: "c a b d",
        wrong: &[],
        asks: "For each failure: which of the four numbers would be different tomorrow?",
    },
];

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    judge(QUESTIONS, &Answers::read(file)?)
}

/// What is wrong with the answers, taken as words.
pub(super) fn judge(questions: &[Question], answers: &Answers) -> Judgement {
    for question in questions {
        let number = question.number;
        let text = answers.required(number)?;
        let words: Vec<_> = answers.words(number).map(str::to_lowercase).collect();
        let answer = words.join(" ");
        if answer == question.right {
            continue;
        }
        let known = question.wrong.iter().find(|(wrong, _, _)| *wrong == answer);
        let (id, asks) = known.map_or(("other-answer", question.asks), |(_, id, asks)| {
            (*id, *asks)
        });
        return Err(Finding::new(
            id,
            format!("Question {number}: you answered `{text}`. {asks}"),
        ));
    }
    Ok(())
}
