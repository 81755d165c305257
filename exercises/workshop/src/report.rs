//! What a student's workshop tells the class: what was checked just now, and how far the
//! student is in all exercises. Printed by `check --json`, or sent to the teacher's
//! `class --serve`. Whether the class hears it never changes a verdict.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::course::{Course, EXERCISES, Report};
use crate::progress::Progress;

/// Where the class listens, if checks are to be reported there.
pub const CLASS: &str = "WORKSHOP_CLASS";
/// The student's name.
pub const NAME: &str = "WORKSHOP_NAME";

const TIMEOUT: Duration = Duration::from_secs(3);
const PORT: u16 = 8010;
// Of the class's answer, what is read.
const MAX_ANSWER_BYTES: u64 = 4096;

/// What was checked, with what is known of all exercises.
#[must_use]
pub fn json(course: &Course, progress: &Progress, reports: &[Report]) -> Value {
    let known: Vec<_> = EXERCISES
        .iter()
        .map(|exercise| {
            json!({
                "number": exercise.number,
                "passed": progress.is_done(exercise),
                "given": progress.is_given(exercise),
                "hints_read": progress.hints(exercise),
                "begun": course.is_begun(exercise),
            })
        })
        .collect();
    let reports: Vec<_> = reports
        .iter()
        .map(|report| {
            let mut all = json!(report);
            if let Some(known) = known.iter().find(|one| one["number"] == report.number) {
                for key in ["given", "hints_read", "begun"] {
                    all[key] = known[key].clone();
                }
            }
            all
        })
        .collect();
    json!({ "reports": reports, "progress": known })
}

/// The class that is reported to, and who reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Host and port.
    address: String,
    student: String,
}

impl Class {
    /// The class at such an address as `http://192.168.1.5:8010`. Without a name it is
    /// that of `WORKSHOP_NAME`, or else the system's user.
    ///
    /// # Errors
    ///
    /// What is wrong with the address or the name, in a sentence.
    pub fn new(url: &str, name: Option<String>) -> Result<Self, String> {
        let refused =
            || format!("the class `{url}`: must be an address such as http://192.168.1.5:{PORT}");
        let host = url.strip_prefix("http://").unwrap_or(url);
        let host = host.split('/').next().unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
        if host.is_empty() || !host.chars().all(is_plain) {
            return Err(refused());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(before, port)| {
            port.parse::<u16>().is_ok() && (!before.contains(':') || before.ends_with(']'))
        });
        let address = if has_port {
            host.to_owned()
        } else if host.contains(':') && !host.ends_with(']') {
            return Err(refused());
        } else {
            format!("{host}:{PORT}")
        };
        let variables = [NAME, "USER", "USERNAME"];
        let name = name.or_else(|| variables.iter().find_map(|name| env::var(name).ok()));
        let student = name.map(|name| name.trim().to_owned()).unwrap_or_default();
        if student.is_empty() {
            return Err(format!(
                "your name for the class: give it with --name, or set {NAME}"
            ));
        }
        Ok(Self { address, student })
    }

    /// The class of the environment, if it names one.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn from_env() -> Result<Option<Self>, String> {
        match env::var(CLASS) {
            Ok(url) if !url.is_empty() => Self::new(&url, None).map(Some),
            _ => Ok(None),
        }
    }

    /// Sends what [`json()`] made.
    ///
    /// # Errors
    ///
    /// Why the class did not take it, in a sentence.
    pub fn send(&self, mut report: Value) -> Result<(), String> {
        report["student"] = json!(self.student);
        // What was observed is the student's, and may be long.
        for one in report["reports"].as_array_mut().into_iter().flatten() {
            if let Some(finding) = one["finding"].as_object_mut() {
                finding.remove("observed");
            }
        }
        let failed = |error: &dyn std::fmt::Display| {
            format!(
                "The class at {} did not get your report: {error}",
                self.address
            )
        };
        let answer = self
            .post(&report.to_string())
            .map_err(|error| failed(&error))?;
        let status = answer.split_whitespace().nth(1).unwrap_or_default();
        if status == "200" {
            return Ok(());
        }
        let (_, said) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Err(failed(&format!("{status} {}", said.trim())))
    }

    fn post(&self, body: &str) -> std::io::Result<String> {
        let mut last = std::io::Error::other("there is no such host");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(mut stream) => {
                    stream.set_read_timeout(Some(TIMEOUT))?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
                    let request = format!(
                        "POST /report HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
                         content-length: {}\r\nconnection: close\r\n\r\n{body}",
                        self.address,
                        body.len()
                    );
                    stream.write_all(request.as_bytes())?;
                    let mut answer = Vec::new();
                    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
                    return Ok(String::from_utf8_lossy(&answer).into_owned());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn the_address_may_be_written_as_people_write_it() {
        for (url, address) in [
            ("http://192.168.1.5:8010", "192.168.1.5:8010"),
            ("http://192.168.1.5:8010/", "192.168.1.5:8010"),
            ("192.168.1.5", "192.168.1.5:8010"),
            ("http://teacher.local", "teacher.local:8010"),
            ("[::1]:9000", "[::1]:9000"),
            ("http://[::1]", "[::1]:8010"),
        ] {
            let class = Class::new(url, Some(" ana ".to_owned())).unwrap();
            assert_eq!(
                (class.address.as_str(), class.student.as_str()),
                (address, "ana")
            );
        }
        for url in ["", "http://", "https://x", "a b", "x:port", "::1"] {
            let error = Class::new(url, Some("ana".to_owned())).unwrap_err();
            assert!(error.contains("http://192.168.1.5:8010"), "{url}: {error}");
        }
        let error = Class::new("x", Some(" ".to_owned())).unwrap_err();
        assert!(error.contains("WORKSHOP_NAME"), "{error}");
    }
}
