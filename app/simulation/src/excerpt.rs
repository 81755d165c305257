//! A piece of somebody's text, fit to stand in an error of one line.

/// `text` on one line and short, whatever it is.
pub(super) fn excerpt(text: &str) -> String {
    const MAX_CHARACTERS: usize = 40;
    let mut shown: String = text
        .chars()
        .take(MAX_CHARACTERS)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}
