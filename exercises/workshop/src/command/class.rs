//! `cargo workshop class`: many students at a glance, for the teacher.

use std::path::Path;
use std::process::ExitCode;
use std::thread;

use super::failure;
use crate::class::{Class, ClassServer};
use crate::course::Course;
use crate::screen::Screen;

pub(super) fn show(folder: &Path, shown: fn(&Class) -> String) -> ExitCode {
    match Class::read(folder) {
        Ok(class) => {
            Screen::new().print(&shown(&class));
            if class.unreadable.is_empty() {
                ExitCode::SUCCESS
            } else {
                failure(&class.unreadable.join("\n"))
            }
        }
        Err(error) => failure(&error.to_string()),
    }
}

/// Until it is ended from outside.
pub(super) fn serve(course: Course, address: &str) -> ExitCode {
    let server = match ClassServer::start(address, course) {
        Ok(server) => server,
        Err(finding) => return failure(&finding.observed),
    };
    let (screen, address) = (Screen::new(), server.address());
    screen.print(&format!("listening on {address}\n"));
    screen.print(&format!(
        "The class: http://{address}/   For the projector: http://{address}/show/1   Ctrl-C ends it.\n"
    ));
    screen.print(if address.ip().is_loopback() {
        "Only this machine can reach it. For a class: cargo workshop class --serve ADDRESS:8010, \
         with this machine's address in the class's network.\n"
    } else {
        "Whoever reaches this address can report and read. Students, before cargo workshop: \
         export WORKSHOP_CLASS=http://ADDRESS:PORT WORKSHOP_NAME=their-name\n"
    });
    loop {
        thread::park();
    }
}
