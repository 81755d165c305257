//! docker-compose.swarm.yml on a swarm of one node, deployed as the file itself says:
//! Prometheus finds what runs by asking Docker.

use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::engine::{self, Docker, Stack};
use crate::support::peers;
use crate::support::prometheus::percent_encoded;
use serde_json::Value;

/// A service of a swarm is scheduled first, and its image looked for.
const TIMEOUT: Duration = Duration::from_secs(90);

#[test]
fn prometheus_finds_what_runs_in_a_swarm() {
    let Some(docker) = Docker::require_engine() else {
        return;
    };
    // Initialising a swarm changes the engine: not on a laptop.
    if env::var("CI").as_deref() != Ok("true") {
        peers::skip::<()>("a swarm is made only on an engine for tests (set CI=true)");
        return;
    }
    let _alone = engine::alone();
    let stack = Stack::new(&docker, &[]);
    stack.compose(&["build", "app"]);
    let swarm = Swarm::deploy(&stack);

    swarm.number_when(r#"sum(up{job="app"})"#, 3.0);
    swarm.number_when(r#"sum(up{job="metrics_gateway"})"#, 1.0);

    // Who collects is found as well, and whom it collects from: one on each node.
    swarm.number_when(r#"sum(up{job="manager"})"#, 1.0);
    swarm.number_when(r#"count(proplet_up{job="manager"} == 1)"#, 1.0);
    swarm.number_when(r#"count(proplet_task_cpu_ratio{task="demo"})"#, 1.0);
    // The training is four nodes, both shards among them.
    let job = r#"job="click_model""#;
    let nodes = format!("count(count by (role, instance) (push_time_seconds{{{job}}}))");
    swarm.number_when(&nodes, 4.0);
    let shards = format!(r#"count(index_miss_count{{{job}, role="parameter-server"}})"#);
    swarm.number_when(&shards, 2.0);
    let steps = format!("count(train_step{{{job}}} > 0)");
    swarm.number_when(&steps, 1.0);

    // What was pushed keeps the names it was pushed under.
    let pushed = "http://metrics_gateway:9091/metrics/job/training/instance/worker-0";
    swarm
        .wget(&["--post-data=pushed_value 42\n", pushed])
        .expect("the gateway takes it");
    swarm.number_when(r#"pushed_value{job="training", instance="worker-0"}"#, 42.0);

    // Who may list tasks may not list containers, nor start one.
    assert!(swarm.wget(&["http://docker_api:2375/v1.41/tasks"]).is_ok());
    for refused in [
        &["http://docker_api:2375/v1.41/containers/json"][..],
        &["http://docker_api:2375/v1.41/tasks/../containers/json"],
        &["http://docker_api:2375/v1.41/secrets"],
        &["--post-data={}", "http://docker_api:2375/v1.41/services"],
    ] {
        let answer = swarm.wget(refused).expect_err("it must be refused");
        assert!(answer.contains("403"), "{refused:?}: {answer}");
    }

    let app = format!("{}_app=2", stack.project());
    docker.run(&["service", "scale", "--detach", &app]);
    swarm.number_when(r#"count(up{job="app"})"#, 2.0);
    swarm.number_when(r#"sum(up{job="app"})"#, 2.0);
}

/// The swarm, and the stack on it. Dropping it removes both.
struct Swarm<'a> {
    stack: &'a Stack,
}

impl<'a> Swarm<'a> {
    fn deploy(stack: &'a Stack) -> Self {
        stack
            .docker()
            .run(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
        let swarm = Self { stack };
        let socket = env::var("DOCKER_HOST").unwrap_or_default();
        let socket = socket
            .strip_prefix("unix://")
            .unwrap_or("/var/run/docker.sock");
        // `docker` only for its environment; a shell runs the script.
        let mut command = stack.command(&[]);
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command = Command::new("bash");
        let output = command
            .args(["-euo", "pipefail", "-c", &documented(stack.project())])
            .current_dir(engine::root())
            .envs(environment)
            .env("DOCKER_SOCKET", socket)
            .output()
            .expect("there is a shell");
        assert!(output.status.success(), "{output:?}");
        swarm
    }

    /// Runs the image's own wget in Prometheus' container: nothing is published.
    fn wget(&self, arguments: &[&str]) -> Result<String, String> {
        let service = format!("name={}_prometheus", self.stack.project());
        let container = self
            .stack
            .docker()
            .run(&["ps", "--quiet", "--filter", &service]);
        let exec = ["exec", container.trim(), "wget", "-q", "-O", "-"];
        let output = self
            .stack
            .docker()
            .command(&[&exec[..], arguments].concat());
        let output = { output }.output().expect("docker starts");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn number(&self, expression: &str) -> Result<f64, String> {
        let query = percent_encoded(expression);
        let answer = self.wget(&[&format!("http://127.0.0.1:9090/api/v1/query?query={query}")])?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let value = &answer["data"]["result"][0]["value"][1];
        let number = value.as_str().and_then(|number| number.parse().ok());
        number.ok_or_else(|| answer.to_string())
    }

    fn number_when(&self, expression: &str, wanted: f64) {
        let start = Instant::now();
        loop {
            let number = self.number(expression);
            if number == Ok(wanted) {
                return;
            }
            if start.elapsed() > TIMEOUT {
                let services = self.stack.docker().run(&["service", "ls"]);
                panic!("{expression} stays at {number:?}\n{services}");
            }
            thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Swarm<'_> {
    fn drop(&mut self) {
        let docker = self.stack.docker();
        let project = self.stack.project();
        let quietly = |arguments: &[&str]| {
            // After a failure the rest matters more than whether this succeeds.
            let output = docker.command(arguments).output();
            output.map_or_else(
                |_| String::new(),
                |output| String::from_utf8_lossy(&output.stdout).into_owned(),
            )
        };
        quietly(&["stack", "rm", project]);
        let label = format!("label=com.docker.stack.namespace={project}");
        let start = Instant::now();
        while !quietly(&["ps", "--all", "--quiet", "--filter", &label]).is_empty()
            && start.elapsed() < TIMEOUT
        {
            thread::sleep(Duration::from_millis(200));
        }
        quietly(&["swarm", "leave", "--force"]);
        quietly(&["network", "rm", "docker_gwbridge"]);
        let volumes = quietly(&["volume", "ls", "--quiet", "--filter", &label]);
        for volume in volumes.split_whitespace() {
            quietly(&["volume", "rm", volume]);
        }
    }
}

/// The command of docker-compose.swarm.yml's own comment, for a stack of this name.
fn documented(project: &str) -> String {
    const NAME: &str = "golden-signals-swarm";

    let file = engine::root().join("docker-compose.swarm.yml");
    let text = fs::read_to_string(file).expect("it is checked in");
    let command: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("#   docker compose"))
        .take_while(|line| line.starts_with("#   "))
        .map(|line| line.trim_start_matches('#'))
        .collect();
    let command = command.join("\n");
    assert_eq!(command.matches(NAME).count(), 2, "{command}");
    command.replace(NAME, project)
}

/// But for the jobs that it finds otherwise, the swarm's Prometheus is the same.
#[test]
fn the_swarms_prometheus_differs_in_discovery_only() {
    let read = |name: &str| {
        let file = engine::root().join("prometheus").join(name);
        let text = fs::read_to_string(file).expect("it is checked in");
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let (usual, swarm) = (read("prometheus.yml"), read("prometheus.swarm.yml"));
    let head = |text: &str| text.split("scrape_configs:").next().map(str::to_owned);
    assert_eq!(head(&usual), head(&swarm));
    let jobs = |text: &str| -> Vec<String> {
        let jobs = text.split("  - job_name: ").skip(1);
        jobs.map(str::to_owned).collect()
    };
    for job in jobs(&usual) {
        let name = job.lines().next().expect("a name");
        let same = jobs(&swarm)
            .into_iter()
            .find(|job| job.lines().next() == Some(name));
        let same = same.unwrap_or_else(|| panic!("{name} is not scraped in a swarm"));
        if ["app", "student", "metrics_gateway", "manager"].contains(&name) {
            let settings = |job: &str| {
                let lines = job.lines().take_while(|line| {
                    !line.contains("_sd_configs") && !line.contains("static_configs")
                });
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(settings(&job), settings(&same), "{name}");
        } else {
            assert_eq!(job, same, "{name}");
        }
    }
}
