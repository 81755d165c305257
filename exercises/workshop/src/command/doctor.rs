//! `cargo workshop doctor`: which programs, files and servers the exercises find.

use std::process::ExitCode;

use crate::course::Course;
use crate::progress::Progress;
use crate::{api, grafana, http, promtool};

pub(super) fn doctor(course: &Course) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (program, exercises) in promtool::PROGRAMS {
        match peers::find(program) {
            Some(path) => println!("✓ {program:<12} {}", path.display()),
            None => {
                println!(
                    "✗ {program:<12} is missing; {exercises}. {}",
                    promtool::REMEDY
                );
                code = ExitCode::FAILURE;
            }
        }
    }
    for (program, purpose) in promtool::CONVENIENT {
        match peers::find(program) {
            Some(path) => println!("✓ {program:<12} {}", path.display()),
            None => println!("- {program:<12} is not there; {purpose}"),
        }
    }
    if let Err(error) = Progress::read(course.root()).write() {
        println!("✗ exercises/.progress cannot be written: {error}");
        code = ExitCode::FAILURE;
    } else {
        println!("✓ {:<12} {}", "repository", course.root().display());
    }
    let stack = course.stack();
    for (what, url, at) in [
        ("Prometheus", &stack.prometheus, api::DEFAULT),
        ("Grafana", &stack.grafana, grafana::DEFAULT),
    ] {
        let url = url.as_deref().unwrap_or(at);
        let answers = http::address(url).is_ok_and(|address| {
            http::request(address, "GET", "/").is_ok_and(|answer| answer.status < 500)
        });
        if answers {
            println!("✓ {what:<12} answers at {url}");
        } else {
            println!("- {what:<12} does not answer at {url}; only the stack has one");
        }
    }
    code
}
