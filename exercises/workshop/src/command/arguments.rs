//! The command line, read whole before anything runs. What is wrong with it is said
//! in a sentence that names the argument, its value and what would be right.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::Parser;
use lexopt::prelude::*;

use super::training::GATEWAY;
use crate::course::{self, EXERCISES, Exercise};
use crate::mystery::{Distribution, Kind};
use crate::{api, class, grafana};

pub(super) const USAGE: &str = "\
cargo workshop                       watch: save a file, read the verdict
cargo workshop --plain               the same line after line, for screen readers; or set
                                     WORKSHOP_PLAIN=1
cargo workshop check [N] [--json]    check one exercise, or all
    [--grafana [URL]]                exercise 8: take the dashboard from the running Grafana
    [--prometheus [URL]]             exercises 6 and 8: ask the running Prometheus, too
cargo workshop hint N                the next of three hints
cargo workshop list                  all exercises, and which are done
cargo workshop go N                  make N the current exercise
cargo workshop catch-up N            put solutions of exercises 1 to N-1 in place, keep your work
cargo workshop reset N               put the exercise back as it was at first, keep your work
cargo workshop restore N             bring back what was kept of your work
cargo workshop solution N [--spoil]  one way to do it, once you have done it
cargo workshop mystery N             what your bounds show of the mystery of exercise 11 or 12
    [--from ADDRESS]                 the same, of the service that runs there
    [--requests COUNT]               requests sent to it (default 2000)
cargo workshop lab [DISTRIBUTION] [ADDRESS]
                                     exercise 10: the same requests in four histograms
cargo workshop doctor                what is installed, what is missing
cargo workshop stall [ADDRESS]       exercise 13: a service that stalls, for load generators
cargo workshop processes [ADDRESS]   exercise 16: its processes; the address is the broker's
cargo workshop gateway [ADDRESS]     exercise 17: a Pushgateway
cargo workshop clicks [SECONDS]      exercise 17: clicks to learn from
cargo workshop runs NAME [ADDRESS]   exercise 18: the three runs; the address is the gateway's
cargo workshop models NAME           exercise 22: the six models, and a Prometheus beside them
cargo workshop class DIR [--csv]     for the teacher: who is where, from a folder of reports
cargo workshop class --serve [ADDRESS]
                                     for the teacher: the same live, in the browser
cargo workshop report [N] [--to URL] check the current exercise, or N, and tell the class
    [--name NAME]                    WORKSHOP_CLASS and WORKSHOP_NAME: tell it of every check
";

// A hundred times as many would tell ten times as well.
const DEFAULT_REQUESTS: usize = 2000;

/// What is to be done, with everything that it takes.
#[derive(Debug)]
pub(super) enum Command {
    Help,
    Watch {
        /// Line after line, even on a terminal.
        plain: bool,
    },
    Check {
        exercises: Vec<&'static Exercise>,
        json: bool,
        /// The address of a running Grafana, if its dashboard is to be taken.
        grafana: Option<String>,
        /// The address of a running Prometheus, if it is to be asked.
        prometheus: Option<String>,
    },
    Hint(&'static Exercise),
    List,
    Go(&'static Exercise),
    CatchUp(&'static Exercise),
    Reset(&'static Exercise),
    Restore(&'static Exercise),
    Solution {
        exercise: &'static Exercise,
        spoil: bool,
    },
    Mystery {
        kind: Kind,
        exercise: &'static Exercise,
        /// A running service, and how many requests are sent to it.
        service: Option<(String, usize)>,
    },
    Lab {
        delays: Distribution,
        /// The distribution as it was written.
        text: String,
        address: String,
    },
    Doctor,
    Stall {
        address: String,
    },
    Processes {
        broker: String,
    },
    Gateway {
        address: String,
    },
    Clicks {
        seconds: String,
    },
    Runs {
        name: String,
        gateway: String,
    },
    Models {
        name: String,
    },
    Class {
        folder: PathBuf,
        csv: bool,
    },
    ServeClass {
        address: String,
    },
    Report {
        exercise: Option<&'static Exercise>,
        /// The class's address and the student's name, if they are given.
        to: Option<String>,
        name: Option<String>,
    },
}

/// The command line is not understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    #[error(transparent)]
    Words(#[from] lexopt::Error),
    #[error("there is no command `{0}`")]
    NoCommand(String),
    #[error("`{words}`: write `{form}`")]
    OtherForm { words: String, form: &'static str },
    #[error("there is no exercise {0}: write a number from 1 to {last}", last = EXERCISES.len())]
    NoExercise(String),
    #[error("exercise {0} has no mystery: write 11 or 12")]
    NoMystery(usize),
    #[error("--requests {0}: must be a whole number above 0")]
    Requests(String),
    #[error("--requests {0}: needs a service to send them to, --from ADDRESS")]
    RequestsToNobody(usize),
    #[error("`{text}` is not a distribution: {error}")]
    Distribution { text: String, error: String },
}

/// The options of all commands, of which each takes its own.
#[derive(Default)]
struct Options {
    json: bool,
    grafana: Option<String>,
    prometheus: Option<String>,
    spoil: bool,
    from: Option<String>,
    requests: Option<usize>,
    csv: bool,
    serve: bool,
    to: Option<String>,
    name: Option<String>,
}

impl Command {
    pub(super) fn parse(arguments: Vec<OsString>) -> Result<Self, UsageError> {
        let mut parser = Parser::from_args(arguments);
        let name = match parser.next()? {
            None => return Ok(Self::Watch { plain: false }),
            Some(Long("plain")) => {
                return match parser.next()? {
                    None => Ok(Self::Watch { plain: true }),
                    Some(other) => Err(other.unexpected().into()),
                };
            }
            Some(Long("help") | Short('h')) => return Ok(Self::Help),
            Some(Value(name)) => name.string()?,
            Some(option) => return Err(option.unexpected().into()),
        };
        let mut options = Options::default();
        let mut words = Vec::new();
        while let Some(argument) = parser.next()? {
            match (name.as_str(), argument) {
                (_, Value(word)) => words.push(word.string()?),
                (_, Long("help") | Short('h')) => return Ok(Self::Help),
                ("check", Long("json")) => options.json = true,
                ("check", Long("grafana")) => {
                    options.grafana = Some(url(&mut parser, grafana::DEFAULT)?);
                }
                ("check", Long("prometheus")) => {
                    options.prometheus = Some(url(&mut parser, api::DEFAULT)?);
                }
                ("solution", Long("spoil")) => options.spoil = true,
                ("mystery", Long("from")) => options.from = Some(parser.value()?.string()?),
                ("mystery", Long("requests")) => {
                    options.requests = Some(requests(parser.value()?.string()?)?);
                }
                ("class", Long("csv")) => options.csv = true,
                ("class", Long("serve")) => options.serve = true,
                ("report", Long("to")) => options.to = Some(parser.value()?.string()?),
                ("report", Long("name")) => options.name = Some(parser.value()?.string()?),
                (_, option) => return Err(option.unexpected().into()),
            }
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Self::of(&name, &words, options)
    }

    fn of(name: &str, words: &[&str], options: Options) -> Result<Self, UsageError> {
        let or = |given: Option<&&str>, default: &str| (*given.unwrap_or(&default)).to_owned();
        Ok(match (name, words) {
            ("help", []) => Self::Help,
            ("check", numbers) => Self::Check {
                exercises: if numbers.is_empty() {
                    EXERCISES.iter().collect()
                } else {
                    let chosen = numbers.iter().map(|number| exercise(number));
                    chosen.collect::<Result<_, _>>()?
                },
                json: options.json,
                grafana: options.grafana,
                prometheus: options.prometheus,
            },
            ("hint", [number]) => Self::Hint(exercise(number)?),
            ("list", []) => Self::List,
            ("go", [number]) => Self::Go(exercise(number)?),
            ("catch-up", [number]) => Self::CatchUp(exercise(number)?),
            ("reset", [number]) => Self::Reset(exercise(number)?),
            ("restore", [number]) => Self::Restore(exercise(number)?),
            ("solution", [number]) => Self::Solution {
                exercise: exercise(number)?,
                spoil: options.spoil,
            },
            ("mystery", [number]) => {
                let exercise = exercise(number)?;
                Self::Mystery {
                    kind: match exercise.number {
                        11 => Kind::Values,
                        12 => Kind::Delays,
                        other => return Err(UsageError::NoMystery(other)),
                    },
                    exercise,
                    service: match (options.from, options.requests) {
                        (None, None) => None,
                        (None, Some(count)) => return Err(UsageError::RequestsToNobody(count)),
                        (Some(service), count) => {
                            Some((service, count.unwrap_or(DEFAULT_REQUESTS)))
                        }
                    },
                }
            }
            ("lab", [] | [_] | [_, _]) => {
                let is_address = |word: &&&str| word.parse::<SocketAddr>().is_ok();
                let text = or(
                    words.iter().find(|word| !is_address(word)),
                    "constant(220ms)",
                );
                Self::Lab {
                    delays: Distribution::parse(Kind::Delays, &text).map_err(|error| {
                        let text = text.clone();
                        UsageError::Distribution { text, error }
                    })?,
                    text,
                    address: or(words.iter().find(is_address), "127.0.0.1:8003"),
                }
            }
            ("doctor", []) => Self::Doctor,
            ("stall", [] | [_]) => Self::Stall {
                address: or(words.first(), "127.0.0.1:8002"),
            },
            ("processes", [] | [_]) => Self::Processes {
                broker: or(words.first(), "127.0.0.1:1883"),
            },
            ("gateway", [] | [_]) => Self::Gateway {
                address: or(words.first(), GATEWAY),
            },
            ("clicks", [] | [_]) => Self::Clicks {
                seconds: or(words.first(), "60"),
            },
            ("runs", [name] | [name, _]) => Self::Runs {
                name: (*name).to_owned(),
                gateway: or(words.get(1), GATEWAY),
            },
            ("models", [name]) => Self::Models {
                name: (*name).to_owned(),
            },
            ("class", [] | [_]) if options.serve => Self::ServeClass {
                address: or(words.first(), class::DEFAULT),
            },
            ("report", [] | [_]) => Self::Report {
                exercise: match words.first() {
                    Some(number) => Some(exercise(number)?),
                    None => None,
                },
                to: options.to,
                name: options.name,
            },
            ("class", [folder]) => Self::Class {
                folder: folder.into(),
                csv: options.csv,
            },
            _ => {
                return Err(match form(name) {
                    None => UsageError::NoCommand(name.to_owned()),
                    Some(form) => UsageError::OtherForm {
                        words: [&[name], words].concat().join(" "),
                        form,
                    },
                });
            }
        })
    }
}

/// How the command is written, from [`USAGE`].
fn form(name: &str) -> Option<&'static str> {
    let mut forms = USAGE.lines().filter_map(|line| line.split("  ").next());
    forms.find(|form| {
        let words = form.strip_prefix("cargo workshop ").unwrap_or_default();
        words.split(' ').next() == Some(name)
    })
}

fn exercise(number: &str) -> Result<&'static Exercise, UsageError> {
    let found = number.parse().ok().and_then(course::exercise);
    found.ok_or_else(|| UsageError::NoExercise(number.to_owned()))
}

fn requests(text: String) -> Result<usize, UsageError> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or(UsageError::Requests(text))
}

/// The address after an option that needs none: `--grafana`, `--grafana URL`, or
/// `--grafana=URL`. What does not begin like an address is the next argument.
fn url(parser: &mut Parser, default: &str) -> Result<String, lexopt::Error> {
    let is_url = |word: &std::ffi::OsStr| word.to_string_lossy().starts_with("http");
    let given = match parser.optional_value() {
        Some(value) => Some(value),
        None => parser
            .try_raw_args()
            .and_then(|mut words| words.next_if(is_url)),
    };
    match given {
        Some(value) => value.string(),
        None => Ok(default.to_owned()),
    }
}
