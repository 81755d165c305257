//! Several tests of one thing that takes long to start, such as a stack of containers: they
//! share it, and yet each has its name and its verdict, and one that fails hides none of those
//! after it.
//!
//! They run in order, so that a later one may rely on what an earlier one left behind. A
//! `static` that `#[test]`s share would do neither, and would never be dropped: what it
//! started would outlive the tests.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// One of them: its name, and what it does with what they share.
pub type Step<T> = (&'static str, fn(&T));

/// These functions as steps, each under its own name.
#[allow(unused_macros, reason = "not every program has steps")]
macro_rules! steps {
    ($($step:path),+ $(,)?) => { [$((stringify!($step), $step as fn(&_))),+] };
}
#[allow(unused_imports, reason = "not every program has steps")]
pub(crate) use steps;

/// Runs all of them, and says what became of each.
///
/// # Panics
///
/// At the end, with the names of those that failed, if any did; the reason of each has been
/// printed where it happened.
pub fn run<T>(shared: &T, steps: &[Step<T>]) {
    let mut failed = Vec::new();
    for (name, step) in steps {
        let start = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(|| step(shared))).is_ok();
        let verdict = if passed { "ok" } else { "FAILED" };
        let took = start.elapsed().as_secs_f64();
        // Straight to the terminal: the harness hides what a passing test prints.
        let _ = writeln!(io::stderr(), "step {name} ... {verdict} ({took:.1} s)");
        if !passed {
            failed.push(*name);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} steps failed: {}",
        failed.len(),
        steps.len(),
        failed.join(", ")
    );
}
