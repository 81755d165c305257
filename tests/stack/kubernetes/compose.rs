//! Each service of docker-compose.yml against its counterpart: image, arguments, environment,
//! limits, ports, health, data, and how long it may take to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Rendered, SECRETS, list, name, rendered, text};
use crate::support::engine::{dotenv, root};
use crate::support::yaml;

/// What a cluster has by itself, or nobody runs in one.
const WITHOUT: [&str; 3] = ["balancer", "load", "doctor"];
/// What the operator variant leaves to the operator, or to the cluster's own Grafana.
const OF_THE_OPERATOR: [&str; 3] = ["prometheus", "alertmanager", "grafana"];
const COMPONENT: &str = "app.kubernetes.io/component";

/// The variables in which a service differs here, and why.
fn different(service: &str) -> &'static [&'static str] {
    match service {
        // The secrets are the user's own.
        "app" => &["GOLDEN_CONTROL_TOKEN"],
        "grafana" => &["GF_SECURITY_ADMIN_PASSWORD"],
        // Its port is not published on loopback: it has a token instead.
        "manager" => &["GOLDEN_CONTROL_TOKEN", "GOLDEN_PUBLISHED_ON_LOOPBACK"],
        // It is named after its node, and knows no process id of it beforehand.
        "proplet" => &["GOLDEN_ENTITY_ID", "GOLDEN_NAMESPACE", "GOLDEN_WATCH"],
        // No name in DNS has an underscore.
        "embedding_worker" | "trainer" => &[
            "GOLDEN_EMBEDDING_WORKERS",
            "GOLDEN_PARAMETER_SERVERS",
            "PERSIA_METRICS_GATEWAY_ADDR",
        ],
        // Its index is its pod's.
        "parameter_server_0" | "parameter_server_1" => &[
            "GOLDEN_EMBEDDING_WORKERS",
            "GOLDEN_PARAMETER_SERVERS",
            "GOLDEN_REPLICA_INDEX",
            "PERSIA_METRICS_GATEWAY_ADDR",
        ],
        _ => &[],
    }
}

/// The services of docker-compose.yml, with .env applied; `None` if nothing here reads YAML.
fn services() -> Option<BTreeMap<String, Value>> {
    let mut file = yaml::read(&root().join("docker-compose.yml"))?;
    interpolate(&mut file);
    let services = file["services"].take();
    let mut services: BTreeMap<String, Value> = serde_json::from_value(services).expect("a map");
    for service in WITHOUT {
        assert!(services.remove(service).is_some(), "{service} is no more");
    }
    Some(services)
}

/// `${NAME}`, `${NAME:-default}` and `${NAME:?remedy}`, by .env.
fn interpolate(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(interpolate),
        Value::Array(items) => items.iter_mut().for_each(interpolate),
        Value::String(text) => {
            while let Some(start) = text.find("${") {
                let end = start + text[start..].find('}').expect("it is closed");
                let inner = &text[start + 2..end];
                let (name, default) = inner.split_once(':').unwrap_or((inner, ""));
                let given = dotenv().into_iter().find(|(given, _)| *given == name);
                let default = default.strip_prefix('-').unwrap_or_default().to_owned();
                let given = given.map_or(default, |(_, value)| value);
                text.replace_range(start..=end, &given);
            }
        }
        _ => {}
    }
}

/// The workload and its only container.
fn counterpart<'a>(rendered: &'a Rendered, service: &str) -> (&'a Value, &'a Value) {
    let component = match service {
        "parameter_server_0" | "parameter_server_1" => "parameter_server",
        other => other,
    };
    let workloads = rendered.workloads();
    let found: Vec<_> = workloads
        .iter()
        .filter(|(workload, _)| workload["metadata"]["labels"][COMPONENT] == component)
        .collect();
    let [(workload, pod)] = found[..] else {
        panic!(
            "{}: {} workloads are {component}",
            rendered.variant,
            found.len()
        );
    };
    let [container] = list(&pod["containers"]) else {
        panic!("{component} has not one container");
    };
    (workload, container)
}

/// Millicores or MiB of compose's and of Kubernetes' way of writing them.
fn amount(text: &str) -> f64 {
    let (number, unit): (String, String) = text
        .chars()
        .partition(|letter| letter.is_ascii_digit() || *letter == '.');
    let number: f64 = number.parse().expect("it begins with a number");
    number
        * match unit.as_str() {
            "" => 1000.0,
            // Docker's M is 2^20.
            "m" | "M" | "Mi" => 1.0,
            other => panic!("{other} in {text}"),
        }
}

/// All variables of a container, those of its ConfigMaps and Secrets included.
fn environment(rendered: &Rendered, container: &Value) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for source in list(&container["envFrom"]) {
        let map = text(&source["configMapRef"]["name"]);
        let map = rendered.object("ConfigMap", map).expect("it exists");
        for (name, value) in map["data"].as_object().expect("it has some") {
            variables.insert(name.clone(), text(value).to_owned());
        }
    }
    for variable in list(&container["env"]) {
        let value = match &variable["valueFrom"] {
            Value::Null => text(&variable["value"]).to_owned(),
            from => from.to_string(),
        };
        variables.insert(text(&variable["name"]).to_owned(), value);
    }
    variables
}

/// Compose's environment, with its file of variables.
fn composed_environment(service: &Value) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    if let Some(file) = service["env_file"].as_str() {
        let file = fs::read_to_string(root().join(file)).expect("compose reads it too");
        let lines = file.lines().filter(|line| !line.starts_with('#'));
        variables.extend(
            lines
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    }
    for (name, value) in service["environment"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or(value.to_string(), str::to_owned);
        variables.insert(name.clone(), value);
    }
    variables
}

#[test]
fn every_service_has_its_counterpart() {
    let Some(variants) = rendered() else { return };
    let Some(services) = services() else { return };
    for rendered in variants {
        let mut components = BTreeSet::new();
        for (service, composed) in &services {
            if rendered.variant == "operator" && OF_THE_OPERATOR.contains(&service.as_str()) {
                continue;
            }
            let (workload, container) = counterpart(rendered, service);
            components.insert(name(workload));
            let who = format!("{}: {service}", rendered.variant);
            assert_eq!(container["image"], composed["image"], "{who}");
            assert_eq!(
                container.get("args"),
                match service.as_str() {
                    // The image's own command.
                    "app" => Some(&json!(["serve"])).cloned(),
                    _ => composed.get("command").cloned(),
                }
                .as_ref(),
                "{who}"
            );
            assert_same_limits(&who, composed, &container["resources"]);
            let grace = composed["stop_grace_period"].as_str().unwrap_or("10s");
            let grace: u64 = grace.trim_end_matches('s').parse().expect("seconds");
            let pod = &workload["spec"]["template"]["spec"];
            assert_eq!(pod["terminationGracePeriodSeconds"], grace, "{who}");
            assert_same_environment(rendered, service, composed, container);
            assert_same_doors(service, composed, workload, container);
        }
        // And nothing else runs.
        assert_eq!(components.len(), rendered.workloads().len());
        let shards = rendered.object("StatefulSet", "parameter-server");
        assert_eq!(shards.expect("the shards")["spec"]["replicas"], 2);
    }
}

fn assert_same_limits(service: &str, composed: &Value, resources: &Value) {
    let limits = &composed["deploy"]["resources"]["limits"];
    for (here, there) in [("cpu", "cpus"), ("memory", "memory")] {
        let here = amount(text(&resources["limits"][here]));
        let there = amount(text(&limits[there]));
        assert!((here - there).abs() < 0.1, "{service}: {here}, not {there}");
    }
}

fn assert_same_environment(
    rendered: &Rendered,
    service: &str,
    composed: &Value,
    container: &Value,
) {
    let here = environment(rendered, container);
    let there = composed_environment(composed);
    let names: BTreeSet<_> = here.keys().chain(there.keys()).collect();
    let differ: Vec<_> = names
        .into_iter()
        .filter(|name| {
            here.get(*name).map(|text| text.trim()) != there.get(*name).map(|text| text.trim())
        })
        .collect();
    assert_eq!(
        differ,
        different(service),
        "{service}: {here:#?} {there:#?}"
    );
}

/// Ports, the readiness check, and where data is kept.
fn assert_same_doors(service: &str, composed: &Value, workload: &Value, container: &Value) {
    let ports: Vec<_> = list(&container["ports"])
        .iter()
        .filter_map(|port| port["containerPort"].as_u64())
        .collect();
    for published in list(&composed["ports"]) {
        let port = text(published).rsplit(':').next().expect("a port");
        let port: u64 = port.parse().expect("a number");
        assert!(ports.contains(&port), "{service}: {port} of {ports:?}");
    }
    let test = list(&composed["healthcheck"]["test"]);
    let readiness = &container["readinessProbe"];
    let checked = match test.last().map(text) {
        // What the program checks by itself.
        Some("healthcheck") => Some("http://127.0.0.1:8000/readyz"),
        other => other,
    };
    if let Some(url) = checked.and_then(|url| url.strip_prefix("http://127.0.0.1:")) {
        let (port, path) = url.split_once('/').expect("a path");
        assert_eq!(
            readiness["httpGet"]["path"],
            format!("/{path}"),
            "{service}"
        );
        let named = &readiness["httpGet"]["port"];
        let mut own = list(&container["ports"]).iter();
        let own = own.find(|own| own["name"] == *named).expect("its port");
        assert_eq!(own["containerPort"].to_string(), port, "{service}");
    } else {
        let probes = [readiness, &container["livenessProbe"]];
        let command = &test[1..];
        assert!(
            probes
                .iter()
                .any(|probe| list(&probe["exec"]["command"]) == command),
            "{service}: {command:?}"
        );
    }
    let named = |mount: &Value| {
        let source = text(mount).split(':').next().unwrap_or_default();
        !source.is_empty() && !source.starts_with('.')
    };
    let kept = list(&composed["volumes"]).iter().filter(|one| named(one));
    let kept: Vec<_> = kept.filter_map(|one| text(one).split(':').nth(1)).collect();
    let claims = list(&workload["spec"]["volumeClaimTemplates"]);
    let claimed: Vec<_> = list(&container["volumeMounts"])
        .iter()
        .filter(|mount| {
            claims
                .iter()
                .any(|claim| name(claim) == text(&mount["name"]))
        })
        .map(|mount| text(&mount["mountPath"]))
        .collect();
    assert_eq!(claimed, kept, "{service}");
}

/// What is set is what the programs read: no variable is misspelt.
#[test]
fn every_variable_is_one_of_its_role() {
    let Some(variants) = rendered() else { return };
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    // It has no --help; it reads them in these.
    let read = |file| fs::read_to_string(root().join("exercises/student/src").join(file));
    let student = ["main.rs", "visitors.rs"].map(|file| read(file).expect("it is checked in"));
    helps.insert("student".into(), student.concat());
    let mut seen = 0;
    for rendered in variants {
        for (workload, pod) in rendered.workloads() {
            let container = &list(&pod["containers"])[0];
            let role = match list(&container["args"]) {
                _ if name(workload) == "student" => "student",
                [role] if text(&container["image"]).starts_with("golden-signals:") => text(role),
                _ => continue,
            };
            let help = helps.entry(role.to_owned()).or_insert_with(|| {
                let output = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
                    .args([role, "--help"])
                    .output()
                    .expect("it was built for this test");
                assert!(output.status.success(), "golden-signals {role}");
                String::from_utf8_lossy(&output.stdout).into_owned()
            });
            for variable in environment(rendered, container).keys() {
                let is_word = |rest: &str| {
                    !rest.starts_with(|next: char| next.is_ascii_uppercase() || next == '_')
                };
                let known = help.split(variable.as_str()).skip(1).any(is_word);
                assert!(known, "{role} does not know {variable}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "only {seen} variables");
}

/// The secrets are in one Secret only, and the repository has none that would be used.
#[test]
fn the_secrets_are_those_of_the_call() {
    let Some(variants) = rendered() else { return };
    for rendered in variants {
        let secrets = rendered.data("Secret", "golden-signals").as_object();
        let secrets = secrets.expect("it has some");
        let wanted = match rendered.variant {
            "operator" => &SECRETS[..1],
            _ => &SECRETS[..],
        };
        assert_eq!(secrets.len(), wanted.len());
        for (secret, value) in wanted {
            assert_eq!(secrets[*secret], *value);
        }
        for object in &rendered.objects {
            let of_these = object["data"].get("GOLDEN_CONTROL_TOKEN").is_some();
            for (secret, value) in SECRETS {
                let said = object.to_string();
                assert!(
                    of_these || !said.contains(value),
                    "{}: {secret}",
                    name(object)
                );
            }
        }
    }
}

/// What compose gives to Prometheus and Alertmanager as flags, the operator gives them.
#[test]
fn the_servers_of_the_operator_are_those_of_compose() {
    let Some([_, operator]) = rendered() else {
        return;
    };
    let Some(services) = services() else { return };
    for (kind, service) in [
        ("Prometheus", "prometheus"),
        ("Alertmanager", "alertmanager"),
    ] {
        let spec = &operator.object(kind, "golden-signals").expect(kind)["spec"];
        let composed = &services[service];
        assert_eq!(spec["image"], composed["image"], "{service}");
        let version = text(&spec["version"]);
        assert!(text(&spec["image"]).ends_with(&format!(":{version}")));
        assert_same_limits(service, composed, &spec["resources"]);
        for flag in list(&composed["command"]) {
            let flag = text(flag).trim_start_matches("--");
            let (flag, value) = flag.split_once('=').unwrap_or((flag, ""));
            let here = match flag {
                // Its own business; it forms no cluster of one.
                "config.file"
                | "storage.tsdb.path"
                | "storage.path"
                | "web.enable-lifecycle"
                | "cluster.listen-address" => continue,
                "storage.tsdb.retention.time" => text(&spec["retention"]).to_owned(),
                "storage.tsdb.retention.size" => text(&spec["retentionSize"]).to_owned(),
                "web.external-url" => text(&spec["externalUrl"]).to_owned(),
                "enable-feature" => {
                    let features = list(&spec["enableFeatures"]).iter().map(text);
                    features.collect::<Vec<_>>().join(",")
                }
                other => {
                    let mut arguments = list(&spec["additionalArgs"]).iter();
                    let argument = arguments.find(|argument| argument["name"] == other);
                    let argument = argument.unwrap_or_else(|| panic!("{service}: no {other}"));
                    text(&argument["value"]).to_owned()
                }
            };
            assert_eq!(here, value, "{service}: {flag}");
        }
    }
}
