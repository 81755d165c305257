//! What the loop and the two ways of showing it share: what there is to be shown, what a
//! key means, and what each way must be able to show.

use std::time::Instant;

use crate::build;
use crate::course::{Course, Report};
use crate::keys::Key;
use crate::progress::Progress;
use crate::screen::Screen;

/// What `q` and its like are for.
pub(super) const HELP: &str = "n next · h hint · t text · v verdict · l list · c check all · o open · \
                    x reset · r run again · q quit";

/// Said while a build takes longer than one that has its libraries.
const FIRST_BUILD: &str =
    "the first build takes about half a minute on two cores, later ones a second or two";

/// What there is to be shown.
pub(super) struct State<'a> {
    pub(super) course: &'a Course,
    pub(super) progress: Progress,
    /// The last verdict on the current exercise.
    pub(super) last: Option<Report>,
    pub(super) check: Option<Check>,
    /// What the next key answers.
    pub(super) question: Option<Question>,
}

/// A check that runs.
pub(super) struct Check {
    pub(super) since: Instant,
    pub(super) building: Option<build::Progress>,
    pub(super) all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Reset,
    Open,
}

/// What a key means.
#[derive(Clone, Copy)]
pub(super) enum Action {
    Again,
    All,
    Go(usize),
    Hint,
    List,
    Next,
    Open,
    Page,
    Quit,
    Reset,
    Unknown,
    Verdict,
}

/// What the student sees.
pub(super) trait Front {
    /// What this key means; nothing if it was for the front itself.
    fn action(&mut self, state: &State<'_>, key: Key) -> Option<Action>;
    /// The page of the current exercise.
    fn page(&mut self, state: &State<'_>);
    /// The verdict on it.
    fn verdict(&mut self, state: &State<'_>);
    /// A check has begun.
    fn begins(&mut self, state: &State<'_>);
    /// Time goes by, or the build goes on.
    fn goes_on(&mut self, state: &State<'_>);
    /// A verdict has come; the last of the current exercise is in the state.
    fn judged(&mut self, state: &State<'_>, report: &Report);
    /// The check has ended.
    fn ends(&mut self, state: &State<'_>);
    fn hint(&mut self, state: &State<'_>, text: &str);
    fn list(&mut self, state: &State<'_>);
    fn say(&mut self, state: &State<'_>, text: &str);
}

/// How far a build is, in words.
pub(super) fn building(progress: build::Progress, since: Instant) -> String {
    let seconds = since.elapsed().as_secs();
    let mut text = match progress.of {
        Some(of) => {
            let bar = Screen::drawn(progress.done, of, 20);
            format!("building your service {bar} {} of {of}", progress.done)
        }
        None => "building your service".to_owned(),
    };
    if seconds >= 3 {
        text += &format!(", {seconds} s; {FIRST_BUILD}");
    }
    text
}
