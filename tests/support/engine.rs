//! A real Docker engine, and stacks of the compose file on it: each under a name,
//! on ports and with images of its own, so that a workshop that runs on the same
//! engine is never touched. Dropping a stack removes it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::TIMEOUT;
use super::{http, peers};

/// The environment of every `docker` in the tests.
#[derive(Clone, Debug)]
pub struct Docker {
    configuration: Option<PathBuf>,
}

impl Docker {
    /// The `docker` on the PATH, if it can compose: its own way, else with the
    /// plugins among the test dependencies. It need not have an engine.
    ///
    /// # Panics
    ///
    /// If there is none and `CI=true`.
    pub fn require() -> Option<Self> {
        [None, Some(peers::directory().join("docker"))]
            .into_iter()
            .map(|configuration| Self { configuration })
            .find(|docker| docker.succeeds(&["compose", "version"]))
            .or_else(|| peers::skip("docker compose is not installed"))
    }

    /// The same, with an engine that answers.
    ///
    /// # Panics
    ///
    /// If there is none and `CI=true`.
    pub fn require_engine() -> Option<Self> {
        let docker = Self::require()?;
        if docker.succeeds(&["version"]) {
            return Some(docker);
        }
        peers::skip("no Docker engine answers (start one, or run .ci/run, which does)")
    }

    /// `docker` with these arguments, in the root of the repository.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            // Old ones need it; it is the default of new ones.
            .env("DOCKER_BUILDKIT", "1")
            .env("BUILDKIT_PROGRESS", "plain");
        if let Some(configuration) = &self.configuration {
            command.env("DOCKER_CONFIG", configuration);
        }
        command
    }

    /// What it writes to its standard output.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it fails.
    pub fn run(&self, arguments: &[&str]) -> String {
        output(self.command(arguments))
    }

    /// Whether it ends well.
    pub fn succeeds(&self, arguments: &[&str]) -> bool {
        let output = self.command(arguments).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// All of `docker inspect` of these containers, images or whatever they are.
    pub fn inspect(&self, names: &[&str]) -> Vec<Value> {
        if names.is_empty() {
            return Vec::new();
        }
        let answer = self.run(&[&["inspect"], names].concat());
        serde_json::from_str(&answer).expect("docker inspect writes a list")
    }

    /// Whether the engine has this image.
    pub fn has_image(&self, name: &str) -> bool {
        self.succeeds(&["image", "inspect", name])
    }
}

/// Holds the engine: who brings up a whole stack waits here until no other test does, because
/// two at a time would take each other's memory and make a swarm of each other's engine.
pub fn alone() -> MutexGuard<'static, ()> {
    static ENGINE: Mutex<()> = Mutex::new(());

    // Whoever failed holding it has taken its stack down when it let go.
    ENGINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One stack of docker-compose.yml.
pub struct Stack {
    docker: Docker,
    project: String,
    environment: Vec<(&'static str, String)>,
}

impl Stack {
    /// Nothing runs yet. `environment` wins over .env.
    pub fn new(docker: &Docker, environment: &[(&'static str, &str)]) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let project = format!("golden-signals-test-{}-{number}", std::process::id());
        // Whichever port is free: compose passes 0 on to the engine.
        let mut variables: Vec<_> = dotenv()
            .into_iter()
            .filter(|(name, _)| name.ends_with("_PORT"))
            .map(|(name, _)| (name, "0".to_owned()))
            .collect();
        // Tests wait until everything is healthy.
        variables.push(("HEALTHCHECK_INTERVAL", "2s".to_owned()));
        variables.push(("APP_IMAGE", format!("{project}:app")));
        variables.push(("STUDENT_IMAGE", format!("{project}:student")));
        variables.push(("LOAD_IMAGE", format!("{project}:load")));
        variables.extend(
            environment
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        Self {
            docker: docker.clone(),
            project,
            environment: variables,
        }
    }

    /// The engine that it is on.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// What is before the name of each of its containers, networks and volumes.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The value of a variable of the compose file.
    ///
    /// # Panics
    ///
    /// If neither the stack nor .env sets it.
    pub fn variable(&self, name: &str) -> String {
        let own = self.environment.iter().rev().find(|(key, _)| *key == name);
        own.cloned()
            .or_else(|| dotenv().into_iter().find(|(key, _)| *key == name))
            .unwrap_or_else(|| panic!("{name} is not in .env"))
            .1
    }

    /// `docker compose` with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let compose = ["compose", "--project-name", &self.project];
        let mut command = self.docker.command(&[&compose, arguments].concat());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What `docker compose` with these arguments writes to its standard output.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it fails.
    pub fn compose(&self, arguments: &[&str]) -> String {
        output(self.command(arguments))
    }

    /// The same with another program than `docker compose`.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it fails.
    pub fn compose_by(&self, program: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .args(["--project-name", &self.project])
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        output(command)
    }

    /// The compose file as compose reads it, all profiles included.
    pub fn configuration(&self) -> Value {
        let text = self.compose(&["--profile", "*", "config", "--format", "json"]);
        serde_json::from_str(&text).expect("it writes JSON")
    }

    /// Its containers, stopped ones too, as `docker inspect` shows them.
    pub fn containers(&self) -> Vec<Value> {
        let identifiers = self.compose(&["ps", "--all", "--quiet"]);
        let identifiers: Vec<_> = identifiers.split_whitespace().collect();
        self.docker.inspect(&identifiers)
    }

    /// Where this port of a service is published now.
    pub fn address(&self, service: &str, port: u16) -> SocketAddr {
        let address = self.compose(&["port", service, &port.to_string()]);
        let address = address.trim().parse();
        address.unwrap_or_else(|error| panic!("{service}: {port} is published nowhere: {error}"))
    }

    /// The kernel's `/proc/PID/status` of a service's process. Our image has no program that
    /// could read it: a container beside it, in its process namespace, does.
    pub fn status_of(&self, service: &str) -> String {
        let container = self.compose(&["ps", "--quiet", service]);
        let namespace = format!("container:{}", container.trim());
        let image = self.variable("DEBIAN_IMAGE");
        let read = ["cat", "/proc/1/status"];
        self.docker
            .run(&[&["run", "--rm", "--pid", &namespace, &image][..], &read].concat())
    }

    /// All that stay up, but Grafana only if its image is there: not every machine
    /// can have it.
    pub fn services(&self) -> Vec<String> {
        let listed = self.compose(&["config", "--services"]);
        let grafana = self.docker.has_image(&self.variable("GRAFANA_IMAGE"));
        let wanted = listed.lines().filter(|name| grafana || *name != "grafana");
        wanted.map(str::to_owned).collect()
    }

    /// Whether a service answers `GET path` with 200.
    pub fn answers(&self, service: &str, port: u16, path: &str) -> bool {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {service}\r\nconnection: close\r\n\r\n");
        let answer = http::raw(self.address(service, port), request.as_bytes()).ok();
        let answer = answer.and_then(|answer| http::parse(&answer));
        answer.is_some_and(|answer| answer.status == 200)
    }

    /// The result of an expression in its Prometheus, at a time or now.
    pub fn query(&self, expression: &str, time: Option<f64>) -> Vec<Value> {
        let mut path = format!(
            "/api/v1/query?query={}",
            super::prometheus::percent_encoded(expression)
        );
        if let Some(time) = time {
            path += &format!("&time={time}");
        }
        let answer = http::get(self.address("prometheus", 9090), &path, &[]).json();
        let result = answer["data"]["result"].as_array();
        result
            .unwrap_or_else(|| panic!("{expression}: {answer}"))
            .clone()
    }

    /// The one number that the expression computes in its Prometheus; none where it
    /// selects nothing.
    ///
    /// # Panics
    ///
    /// If it computes several.
    pub fn number(&self, expression: &str) -> Option<f64> {
        let result = self.query(expression, None);
        assert!(result.len() <= 1, "{expression}: {result:?}");
        let value = result.first()?["value"][1].as_str()?;
        Some(value.parse().expect("Prometheus writes numbers"))
    }

    /// Polls until the expression computes such a number.
    ///
    /// # Panics
    ///
    /// If it does not in time.
    pub fn number_when(&self, expression: &str, condition: impl Fn(f64) -> bool) {
        let start = Instant::now();
        loop {
            let number = self.number(expression);
            if number.is_some_and(&condition) {
                return;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "{expression} stays at {number:?}"
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Takes all of it down, volumes too.
    ///
    /// # Panics
    ///
    /// If that fails.
    pub fn down(&self) {
        self.compose(&["--profile", "*", "down", "--volumes", "--timeout", "10"]);
    }

    /// What the engine still has of it: one line each.
    pub fn remains(&self) -> String {
        let label = format!("label=com.docker.compose.project={}", self.project);
        [
            &["ps", "--all", "--quiet", "--filter", &label][..],
            &["network", "ls", "--quiet", "--filter", &label],
            &["volume", "ls", "--quiet", "--filter", &label],
        ]
        .map(|arguments| self.docker.run(arguments))
        .concat()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // After a failure the rest matters more than whether this succeeds.
        let down = ["--profile", "*", "down", "--volumes", "--timeout", "1"];
        let _ = self.command(&down).output();
        for image in ["APP_IMAGE", "STUDENT_IMAGE", "LOAD_IMAGE"] {
            let remove = ["image", "rm", "--force", &self.variable(image)];
            let _ = self.docker.command(&remove).output();
        }
    }
}

/// The variables of .env.
pub fn dotenv() -> Vec<(&'static str, String)> {
    let lines = include_str!("../../.env").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

/// `.ci/originals.json`: what the published images are.
pub fn originals() -> Value {
    let text = fs::read_to_string(root().join(".ci/originals.json")).expect("it is checked in");
    serde_json::from_str(&text).expect("it is JSON")
}

/// The root of the repository, where the compose file is.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn output(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}
