//! What was found, for a person and for a machine.
//!
//! The JSON report, which only ever gains fields:
//!
//! ```json
//! {
//!   "state": "broken",
//!   "broken": "target",
//!   "links": [
//!     {"name": "app", "state": "ok", "observed": "…", "remedy": null, "asked": null},
//!     {"name": "target", "state": "broken", "observed": "…", "remedy": "…", "asked": "http://…"},
//!     {"name": "sample", "state": "not_reached", "observed": "…", "remedy": null, "asked": null}
//!   ]
//! }
//! ```
//!
//! `state` is the worst of the links' `ok`, `warning`, `broken`; a link may be
//! `skipped` or `not_reached` besides. `broken` names the first broken link or is
//! null. `links` has every link in the chain's order. `remedy` is a text where
//! something is to be done, `asked` the URL that gave the answer, where one did.

use std::io::{self, Write};

use serde::Serialize;

use super::options::Name;

/// Longer texts are cut: a peer may say a lot.
const MAX_CHARACTERS: usize = 1_000;

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Ok,
    /// It holds, but something is worth knowing.
    Warning,
    /// It does not hold.
    Broken,
    /// It was to be left out.
    Skipped,
    /// A link that it hangs on is broken.
    NotReached,
}

/// What was found at a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub observed: String,
    /// What to do, if anything.
    pub remedy: Option<String>,
    /// The URL whose answer decided.
    pub asked: Option<String>,
}

impl Finding {
    fn new(state: State, observed: &str, remedy: Option<&str>) -> Self {
        Self {
            state,
            observed: printable(observed),
            remedy: remedy.map(printable),
            asked: None,
        }
    }

    pub(super) fn ok(observed: impl AsRef<str>) -> Self {
        Self::new(State::Ok, observed.as_ref(), None)
    }

    pub(super) fn warning(observed: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self::new(State::Warning, observed.as_ref(), Some(remedy.as_ref()))
    }

    pub(super) fn broken(observed: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self::new(State::Broken, observed.as_ref(), Some(remedy.as_ref()))
    }

    pub(super) fn skipped(why: &str) -> Self {
        Self::new(State::Skipped, why, None)
    }

    pub(super) fn not_reached(cause: Name) -> Self {
        let observed = format!("not reached: hangs on {}", cause.as_str());
        Self::new(State::NotReached, &observed, None)
    }

    pub(super) fn asked(mut self, url: impl std::fmt::Display) -> Self {
        self.asked = Some(printable(&url.to_string()));
        self
    }
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Which.
    pub name: Name,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What was found, all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of all.
    pub state: State,
    /// The first link that is broken.
    pub broken: Option<Name>,
    /// Every link, in order.
    pub links: Vec<Link>,
}

impl Report {
    pub(super) fn new(links: Vec<Link>) -> Self {
        let broken = links.iter().find(|link| link.is(State::Broken));
        let state = if broken.is_some() {
            State::Broken
        } else if links.iter().any(|link| link.is(State::Warning)) {
            State::Warning
        } else {
            State::Ok
        };
        Self {
            state,
            broken: broken.map(|link| link.name),
            links,
        }
    }

    /// Whether nothing is broken; there may be warnings.
    pub fn is_healthy(&self) -> bool {
        self.state != State::Broken
    }

    /// Writes it as JSON, indented, with a line's end behind.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_json(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)
    }

    /// Writes one line a link, then what is to be done.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_text(&self, mut out: impl Write, colours: bool) -> io::Result<()> {
        let paint = Paint(colours);
        for Link { name, finding } in &self.links {
            let word = paint.word(finding.state);
            let name = name.as_str();
            let observed = first_line(&finding.observed);
            writeln!(out, "{word} {name:<13} {observed}")?;
        }
        for state in [State::Warning, State::Broken] {
            for link in self.links.iter().filter(|link| link.is(state)) {
                link.write_diagnosis(&mut out, &paint)?;
            }
        }
        let verdict = match (self.state, self.broken) {
            (_, Some(first)) => {
                let broken = self.links.iter().filter(|link| link.is(State::Broken));
                let names: Vec<_> = broken.map(|link| link.name.as_str()).collect();
                let fix = match names.len() {
                    1 => "that".to_owned(),
                    _ => first.as_str().to_owned(),
                };
                format!(
                    "The chain is broken at {}. Fix {fix} first, then run this again.",
                    names.join(", ")
                )
            }
            (State::Warning, None) => {
                "Nothing is broken; see the warnings if a graph is empty.".to_owned()
            }
            _ => "Every link that was examined holds.".to_owned(),
        };
        writeln!(out, "\n{verdict}")
    }
}

impl Link {
    fn is(&self, state: State) -> bool {
        self.finding.state == state
    }

    fn write_diagnosis(&self, out: &mut impl Write, paint: &Paint) -> io::Result<()> {
        let finding = &self.finding;
        writeln!(
            out,
            "\n{} {}",
            paint.word(finding.state),
            self.name.as_str()
        )?;
        writeln!(out, "  saw:   {}", finding.observed)?;
        if let Some(url) = &finding.asked {
            writeln!(out, "  asked: {url}")?;
        }
        if let Some(remedy) = &finding.remedy {
            for (number, line) in remedy.lines().enumerate() {
                let lead = if number == 0 { "do:   " } else { "      " };
                writeln!(out, "  {lead} {line}")?;
            }
        }
        Ok(())
    }
}

/// Colours, where they are wanted.
struct Paint(bool);

impl Paint {
    /// The state in a word of constant width.
    fn word(&self, state: State) -> String {
        let (word, colour) = match state {
            State::Ok => ("ok      ", "32"),
            State::Warning => ("warning ", "33"),
            State::Broken => ("BROKEN  ", "31;1"),
            State::Skipped => ("skipped ", "2"),
            State::NotReached => ("-       ", "2"),
        };
        if self.0 {
            format!("\u{1b}[{colour}m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What may be shown on a terminal: no control characters but the line's end,
/// and not without end.
fn printable(text: &str) -> String {
    let hidden = |character: char| {
        // Marks that turn the direction of writing hide what is really there.
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (character.is_control() && character != '\n')
    };
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == MAX_CHARACTERS {
            shown.push('…');
            break;
        }
        if hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(vec![
            Link {
                name: Name::App,
                finding: Finding::ok("fine"),
            },
            Link {
                name: Name::Target,
                finding: Finding::broken("down\u{1b}[2J", "first\nsecond").asked("http://x/"),
            },
            Link {
                name: Name::Sample,
                finding: Finding::not_reached(Name::Target),
            },
        ])
    }

    #[test]
    fn one_line_a_link_then_the_diagnosis() {
        let mut text = Vec::new();
        report().write_text(&mut text, false).unwrap();
        let expected = "\
ok       app           fine
BROKEN   target        down\\u{1b}[2J
-        sample        not reached: hangs on target

BROKEN   target
  saw:   down\\u{1b}[2J
  asked: http://x/
  do:    first
         second

The chain is broken at target. Fix that first, then run this again.
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let mut text = Vec::new();
        report().write_text(&mut text, true).unwrap();
        assert!(
            String::from_utf8(text)
                .unwrap()
                .contains("\u{1b}[32mok      \u{1b}[0m")
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        let finding = Finding::ok("ä".repeat(5_000));
        assert_eq!(finding.observed.chars().count(), MAX_CHARACTERS + 1);
    }
}
