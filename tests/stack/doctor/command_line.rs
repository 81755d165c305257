//! The command line of the doctor, and its report.

use std::process::Command;

use super::stack::Doctor;

#[test]
fn a_bad_value_is_one_line_and_exit_code_2() {
    for (arguments, words) in [
        (
            ["--app", "127.0.0.1:8000"],
            "error: --app 127.0.0.1:8000: must be a URL like http",
        ),
        (
            ["--grafana", "https://x"],
            "error: --grafana https://x: must be a URL",
        ),
        (
            ["--prometheus", "http://a:b@x"],
            "without user name and password",
        ),
        (
            ["--skip", "coffee"],
            "error: --skip coffee: must be one of app, metrics",
        ),
        (
            ["--timeout", "0s"],
            "error: --timeout 0s: must be a time with its unit",
        ),
        (["--wait", "2h"], "error: --wait 2h: must be a time"),
        (["--job", "a\"b"], "must be a job name"),
        (
            ["--dashboards", "/nonexistent"],
            "must be a directory that exists",
        ),
        (["--dashboards", "."], "add --skip grafana"),
    ] {
        let outcome = Doctor::new().with(&arguments).run();
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
        assert!(outcome.stderr.contains(words), "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    }
}

#[test]
fn every_flag_can_come_from_the_environment() {
    let output = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .arg("doctor")
        .env("GOLDEN_APP", "nonsense")
        .output()
        .expect("cargo built it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.starts_with("error: --app nonsense (from GOLDEN_APP): must be"),
        "{said}"
    );

    let help = Doctor::new().with(&["--help"]).run();
    assert_eq!(help.code, Some(0));
    for variable in [
        "APP",
        "PROMETHEUS",
        "ALERTMANAGER",
        "GRAFANA",
        "PAGER",
        "JOB",
        "SKIP",
        "DASHBOARDS",
        "SEND_TEST_ALERT",
        "TIMEOUT",
        "WAIT",
        "JSON",
    ] {
        assert!(
            help.stdout.contains(&format!("[env: GOLDEN_{variable}=")),
            "{variable}: {}",
            help.stdout
        );
    }
}

#[test]
fn former_spellings_are_understood() {
    let report = Doctor::new()
        .with(&["--ring", "--skip", "ring,app"])
        .report();
    let link = report.link("test_alert");
    assert_eq!(link["state"], "skipped");
    assert_eq!(link["observed"], "skipped (--skip)");
}

#[test]
fn the_report_is_complete_and_in_order() {
    let report = Doctor::new().report();
    let links = report.0["links"].as_array().expect("links are a list");
    let names: Vec<_> = links
        .iter()
        .map(|link| link["name"].as_str().expect("a name"))
        .collect();
    let chain = [
        "app",
        "metrics",
        "traffic",
        "prometheus",
        "target",
        "sample",
        "rules",
        "grafana",
        "data_source",
        "dashboards",
        "panels",
        "alertmanager",
        "webhook",
        "pager",
        "test_alert",
    ];
    assert_eq!(names, chain);
    for link in links {
        let fields: Vec<_> = link.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["asked", "name", "observed", "remedy", "state"]);
        assert!(link["observed"].is_string());
    }
    assert_eq!(report.0["state"], "broken");
    assert_eq!(report.0["broken"], "app");
    assert_eq!(links[14]["state"], "skipped");
    // Nothing answers: each that hangs on no other is broken, all others were not reached.
    let broken = ["app", "prometheus", "grafana", "alertmanager", "pager"];
    for link in &links[..14] {
        let name = link["name"].as_str().expect("a name");
        let expected = if broken.contains(&name) {
            "broken"
        } else {
            "not_reached"
        };
        assert_eq!(link["state"], expected, "{link:#}");
    }
}

#[test]
fn a_person_reads_one_line_a_link_and_then_what_to_do() {
    let outcome = Doctor::new().run();
    assert_eq!(outcome.code, Some(1));
    let mut lines = outcome.stdout.lines();
    let first = lines.next().expect("a link");
    assert!(
        first.starts_with("BROKEN   app           http://127.0.0.1:"),
        "{first}"
    );
    let others: Vec<_> = lines.take(14).collect();
    assert_eq!(
        others[0],
        "-        metrics       not reached: hangs on app"
    );
    assert!(others[13].starts_with("skipped  "), "{others:?}");
    for words in [
        "  saw:   ",
        "  asked: http://",
        "  do:    ",
        "The chain is broken at app, prometheus, grafana, alertmanager, pager. Fix app first,",
    ] {
        assert!(outcome.stdout.contains(words), "{words}: {outcome:?}");
    }
    // Standard output is no terminal here.
    assert!(!outcome.stdout.contains('\u{1b}'));
}

#[test]
fn with_everything_left_out_nothing_is_broken() {
    let doctor = Doctor::new().with(&["--skip", "app,prometheus,grafana,alertmanager,pager"]);
    let report = doctor.report();
    assert_eq!(report.0["state"], "ok");
}
