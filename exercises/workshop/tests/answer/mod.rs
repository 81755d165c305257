//! The answers that prove the checker, as files to be judged: stubs, solutions, and
//! what is in `wrong/` and `right/`, whole or as a patch on the solution.
//!
//! A patch says in its head, before its first `---`, what is wrong and which finding it
//! must earn, and nowhere else; a whole file says it in its first comment.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use diffy::Line;
use workshop::course::{Course, EXERCISES, Exercise};

/// One answer to one exercise, and what it must earn: a finding's id, or nothing.
pub struct Answer {
    pub exercise: &'static Exercise,
    /// Its file's, after `right_` if it is right: the exercise has no other of this name.
    pub name: String,
    pub file: PathBuf,
    pub earns: Option<String>,
}

pub fn course() -> Course {
    Course::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

/// All answers in `wrong/` and `right/`.
pub fn all() -> &'static [Answer] {
    static ALL: OnceLock<Vec<Answer>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut amiss = Vec::new();
        let mut answers = Vec::new();
        for exercise in EXERCISES {
            for kind in ["wrong", "right"] {
                let folder = course().root().join("exercises").join(kind);
                for file in files(&folder.join(exercise.name)) {
                    match read(exercise, kind, &file) {
                        Ok(answer) => answers.push(answer),
                        Err(error) => amiss.push(format!("{}: {error}", file.display())),
                    }
                }
            }
        }
        assert!(amiss.is_empty(), "{}", amiss.join("\n"));
        answers
    })
}

/// The file of this answer, such as `08_dashboard`, `only_500`.
pub fn file(exercise: &str, name: &str) -> &'static Path {
    let answer = all()
        .iter()
        .find(|answer| answer.exercise.name == exercise && answer.name == name);
    &answer.expect("there is such an answer").file
}

/// The files in this folder, in order; none if it is not there.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

// An unchanged file must stay as old as it is, or cargo would build it again.
pub fn write_if_other(path: &Path, text: &str) {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn read(exercise: &'static Exercise, kind: &str, file: &Path) -> Result<Answer, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let name = match kind {
        "right" => format!("right_{stem}"),
        _ => stem.to_owned(),
    };
    let is_patch = file
        .extension()
        .is_some_and(|extension| extension == "patch");
    let (head, answer) = if is_patch {
        let (head, answer) = patched(exercise, &text)?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("patched");
        let extension = Path::new(exercise.file).extension().unwrap();
        let path = folder.join(exercise.name).join(&name);
        let path = path.with_extension(extension);
        write_if_other(&path, &answer);
        (head, path)
    } else {
        (text.as_str(), file.to_owned())
    };
    let earns = head.lines().find_map(|line| line.split_once("Earns: "));
    let earns = earns.map(|(_, id)| id.trim_matches(['"', ',', ' ']).to_owned());
    match (kind, &earns) {
        ("wrong", None) => return Err("no `Earns: ` says what it must earn".to_owned()),
        ("right", Some(id)) => return Err(format!("a right answer cannot earn {id}")),
        _ => {}
    }
    Ok(Answer {
        exercise,
        name,
        file: answer,
        earns,
    })
}

/// What stands before the diff, and what the diff makes of the solution.
pub fn patched<'a>(exercise: &Exercise, patch: &'a str) -> Result<(&'a str, String), String> {
    let start = patch.find("\n--- ").ok_or("no line begins with `--- `")?;
    let (head, diff) = patch.split_at(start + 1);
    let whom = format!("--- solutions/{}/{}", exercise.name, exercise.file);
    if diff.lines().next() != Some(whom.as_str()) {
        return Err(format!("the diff does not begin with `{whom}`"));
    }
    let diff = diffy::Patch::from_str(diff).map_err(|error| error.to_string())?;
    if diff.hunks().is_empty() {
        return Err("it changes nothing".to_owned());
    }
    let solution = fs::read_to_string(course().solution(exercise));
    let solution = solution.map_err(|error| error.to_string())?;
    // A line of context may stand in several places; then the one it was made for must be there still.
    let lines: Vec<_> = solution.split_inclusive('\n').collect();
    for hunk in diff.hunks() {
        let old: Vec<_> = hunk.lines().iter().filter_map(before).collect();
        let mut at = (0..lines.len()).filter(|&start| lines[start..].starts_with(&old));
        let made_for = hunk.old_range().start().saturating_sub(1);
        if at.clone().count() > 1 && !at.any(|start| start == made_for) {
            return Err(format!(
                "line {} of the solution moved, and the change fits in several places",
                made_for + 1
            ));
        }
    }
    let answer = diffy::apply(&solution, &diff)
        .map_err(|error| format!("it does not apply to the solution any more: {error}"))?;
    Ok((head, answer))
}

fn before<'a>(line: &Line<'a, str>) -> Option<&'a str> {
    match line {
        Line::Context(text) | Line::Delete(text) => Some(text),
        Line::Insert(_) => None,
    }
}
