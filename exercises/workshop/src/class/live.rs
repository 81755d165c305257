//! What students' workshops report while they work: who is where since when, and what the
//! class sees most. Bounded: so many students, of each the exercises that there are.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reports, Standing, Student, plain};
use crate::course::{EXERCISES, Exercise};

/// More than any class has.
const MAX_STUDENTS: usize = 500;

/// The body of a report.
#[derive(Deserialize)]
struct Message {
    student: String,
    #[serde(flatten)]
    reports: Reports,
}

/// Why a report was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("this is not what `cargo workshop report` sends: {0}")]
    Unreadable(String),
    #[error("student: the name is empty; give one with --name or WORKSHOP_NAME")]
    NoName,
    #[error("student: {MAX_STUDENTS} names are known already; start the class anew")]
    TooMany,
}

#[derive(Default)]
pub(super) struct Live {
    students: BTreeMap<String, Pupil>,
}

struct Pupil {
    student: Student,
    heard: Instant,
    /// The exercise and the finding that were seen last, and since when.
    stuck: Option<(usize, String, Instant)>,
}

impl Live {
    /// Takes a report: what it says replaces what was known of these exercises.
    pub(super) fn take(&mut self, body: &[u8], now: Instant) -> Result<(), Refused> {
        let message: Message =
            serde_json::from_slice(body).map_err(|error| Refused::Unreadable(error.to_string()))?;
        let name = plain(message.student.trim());
        if name.is_empty() {
            return Err(Refused::NoName);
        }
        if self.students.len() >= MAX_STUDENTS && !self.students.contains_key(&name) {
            return Err(Refused::TooMany);
        }
        let pupil = self.students.entry(name.clone()).or_insert_with(|| Pupil {
            student: Student {
                name,
                exercises: BTreeMap::new(),
            },
            heard: now,
            stuck: None,
        });
        pupil.heard = now;
        let last = message.reports.reports.last().map(|one| one.number);
        for (number, mut standing) in message.reports.standings() {
            let known = pupil.student.exercises.get(&number);
            // What was not checked now keeps what was seen when it was.
            if standing.finding.is_none() && !standing.passed {
                standing.finding = known.and_then(|known| known.finding.clone());
            }
            if let Some(seen) = &mut standing.finding {
                seen.id = plain(&seen.id);
            }
            pupil.student.exercises.insert(number, standing);
        }
        if let Some(number) = last {
            pupil.stuck = pupil.stuck_in(number, now);
        }
        Ok(())
    }

    /// What the page shows. All times are seconds until now.
    pub(super) fn json(&self, now: Instant) -> Value {
        let seconds = |then: Instant| now.saturating_duration_since(then).as_secs();
        let students: Vec<_> = self
            .students
            .values()
            .map(|pupil| {
                let stuck = pupil.stuck.as_ref();
                let at = stuck.map(|(number, _, _)| *number);
                let at = at.or_else(|| pupil.student.at().map(|exercise| exercise.number));
                json!({
                    "name": pupil.student.name,
                    "done": pupil.student.done(),
                    "at": at.and_then(|at| EXERCISES.get(at - 1)).map_or("", |one| one.name),
                    "finding": stuck.map_or("", |(_, finding, _)| finding),
                    "stuck_seconds": stuck.map(|(_, _, since)| seconds(*since)),
                    "heard_seconds": seconds(pupil.heard),
                    "hints": at
                        .and_then(|at| pupil.student.exercises.get(&at))
                        .map_or(0, |one| one.hints_read),
                })
            })
            .collect();
        let exercises: Vec<_> = EXERCISES.iter().map(|one| self.exercise(one)).collect();
        let most = self.most_frequent();
        json!({
            "students": students,
            "exercises": exercises,
            "most_frequent": most.map(|(finding, exercise, count)| json!({
                "finding": finding, "exercise": exercise, "students": count,
            })),
        })
    }

    fn exercise(&self, exercise: &Exercise) -> Value {
        let standings: Vec<_> = self
            .students
            .values()
            .filter_map(|pupil| pupil.student.exercises.get(&exercise.number))
            .collect();
        let count = |holds: fn(&Standing) -> bool| {
            standings.iter().filter(|standing| holds(standing)).count()
        };
        json!({
            "name": exercise.name,
            "done": count(Standing::is_done),
            "tried": count(Standing::is_tried),
            "given": count(|one| one.given),
        })
    }

    // What most students see just now, in which exercise, and how many they are.
    fn most_frequent(&self) -> Option<(&str, &'static str, usize)> {
        let mut counts: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for pupil in self.students.values() {
            let Some((number, finding, _)) = &pupil.stuck else {
                continue;
            };
            // An untouched exercise has its first finding in any case.
            let standing = pupil.student.exercises.get(number);
            if standing.is_some_and(|standing| standing.begun) {
                *counts.entry((*number, finding)).or_default() += 1;
            }
        }
        // Of as many, the earliest exercise.
        let most = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
        let ((number, finding), count) = most;
        Some((finding, EXERCISES.get(number - 1)?.name, count))
    }
}

impl Pupil {
    // Since when this exercise has had this finding.
    fn stuck_in(&self, number: usize, now: Instant) -> Option<(usize, String, Instant)> {
        let standing = self.student.exercises.get(&number)?;
        let finding = standing.finding.as_ref().filter(|_| !standing.passed)?;
        let since = match &self.stuck {
            Some((before, id, since)) if *before == number && *id == finding.id => *since,
            _ => now,
        };
        Some((number, finding.id.clone(), since))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(student: &str, reports: &Value) -> Vec<u8> {
        let progress = json!([
            { "number": 1, "passed": true, "begun": true, "hints_read": 0, "finding": null },
            { "number": 2, "passed": false, "begun": true, "hints_read": 2, "finding": null },
        ]);
        json!({ "student": student, "reports": reports, "progress": progress })
            .to_string()
            .into_bytes()
    }

    fn open(number: usize, id: &str) -> Value {
        json!([{ "number": number, "passed": false, "begun": true, "hints_read": 1,
                 "finding": { "id": id, "observed": "long" } }])
    }

    #[test]
    fn who_sees_the_same_finding_is_stuck_since_it_came() {
        let (mut live, start) = (Live::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        live.take(&message("ana", &open(3, "a")), at(0)).unwrap();
        live.take(&message("ana", &open(3, "a")), at(60)).unwrap();
        let ana = &live.json(at(90))["students"][0];
        assert_eq!(
            (&ana["stuck_seconds"], &ana["heard_seconds"]),
            (&json!(90), &json!(30))
        );
        assert_eq!((&ana["at"], &ana["done"]), (&json!("03_errors"), &json!(1)));
        live.take(&message("ana", &open(3, "b")), at(100)).unwrap();
        assert_eq!(live.json(at(110))["students"][0]["stuck_seconds"], 10);
        let done = json!([{ "number": 3, "passed": true, "finding": null }]);
        live.take(&message("ana", &done), at(120)).unwrap();
        let ana = &live.json(at(121))["students"][0];
        assert_eq!(
            (&ana["stuck_seconds"], &ana["done"]),
            (&Value::Null, &json!(2))
        );
        // What the report did not check is known from before.
        assert_eq!(live.json(at(121))["exercises"][1]["tried"], 1);
    }

    #[test]
    fn what_is_sent_is_bounded_and_harmless() {
        let (mut live, now) = (Live::default(), Instant::now());
        for student in 0..MAX_STUDENTS {
            live.take(&message(&format!("s{student}"), &open(1, "x")), now)
                .unwrap();
        }
        assert_eq!(
            live.take(&message("late", &open(1, "x")), now),
            Err(Refused::TooMany)
        );
        live.take(&message("s1", &open(99, "x")), now).unwrap();
        live.take(&message("s2", &open(1, "\u{1b}[31mred")), now)
            .unwrap();
        let json = live.json(now);
        assert_eq!(json["most_frequent"]["students"], MAX_STUDENTS - 2);
        assert!(!json.to_string().contains("u001b"));
        assert_eq!(
            live.take(&message(" ", &open(1, "x")), now),
            Err(Refused::NoName)
        );
        let refused = live.take(b"no JSON", now).unwrap_err().to_string();
        assert!(refused.contains("cargo workshop report"), "{refused}");
    }
}
