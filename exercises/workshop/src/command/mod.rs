//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::checks::{buckets, processes as watching, recover};
use crate::class::Class;
use crate::course::{Course, EXERCISES, Exercise, numbered, read};
use crate::finding::Judgement;
use crate::lab::{Lab, Reported};
use crate::mystery::{Distribution, Kind};
use crate::processes::{self, Processes};
use crate::progress::Progress;
use crate::screen::Screen;
use crate::stalling::{Stalling, Stalls};
use crate::training::{self, GATEWAY};
use crate::{api, grafana, http, observe, promtool, watch};

// A hundred times as many would tell ten times as well.
const REQUESTS: usize = 2000;
// Until Prometheus has seen a histogram twice.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(30);

const USAGE: &str = "\
cargo workshop                    watch: save a file, read the verdict
cargo workshop check [N] [--json] check one exercise, or all
           [--grafana [URL]]      exercise 8: take the dashboard that Grafana has
           [--prometheus [URL]]   exercises 6 and 8: ask the Prometheus that runs, too
cargo workshop hint N             the next of three hints
cargo workshop list               all exercises, and which are done
cargo workshop go N               make N the current exercise
cargo workshop reset N            the exercise as it was at first
cargo workshop solution N [--spoil]  one way to do it, once you have done it
cargo workshop mystery N [--from ADDRESS] [--requests COUNT]
                                  what your bounds show of exercise 11's or 12's mystery,
                                  or of the service that runs there
cargo workshop lab [DISTRIBUTION] [ADDRESS]  exercise 10: the same requests in four histograms
cargo workshop doctor             what is installed, what is missing
cargo workshop stall [ADDRESS]    a service that stalls, for load generators
cargo workshop processes [ADDRESS]  exercise 16's processes, watched; where the broker is
cargo workshop gateway [ADDRESS]  a Pushgateway, for exercise 17
cargo workshop clicks [SECONDS]   clicks to learn from, for exercise 17
cargo workshop runs NAME [ADDRESS]  exercise 18's three runs, pushed to a gateway
cargo workshop class DIR [--csv]  for the teacher: who is where
";

/// Runs the command; 0 if all is well, 1 if an exercise is not done, 2 if the
/// command is not understood.
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    let course = Course::new(root());
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            watch::watch(&course);
            ExitCode::SUCCESS
        }
        ["check", rest @ ..] => check(&course, rest),
        ["hint", number] => with(number, |exercise| {
            let mut progress = Progress::read(course.root());
            println!("{}", watch::next_hint(&course, &mut progress, exercise));
            ExitCode::SUCCESS
        }),
        ["list"] => {
            let progress = Progress::read(course.root());
            let screen = Screen::new(false);
            screen.print(&screen.list(&progress));
            ExitCode::SUCCESS
        }
        ["go", number] => with(number, |exercise| {
            let mut progress = Progress::read(course.root());
            progress.go_to(exercise);
            let screen = Screen::new(false);
            screen.print(&screen.exercise(&course, exercise));
            saved(&progress)
        }),
        ["reset", number] => with(number, |exercise| {
            let mut progress = Progress::read(course.root());
            progress.forget(exercise);
            match course.reset(exercise) {
                Ok(()) => saved(&progress),
                Err(error) => failure(&error.to_string()),
            }
        }),
        ["solution", number] => with(number, |exercise| solution(&course, exercise, false)),
        ["solution", number, "--spoil"] | ["solution", "--spoil", number] => {
            with(number, |exercise| solution(&course, exercise, true))
        }
        ["mystery", number, rest @ ..] => {
            with(number, |exercise| show_mystery(&course, exercise, rest))
        }
        ["lab", rest @ ..] => lab(&course, rest),
        ["doctor"] => doctor(&course),
        ["stall"] => stall("127.0.0.1:8002"),
        ["stall", address] => stall(address),
        ["processes"] => watched(&course, "127.0.0.1:1883"),
        ["processes", address] => watched(&course, address),
        ["gateway"] => done(training::gateway(GATEWAY)),
        ["gateway", address] => done(training::gateway(address)),
        ["clicks"] => done(training::clicks("60")),
        ["clicks", seconds] => done(training::clicks(seconds)),
        ["runs", name] => done(training::runs(course.root(), name, GATEWAY)),
        ["runs", name, address] => done(training::runs(course.root(), name, address)),
        ["class", folder] => class(Path::new(folder), Class::table),
        ["class", folder, "--csv"] | ["class", "--csv", folder] => {
            class(Path::new(folder), Class::csv)
        }
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => usage(&format!("not understood: {}", arguments.join(" "))),
    }
}

// The repository around the working directory; else the one this was built in.
fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let is_course = |folder: &&Path| folder.join("exercises/student/Cargo.toml").is_file();
    here.ancestors()
        .find(is_course)
        .unwrap_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")))
        .to_owned()
}

fn check(course: &Course, words: &[&str]) -> ExitCode {
    let mut as_json = false;
    let mut chosen = Vec::new();
    let mut stack = course.stack().clone();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let mut url = |default: &str| {
            let given = words.next_if(|word| word.starts_with("http"));
            Some((*given.unwrap_or(&default)).to_owned())
        };
        match (*word, word.parse().ok().and_then(numbered)) {
            ("--json", _) => as_json = true,
            ("--grafana", _) => stack.grafana = url(grafana::DEFAULT),
            ("--prometheus", _) => stack.prometheus = url(api::DEFAULT),
            (_, Some(exercise)) => chosen.push(exercise),
            _ => return usage(&format!("there is no exercise {word}")),
        }
    }
    if chosen.is_empty() {
        chosen = EXERCISES.iter().collect();
    }
    let screen = Screen::new(false);
    let course = course.clone().with_stack(stack);
    let reports = course.check(&chosen, |report| {
        if !as_json {
            screen.print(&screen.verdict(report));
        }
    });
    let mut progress = Progress::read(course.root());
    for report in &reports {
        progress.judged(report.number, report.passed);
    }
    if as_json {
        let reports: Vec<_> = reports
            .iter()
            .zip(&chosen)
            .map(|(report, exercise)| {
                let mut report = json!(report);
                report["hints_read"] = json!(progress.hints(exercise));
                report["begun"] = json!(course.is_begun(exercise));
                report
            })
            .collect();
        println!("{}", json!({ "reports": reports }));
    }
    let written = saved(&progress);
    if reports.iter().all(|report| report.passed) {
        written
    } else {
        ExitCode::FAILURE
    }
}

fn solution(course: &Course, exercise: &Exercise, spoil: bool) -> ExitCode {
    if !spoil && !Progress::read(course.root()).is_done(exercise) {
        return failure(&format!(
            "{} is not done yet. To see a solution all the same: cargo workshop solution {} --spoil",
            exercise.name, exercise.number
        ));
    }
    match read(course.solution(exercise)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => failure(&error.to_string()),
    }
}

fn show_mystery(course: &Course, exercise: &Exercise, words: &[&str]) -> ExitCode {
    let (service, count) = match words {
        [] => (None, None),
        ["--from", service] => (Some(*service), Some(REQUESTS)),
        ["--from", service, "--requests", count] | ["--requests", count, "--from", service] => (
            Some(*service),
            count.parse().ok().filter(|count| *count > 0),
        ),
        _ => return usage(&format!("not understood: mystery {}", words.join(" "))),
    };
    let service = service.map(|service| count.map(|count| (service, count)));
    if let Some(None) = service {
        return usage("--requests is a whole number above 0");
    }
    match recover::page(exercise, &course.file(exercise), service.flatten()) {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(finding) => failure(&finding.observed),
    }
}

fn doctor(course: &Course) -> ExitCode {
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
        let answers = observe::address(url).is_ok_and(|address| {
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

// Until a line comes, or no more can come.
fn lab(course: &Course, words: &[&str]) -> ExitCode {
    let (mut text, mut address) = ("constant(220ms)", "127.0.0.1:8003");
    for word in words {
        if word.parse::<SocketAddr>().is_ok() {
            address = word;
        } else {
            text = word;
        }
    }
    let drawn = match Distribution::parse(Kind::Delays, text) {
        Ok(drawn) => drawn,
        Err(error) => return usage(&format!("`{text}` is not a distribution: {error}")),
    };
    let exercise = EXERCISES
        .iter()
        .find(|exercise| exercise.name == "10_buckets");
    let own = exercise.and_then(|exercise| buckets::own(&course.file(exercise)));
    let screen = Screen::new(false);
    let lab = match Lab::start(address, &drawn, own) {
        Ok(lab) => lab,
        Err(finding) => return failure(&finding.observed),
    };
    screen.print(&format!("listening on {}\n", lab.address()));
    screen.print(&format!(
        "A hundred requests a second take {text}. Enter ends it.\n"
    ));
    // Held until the end, for the student to ask it.
    let prometheus = lab.prometheus();
    match prometheus
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|prometheus| {
            screen.print(&format!(
                "Prometheus is at http://{}/\n",
                prometheus.address()
            ));
            lab.reported(prometheus, SCRAPE_TIMEOUT)
        }) {
        Ok(reported) => screen.print(&lab_table(&reported, lab.truth())),
        Err(finding) => screen.print(&format!("{}\n", finding.observed)),
    }
    // Ended like this, Prometheus ends too.
    let _ = std::io::stdin().read_line(&mut String::new());
    ExitCode::SUCCESS
}

fn lab_table(reported: &[Reported], truth: f64) -> String {
    let mut table =
        "\nThe 95th percentile in ms, and where it may be as far as the buckets know:\n".to_owned();
    for one in reported {
        let [p95, low, high] = [one.p95, one.between.0, one.between.1].map(|s| 1000.0 * s);
        table += &format!(
            "  {:<8} {p95:>7.1}   above {low:.1}, up to {high:.1}\n",
            one.buckets
        );
    }
    table + &format!("  {:<8} {:>7.1}\n", "truth", 1000.0 * truth)
}

// Until it is ended from outside.
fn stall(address: &str) -> ExitCode {
    let stalls = Stalls {
        after: Duration::from_secs(4),
        length: Duration::from_secs(1),
        every: Duration::from_secs(5),
    };
    match Stalling::start(address, stalls, 0) {
        Ok(service) => {
            let screen = Screen::new(false);
            screen.print(&format!("listening on {}\n", service.address()));
            screen.print("It answers in 5 ms, but every 5 s it stalls for one. Ctrl-C ends it.\n");
            loop {
                thread::park();
            }
        }
        Err(finding) => failure(&finding.observed),
    }
}

// Until they are ended from outside.
fn watched(course: &Course, broker: &str) -> ExitCode {
    let Some(exercise) = numbered(16) else {
        return failure("there is no exercise 16");
    };
    let found = watching::chosen(&course.file(exercise)).and_then(|(name, profile)| {
        let by = if profile.is_some() {
            "your profile"
        } else {
            "the standard profile"
        };
        let profile = profile.unwrap_or_else(watching::standard);
        let processes = Processes::of(&name);
        if processes::built().is_none() {
            println!("Building the reference service: the first time takes minutes.");
        }
        let command = processes.command(&name, &profile, broker)?;
        let names: Vec<_> = processes.names().collect();
        Screen::new(false).print(&format!(
            "running {}, watched by {by}: a sample each {}\n\
             Their messages: m/{}/c/{}/control/proplet/task_metrics at {broker}\n\
             They live for five minutes. Ctrl-C ends them.\n",
            names.join(", "),
            profile.interval,
            processes::DOMAIN,
            processes::channel(&name),
        ));
        Ok(command)
    });
    match found {
        Ok(command) => run_to_end(command),
        Err(finding) => failure(&finding.observed),
    }
}

fn done(judgement: Judgement) -> ExitCode {
    match judgement {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => failure(&finding.observed),
    }
}

// Whoever ends this then ends the proplet, and with it its tasks.
#[cfg(unix)]
fn run_to_end(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    failure(&format!(
        "the proplet could not be started: {}",
        command.exec()
    ))
}

#[cfg(not(unix))]
fn run_to_end(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => failure(&format!("the proplet ended with {status}")),
        Err(error) => failure(&format!("the proplet could not be started: {error}")),
    }
}

fn class(folder: &Path, shown: fn(&Class) -> String) -> ExitCode {
    match Class::read(folder) {
        Ok(class) => {
            Screen::new(false).print(&shown(&class));
            if class.unreadable.is_empty() {
                ExitCode::SUCCESS
            } else {
                failure(&class.unreadable.join("\n"))
            }
        }
        Err(error) => failure(&error.to_string()),
    }
}

fn with(number: &str, then: impl FnOnce(&'static Exercise) -> ExitCode) -> ExitCode {
    match number.parse().ok().and_then(numbered) {
        Some(exercise) => then(exercise),
        None => usage(&format!("there is no exercise {number}")),
    }
}

fn saved(progress: &Progress) -> ExitCode {
    match progress.write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&format!("your progress could not be saved: {error}")),
    }
}

fn failure(sentence: &str) -> ExitCode {
    eprintln!("{sentence}");
    ExitCode::FAILURE
}

fn usage(sentence: &str) -> ExitCode {
    eprintln!("{sentence}\n\n{USAGE}");
    ExitCode::from(2)
}
