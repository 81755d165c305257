//! What no schema says: whatever an object names exists, and each pod is confined.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Rendered, list, name, rendered, text};

/// Each value of this key, however deep.
fn values<'a>(of: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match of {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    found.push(value);
                }
                values(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, key, found)),
        _ => {}
    }
}

fn all<'a>(of: &'a Value, key: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    values(of, key, &mut found);
    found
}

/// Whether `labels` has all of `selector`, which is not empty.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().expect("a selector is a map");
    assert!(!selector.is_empty());
    selector.iter().all(|(name, value)| labels[name] == *value)
}

#[test]
fn whatever_is_named_exists() {
    let Some(variants) = rendered() else { return };
    for rendered in variants {
        let mut missing = String::new();
        let mut must = |there: bool, what: String| {
            if !there {
                writeln!(missing, "{}: {what}", rendered.variant).expect("strings take all");
            }
        };
        for (workload, pod) in rendered.workloads() {
            let who = name(workload);
            for (key, kind) in [
                ("configMapRef", "ConfigMap"),
                ("configMap", "ConfigMap"),
                ("configMapKeyRef", "ConfigMap"),
                ("secretKeyRef", "Secret"),
                ("secret", "Secret"),
            ] {
                for reference in all(pod, key) {
                    let object = rendered.object(kind, text(&reference["name"]));
                    let data = object.map(|object| &object["data"]);
                    must(data.is_some(), format!("{who}: no {kind} {reference}"));
                    if let (Some(data), Some(key)) = (data, reference["key"].as_str()) {
                        must(data[key].is_string(), format!("{who}: no {reference}"));
                    }
                }
            }
            if let Some(account) = pod["serviceAccountName"].as_str() {
                let there = rendered.object("ServiceAccount", account).is_some();
                must(there, format!("{who}: no account {account}"));
            }
            if let Some(service) = workload["spec"]["serviceName"].as_str() {
                let there = rendered.object("Service", service).is_some();
                must(there, format!("{who}: no Service {service}"));
            }
            let claims = list(&workload["spec"]["volumeClaimTemplates"]);
            let volumes = list(&pod["volumes"]).iter().map(|volume| &volume["name"]);
            let volumes: Vec<_> = volumes
                .chain(claims.iter().map(|claim| &claim["metadata"]["name"]))
                .collect();
            let mounts = all(pod, "volumeMounts");
            let mounted: Vec<_> = mounts.into_iter().flat_map(list).collect();
            for (mount, other) in mounted
                .iter()
                .flat_map(|one| mounted.iter().map(move |two| (one, two)))
            {
                // In a volume that is read-only no place can be made for another.
                let directory = format!("{}/", text(&mount["mountPath"]));
                must(
                    !text(&other["mountPath"]).starts_with(&directory),
                    format!("{who}: {other} is below {mount}"),
                );
            }
            for mount in &mounted {
                must(
                    volumes.contains(&&mount["name"]),
                    format!("{who}: no volume {mount}"),
                );
            }
            for volume in volumes {
                let used = mounted.iter().any(|mount| mount["name"] == *volume);
                must(used, format!("{who}: {volume} is mounted nowhere"));
            }
            // A probe by the name of a port.
            for probe in ["httpGet", "tcpSocket"] {
                for probe in all(pod, probe) {
                    must(
                        port(pod, &probe["port"]).is_some(),
                        format!("{who}: no port {probe}"),
                    );
                }
            }
        }
        for service in rendered.kind("Service") {
            let ports = list(&service["spec"]["ports"]);
            let pods = pods_of(rendered, service);
            let who = name(service);
            must(pods.is_some(), format!("Service {who} selects nothing"));
            if let Some(Some(pod)) = pods {
                for service_port in ports {
                    let target = port(pod, &service_port["targetPort"]);
                    // They are the same number, so that nobody has to know both.
                    must(
                        target == service_port["port"].as_u64(),
                        format!("Service {who}: {service_port} leads to {target:?}"),
                    );
                }
            }
        }
        for monitor in rendered.kind("ServiceMonitor") {
            let selector = &monitor["spec"]["selector"]["matchLabels"];
            let mut services = rendered.kind("Service");
            let service = services.find(|one| selects(selector, &one["metadata"]["labels"]));
            let who = name(monitor);
            must(service.is_some(), format!("{who} selects no Service"));
            for endpoint in list(&monitor["spec"]["endpoints"]) {
                let ports = service.map_or(&[][..], |one| list(&one["spec"]["ports"]));
                must(
                    ports.iter().any(|port| port["name"] == endpoint["port"]),
                    format!("{who}: no port {endpoint}"),
                );
            }
        }
        let addresses = addresses(rendered);
        assert!(addresses.len() >= 8, "{addresses:?}");
        for (host, port) in addresses {
            // `parameter-server-0.parameter-server`, and `prometheus.golden-signals.svc`.
            let host = host.strip_suffix(".golden-signals.svc").unwrap_or(&host);
            let service = host.rsplit('.').next().expect("one part at least");
            let object = rendered.object("Service", service);
            let ports = object.map_or(&[][..], |object| list(&object["spec"]["ports"]));
            must(
                ports.iter().any(|one| one["port"] == port),
                format!("no Service has {host}:{port}"),
            );
        }
        assert!(missing.is_empty(), "\n{missing}");
    }
}

/// The number of a container's port of this name.
fn port(pod: &Value, named: &Value) -> Option<u64> {
    let mut ports = list(&pod["containers"])
        .iter()
        .flat_map(|one| list(&one["ports"]));
    let port = ports.find(|port| port["name"] == *named)?;
    port["containerPort"].as_u64()
}

/// The pods that the Service selects: `None` if there are none, `Some(None)` if the operator
/// makes them.
fn pods_of<'a>(rendered: &'a Rendered, service: &Value) -> Option<Option<&'a Value>> {
    let selector = &service["spec"]["selector"];
    for (workload, pod) in rendered.workloads() {
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        if selects(selector, labels) {
            // What is selected by the workload itself is the same.
            assert!(selects(
                &workload["spec"]["selector"]["matchLabels"],
                labels
            ));
            return Some(Some(pod));
        }
    }
    let made = rendered.kind("Prometheus");
    let mut made = made.chain(rendered.kind("Alertmanager"));
    let component = "app.kubernetes.io/component";
    let labels = |object: &Value| object["spec"]["podMetadata"]["labels"][component].clone();
    made.any(|object| labels(object) == selector[component])
        .then_some(None)
}

/// Host and port of each address in the environments and configurations, but the node's own.
fn addresses(rendered: &Rendered) -> BTreeSet<(String, u64)> {
    let mut texts = Vec::new();
    for (_, pod) in rendered.workloads() {
        texts.extend(all(pod, "value"));
    }
    for (kind, data) in [
        ("ConfigMap", "alertmanager"),
        ("ConfigMap", "grafana-data-sources"),
        ("ConfigMap", "data-sources"),
        ("ConfigMap", "prometheus"),
        ("ConfigMap", "training-nodes"),
    ] {
        let has = rendered
            .objects
            .iter()
            .any(|one| one["kind"] == kind && name(one).starts_with(data));
        if has && let Some(files) = rendered.data(kind, data).as_object() {
            texts.extend(files.values());
        }
    }
    let words = texts.into_iter().map(text).flat_map(str::lines);
    let words = words.filter(|line| !line.trim_start().starts_with('#'));
    let words = words.flat_map(|line| line.split(|letter: char| " ,[]\"'".contains(letter)));
    words
        .filter_map(|word| {
            let address = word.split_once("://").map_or(word, |(_, rest)| rest);
            let address = address.split('/').next()?;
            let (host, port) = address.rsplit_once(':')?;
            let port = port.parse().ok()?;
            let is_name = host.starts_with(|letter: char| letter.is_ascii_lowercase());
            is_name.then(|| (host.to_owned(), port))
        })
        .collect()
}

/// Nobody is root, writes to its image, or can gain a right; and only the proplets, who watch
/// the node's processes, have anything of the node.
#[test]
fn every_pod_is_confined() {
    let Some(variants) = rendered() else { return };
    for rendered in variants {
        for (workload, pod) in rendered.workloads() {
            let who = name(workload);
            assert_eq!(pod["hostPID"] == true, who == "proplet", "{who}");
            for of_the_node in ["hostNetwork", "hostIPC", "hostUsers", "initContainers"] {
                assert!(pod[of_the_node].is_null(), "{who}: {of_the_node}");
            }
            assert!(all(pod, "hostPath").is_empty(), "{who}");
            assert!(all(pod, "hostPort").is_empty(), "{who}");
            assert_confined(who, &pod["securityContext"]);
            // Prometheus asks the API what there is; nobody else has a reason to.
            let asks = pod["serviceAccountName"].is_string();
            assert_eq!(asks, who == "prometheus", "{who}");
            assert_eq!(pod["automountServiceAccountToken"] == false, !asks, "{who}");
            for container in list(&pod["containers"]) {
                let confined = json!({
                    "readOnlyRootFilesystem": true,
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                });
                assert_eq!(container["securityContext"], confined, "{who}");
                for resource in ["cpu", "memory"] {
                    for kind in ["requests", "limits"] {
                        let amount = &container["resources"][kind][resource];
                        assert!(amount.is_string(), "{who} has no {kind} of {resource}");
                    }
                }
            }
        }
        for kind in ["Prometheus", "Alertmanager"] {
            for object in rendered.kind(kind) {
                assert_confined(kind, &object["spec"]["securityContext"]);
            }
        }
        // No right reaches beyond the namespace.
        assert_eq!(rendered.kind("ClusterRole").count(), 0);
        for role in rendered.kind("Role") {
            for rule in list(&role["rules"]) {
                assert_eq!(rule["verbs"], json!(["get", "list", "watch"]));
                assert!(!rule.to_string().contains("secrets"), "{rule}");
            }
        }
    }
}

fn assert_confined(who: &str, security: &Value) {
    assert_eq!(security["runAsNonRoot"], true, "{who}");
    assert!(
        security["runAsUser"].as_u64().is_some_and(|user| user > 0),
        "{who}"
    );
    let seccomp = &security["seccompProfile"];
    assert_eq!(*seccomp, json!({"type": "RuntimeDefault"}), "{who}");
}

/// What the page names is there: `service/app 8000`, `configmap training`, `daemonset/proplet`.
#[test]
fn the_page_names_what_there_is() {
    let Some([plain, _]) = rendered() else { return };
    let page = include_str!("../../../deploy/kubernetes/README.md");
    let words: Vec<_> = page.split_whitespace().collect();
    let mut seen = 0;
    for pair in words.windows(2) {
        let (kind, named) = match pair {
            [word, _] if word.starts_with("service/") => ("Service", &word[8..]),
            [word, _] if word.starts_with("daemonset/") => ("DaemonSet", &word[10..]),
            ["configmap", word] => ("ConfigMap", word.trim_end_matches(['`', '.'])),
            _ => continue,
        };
        let object = plain.object(kind, named);
        let object = object.unwrap_or_else(|| panic!("no {kind} {named}"));
        if kind == "Service" {
            let ports = list(&object["spec"]["ports"]);
            let port = pair[1].parse::<u64>().expect("its port");
            assert!(
                ports.iter().any(|one| one["port"] == port),
                "{named} {port}"
            );
        }
        seen += 1;
    }
    assert!(seen >= 6, "only {seen}");
}
