//! `.devcontainer/devcontainer.json`, for those who work in a container of their editor's. That
//! it is valid by the public schema (devcontainers/spec, schemas/devContainer.base.schema.json)
//! was checked by hand; here, that it says of ports what the stack does.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::repository::ports;

#[test]
fn the_devcontainer_forwards_the_stacks_ports_and_names_each() {
    let file = include_str!("../../.devcontainer/devcontainer.json");
    let file: Value = serde_json::from_str(file).expect("it is JSON");
    let forwarded = file["forwardPorts"].as_array().expect("a list");
    let forwarded: BTreeSet<_> = forwarded.iter().map(Value::to_string).collect();
    assert!(forwarded.len() >= 5, "{forwarded:?}");
    for port in &forwarded {
        assert!(ports().contains(port.as_str()), "{port} is not in .env");
    }
    let attributes = file["portsAttributes"].as_object().expect("a map");
    let named: BTreeSet<_> = attributes.keys().cloned().collect();
    assert_eq!(named, forwarded);
    let mut labels = BTreeSet::new();
    for (port, attributes) in attributes {
        let label = attributes["label"].as_str().unwrap_or_default();
        assert!(!label.is_empty(), "{port} has no label");
        assert!(labels.insert(label), "{label} is named twice");
    }
}
