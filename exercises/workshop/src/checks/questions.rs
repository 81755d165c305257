//! Exercise 9: the questions at the end of the day. Their answers can be computed
//! or chosen; what cannot be graded is for the discussion.

use std::path::Path;

use crate::answer_file::Answers;
use crate::finding::{Finding, Judgement};
use crate::reading::choices::{Options, Word, among, is_turned, yes_or_no};
use crate::reading::numbers;

const STUB: &str = include_str!("../../../stubs/09_questions/answers.txt");

/// How a question is answered.
pub(super) enum Kind {
    /// By one number.
    Number,
    /// By one number in a second; of what it is in a minute, the 60th.
    PerSecond,
    /// By so many numbers.
    Numbers(usize),
    /// By one of the options below it.
    Choice,
    /// By so many of the options below it.
    Choices(usize),
    /// By so many of these words.
    Words(&'static [Word], usize),
    YesOrNo,
    /// In two parts, the first about the first of these things, the second about the
    /// other; each has its names.
    Of(&'static Kind, [&'static [&'static str]; 2]),
}

impl Kind {
    // What was answered, in the form in which right and wrong answers are written here.
    fn read(&self, text: &str, options: &Options) -> Option<String> {
        let letters = |all: Vec<char>| {
            let all: Vec<_> = all.iter().map(char::to_string).collect();
            all.join(" ")
        };
        match self {
            Self::Number => numbers::one(text).map(|one| one.value.to_string()),
            Self::PerSecond => numbers::one_per_second(text).map(|one| one.value.to_string()),
            Self::Numbers(count) => {
                let all: Vec<_> = numbers::several_among_words(text)
                    .iter()
                    .map(|one| one.value.to_string())
                    .collect();
                (all.len() == *count).then(|| all.join(" "))
            }
            Self::Choice => options.one(text).map(|letter| letter.to_string()),
            Self::Choices(count) => options.several(text, *count).map(letters),
            Self::Words(words, count) => among(text, words, *count).map(|all| all.join(" ")),
            Self::YesOrNo => yes_or_no(text).map(|yes| if yes { "yes" } else { "no" }.to_owned()),
            Self::Of(kind, [first, second]) => {
                let answer = kind.read(text, options)?;
                let turned = is_turned(text, first, second);
                match answer.split_once(' ') {
                    Some((one, other)) if turned => Some(format!("{other} {one}")),
                    _ => Some(answer),
                }
            }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Number | Self::PerSecond => "one number, such as 12.5".to_owned(),
            Self::Numbers(count) => format!("{count} numbers, in the order of the question"),
            Self::Choice => "the letter of one option".to_owned(),
            Self::Choices(count) => {
                format!("{count} letters of options, in the order of the question")
            }
            Self::Words(words, count) => {
                let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                let words = words.join(", ");
                format!("{count} words in the order of the question, each out of {words}")
            }
            Self::YesOrNo => "yes or no".to_owned(),
            Self::Of(kind, _) => kind.expected(),
        }
    }
}

const TYPES: &[Word] = &[
    ("counter", &["counters"]),
    ("gauge", &["gauges", "guage", "gage"]),
    ("histogram", &["histograms"]),
    ("summary", &["summaries"]),
];

const WAYS: &[Word] = &[
    ("pull", &["pulled", "pulls", "pulling"]),
    ("push", &["pushed", "pushes", "pushing"]),
];

pub(super) struct Question {
    pub(super) number: usize,
    pub(super) kind: Kind,
    pub(super) right: &'static str,
    /// What is often answered instead, how that is called, and what to ask back.
    pub(super) wrong: &'static [(&'static str, &'static str, &'static str)],
    /// What to ask back whatever else was answered.
    pub(super) asks: &'static str,
}

const QUESTIONS: &[Question] = &[
    Question {
        number: 1,
        kind: Kind::PerSecond,
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
        kind: Kind::Number,
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
        kind: Kind::Number,
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
        kind: Kind::Words(TYPES, 4),
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
        kind: Kind::Choice,
        right: "c",
        wrong: &[],
        asks: "Think of ten instances, and of the p99 of all of them together.",
    },
    Question {
        number: 6,
        kind: Kind::Words(WAYS, 4),
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
        kind: Kind::YesOrNo,
        right: "no",
        wrong: &[],
        asks: "Imagine that the third instance serves one request in a million. And then that it serves nearly all.",
    },
    Question {
        number: 8,
        kind: Kind::Choices(4),
        right: "c a b d",
        wrong: &[],
        asks: "For each failure: which of the four numbers would be different tomorrow?",
    },
];

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    judge(QUESTIONS, &Answers::read(file, STUB)?, STUB)
}

/// What is wrong with the answers. `stub` has the options of choices.
pub(super) fn judge(questions: &[Question], answers: &Answers, stub: &str) -> Judgement {
    for question in questions {
        let number = question.number;
        let options = Options::of(stub, number);
        let read = |text: &str| question.kind.read(text, &options);
        let answer = answers.read_as(number, &question.kind.expected(), read)?;
        if answer == question.right {
            continue;
        }
        let known = question.wrong.iter().find(|(wrong, _, _)| *wrong == answer);
        let (id, asks) = known.map_or(("other-answer", question.asks), |(_, id, asks)| {
            (*id, *asks)
        });
        let text = answers.get(number).replace('\n', " ");
        return Err(Finding::new(
            id,
            format!("Question {number}: you answered `{text}`. {asks}"),
        ));
    }
    Ok(())
}
