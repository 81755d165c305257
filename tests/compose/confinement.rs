//! Our image, and what its containers and the others may do.

use crate::support::engine::Stack;

const MAX_IMAGE_BYTES: u64 = 60_000_000;

/// What the image is, and what it says of itself.
pub(crate) fn the_image_is_small_and_labelled(stack: &Stack) {
    let image = &stack.docker().inspect(&[&stack.variable("APP_IMAGE")])[0];
    let size = image["Size"].as_u64().expect("an image has a size");
    assert!(size <= MAX_IMAGE_BYTES, "the image has {size} bytes");
    let labels = &image["Config"]["Labels"];
    for label in ["title", "description", "licenses", "revision"] {
        let name = format!("org.opencontainers.image.{label}");
        assert!(labels[&name].is_string(), "{name} is not in {labels}");
    }
    assert!(image["Config"]["Healthcheck"]["Test"].is_array(), "{image}");
}

/// Whatever a container is, it can do nothing that it need not.
pub(crate) fn everything_is_confined(stack: &Stack) {
    let containers = stack.containers();
    assert!(!containers.is_empty());
    for container in &containers {
        let name = &container["Name"];
        let host = &container["HostConfig"];
        let user = container["Config"]["User"].as_str().unwrap_or_default();
        let user = user.split(':').next().unwrap_or_default();
        assert!(!["", "0", "root"].contains(&user), "{name} runs as root");
        assert_eq!(host["ReadonlyRootfs"], true, "{name}");
        assert_eq!(host["Privileged"], false, "{name}");
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]), "{name}");
        assert!(host["CapAdd"].is_null(), "{name}: {}", host["CapAdd"]);
        let options = host["SecurityOpt"].to_string();
        assert!(
            options.contains("no-new-privileges:true"),
            "{name}: {options}"
        );
        assert!(
            host["Memory"].as_u64() > Some(0),
            "{name} may take all memory"
        );
        assert!(
            host["NanoCpus"].as_u64() > Some(0),
            "{name} may take all CPUs"
        );
        assert_eq!(container["State"]["Health"]["Status"], "healthy", "{name}");
        let mounts = container["Mounts"].as_array().expect("a list");
        for mount in mounts.iter().filter(|mount| mount["Type"] == "bind") {
            assert_eq!(mount["RW"], false, "{name}: {mount}");
        }
        let ports = container["NetworkSettings"]["Ports"].as_object();
        let bindings = ports
            .into_iter()
            .flatten()
            .filter_map(|(_, to)| to.as_array());
        for binding in bindings.flatten() {
            assert_eq!(binding["HostIp"], "127.0.0.1", "{name}: {binding}");
        }
    }
    // What the settings come to, as the kernel has it.
    for service in ["app", "student", "manager", "proplet", "trainer"] {
        let status = stack.status_of(service);
        for line in [
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
            "Uid:\t10001\t10001\t10001\t10001",
        ] {
            assert!(
                status.contains(line),
                "{service}: {line} is not in\n{status}"
            );
        }
    }
}
