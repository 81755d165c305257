//! What the student presses: single keys where the whole screen is used; elsewhere
//! (a pipe, an editor's console, a screen reader) lines, of which the first letter counts.

use std::io::{self, BufRead as _};
use std::sync::mpsc::Sender;
use std::thread;

use crossterm::event::{self, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal;

/// A key, or a line in the place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The letter of a command.
    Letter(char),
    /// A line with the number of an exercise.
    Number(usize),
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// Towards the top.
    PageUp,
    /// Towards the end.
    PageDown,
    /// To the top.
    Home,
    /// To the end.
    End,
    /// Whatever is chosen.
    Enter,
    /// Back.
    Escape,
    /// No key: the terminal has another size.
    Resized,
    /// No more keys will come.
    Ended,
}

/// While this lives, the terminal gives keys as they are pressed.
#[derive(Debug)]
pub struct Keys {
    raw: bool,
}

impl Keys {
    /// Sends each key, made an event by `event`; [`Key::Ended`] when no more can come.
    /// `single`: as they are pressed, which a terminal must be there for.
    pub fn listen<E: Send + 'static>(sender: Sender<E>, event: fn(Key) -> E, single: bool) -> Self {
        let raw = single && terminal::enable_raw_mode().is_ok();
        thread::spawn(move || {
            while let Some(key) = if raw { pressed() } else { line() } {
                if sender.send(event(key)).is_err() {
                    return;
                }
            }
            let _ = sender.send(event(Key::Ended));
        });
        Self { raw }
    }

    /// Whether keys come as they are pressed.
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
fn pressed() -> Option<Key> {
    loop {
        let key = match event::read().ok()? {
            event::Event::Resize(..) => return Some(Key::Resized),
            event::Event::Key(key) if key.kind != KeyEventKind::Release => key,
            _ => continue,
        };
        return Some(match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Letter('q'),
            // As pagers have it.
            KeyCode::Char(' ') | KeyCode::PageDown => Key::PageDown,
            KeyCode::Char(letter) => Key::Letter(letter),
            KeyCode::Up => Key::Up,
            KeyCode::Down => Key::Down,
            KeyCode::PageUp => Key::PageUp,
            KeyCode::Home => Key::Home,
            KeyCode::End => Key::End,
            KeyCode::Enter => Key::Enter,
            KeyCode::Esc => Key::Escape,
            _ => continue,
        });
    }
}

fn line() -> Option<Key> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).ok()?;
    let line = line.trim();
    (read > 0).then(|| match (line.parse(), line.chars().next()) {
        (Ok(number), _) => Key::Number(number),
        (_, Some(letter)) => Key::Letter(letter),
        (_, None) => Key::Enter,
    })
}
