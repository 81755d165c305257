//! What a student wrote, kept when something else takes its place: a solution
//! (`catch-up`), the stub (`reset`), or an earlier version of it (`restore`). Versions lie
//! in `exercises/.kept/NN_topic/`, numbered from 1, and nothing here deletes one.
//!
//! A file that is what the repository brought, stub or solution, is nobody's work and is
//! not kept. Files are compared byte for byte, but for line ends, which are git's on some
//! systems.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::course::{Course, CourseError, EXERCISES, Exercise};
use crate::progress::Progress;

const FOLDER: &str = "exercises/.kept";

/// What became of one exercise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The solution stood there already.
    Already,
    /// The student has done it, and it is as it was.
    Done,
    /// The solution stands there now; if something was kept, it is this file, from the
    /// repository's folder.
    Solution(Option<String>),
}

/// Puts the solutions of all exercises before this one in place, except of those that are
/// done, and goes to it. Done again, it changes nothing more.
///
/// # Errors
///
/// If a file cannot be read or written. What was in its place is kept before.
pub fn catch_up(
    course: &Course,
    progress: &mut Progress,
    to: &Exercise,
) -> Result<Vec<(&'static Exercise, Placed)>, CourseError> {
    let mut placed = Vec::new();
    for exercise in EXERCISES.iter().filter(|before| before.number < to.number) {
        let is_there = is_same(course, exercise, &course.solution(exercise));
        placed.push((
            exercise,
            if progress.is_done(exercise) {
                Placed::Done
            } else if is_there {
                progress.given(exercise);
                Placed::Already
            } else {
                let kept = keep(course, exercise)?;
                replace(course, exercise, &course.solution(exercise))?;
                progress.given(exercise);
                Placed::Solution(kept)
            },
        ));
    }
    progress.go_to(to);
    Ok(placed)
}

/// Puts the stub back, and says what was kept.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn reset(course: &Course, exercise: &Exercise) -> Result<String, CourseError> {
    let kept = keep(course, exercise)?;
    replace(course, exercise, &course.stub(exercise))?;
    Ok(match kept {
        Some(kept) => format!(
            "{} is as it was at first. What you wrote is kept in {kept}; \
             cargo workshop restore {} puts it back.",
            exercise.path(),
            exercise.number
        ),
        None => format!("{} is as it was at first.", exercise.path()),
    })
}

/// Puts the latest kept version back that is not there now; if there is none, the stub in
/// the place of a solution. Says what was done.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn restore(course: &Course, exercise: &Exercise) -> Result<String, CourseError> {
    let (file, number) = (exercise.path(), exercise.number);
    let earlier = versions(course, exercise)?;
    let other = earlier
        .iter()
        .rev()
        .find(|version| !is_same(course, exercise, version));
    if let Some(version) = other {
        let kept = keep(course, exercise)?;
        replace(course, exercise, version)?;
        let kept = kept.map_or(String::new(), |kept| {
            format!(" What stood there is kept in {kept}; the same command brings it back.")
        });
        return Ok(format!("{file} is {} again.{kept}", shown(course, version)));
    }
    if earlier.is_empty() && is_same(course, exercise, &course.solution(exercise)) {
        replace(course, exercise, &course.stub(exercise))?;
        return Ok(format!(
            "You had written nothing: {file} is as it was at first."
        ));
    }
    Ok(format!(
        "Nothing else of exercise {number} is kept: {file} is as it is."
    ))
}

// Copies the file to a place of its own, if it is somebody's work and not kept already;
// says where it is kept.
fn keep(course: &Course, exercise: &Exercise) -> Result<Option<String>, CourseError> {
    let file = course.file(exercise);
    let brought = [course.stub(exercise), course.solution(exercise)];
    if !file.exists() || brought.iter().any(|one| is_same(course, exercise, one)) {
        return Ok(None);
    }
    let versions = versions(course, exercise)?;
    if let Some(version) = versions
        .iter()
        .find(|version| is_same(course, exercise, version))
    {
        return Ok(Some(shown(course, version)));
    }
    let folder = folder(course, exercise);
    fs::create_dir_all(&folder).map_err(|error| CourseError::new(&folder, error))?;
    let number = versions.last().map_or(0, |last| number_of(last)) + 1;
    let version = folder.join(format!("{number}_{}", exercise.file));
    copy(&file, &version)?;
    Ok(Some(shown(course, &version)))
}

fn replace(course: &Course, exercise: &Exercise, by: &Path) -> Result<(), CourseError> {
    copy(by, &course.file(exercise))
}

// At once, whole: whoever is interrupted has the old file or the new one. With the time of
// now, or cargo would not see that it is another file.
fn copy(from: &Path, to: &Path) -> Result<(), CourseError> {
    let bytes = fs::read(from).map_err(|error| CourseError::new(from, error))?;
    let beside = to.with_extension("new");
    fs::write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, to))
        .map_err(|error| CourseError::new(to, error))
}

// In the order in which they were kept.
fn versions(course: &Course, exercise: &Exercise) -> Result<Vec<PathBuf>, CourseError> {
    let folder = folder(course, exercise);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CourseError::new(&folder, error)),
    };
    let mut versions: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| number_of(path) > 0)
        .collect();
    versions.sort_by_key(|path| number_of(path));
    Ok(versions)
}

// 0 of what is no version.
fn number_of(version: &Path) -> usize {
    let name = version.file_name().unwrap_or_default().to_string_lossy();
    let number = name.split_once('_').map(|(number, _)| number.parse());
    number.and_then(Result::ok).unwrap_or(0)
}

fn folder(course: &Course, exercise: &Exercise) -> PathBuf {
    course.root().join(FOLDER).join(exercise.name)
}

fn shown(course: &Course, path: &Path) -> String {
    let path = path.strip_prefix(course.root()).unwrap_or(path);
    path.display().to_string()
}

fn is_same(course: &Course, exercise: &Exercise, other: &Path) -> bool {
    let read = |path: &Path| {
        let bytes = fs::read(path).ok()?;
        Some(bytes.into_iter().filter(|byte| *byte != b'\r').collect())
    };
    let file: Option<Vec<u8>> = read(&course.file(exercise));
    file.is_some() && file == read(other)
}
