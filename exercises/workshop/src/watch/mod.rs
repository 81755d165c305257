//! The loop: show the exercise, wait for a saved file or a key, check, show what was
//! observed. What it looks like is a `Front`'s: on the whole screen of a terminal
//! (`full`), or line after line (`plain`).
//!
//! Files are looked at a few times a second instead of asking the system for
//! events: that works in containers, over network folders and on every system,
//! and a course has few files.

mod files;
mod front;
mod full;
mod plain;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use self::front::{Action, Check, Front, HELP, Question, State};
use self::full::Full;
use self::plain::Plain;
use crate::build;
use crate::child;
use crate::course::{self, Course, EXERCISES, Exercise, Report, Step};
use crate::keep;
use crate::keys::{Key, Keys};
use crate::progress::Progress;
use crate::report::{self, Class};

const TICK: Duration = Duration::from_millis(125);

enum Event {
    Saved,
    Key(Key),
    Building(build::Progress),
    Checking,
    Judged(Report),
    Ended,
    /// The class did not get the report, and why.
    Unheard(String),
}

/// Runs until the student quits. `plain`: line after line, even on a terminal.
pub fn watch(course: &Course, plain: bool) {
    let (sender, events) = mpsc::channel();
    let full = !plain && full::is_possible();
    let keys = Keys::listen(sender.clone(), Event::Key, full);
    files::watch(course, sender.clone(), || Event::Saved);
    let front: Box<dyn Front> = if keys.raw() {
        Box::new(Full::new())
    } else {
        Box::new(Plain::new())
    };
    let state = State {
        course,
        progress: Progress::read(course.root()),
        last: None,
        check: None,
        question: None,
    };
    let mut watch = Watch {
        state,
        front,
        sender,
        again: false,
        ends: false,
        class: None,
    };
    match Class::from_env() {
        Ok(class) => watch.class = class,
        Err(error) => watch.told(Event::Unheard(error)),
    }
    watch.front.page(&watch.state);
    watch.check(false);
    while let Some(event) = watch.next(&events) {
        if !watch.handle(event) {
            break;
        }
    }
    // A check may be in the middle of its work.
    child::end_all();
}

struct Watch<'a> {
    state: State<'a>,
    front: Box<dyn Front>,
    sender: Sender<Event>,
    /// What is being checked is not the latest any more.
    again: bool,
    /// There are no more keys: the check that runs is the last.
    ends: bool,
    /// Who is told of every verdict.
    class: Option<Class>,
}

impl Watch<'_> {
    fn next(&mut self, events: &Receiver<Event>) -> Option<Event> {
        while self.state.check.is_some() {
            match events.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => self.front.goes_on(&self.state),
                event => return event.ok(),
            }
        }
        events.recv().ok()
    }

    // Whether there is more to come.
    fn handle(&mut self, event: Event) -> bool {
        match event {
            Event::Saved => self.check_current(),
            Event::Building(progress) => {
                if let Some(check) = &mut self.state.check {
                    check.building = Some(progress);
                }
                self.front.goes_on(&self.state);
            }
            Event::Checking => {
                if let Some(check) = &mut self.state.check {
                    check.building = None;
                }
                self.front.goes_on(&self.state);
            }
            Event::Judged(report) => {
                self.state.progress.judged(report.number, report.passed);
                if report.number == self.state.progress.current().number {
                    self.state.last = Some(report.clone());
                }
                self.save();
                self.tell(&report);
                self.front.judged(&self.state, &report);
            }
            Event::Unheard(error) => self.front.say(&self.state, &error),
            Event::Ended => {
                self.state.check = None;
                self.front.ends(&self.state);
                if std::mem::take(&mut self.again) {
                    self.check(false);
                }
                return !self.ends;
            }
            Event::Key(Key::Ended) => {
                self.ends = true;
                return self.state.check.is_some();
            }
            Event::Key(key) => {
                let question = match key {
                    // That is no answer.
                    Key::Resized => None,
                    _ => self.state.question.take(),
                };
                if let Some(question) = question {
                    self.answer(question, key);
                } else if let Some(action) = self.front.action(&self.state, key) {
                    return self.act(action);
                }
            }
        }
        true
    }

    fn act(&mut self, action: Action) -> bool {
        let state = &mut self.state;
        match action {
            Action::Again => self.check_current(),
            Action::All => {
                if state.check.is_none() {
                    self.check(true);
                } else {
                    self.front.say(state, "A check is running.");
                }
            }
            Action::Go(number) => match course::exercise(number) {
                Some(exercise) => self.go(exercise, ""),
                None => self.front.say(
                    state,
                    &format!(
                        "There is no exercise {number}, only 1 to {}.",
                        EXERCISES.len()
                    ),
                ),
            },
            Action::Hint => {
                let text = hint(state.course, &mut state.progress);
                self.front.hint(state, &text);
            }
            Action::List => self.front.list(state),
            Action::Next => self.next_exercise(),
            Action::Open => {
                state.question = Some(Question::Open);
                self.front.say(
                    state,
                    "Open what? f the file that you edit · p the page · any other key nothing",
                );
            }
            Action::Page => self.front.page(state),
            Action::Quit => return false,
            Action::Reset => {
                state.question = Some(Question::Reset);
                let text = "Put this exercise back as it was at first? What you wrote is kept. \
                            y yes · any other key no";
                self.front.say(state, text);
            }
            Action::Unknown => self.front.say(state, HELP),
            Action::Verdict => self.front.verdict(state),
        }
        true
    }

    fn next_exercise(&mut self) {
        let here = self.state.progress.current();
        let mut progress = self.state.progress.clone();
        if !progress.go_on() {
            let text = match &self.state.last {
                Some(report) if !report.passed => "This is the last one that is not done.",
                _ => "There is no next one: all are done.",
            };
            self.front.say(&self.state, text);
            return;
        }
        let left = if self.state.progress.is_done(here) {
            String::new()
        } else {
            format!("{} is left for later: l leads back to it.", here.name)
        };
        self.go(progress.current(), &left);
    }

    fn go(&mut self, exercise: &Exercise, left: &str) {
        self.state.progress.go_to(exercise);
        self.state.last = None;
        self.save();
        self.front.page(&self.state);
        self.check_current();
        if !left.is_empty() {
            self.front.say(&self.state, left);
        }
    }

    fn answer(&mut self, question: Question, key: Key) {
        let state = &mut self.state;
        let exercise = state.progress.current();
        let said = match (question, key) {
            (Question::Reset, Key::Letter('y')) => {
                state.progress.forget(exercise);
                self.save();
                match keep::reset(self.state.course, exercise) {
                    Ok(said) => {
                        self.check_current();
                        said
                    }
                    Err(error) => error.to_string(),
                }
            }
            (Question::Reset, _) => "Nothing was changed.".to_owned(),
            (Question::Open, Key::Letter('f')) => opened(state.course, &exercise.path()),
            (Question::Open, Key::Letter('p')) => opened(state.course, &exercise.page()),
            (Question::Open, _) => "Nothing was opened.".to_owned(),
        };
        self.front.say(&self.state, &said);
    }

    fn check_current(&mut self) {
        if self.state.check.is_some() {
            self.again = true;
        } else {
            self.check(false);
        }
    }

    // Beside the loop, which shows how far it is and takes keys.
    fn check(&mut self, all: bool) {
        let current = self.state.progress.current();
        // Stays the current one when it is done, until `n`.
        self.state.progress.go_to(current);
        self.state.check = Some(Check {
            since: Instant::now(),
            building: None,
            all,
        });
        self.front.begins(&self.state);
        let exercises = if all {
            EXERCISES.iter().collect()
        } else {
            vec![current]
        };
        let course = self.state.course.clone();
        let sender = self.sender.clone();
        let sent = sender.clone();
        let check = thread::spawn(move || {
            course.check(&exercises, |step| {
                // Nobody listens any more when the student has quit.
                let _ = sent.send(match step {
                    Step::Building(progress) => Event::Building(progress),
                    Step::Checking(_) => Event::Checking,
                    Step::Judged(report) => Event::Judged(report.clone()),
                });
            });
        });
        thread::spawn(move || {
            // A check that panicked has ended, too.
            let _ = check.join();
            let _ = sender.send(Event::Ended);
        });
    }

    // Beside the loop: the class may be slow to answer.
    fn tell(&self, report: &Report) {
        let Some(class) = self.class.clone() else {
            return;
        };
        let (course, progress) = (self.state.course, &self.state.progress);
        let said = report::json(course, progress, std::slice::from_ref(report));
        let sender = self.sender.clone();
        thread::spawn(move || {
            if let Err(error) = class.send(said) {
                let _ = sender.send(Event::Unheard(error));
            }
        });
    }

    fn told(&self, event: Event) {
        // The loop that hears it is this one's.
        let _ = self.sender.send(event);
    }

    fn save(&mut self) {
        if let Err(error) = self.state.progress.write() {
            let text = format!("Your progress could not be saved: {error}");
            self.front.say(&self.state, &text);
        }
    }
}

/// Opens a file of the repository with what the system has for it.
fn opened(course: &Course, path: &str) -> String {
    match open::that_detached(course.root().join(path)) {
        Ok(()) => format!("Opened {path}."),
        Err(error) => format!("Nothing here opens files ({error}): {path}"),
    }
}

/// The next hint of the current exercise, as text.
pub fn hint(course: &Course, progress: &mut Progress) -> String {
    next_hint(course, progress, progress.current())
}

/// The next hint of this exercise, as text; the last again when all were read.
pub fn next_hint(course: &Course, progress: &mut Progress, exercise: &Exercise) -> String {
    match course.hints(exercise) {
        Err(error) => error.to_string(),
        Ok(hints) => {
            let index = progress.next_hint(exercise, hints.len());
            let note = progress.write().err().map(|error| format!("\n({error})"));
            format!(
                "Hint {} of {}\n\n{}{}",
                index + 1,
                hints.len(),
                hints.get(index).map_or("", String::as_str),
                note.unwrap_or_default()
            )
        }
    }
}
