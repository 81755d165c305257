//! What docker-compose.yml relies on in published images, by `.ci/originals.json`: the file
//! relies on nothing else, and the images that the engine has are as described.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::engine::{self, Docker, Stack};

/// What the compose file takes for granted of an image is so: .ci/originals.json
/// has it from the originals.
#[test]
fn the_file_relies_on_nothing_that_the_images_lack() {
    let Some(docker) = Docker::require() else {
        return;
    };
    let stack = Stack::new(&docker, &[]);
    let configuration = stack.configuration();
    let originals = engine::originals();
    let services = configuration["services"].as_object().expect("a map");
    let built: Vec<_> = services
        .values()
        .filter(|service| service["build"].is_object())
        .map(|service| &service["image"])
        .collect();
    let mut found = String::new();
    for (name, service) in services {
        let image = service["image"].as_str().expect("each has an image");
        assert!(!image.ends_with(":latest"), "{name}: {image}");
        assert!(image.contains(':'), "{name}: {image} has no tag");
        let original = &originals[image.rsplit_once(':').expect("a tag").0];
        if built.contains(&&service["image"]) {
            continue;
        }
        assert!(original.is_object(), "{image} is not in .ci/originals.json");
        let relies = Relies {
            name,
            service,
            original,
        };
        found += &relies.mistakes();
    }
    assert!(found.is_empty(), "\n{found}");
}

/// `docker compose pull`, the evening before, asks for images that a registry has: what we
/// build is pulled by nobody.
#[test]
fn nobody_pulls_what_is_built() {
    let Some(docker) = Docker::require() else {
        return;
    };
    let stack = Stack::new(&docker, &[]);
    let configuration = stack.configuration();
    let services = configuration["services"].as_object().expect("a map");
    let built: Vec<_> = services
        .values()
        .filter(|service| service["build"].is_object())
        .map(|service| &service["image"])
        .collect();
    assert!(built.len() >= 3, "{built:?}");
    let mut without_build = 0;
    for (name, service) in services {
        if service["build"].is_null() && built.contains(&&service["image"]) {
            without_build += 1;
            assert_eq!(service["pull_policy"], "never", "{name}");
        }
    }
    assert!(without_build >= 6, "{without_build}");
}

/// One service against what is known of its image.
struct Relies<'a> {
    name: &'a str,
    service: &'a Value,
    original: &'a Value,
}

impl Relies<'_> {
    fn mistakes(&self) -> String {
        let mut found = String::new();
        let mut must = |holds: bool, sentence: String| {
            if !holds {
                writeln!(found, "{}: {sentence}", self.name).expect("strings take all");
            }
        };
        let program = &self.service["healthcheck"]["test"][1];
        must(
            contains(&self.original["programs"], program),
            format!("its health check calls {program}"),
        );
        // Who writes must own where it writes to.
        let mounts = self.service["volumes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for mount in mounts.iter().filter(|mount| mount["type"] == "volume") {
            let target = &mount["target"];
            must(
                contains(&self.original["owned"], target),
                format!("its volume at {target} is not its user's"),
            );
        }
        // A volume that the image declares and the file does not mount would be left behind.
        let tmpfs = &self.service["tmpfs"];
        for declared in self.original["volumes"].as_array().expect("a list") {
            must(
                mounts.iter().any(|mount| mount["target"] == *declared)
                    || contains(tmpfs, declared),
                format!("the image's volume {declared} gets no name"),
            );
        }
        let user = self.original["user"].as_str().unwrap_or_default();
        let given = &self.service["user"];
        must(
            !user.is_empty() || *given == self.original["uid"],
            format!("the image starts as root, and the file says {given}"),
        );
        let exposed = &self.original["ports"];
        for port in self.service["ports"].as_array().expect("a list") {
            let target = Value::from(format!("{}/tcp", port["target"]));
            must(
                exposed == &serde_json::json!([]) || contains(exposed, &target),
                format!("it does not listen on {target}"),
            );
        }
        found
    }
}

fn contains(list: &Value, item: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(item))
}

/// Whether the images that the engine has are what .ci/originals.json says: of the
/// originals, that the table is right; of stub images, that they are like the originals.
#[test]
fn the_images_are_as_the_originals_are_known_to_be() {
    let Some(docker) = Docker::require_engine() else {
        return;
    };
    let originals = engine::originals();
    for (variable, image) in engine::dotenv() {
        let Some((repository, tag)) = image.rsplit_once(':') else {
            continue;
        };
        let original = &originals[repository];
        if !variable.ends_with("_IMAGE") || !original.is_object() || !docker.has_image(&image) {
            continue;
        }
        let inspected = &docker.inspect(&[&image])[0];
        let configuration = &inspected["Config"];
        assert_eq!(
            configuration["Entrypoint"], original["entrypoint"],
            "{image}"
        );
        assert_eq!(
            list(&configuration["Cmd"]),
            list(&original["command"]),
            "{image}"
        );
        assert_eq!(configuration["User"], original["user"], "{image}");
        assert_eq!(
            configuration["WorkingDir"], original["working_directory"],
            "{image}"
        );
        assert_eq!(
            keys(&configuration["Volumes"]),
            list(&original["volumes"]),
            "{image}"
        );
        assert_eq!(
            keys(&configuration["ExposedPorts"]),
            list(&original["ports"]),
            "{image}"
        );
        let Some(command) = original["version"].as_array() else {
            continue;
        };
        let command: Vec<_> = command.iter().filter_map(Value::as_str).collect();
        let entrypoint = format!("--entrypoint={}", command[0]);
        let arguments = ["run", "--rm", &entrypoint, &image];
        let output = docker
            .command(&[&arguments[..], &command[1..]].concat())
            .output()
            .expect("docker starts");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let minor = tag.trim_start_matches('v').splitn(3, '.').take(2);
        let minor = minor.collect::<Vec<_>>().join(".");
        assert!(
            text.contains(&format!("version {minor}.")),
            "{image} is {text}"
        );
    }
}

fn list(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn keys(value: &Value) -> Vec<String> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.clone())
        .collect()
}
