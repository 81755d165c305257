//! What the student presses: single keys where there is a terminal; elsewhere
//! (a pipe, an editor's console) lines, of which the first letter counts.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::sync::mpsc::Sender;
use std::thread;

use crossterm::event::{self, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal;

/// While this lives, the terminal gives keys as they are pressed.
#[derive(Debug)]
pub struct Keys {
    raw: bool,
}

impl Keys {
    /// Sends each key, made an event by `event`; `q` when no more can come.
    pub fn listen<E: Send + 'static>(sender: Sender<E>, event: fn(char) -> E) -> Self {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let raw = terminal && terminal::enable_raw_mode().is_ok();
        thread::spawn(move || {
            while let Some(key) = if raw { pressed() } else { line() } {
                if sender.send(event(key)).is_err() {
                    return;
                }
            }
            let _ = sender.send(event('q'));
        });
        Self { raw }
    }

    /// Whether the terminal was changed, so that line feeds need a return.
    #[must_use]
    pub fn raw(&self) -> bool {
        self.raw
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.raw {
            // Nothing is left to be done if this fails.
            let _ = terminal::disable_raw_mode();
        }
    }
}

// Ctrl-C is a key in this mode, and still means to go.
fn pressed() -> Option<char> {
    loop {
        if let event::Event::Key(key) = event::read().ok()?
            && key.kind == KeyEventKind::Press
            && let KeyCode::Char(letter) = key.code
        {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            return Some(if control && letter == 'c' {
                'q'
            } else {
                letter
            });
        }
    }
}

fn line() -> Option<char> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().chars().next().unwrap_or(' '))
}
