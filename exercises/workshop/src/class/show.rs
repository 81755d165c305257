//! An exercise on the screen at the front: its one sentence, its picture and the question
//! to the room. The words are the table's in TEACHING.md, the picture is in the exercise's
//! folder; nothing is written here.

use crate::course::{self, Course, EXERCISES};

const PAGE: &str = include_str!("show.html");
const TEACHING: &str = include_str!("../../../TEACHING.md");

/// The page of the exercise of this number; nothing if there is none.
pub(super) fn page(course: &Course, number: &str) -> Option<String> {
    let exercise = number.parse().ok().and_then(course::exercise)?;
    let (sentence, question) = said(exercise.number)?;
    let number = exercise.number.to_string();
    let picture = course.picture(exercise).unwrap_or_default();
    let to = |number: usize| format!("/show/{}", number.clamp(1, EXERCISES.len()));
    let mut page = PAGE.to_owned();
    // The picture last: what it says is no place to fill in.
    for (place, text) in [
        ("NUMBER", number.as_str()),
        ("TITLE", exercise.title),
        ("FOLDER", exercise.name),
        ("BEFORE", to(exercise.number - 1).as_str()),
        ("AFTER", to(exercise.number + 1).as_str()),
        ("SENTENCE", escaped(sentence).as_str()),
        ("QUESTION", escaped(question).as_str()),
        ("PICTURE", picture.as_str()),
    ] {
        page = page.replace(place, text);
    }
    Some(page)
}

/// The sentence and the question of an exercise, from the table of TEACHING.md.
fn said(number: usize) -> Option<(&'static str, &'static str)> {
    let mut rows = TEACHING.lines().map(|line| line.split('|').map(str::trim));
    let number = number.to_string();
    rows.find_map(|mut cells| {
        let own = cells.nth(1)? == number;
        let row = (cells.next()?, cells.next()?);
        own.then_some(row)
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('*', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exercise_has_a_sentence_a_question_and_a_picture() {
        let course = Course::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        for exercise in EXERCISES {
            let (sentence, question) = said(exercise.number).unwrap();
            assert!(
                question.len() > 10 && sentence.len() > 10,
                "{}",
                exercise.name
            );
            let page = page(&course, &exercise.number.to_string()).unwrap();
            for part in ["<svg ", "aria-label=", exercise.title, &escaped(sentence)] {
                assert!(page.contains(part), "{}: no {part}", exercise.name);
            }
            for place in ["SENTENCE", "QUESTION", "PICTURE", "NUMBER", "FOLDER"] {
                assert!(!page.contains(place), "{}: {place}", exercise.name);
            }
        }
        assert!(page(&course, "99").is_none() && page(&course, "x").is_none());
        assert!(page(&course, "1").unwrap().contains("href=\"/show/2\""));
    }
}
