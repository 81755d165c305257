//! Prometheus does not answer, scrapes the wrong thing, stores nothing fresh, or has the
//! wrong rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::fake::{Fake, Reply, nowhere};
use super::stack::{Doctor, Stack, rule_directory, rules, scrape};
use crate::support::http;
use crate::support::server::Server;

fn server() -> Server {
    Server::start(&["--traffic", "20"])
}

#[test]
fn prometheus_does_not_answer_or_is_not_ready() {
    let server = server();
    let doctor = Doctor::new().at("app", server.address());
    let report = doctor.report();
    report.is_broken_at(
        "prometheus",
        "connection refused",
        "docker compose up -d prometheus",
    );

    let starting =
        Fake::start(|_| Reply::Text(503, "text/plain", "Service Unavailable".to_owned()));
    let report = doctor.clone().at("prometheus", starting.address()).report();
    report.is_broken_at("prometheus", "not ready: 503", "--wait 60s");

    let report = doctor.at("prometheus", server.address()).report();
    report.is_broken_at("prometheus", "404", "something else may listen there");
}

/// One Prometheus whose every job has another mistake.
#[test]
fn the_target_is_not_scraped_or_what_is_scraped_is_not_fresh() {
    let server = server();
    let app = server.address();
    let silent = Fake::start(|_| Reply::Silence);
    let prose = Fake::start(|_| Reply::Text(200, "text/plain", "it works!".to_owned()));
    let locked = Fake::start(|_| Reply::Text(401, "text/plain", String::new()));
    let old = Fake::start(|_| {
        let long_ago = SystemTime::now() - Duration::from_secs(120);
        let at = long_ago
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_millis();
        let body = format!("http_requests_total{{route=\"/random\"}} 1 {at}\n");
        Reply::Text(200, "text/plain; version=0.0.4", body)
    });
    let drop =
        "metric_relabel_configs: [{source_labels: [__name__], regex: 'http_.*', action: drop}]";
    let discovery =
        "- {job_name: undiscovered, dns_sd_configs: [{names: [app.invalid], type: A, port: 8000}]}";
    let Some(prometheus) = Stack::prometheus(&[
        &scrape("app", app, ""),
        &scrape("wrong_port", nowhere(), ""),
        &scrape("wrong_host", "app.invalid:8000", ""),
        &scrape("wrong_path", app, "metrics_path: /metric"),
        &scrape("prose", prose.address(), ""),
        &scrape("locked", locked.address(), ""),
        &scrape("silent", silent.address(), "scrape_timeout: 500ms"),
        &scrape("https", app, "scheme: https"),
        &scrape("old", old.address(), ""),
        &scrape("dropped", app, drop),
        discovery,
    ]) else {
        return;
    };
    let doctor = Doctor::new()
        .at("app", app)
        .at("prometheus", prometheus.address());
    for (job, link, observed, remedy) in [
        (
            "nobody",
            "target",
            "no target of job nobody; it has: app",
            "scrape_configs",
        ),
        (
            "undiscovered",
            "target",
            "its discovery finds no target",
            "docker compose up -d",
        ),
        (
            "wrong_port",
            "target",
            "connection refused",
            "localhost is the container itself",
        ),
        (
            "wrong_host",
            "target",
            "app.invalid",
            "The host's name is wrong",
        ),
        (
            "wrong_path",
            "target",
            "404",
            "metrics_path must be /metrics",
        ),
        ("prose", "target", "down", "promtool check metrics"),
        ("locked", "target", "401", "password"),
        ("silent", "target", "context deadline exceeded", "in time"),
        ("https", "target", "HTTPS", "scheme must be http"),
        (
            "old",
            "sample",
            "s old, by Prometheus' clock",
            "honor_timestamps",
        ),
        (
            "dropped",
            "sample",
            "no sample of http_requests_total",
            "metric_relabel_configs",
        ),
    ] {
        let doctor = doctor.clone().with(&["--job", job]);
        prometheus.number_when("count(up)", |jobs| jobs >= 10.0);
        let report = doctor.report();
        println!("{job}: {}", report.link(link)["observed"]);
        report.is_broken_at(link, observed, remedy);
        assert!(report.link(link)["asked"].is_string());
    }
    // Without any rule, the chain breaks one link further for the right job.
    let report = doctor.report();
    report.is_broken_at("rules", "groups that are: none", "rule_files");
    // It lost its classic buckets to the native histogram.
    report.warns_at("sample", "no http_request_duration_seconds_bucket");
}

/// Prometheus answers as ever, but its clock is elsewhere.
#[test]
fn the_clocks_disagree() {
    let server = server();
    let Some(prometheus) = Stack::prometheus(&[&scrape("app", server.address(), "")]) else {
        return;
    };
    prometheus.number_when("count(http_requests_total)", |series| series > 0.0);
    let doctor = Doctor::new().at("app", server.address());
    for (ahead, broken) in [(-3600.0, true), (30.0, false)] {
        let real = prometheus.address();
        let skewed = Fake::start(move |request| {
            if request.path.ends_with("query=time%28%29") {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .expect("after 1970");
                let theirs = (now.as_secs_f64() + ahead).to_string();
                let data = json!({ "resultType": "scalar", "result": [0, theirs] });
                return Reply::json(200, &json!({ "status": "success", "data": data }));
            }
            let answer = http::get(real, &request.path, &[]);
            Reply::Text(answer.status, "application/json", answer.text().to_owned())
        });
        let report = doctor.clone().at("prometheus", skewed.address()).report();
        if broken {
            report.is_broken_at("sample", "3600 s behind this machine's", "NTP");
        } else {
            report.warns_at("sample", "s ahead of this machine's");
            report.is_broken_at("rules", "", "");
        }
    }
}

/// One of several instances is down: the others still draw.
#[test]
fn an_instance_is_down() {
    let server = server();
    let both = scrape("app", format!("{}', '{}", server.address(), nowhere()), "");
    let Some(prometheus) = Stack::prometheus(&[&both]) else {
        return;
    };
    prometheus.number_when("count(up)", |targets| targets == 2.0);
    let doctor = Doctor::new()
        .at("app", server.address())
        .at("prometheus", prometheus.address());
    let report = doctor.report();
    report.warns_at("target", "1 of 2 of job app are down");
}

#[test]
fn a_file_of_rules_is_missing_or_a_rule_errs() {
    let server = server();
    let job = scrape("app", server.address(), "");
    let doctor = Doctor::new().at("app", server.address());

    let directory = copied_rules("missing");
    fs::remove_file(directory.join("slo.rules.yml")).expect("it was copied");
    let Some(prometheus) = Stack::prometheus(&[&job, &rules(&directory)]) else {
        return;
    };
    prometheus.number_when("count(http_requests_total)", |series| series > 0.0);
    let report = doctor
        .clone()
        .at("prometheus", prometheus.address())
        .report();
    report.is_broken_at("rules", "slo.rules.yml not loaded", "mounted");
    fs::remove_dir_all(directory).expect("it is ours");

    let directory = copied_rules("erring");
    let erring = "groups: [{name: wrong, rules: [{record: 'job:wrong:sum', \
                  expr: 'http_requests_total * on (job) http_requests_total'}]}]\n";
    fs::write(directory.join("wrong.rules.yml"), erring).expect("it is ours");
    let Some(prometheus) = Stack::prometheus(&[&job, &rules(&directory)]) else {
        return;
    };
    let doctor = doctor.at("prometheus", prometheus.address());
    prometheus.number_when("count(http_requests_total)", |series| series > 0.0);
    poll(|| prometheus.api("rules").to_string().contains("\"err\""));
    doctor
        .report()
        .is_broken_at("rules", "job:wrong:sum: ", "promtool test rules");
    fs::remove_dir_all(directory).expect("it is ours");
}

#[test]
fn a_manager_receives_nothing() {
    let server = server();
    let manager = Fake::start(|_| {
        let metrics = "manager_subscription_ok 0\nmanager_broker_connected 1\n";
        Reply::Text(200, "text/plain; version=0.0.4", metrics.to_owned())
    });
    let jobs = [
        scrape("app", server.address(), ""),
        scrape("manager", manager.address(), ""),
        rules(&rule_directory()),
    ];
    let Some(prometheus) = Stack::prometheus(&jobs.each_ref().map(String::as_str)) else {
        return;
    };
    prometheus.number_when("count(http_requests_total)", |series| series > 0.0);
    prometheus.number_when("manager_broker_connected", |connected| connected > 0.0);
    let report = Doctor::new()
        .at("app", server.address())
        .at("prometheus", prometheus.address())
        .report();
    report.is_broken_at("rules", "receive nothing from it: 1", "--group none");
}

/// The doctor asks for the files of rules that there are.
#[test]
fn all_files_of_rules_are_asked_for() {
    let server = server();
    let Some(prometheus) = Stack::prometheus(&[&scrape("app", server.address(), "")]) else {
        return;
    };
    prometheus.number_when("count(http_requests_total)", |series| series > 0.0);
    let report = Doctor::new()
        .at("app", server.address())
        .at("prometheus", prometheus.address())
        .report();
    for entry in fs::read_dir(rule_directory()).expect("the rules are there") {
        let file = entry.expect("it can be listed").file_name();
        report.is_broken_at("rules", &file.to_string_lossy(), "");
    }
}

fn copied_rules(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("doctors-rules-{}-{name}", std::process::id()));
    fs::create_dir_all(&directory).expect("cargo made the directory above");
    for entry in fs::read_dir(rule_directory()).expect("the rules are there") {
        let entry = entry.expect("it can be listed");
        fs::copy(entry.path(), directory.join(entry.file_name())).expect("both are ours");
    }
    directory
}

fn poll(condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "it does not come to hold"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
