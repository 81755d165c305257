//! A whole game by its commands, on a real service, which a real Prometheus scrapes and
//! whose evidence it judges.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::peers;
use crate::support::prometheus::Prometheus;
use crate::support::server::Server;
use serde_json::{Value, json};
use simulation::incident::truth::Truth;

const SALT: &str = "only-the-teacher-knows";
const WINDOW: Duration = Duration::from_secs(30);

/// A name whose game hides this, early enough for a test.
fn name_of(kind: Option<&str>) -> (String, Truth) {
    (0..)
        .map(|n| format!("game {n}"))
        .map(|name| {
            let truth = Truth::draw(&name.parse().expect("it is a name"), SALT, None, WINDOW);
            (name, truth)
        })
        .find(|(_, truth)| {
            truth.incident().map(|of| of.kind().name()) == kind
                && truth.onset() < Duration::from_secs(4)
                && truth
                    .decoy()
                    .is_none_or(|(_, at)| kind.is_none() || at > WINDOW / 2)
        })
        .expect("names are without end")
}

struct Player {
    app: String,
    prometheus: String,
    directory: PathBuf,
}

impl Player {
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_golden-signals"))
            .arg("incident")
            .args(arguments)
            .env("GOLDEN_APP", &self.app)
            .env("GOLDEN_PROMETHEUS", &self.prometheus)
            .env("GOLDEN_CONTROL_TOKEN", "s3cret")
            .output()
            .expect("it starts")
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("it is UTF-8")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).expect("it is JSON")
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} is accepted");
        String::from_utf8(output.stderr).expect("it is UTF-8")
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).expect("the directory is ours");
        path.display().to_string()
    }
}

const QUERY: &str = r#"sum(rate(http_requests_total{route="/random",status="500"}[4s])) / sum(rate(http_requests_total{route="/random"}[4s]))"#;

#[test]
fn a_game_is_played_by_its_commands_and_judged_by_prometheus() {
    let Some(binary) = peers::require("prometheus") else {
        return;
    };
    let arguments = [
        "--mystery-salt",
        SALT,
        "--traffic",
        "60",
        "--control-token",
        "s3cret",
        "--seed",
        "3",
    ];
    let server = Server::start(&arguments);
    let prometheus = Prometheus::scraping(&binary, server.address());
    let directory = std::env::temp_dir().join(format!("incident-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let player = Player {
        app: server.url(""),
        prometheus: format!("http://{}", prometheus.address()),
        directory,
    };

    let none = player.refused(&["declare"]);
    assert!(
        none.contains("409") && none.contains("no game is on"),
        "{none}"
    );
    prometheus.number_when("count_over_time(up[1m])", |scrapes| scrapes >= 7.0);

    let (name, truth) = name_of(Some("errors"));
    let armed = player.json(&["arm", "--name", &name, "--window", "30s"]);
    let seal = armed["game"]["seal"].as_str().unwrap().to_owned();
    assert_eq!(armed["state"], "armed");
    let again = player.refused(&["arm", "--name", "another"]);
    assert!(again.contains("a game is on"), "{again}");
    // A player would look; this one knows that the error ratio rises.
    let began = Instant::now();
    while began.elapsed() < truth.onset() {
        thread::sleep(Duration::from_millis(50));
    }
    prometheus.number_when(QUERY, |ratio| ratio > 0.04);
    assert_eq!(player.json(&["declare"])["state"], "declared");
    let since = armed["game"]["armed_at"].as_f64().unwrap() + truth.onset().as_secs_f64();
    let wrong = player.file("wrong.yml", "mechanism: gremlins\nlevel: 9\n");
    let wrong = player.refused(&["diagnose", &wrong]);
    assert!(
        wrong.contains("slow-tail") && wrong.contains("level: must be 1, 2 or 3"),
        "{wrong}"
    );
    let answer = format!(
        "mechanism: errors\nsince: {since:.0}\nsignal: errors\ncomponent: handler\nscope: some\nlevel: 1\nevidence: '{QUERY}'\n"
    );
    let answer = player.file("answer.yml", &answer);
    assert_eq!(player.json(&["diagnose", &answer])["state"], "diagnosed");
    let twice = player.refused(&["diagnose", &answer]);
    assert!(twice.contains("the first diagnosis counts"), "{twice}");
    // So that there is something of the incident to be judged.
    thread::sleep(Duration::from_secs(6));
    let output = player.directory.join("game.json").display().to_string();
    let revealed = player.text(&["reveal", "--output", &output]);
    assert!(
        revealed.contains("it was  errors: a further "),
        "{revealed}"
    );
    let game: Value = serde_json::from_str(&fs::read_to_string(&output).unwrap()).unwrap();
    assert_eq!(game["revealed"]["marks"]["total"], 100, "{game:#}");
    assert_eq!(game["revealed"]["marks"]["evidence"], 10, "{game:#}");

    // The seal that was told first is that of what was revealed, and of nothing else.
    let right = player.text(&["verify", &output, "--seal", &seal]);
    assert!(
        right.starts_with(&format!("the seal is right: {seal}")),
        "{right}"
    );
    let changed = fs::read_to_string(&output)
        .unwrap()
        .replace("incident: errors", "incident: more");
    let changed = player.file("changed.json", &changed);
    let changed = player.refused(&["verify", &changed, "--seal", &seal]);
    assert!(changed.contains("is not what was sealed"), "{changed}");

    // Nothing, rightly said.
    let (name, _) = name_of(None);
    player.json(&["arm", "--name", &name, "--window", "30s"]);
    let nothing = player.file(
        "nothing.json",
        &json!({ "mechanism": "nothing" }).to_string(),
    );
    player.json(&["diagnose", &nothing]);
    let revealed = player.json(&["reveal"]);
    assert_eq!(revealed["revealed"]["mechanism"], "nothing");
    assert_eq!(revealed["revealed"]["marks"]["total"], 100);
    assert!(player.text(&["status"]).contains("no game is on"));
    let words = player.json(&["words"]);
    assert_eq!(words["mechanism"][0], "nothing");
    fs::remove_dir_all(&player.directory).unwrap();
}
