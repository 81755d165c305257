//! Exercise 13: a load generator, run against a service that stalls. What it
//! reports is held against what the service saw, and against what users would
//! have seen who come at the rate that was asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::finding::{Finding, Judgement, ensure};
use crate::scheduling_delay::SchedulingDelay;
use crate::stalling::{BOUNDS, EARLIER_TIME, SERVICE_TIME, Served, Stalling, Stalls};
use crate::student;

/// What is found where nothing can be.
pub const TOO_BUSY: &str = "too-busy";

const RATE: usize = 100;
const SECONDS: usize = 3;
const ALL: usize = RATE * SECONDS;
const STALLS: Stalls = Stalls {
    after: Duration::from_millis(1000),
    length: Duration::from_millis(1000),
    every: Duration::from_hours(1),
};
// Before the load, so that what a counter shows is not what it rose by.
const EARLIER: usize = 5000;
// Between the report and the truth, in seconds: what a busy machine may cost.
// A report that omits the wait is off by twice as much.
const TOLERANCE: f64 = 0.3;
const TIMEOUT: Duration = Duration::from_secs(30);
// For so long it is stopped, once so many requests have arrived.
const STOP: Duration = Duration::from_millis(500);
const STOP_AFTER: usize = RATE / 4;
// On a machine that lets its programs wait for longer, nothing here can be judged.
const MAX_SCHEDULING_DELAY: Duration = Duration::from_millis(100);

/// # Errors
///
/// The first finding; or that the machine was too busy for any.
pub fn check(program: &Path) -> Judgement {
    let delay = SchedulingDelay::watch();
    let judgement = judge(program);
    let worst = delay.worst();
    if judgement.is_err() && worst > MAX_SCHEDULING_DELAY {
        return Err(Finding::new(
            TOO_BUSY,
            format!(
                "This machine was too busy: the checker itself was woken {} ms too late, and \
                 so perhaps was your program. Check again when less is running.",
                worst.as_millis()
            ),
        ));
    }
    judgement
}

fn judge(program: &Path) -> Judgement {
    let service = Stalling::start("127.0.0.1:0", STALLS, EARLIER)?;
    let url = format!("http://{}/random", service.address());
    let arguments = [url, RATE.to_string(), SECONDS.to_string()];
    let said = student::output(program, &arguments, TIMEOUT)?;
    let report = Report::read(&said)?;
    let served = service.served();

    rate(&served)?;
    let sent = report.one("sent")?;
    ensure(sent == served.len() as f64, "miscounted", || {
        format!(
            "Your program says that it sent {sent} requests; the service served {}. Those that \
             are not in the report: were they the quick ones?",
            served.len()
        )
    })?;
    waits(&report)?;
    server(&report, &served)?;
    if cfg!(unix) { stopped(program) } else { Ok(()) }
}

// A generator that is late itself, because the checker stops it for a while: its users come
// all the same, and wait.
fn stopped(program: &Path) -> Judgement {
    let calm = Stalls {
        after: Duration::from_hours(1),
        ..STALLS
    };
    let service = Stalling::start("127.0.0.1:0", calm, 0)?;
    let url = format!("http://{}/random", service.address());
    let arguments = [url, RATE.to_string(), 1.to_string()];
    let said = student::output_while(program, &arguments, TIMEOUT, |process| {
        let deadline = Instant::now() + TIMEOUT / 2;
        while service.arrivals() < STOP_AFTER {
            if Instant::now() > deadline {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        signal("-STOP", process);
        thread::sleep(STOP);
        signal("-CONT", process);
    })?;
    let report = Report::read(&said)?;
    let served = service.served();
    let last = served.iter().map(|one| one.arrived).fold(0.0, f64::max);
    let stop = STOP.as_secs_f64();
    ensure(last < 1.0 + stop / 2.0, "schedule-drifts", || {
        format!(
            "{RATE} requests were to be sent within a second, each at its time. Something stopped your \
             program for {stop} s in between (it was the checker), and the last request arrived after \
             {last:.2} s. From what do you count when the next one is due: from the start, or from \
             the one before?"
        )
    })?;
    let said = report.one("p90")?;
    ensure(said > 0.4 * stop, "own-lateness", || {
        format!(
            "{RATE} requests were to be sent within a second. Something stopped your program for \
             {stop} s in between (it was the checker): half of the users waited for it, the first of \
             them all that time. Your program says that p90 was {said:.3} s. At which moment does a \
             user begin to wait who comes while the generator is late?"
        )
    })
}

fn signal(name: &str, process: u32) {
    // Where there is no `kill`, nothing is stopped, and nothing found.
    let _ = Command::new("kill")
        .args([name, &process.to_string()])
        .status();
}

fn rate(served: &[Served]) -> Judgement {
    let arrivals = |from: f64, to: f64| {
        let within = |one: &&Served| one.arrived >= from && one.arrived < to;
        served.iter().filter(within).count()
    };
    let count = served.len();
    ensure(count * 20 <= ALL * 21, "too-many", || {
        format!("{RATE} requests a second for {SECONDS} s are {ALL}; {count} arrived.")
    })?;
    ensure(count * 20 >= ALL * 19, "waits-for-answers", || {
        format!(
            "{RATE} requests a second for {SECONDS} s are {ALL}; {count} arrived. In the first \
             second {} came. Then the service stalled for a second, and in that second {} came. \
             What were your connections doing? And what would users have been doing?",
            arrivals(0.0, 1.0),
            arrivals(1.0, 2.0)
        )
    })?;
    let last = served.iter().map(|one| one.arrived).fold(0.0, f64::max);
    ensure(last > 0.8 * SECONDS as f64, "not-at-rate", || {
        format!(
            "{count} requests were to arrive over {SECONDS} s, {RATE} in each. All had arrived \
             after {last:.2} s. Is that a load, or an assault?"
        )
    })
}

fn waits(report: &Report) -> Judgement {
    let truth = truth();
    let longest = report.one("p99")?;
    ensure(longest < 20.0 * SECONDS as f64, "unit", || {
        format!(
            "The whole load lasted {SECONDS} s, and your program says that p99 was {longest}. In \
             which unit?"
        )
    })?;
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        let (said, truth) = (report.one(name)?, quantile(&truth, share));
        ensure(said > truth - TOLERANCE, "omits-the-wait", || {
            format!(
                "The service stalled from second 1 to second 2. {RATE} users a second, each \
                 coming at their time, have a {name} of {truth:.3} s; your program says \
                 {said:.3} s. At which moment does a user begin to wait, and at which do you begin \
                 to count?"
            )
        })?;
        ensure(said < truth + TOLERANCE, "waits-too-long", || {
            format!(
                "{RATE} users a second, each coming at their time, have a {name} of {truth:.3} s; \
                 your program says {said:.3} s. When is the clock of a request read?"
            )
        })?;
    }
    Ok(())
}

fn server(report: &Report, served: &[Served]) -> Judgement {
    let [low, high] = report.all("server_p90")?[..] else {
        return Err(Finding::new(
            "no-report",
            "The line `server_p90` should have two numbers.",
        ));
    };
    ensure(low > 0.0 || high < f64::INFINITY, "no-bucket", || {
        format!(
            "Of the server's p90 your program says that it lies between {low} and {high}. That is \
             true of every number. What do the server's buckets say?"
        )
    })?;
    let within = |bound: f64| served.iter().filter(|one| one.took <= bound).count() as f64;
    let all = served.len() as f64;
    // On the edge between two buckets, either is right.
    let holds = within(low) <= 0.91 * all && within(high) >= 0.89 * all;
    let is_one = BOUNDS
        .iter()
        .filter(|bound| low < **bound && **bound <= high)
        .count()
        <= 1;
    let is_earlier = low < EARLIER_TIME && EARLIER_TIME <= high;
    ensure(!is_earlier || holds, "since-the-start", || {
        format!(
            "Of the server's p90 your program says that it lies between {low} and {high} s. Of \
             the {all} requests that you sent, {} took longer than that. The server had served \
             {EARLIER} of {EARLIER_TIME} s before you came: are they in?",
            all - within(high)
        )
    })?;
    ensure(holds && is_one, "other-bucket", || {
        format!(
            "Of the server's p90 your program says that it lies between {low} and {high} s. \
             While it ran, the server's histogram rose like this:\n\n{}",
            BOUNDS
                .map(|bound| format!("    le={bound:<5} {}", within(bound)))
                .join("\n")
        )
    })
}

// What users wait who come at the rate: each from their own moment to the end of
// the stall, and then as long as a request takes.
fn truth() -> Vec<f64> {
    let mut waits: Vec<_> = (0..ALL)
        .map(|number| Duration::from_secs_f64(number as f64 / RATE as f64))
        .map(|due| (STALLS.left(due) + SERVICE_TIME).as_secs_f64())
        .collect();
    waits.sort_by(f64::total_cmp);
    waits
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Lines of a word and numbers.
struct Report(BTreeMap<String, Vec<f64>>);

impl Report {
    fn read(said: &str) -> Result<Self, Finding> {
        let lines = said.lines().filter_map(|line| {
            let (name, rest) = line.trim().split_once(' ')?;
            let numbers: Result<Vec<f64>, _> = rest.split_whitespace().map(str::parse).collect();
            Some((name.to_owned(), numbers.ok()?))
        });
        Ok(Self(lines.collect()))
    }

    fn all(&self, name: &str) -> Result<Vec<f64>, Finding> {
        self.0.get(name).cloned().ok_or_else(|| {
            Finding::new(
                "no-report",
                format!("Your program's report has no line `{name}` with numbers."),
            )
        })
    }

    fn one(&self, name: &str) -> Result<f64, Finding> {
        Ok(self.all(name)?.first().copied().unwrap_or(f64::NAN))
    }
}
