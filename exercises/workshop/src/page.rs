//! The course's Markdown, laid out for a terminal: lines of at most a width, broken
//! between words, each of which brings its own colours, so that it can be shown alone.
//! Reads CommonMark and tables; knows nothing of screens and keys.

use std::borrow::Cow;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use textwrap::core::display_width;
use textwrap::{WordSeparator, WordSplitter};

// Beyond this many columns the eye does not find the next line.
const WIDEST: usize = 96;
// A column of a table is not made narrower.
const NARROWEST_COLUMN: usize = 8;

// Of each level of a list.
const INDENT: &str = "   ";

const BOLD: &str = "1";
const EMPHASIS: &str = "3";
const LINK: &str = "4";
const CODE: &str = "36";
const HEADING: &str = "1;33";

/// Lays Markdown out. `colours`: with escape sequences for colours, and no others.
#[must_use]
pub fn lines(markdown: &str, width: usize, colours: bool) -> Vec<String> {
    let mut layout = Layout {
        width: width.clamp(NARROWEST_COLUMN, WIDEST),
        colours,
        ..Layout::default()
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        layout.event(event);
    }
    layout.flush();
    while layout.lines.last().is_some_and(String::is_empty) {
        layout.lines.pop();
    }
    layout.lines
}

/// Lays out text that is no Markdown: its lines are broken between words, and what a line
/// is indented by, all its parts are.
#[must_use]
pub fn plain(text: &str, width: usize) -> Vec<String> {
    let lines = text.lines().flat_map(|line| {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let indent = &indent[..indent.len().min(width / 2)];
        wrapped(line, width, "", indent)
    });
    lines.collect()
}

fn wrapped(text: &str, width: usize, first: &str, rest: &str) -> Vec<String> {
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(Cow::into_owned).collect()
}

#[derive(Default)]
struct Layout {
    width: usize,
    colours: bool,
    lines: Vec<String>,
    /// The paragraph that is being read.
    text: String,
    styles: Vec<&'static str>,
    /// Of each list that is open, the next number, if it has numbers.
    lists: Vec<Option<u64>>,
    /// What stands before the next line of the innermost item.
    mark: Option<String>,
    quotes: usize,
    code: bool,
    /// Where the link leads that is being read.
    link: Option<String>,
    table: Option<Table>,
}

#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
}

impl Layout {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => {
                let indent = self.indent() + "    ";
                let more = format!("{indent}  ");
                for line in text.lines() {
                    let line = self.styled(line, CODE);
                    let lines = wrapped(&line, self.width, &indent, &more);
                    self.lines.extend(lines);
                }
            }
            Event::Text(text) => self.words(&text),
            Event::Code(text) => {
                self.styles.push(CODE);
                self.words(&text);
                self.styles.pop();
            }
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => {
                self.flush();
            }
            Event::Rule => {
                let rule = "─".repeat(self.width);
                self.lines.extend([rule, String::new()]);
            }
            // Nothing else is written in the course's pages.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.styles.push(match level {
                HeadingLevel::H1 => BOLD,
                _ => HEADING,
            }),
            Tag::BlockQuote(_) => self.quotes += 1,
            Tag::CodeBlock(kind) => {
                self.flush();
                self.code = matches!(kind, CodeBlockKind::Fenced(_) | CodeBlockKind::Indented);
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                self.mark = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "•  ".to_owned(),
                });
            }
            Tag::Emphasis => self.styles.push(EMPHASIS),
            Tag::Strong => self.styles.push(BOLD),
            Tag::Link { dest_url, .. } => {
                self.link = Some(dest_url.into_string());
                self.styles.push(LINK);
            }
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
                if matches!(tag, Tag::TableHead) {
                    self.styles.push(BOLD);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.paragraph(),
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.paragraph();
            }
            TagEnd::BlockQuote(_) => self.quotes -= 1,
            TagEnd::CodeBlock => {
                self.code = false;
                self.lines.push(String::new());
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                if self.lists.is_empty() && self.lines.last().is_some_and(|line| !line.is_empty()) {
                    self.lines.push(String::new());
                }
            }
            TagEnd::Item => self.flush(),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::TableHead => {
                self.styles.pop();
            }
            TagEnd::Link => {
                self.styles.pop();
                // Where a file of the repository is, its name tells.
                if let Some(link) = self.link.take().filter(|link| link.contains("://"))
                    && !self.text.ends_with(&link)
                {
                    self.words(&format!(" ({link})"));
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.text);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    let lines = table.lines(self.width);
                    self.lines.extend(lines);
                    self.lines.push(String::new());
                }
            }
            _ => {}
        }
    }

    // Every word is given its colours by itself: a line may end after each.
    fn words(&mut self, text: &str) {
        let style = self.styles.join(";");
        for (index, word) in text.split(char::is_whitespace).enumerate() {
            if index > 0 {
                self.text.push(' ');
            }
            if !word.is_empty() {
                let word = self.styled(word, &style);
                self.text.push_str(&word);
            }
        }
    }

    fn styled(&self, text: &str, style: &str) -> String {
        if self.colours && !style.is_empty() {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn indent(&self) -> String {
        "│ ".repeat(self.quotes) + &INDENT.repeat(self.lists.len())
    }

    fn paragraph(&mut self) {
        self.flush();
        if self.lists.is_empty() {
            self.lines.push(String::new());
        }
    }

    // What has been read becomes lines.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return;
        }
        let mut rest = self.indent();
        let first = match self.mark.take() {
            Some(mark) => {
                let outer = self.lists.len().saturating_sub(1) * INDENT.len();
                let outer = "│ ".repeat(self.quotes) + &" ".repeat(outer);
                rest = format!("{outer}{}", " ".repeat(display_width(&mark)));
                outer + &mark
            }
            None => rest.clone(),
        };
        let lines = wrapped(text.trim(), self.width, &first, &rest);
        self.lines.extend(lines);
    }
}

impl Table {
    // Each cell is broken within its column; the widest columns give way first.
    fn lines(&self, width: usize) -> Vec<String> {
        const GAP: &str = "  ";
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths: Vec<_> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| display_width(cell)).max().unwrap_or(0)
            })
            .collect();
        let gaps = GAP.len() * columns.saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST_COLUMN => *widest -= 1,
                _ => break,
            }
        }
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<_> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| wrapped(cell, *width, "", ""))
                .collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for part in 0..height {
                let mut line = String::new();
                for (cell, width) in cells.iter().zip(&widths) {
                    let text = cell.get(part).map_or("", String::as_str);
                    line += text;
                    line += &" ".repeat(width.saturating_sub(display_width(text)));
                    line += GAP;
                }
                lines.push(line.trim_end().to_owned());
            }
            if index == 0 {
                let rules: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
                lines.push(rules.join(GAP));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::course::{Course, EXERCISES};

    fn pages() -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let course = Course::new(&root);
        let mut pages: Vec<_> = EXERCISES
            .iter()
            .flat_map(|exercise| {
                let hints = course.hints(exercise).unwrap();
                hints.into_iter().chain([course.readme(exercise).unwrap()])
            })
            .collect();
        for page in ["README.md", "RUST_FOR_PYTHON.md", "TEACHING.md"] {
            pages.push(fs::read_to_string(root.join("exercises").join(page)).unwrap());
        }
        pages
    }

    #[test]
    fn every_page_of_the_course_fits_and_keeps_its_words() {
        for page in pages() {
            for width in [40, 80, 200] {
                for line in lines(&page, width, true) {
                    assert!(display_width(&line) <= width.min(WIDEST), "{width}: {line}");
                }
            }
            let laid_out = lines(&page, WIDEST, false).join(" ");
            assert!(!laid_out.contains('\u{1b}'));
            let shown: BTreeSet<_> = laid_out.split_whitespace().collect();
            for event in Parser::new_ext(&page, Options::ENABLE_TABLES) {
                let (Event::Text(text) | Event::Code(text)) = event else {
                    continue;
                };
                // A word may touch what stands beside it, and a long one be broken.
                for word in text.split_whitespace().filter(|word| word.len() < 20) {
                    let is_shown = shown.iter().any(|other| other.contains(word));
                    assert!(is_shown, "{word:?} is lost of\n{laid_out}");
                }
            }
        }
    }

    #[test]
    fn words_keep_their_colours_at_a_line_end_and_lists_their_indent() {
        let text = "Read **the whole of this** first:\n\n1. one thing that is long\n2. two\n\n```sh\ncargo workshop\n```\n";
        assert_eq!(
            lines(text, 20, true),
            [
                "Read \u{1b}[1mthe\u{1b}[0m \u{1b}[1mwhole\u{1b}[0m \u{1b}[1mof\u{1b}[0m",
                "\u{1b}[1mthis\u{1b}[0m first:",
                "",
                "1. one thing that is",
                "   long",
                "2. two",
                "",
                "    \u{1b}[36mcargo workshop\u{1b}[0m",
            ]
        );
    }
}
