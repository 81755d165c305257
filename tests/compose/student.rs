//! The student's service in the stack: built from the stubs as they are checked in, and
//! scraped beside the reference.

use crate::support::engine::Stack;
use crate::support::http;

/// What it counts from the start, before any exercise is solved.
const EXAMPLE: &str = r#"sum(random_numbers_drawn_total{job="student"})"#;

/// Once more by the command that the README names: nothing has changed, so nothing is
/// built and no container restarts.
const AGAIN: [&str; 4] = ["up", "--build", "--detach", "student"];

pub(crate) fn what_the_student_writes_is_scraped(stack: &Stack) {
    stack.number_when(r#"sum(up{job="student"})"#, |up| up == 1.0);
    let answer = http::get(stack.address("student", 8001), "/random", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // More than this one: it has visitors of its own.
    stack.number_when(EXAMPLE, |number| number > 10.0);
    let running = stack.compose(&["ps", "--quiet"]);
    stack.compose(&AGAIN);
    assert_eq!(stack.compose(&["ps", "--quiet"]), running);
}
