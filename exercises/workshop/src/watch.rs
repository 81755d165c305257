//! The loop: show the exercise, wait for a saved file or a key, check, show what
//! was observed.
//!
//! Files are looked at a few times a second instead of asking the system for
//! events: that works in containers, over network folders and on every system,
//! and a course has few files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::course::{Course, EXERCISES, Exercise, Report};
use crate::keys::Keys;
use crate::progress::Progress;
use crate::screen::Screen;

const POLL_INTERVAL: Duration = Duration::from_millis(150);

const HELP: &str =
    "n next · h hint · t text · l list · c check all · x reset · r run again · q quit";

enum Event {
    Saved,
    Key(char),
}

/// Runs until the student quits.
pub fn watch(course: &Course) {
    let (sender, events) = mpsc::channel();
    let keys = Keys::listen(sender.clone(), Event::Key);
    watch_files(course, sender);
    let screen = Screen::new(keys.raw());
    let mut progress = Progress::read(course.root());
    page(course, screen, &progress);
    let mut last = check_current(course, screen, &mut progress);
    while let Ok(event) = events.recv() {
        match event {
            Event::Saved | Event::Key('r') => {
                screen.clear();
                last = check_current(course, screen, &mut progress);
            }
            Event::Key('t') => {
                page(course, screen, &progress);
                screen.print(&screen.verdict(&last));
                screen.print(&format!("\n{}{HELP}\n", screen.bar(&progress)));
            }
            Event::Key('n') => {
                if last.passed {
                    if progress.go_on() {
                        page(course, screen, &progress);
                        last = check_current(course, screen, &mut progress);
                    } else {
                        screen.print("\nThere is no next one: all are done.\n");
                    }
                } else {
                    screen.print("\nThis one is not done yet. (To go elsewhere: l)\n");
                }
            }
            Event::Key('h') => screen.print(&format!("\n{}\n", hint(course, &mut progress))),
            Event::Key('l') => {
                screen.clear();
                screen.print(&screen.list(&progress));
                screen.print("\nTo go to another: quit, then `cargo workshop go N`.\n");
            }
            Event::Key('c') => {
                screen.clear();
                let all: Vec<_> = EXERCISES.iter().collect();
                let reports = course.check(&all, |report| {
                    screen.print(&screen.verdict(report));
                });
                record(&mut progress, &reports);
                screen.print(&format!("\n{}{HELP}\n", screen.bar(&progress)));
            }
            Event::Key('x') => {
                screen.print("\nReally throw away what you wrote in this exercise? (y)\n");
                if matches!(events.recv(), Ok(Event::Key('y'))) {
                    let exercise = progress.current();
                    progress.forget(exercise);
                    save(&progress, screen);
                    if let Err(error) = course.reset(exercise) {
                        screen.print(&format!("{error}\n"));
                    }
                    screen.clear();
                    last = check_current(course, screen, &mut progress);
                } else {
                    screen.print("Nothing was changed.\n");
                }
            }
            Event::Key('q') => break,
            Event::Key(_) => screen.print(&format!("\n{HELP}\n")),
        }
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

// The text of the current exercise, on an empty screen.
fn page(course: &Course, screen: Screen, progress: &Progress) {
    screen.clear();
    match course.readme(progress.current()) {
        Ok(text) => screen.print(&format!("{}\n\n", text.trim())),
        Err(error) => screen.print(&format!("{error}\n")),
    }
}

fn check_current(course: &Course, screen: Screen, progress: &mut Progress) -> Report {
    let exercise = progress.current();
    // Stays the current one when it is done, until `n`.
    progress.go_to(exercise);
    screen.print(&screen.exercise(course, exercise));
    screen.print("\nchecking …\n\n");
    let reports = course.check(&[exercise], |_| {});
    record(progress, &reports);
    save(progress, screen);
    let report = reports.into_iter().next().expect("one was checked");
    screen.print(&screen.verdict(&report));
    if report.passed {
        screen.print(&format!(
            "\nOne way to do it: exercises/solutions/{}/{}\nWhen you are ready: n\n",
            exercise.name, exercise.file
        ));
    }
    screen.print(&format!("\n{}{HELP}\n", screen.bar(progress)));
    report
}

fn record(progress: &mut Progress, reports: &[Report]) {
    for report in reports {
        progress.judged(report.number, report.passed);
    }
}

fn save(progress: &Progress, screen: Screen) {
    if let Err(error) = progress.write() {
        screen.print(&format!("Your progress could not be saved: {error}\n"));
    }
}

// Sends an event when a file that a student may edit has changed.
fn watch_files(course: &Course, sender: Sender<Event>) {
    let course = course.clone();
    thread::spawn(move || {
        let mut known = file_states(&course);
        loop {
            thread::sleep(POLL_INTERVAL);
            let now = file_states(&course);
            if now != known {
                known = now;
                if sender.send(Event::Saved).is_err() {
                    return;
                }
            }
        }
    });
}

fn file_states(course: &Course) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut files: Vec<_> = EXERCISES
        .iter()
        .map(|exercise| course.file(exercise))
        .collect();
    let sources = course.root().join("exercises/student/src");
    if let Ok(entries) = fs::read_dir(sources) {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files
        .into_iter()
        .filter_map(|path| {
            let metadata = fs::metadata(&path).ok()?;
            Some((path, (metadata.modified().ok()?, metadata.len())))
        })
        .collect()
}
