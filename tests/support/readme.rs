//! The pages that people read, and what stands in them: README, CONTRIBUTING, `docs/` and
//! the pages of the course, read as CommonMark with GitHub's tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Where all paths begin.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page, taken apart.
#[derive(Debug, Default)]
pub struct Page {
    /// From the root.
    pub path: String,
    /// How many lines its file has.
    pub lines: usize,
    /// Its prose, without what stands between backticks and in fences.
    pub prose: String,
    /// Its headings, as GitHub makes `#anchors` of them.
    pub anchors: BTreeSet<String>,
    pub links: Vec<Link>,
    /// What stands between backticks, tables included.
    pub spans: Vec<String>,
    pub fences: Vec<Fence>,
    /// The rows of its tables, the head of each among them.
    pub rows: Vec<Row>,
}

/// A link, or a picture.
#[derive(Debug, Default)]
pub struct Link {
    pub target: String,
    /// What stands between backticks in its text.
    pub spans: Vec<String>,
}

/// A block of code.
#[derive(Debug, Default)]
pub struct Fence {
    pub language: String,
    /// The heading above it.
    pub section: String,
    pub text: String,
}

/// A row of a table.
#[derive(Debug, Default)]
pub struct Row {
    /// The heading above it.
    pub section: String,
    pub cells: Vec<Cell>,
}

/// A cell of a table.
#[derive(Debug, Default)]
pub struct Cell {
    /// Its text, without what stands between backticks.
    pub text: String,
    /// What stands between backticks.
    pub spans: Vec<String>,
}

impl Page {
    /// The page of this path from the root.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn read(path: &str) -> Self {
        let file = root().join(path);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut page = Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            ..Self::default()
        };
        page.take_apart(&text);
        page
    }

    /// README, CONTRIBUTING and what is in `docs/`.
    pub fn reference() -> Vec<Self> {
        let mut paths = markdown_in("docs");
        paths.extend(["README.md", "CONTRIBUTING.md"].map(str::to_owned));
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Every page: those of reference, those of the course, and those beside what they describe.
    pub fn all() -> Vec<Self> {
        let others = ["exercises", "deploy"].map(markdown_in).concat();
        let others = others.iter().map(|path| Self::read(path));
        Self::reference().into_iter().chain(others).collect()
    }

    /// The directory that relative links and paths begin at.
    pub fn directory(&self) -> PathBuf {
        let file = root().join(&self.path);
        file.parent().expect("a file is in a directory").to_owned()
    }

    /// The rows under this heading.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn table(&self, section: &str) -> Vec<&Row> {
        let rows = self.rows.iter().filter(|row| row.section == section);
        let rows: Vec<_> = rows.collect();
        assert!(!rows.is_empty(), "{}: no table {section}", self.path);
        rows
    }

    /// The commands of all fences of `sh`: one a line, but for a line that ends with a
    /// backslash or within quotes, which goes on.
    pub fn commands(&self) -> Vec<String> {
        let fences = self.fences.iter().filter(|fence| fence.language == "sh");
        fences.flat_map(|fence| commands_of(&fence.text)).collect()
    }

    fn take_apart(&mut self, text: &str) {
        let mut section = String::new();
        let mut heading = None;
        let mut seen = BTreeMap::<String, usize>::new();
        let mut fence: Option<Fence> = None;
        let mut link: Option<Link> = None;
        let mut in_cell = false;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    section = heading.take().expect("it has begun");
                    let anchor = anchor(&section);
                    // The second of the same name has a number.
                    let before = seen.entry(anchor.clone()).or_default();
                    self.anchors.insert(match *before {
                        0 => anchor,
                        number => format!("{anchor}-{number}"),
                    });
                    *before += 1;
                    self.prose.push('\n');
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    fence = Some(Fence {
                        language: match kind {
                            CodeBlockKind::Fenced(language) => language.to_string(),
                            CodeBlockKind::Indented => String::new(),
                        },
                        section: section.clone(),
                        text: String::new(),
                    });
                }
                Event::End(TagEnd::CodeBlock) => self.fences.extend(fence.take()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let target = dest_url.to_string();
                    link = Some(Link {
                        target,
                        spans: Vec::new(),
                    });
                }
                Event::End(TagEnd::Link | TagEnd::Image) => self.links.extend(link.take()),
                Event::Start(Tag::TableHead | Tag::TableRow) => self.rows.push(Row {
                    section: section.clone(),
                    cells: Vec::new(),
                }),
                Event::Start(Tag::TableCell) => {
                    let row = self.rows.last_mut().expect("a cell is in a row");
                    row.cells.push(Cell::default());
                    in_cell = true;
                }
                Event::End(TagEnd::TableCell) => {
                    let text = self.last_cell().text.clone();
                    self.prose += &format!("{text}\n");
                    in_cell = false;
                }
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        *heading += &code;
                    }
                    if let Some(link) = &mut link {
                        link.spans.push(code.to_string());
                    }
                    if in_cell {
                        self.last_cell().spans.push(code.to_string());
                    }
                    self.spans.push(code.to_string());
                }
                Event::Text(text) => match (&mut fence, &mut heading) {
                    (Some(fence), _) => fence.text += &text,
                    (None, Some(heading)) => *heading += &text,
                    (None, None) if in_cell => self.last_cell().text += &text,
                    (None, None) => self.prose += &text,
                },
                Event::SoftBreak | Event::HardBreak => self.prose.push(' '),
                Event::End(TagEnd::Paragraph | TagEnd::Item) => self.prose.push('\n'),
                _ => {}
            }
        }
    }

    fn last_cell(&mut self) -> &mut Cell {
        let row = self.rows.last_mut().expect("a cell is in a row");
        row.cells.last_mut().expect("a row has cells")
    }
}

/// The commands of the pages of reference.
pub fn commands() -> Vec<String> {
    let pages = Page::reference();
    pages.iter().flat_map(Page::commands).collect()
}

/// The commands of a fence.
fn commands_of(fence: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut command = String::new();
    for line in fence.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(part) = line.strip_suffix('\\') {
            command += part;
            continue;
        }
        command += line;
        if command.matches('\'').count().is_multiple_of(2) {
            commands.push(std::mem::take(&mut command));
        } else {
            command.push('\n');
        }
    }
    assert!(command.is_empty(), "it does not end: {command}");
    commands
}

/// A heading as GitHub's `#anchor`.
fn anchor(heading: &str) -> String {
    let heading = heading.trim().to_lowercase().replace(' ', "-");
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    heading.chars().filter(kept).collect()
}

/// The paths from the root of all pages in this directory and below, in order.
fn markdown_in(directory: &str) -> Vec<String> {
    let mut paths: Vec<_> = files_in(&root().join(directory))
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.strip_prefix(root()).expect("it is below it"))
        .map(|path| path.display().to_string())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no pages in {directory}");
    paths
}

/// All files in this directory and below.
pub fn files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("it is a directory");
    let entries = entries.map(|entry| entry.expect("it can be listed").path());
    let files = entries.flat_map(|path| match path.is_dir() {
        // What a tool of ours depends on is not ours.
        true if path.ends_with("node_modules") => Vec::new(),
        true => files_in(&path),
        false => vec![path],
    });
    files.collect()
}
