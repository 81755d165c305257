//! Jobs, rules, alert routes and dashboards: those of compose's own files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::{Rendered, list, name, rendered, text};
use crate::support::engine::root;
use crate::support::{peers, yaml};

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the files of a directory that end so.
fn names(directory: &str, end: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).expect("it is checked in");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "{directory}");
    names
}

/// A map of one file each, as the file is.
fn assert_files(map: &Value, directory: &str, files: &[String]) {
    let map = map.as_object().expect("it has files");
    let keys: Vec<_> = map.keys().collect();
    assert_eq!(keys, files.iter().collect::<Vec<_>>(), "{directory}");
    for name in files {
        assert_eq!(
            text(&map[name]),
            file(&format!("{directory}/{name}")),
            "{name}"
        );
    }
}

#[test]
fn the_files_are_those_of_compose() {
    let Some(variants) = rendered() else { return };
    for rendered in variants {
        let mosquitto = names("mosquitto", ".conf");
        assert_files(
            rendered.data("ConfigMap", "mosquitto"),
            "mosquitto",
            &mosquitto,
        );
        let training = names("training", ".yaml");
        assert_files(
            rendered.data("ConfigMap", "training"),
            "training",
            &training,
        );
    }
    let [plain, operator] = variants;
    let rules = names("prometheus/rules", ".rules.yml");
    assert_files(
        plain.data("ConfigMap", "prometheus-rules"),
        "prometheus/rules",
        &rules,
    );
    let routes = plain.data("ConfigMap", "alertmanager");
    assert_files(routes, "prometheus", &["alertmanager.yml".to_owned()]);
    let source = "grafana/provisioning/datasources";
    let sources = plain.data("ConfigMap", "grafana-data-sources");
    assert_files(sources, source, &names(source, ".yml"));
    let provider = plain.data("ConfigMap", "grafana-dashboard-provider");
    assert_files(provider, DASHBOARDS, &names(DASHBOARDS, ".yml"));

    // The operator's Alertmanager has it under the operator's name for it.
    let alertmanager = list_of_one(operator, "Alertmanager");
    let secret = text(&alertmanager["spec"]["configSecret"]);
    let secret = operator.object("Secret", secret).expect("it exists");
    let here = text(&secret["data"]["alertmanager.yaml"]);
    assert_eq!(here, file("prometheus/alertmanager.yml"));
    // With a selector it would be merged with what others write.
    assert!(
        alertmanager["spec"]
            .get("alertmanagerConfigSelector")
            .is_none()
    );
}

const DASHBOARDS: &str = "grafana/provisioning/dashboards";

fn list_of_one<'a>(rendered: &'a Rendered, kind: &'a str) -> &'a Value {
    let mut objects = rendered.kind(kind);
    let object = objects.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(objects.next().is_none(), "more than one {kind}");
    object
}

/// Every dashboard is there, for our Grafana and for the sidecar of another, in which our data
/// sources have names of their own.
#[test]
fn the_dashboards_are_those_of_compose() {
    let Some(variants) = rendered() else { return };
    for rendered in variants {
        for file_name in names(DASHBOARDS, ".json") {
            let stem = file_name.trim_end_matches(".json");
            let map = rendered.object("ConfigMap", &format!("dashboard-{stem}"));
            let map = map.unwrap_or_else(|| panic!("no dashboard {stem}"));
            // A sidecar takes what has the label; it would show ours beside data of others.
            let label = &map["metadata"]["labels"]["grafana_dashboard"];
            assert_eq!(*label == "1", rendered.variant == "operator", "{label}");
            let here = text(&map["data"][&file_name]);
            let there = file(&format!("{DASHBOARDS}/{file_name}"));
            if rendered.variant == "plain" {
                assert_eq!(here, there, "{stem}");
                let (_, grafana) = rendered
                    .workloads()
                    .into_iter()
                    .find(|(workload, _)| name(workload) == "grafana")
                    .expect("it has one");
                let shown = list(&grafana["volumes"][0]["projected"]["sources"]);
                let source = json!({"configMap": {"name": format!("dashboard-{stem}")}});
                assert!(shown.contains(&source), "{stem}");
                continue;
            }
            assert!(
                here.contains(r#""uid": "golden-signals-prometheus""#),
                "{stem}"
            );
            for uid in ["prometheus", "alertmanager"] {
                assert!(!here.contains(&format!(r#""uid": "{uid}""#)), "{stem}");
            }
            assert_eq!(
                here.replace("golden-signals-prometheus", "prometheus")
                    .replace("golden-signals-alertmanager", "alertmanager"),
                there,
                "{stem}"
            );
        }
    }
    let [_, operator] = variants;
    let sources = operator
        .object("ConfigMap", "data-sources")
        .expect("it has some");
    assert_eq!(sources["metadata"]["labels"]["grafana_datasource"], "1");
    let here = scratch("sources").join("sources.yml");
    fs::write(&here, text(&sources["data"]["golden-signals.yaml"])).expect("it is ours");
    let there = root().join("grafana/provisioning/datasources/datasources.yml");
    let Some((here, mut there)) = yaml::read(&here).zip(yaml::read(&there)) else {
        return;
    };
    for source in there["datasources"].as_array_mut().expect("a list") {
        let named = text(&source["name"]).to_owned();
        let uid = named.to_lowercase();
        assert_eq!(source["uid"], uid);
        source["url"] = text(&source["url"])
            .replace(&uid, &format!("{uid}.golden-signals.svc"))
            .into();
        source["uid"] = format!("golden-signals-{uid}").into();
        source["name"] = format!("Golden Signals {named}").into();
        if source["isDefault"].is_boolean() {
            source["isDefault"] = false.into();
        }
    }
    assert_eq!(here, there);
}

#[test]
fn the_rules_are_those_of_compose() {
    let Some([_, operator]) = rendered() else {
        return;
    };
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let files = names("prometheus/rules", ".rules.yml");
    assert_eq!(operator.kind("PrometheusRule").count(), files.len());
    let prometheus = list_of_one(operator, "Prometheus");
    for file in files {
        let Some(rules) = yaml::read(&root().join("prometheus/rules").join(&file)) else {
            return;
        };
        let object = file.trim_end_matches(".rules.yml").replace('_', "-");
        let object = operator.object("PrometheusRule", &object);
        let object = object.unwrap_or_else(|| panic!("no PrometheusRule of {file}"));
        assert_eq!(object["spec"], rules, "{file}");
        assert_selected(&prometheus["spec"]["ruleSelector"], object);
        let scratch = scratch(&file);
        fs::write(scratch.join("rules.yml"), object["spec"].to_string()).expect("it is ours");
        promtool_says(&promtool, &["check", "rules"], &scratch.join("rules.yml"));
    }
}

fn assert_selected(selector: &Value, object: &Value) {
    let wanted = selector["matchLabels"].as_object().expect("it has labels");
    assert!(!wanted.is_empty());
    for (label, value) in wanted {
        assert_eq!(
            object["metadata"]["labels"][label],
            *value,
            "{}",
            name(object)
        );
    }
}

fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kubernetes-{name}"));
    fs::create_dir_all(&directory).expect("cargo made it for this");
    directory
}

/// What promtool finds is a failure, a lint too.
fn promtool_says(promtool: &Path, check: &[&str], file: &Path) {
    let output = Command::new(promtool)
        .args(check)
        .args(["--lint=all", "--lint-fatal"])
        .arg(file)
        .output()
        .expect("promtool is an executable file");
    assert!(output.status.success(), "{output:?}");
}

/// The settings of a job, without where its targets come from.
fn settings(job: &Value) -> Map<String, Value> {
    let mut settings = job.as_object().expect("a job is a map").clone();
    settings.retain(|name, _| !name.ends_with("_configs"));
    settings
}

fn jobs(configuration: &Value) -> BTreeMap<String, Map<String, Value>> {
    let jobs = list(&configuration["scrape_configs"]).iter();
    jobs.map(|job| (text(&job["job_name"]).to_owned(), settings(job)))
        .collect()
}

#[test]
fn the_jobs_without_the_operator_are_those_of_compose() {
    let Some([plain, _]) = rendered() else { return };
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let compose = root().join("prometheus/prometheus.yml");
    let Some(compose) = yaml::read(&compose) else {
        return;
    };

    // As the pod has them, promtool can read them.
    let scratch = scratch("plain");
    let files = plain
        .data("ConfigMap", "prometheus")
        .as_object()
        .expect("files");
    for (name, content) in files {
        fs::write(scratch.join(name), text(content)).expect("it is ours");
    }
    let rules = plain.data("ConfigMap", "prometheus-rules").as_object();
    fs::create_dir_all(scratch.join("rules")).expect("it is ours");
    for (name, content) in rules.expect("files") {
        fs::write(scratch.join("rules").join(name), text(content)).expect("it is ours");
    }
    let main = scratch.join("prometheus.yml");
    promtool_says(&promtool, &["check", "config"], &main);

    let main = yaml::read(&main).expect("it was there just now");
    let scrape = yaml::read(&scratch.join("kubernetes.scrape.yml")).expect("it was there");
    for same in ["global", "rule_files", "alerting"] {
        assert_eq!(main[same], compose[same], "{same}");
    }
    assert_eq!(jobs(&scrape), jobs(&compose));
    for job in list(&scrape["scrape_configs"]) {
        let job_name = text(&job["job_name"]);
        let [discovery] = list(&job["kubernetes_sd_configs"]) else {
            panic!("{job_name} is not discovered once");
        };
        assert_eq!(
            discovery["namespaces"],
            json!({"names": ["golden-signals"]})
        );
        let label = format!(
            "app.kubernetes.io/part-of=golden-signals,app.kubernetes.io/component={job_name}"
        );
        assert_eq!(
            discovery["selectors"],
            json!([{"role": "pod", "label": label}])
        );
        // Somebody has these labels, and the port that is kept.
        let keep = &list(&job["relabel_configs"])[0];
        assert_eq!(
            keep["source_labels"],
            json!(["__meta_kubernetes_pod_container_port_name"])
        );
        let (workload, pod) = plain
            .workloads()
            .into_iter()
            .find(|(workload, _)| {
                let labels = &workload["spec"]["template"]["metadata"]["labels"];
                labels["app.kubernetes.io/component"] == job_name
                    && labels["app.kubernetes.io/part-of"] == "golden-signals"
            })
            .unwrap_or_else(|| panic!("nobody is {job_name}"));
        let ports = list(&pod["containers"][0]["ports"]);
        let kept: Vec<_> = ports
            .iter()
            .filter(|port| port["name"] == keep["regex"])
            .collect();
        assert_eq!(kept.len(), 1, "{}: {ports:?}", name(workload));
        assert_eq!(
            kept[0]["containerPort"],
            port_in_compose(&compose, job_name),
            "{job_name}"
        );
    }
}

/// The port that compose's Prometheus scrapes.
fn port_in_compose(compose: &Value, job_name: &str) -> Value {
    let mut jobs = list(&compose["scrape_configs"]).iter();
    let job = jobs
        .find(|job| job["job_name"] == job_name)
        .expect("they are the same");
    let target = text(&job["static_configs"][0]["targets"][0]);
    match target.rsplit_once(':') {
        Some((_, port)) => port.parse::<u64>().expect("a port").into(),
        None => job["dns_sd_configs"][0]["port"].clone(),
    }
}

#[test]
fn the_jobs_of_the_operator_are_those_of_compose() {
    let Some([_, operator]) = rendered() else {
        return;
    };
    let compose = root().join("prometheus/prometheus.yml");
    let Some(compose) = yaml::read(&compose) else {
        return;
    };
    let prometheus = list_of_one(operator, "Prometheus");
    let mut here = BTreeMap::new();
    for monitor in operator.kind("ServiceMonitor") {
        assert_selected(&prometheus["spec"]["serviceMonitorSelector"], monitor);
        let spec = &monitor["spec"];
        let job = &spec["selector"]["matchLabels"]["app.kubernetes.io/component"];
        assert_eq!(spec["jobLabel"], "app.kubernetes.io/component", "{job}");
        let [endpoint] = list(&spec["endpoints"]) else {
            panic!("{job} has not one endpoint");
        };
        let mut settings = Map::from_iter([("job_name".to_owned(), job.clone())]);
        for (of, ours, theirs) in [
            (
                spec,
                "scrapeClassicHistograms",
                "always_scrape_classic_histograms",
            ),
            (endpoint, "interval", "scrape_interval"),
            (endpoint, "scrapeTimeout", "scrape_timeout"),
            (endpoint, "honorLabels", "honor_labels"),
        ] {
            if !of[ours].is_null() {
                settings.insert(theirs.to_owned(), of[ours].clone());
            }
        }
        let services = operator.kind("Service");
        let port = services
            .filter(|one| one["metadata"]["labels"]["app.kubernetes.io/component"] == *job)
            .flat_map(|one| list(&one["spec"]["ports"]))
            .find(|port| port["name"] == endpoint["port"])
            .map(|port| &port["port"]);
        assert_eq!(port, Some(&port_in_compose(&compose, text(job))), "{job}");
        here.insert(text(job).to_owned(), settings);
    }
    let mut there = jobs(&compose);
    // The cluster's own Grafana, which has a job of its own.
    there.remove("grafana").expect("compose has one");
    assert_eq!(here, there);
    let global = &compose["global"];
    for (ours, theirs) in [
        ("scrapeInterval", "scrape_interval"),
        ("evaluationInterval", "evaluation_interval"),
    ] {
        assert_eq!(prometheus["spec"][ours], global[theirs], "{ours}");
    }
    let alertmanagers = json!([{"name": "alertmanager", "port": "http"}]);
    assert_eq!(
        prometheus["spec"]["alerting"]["alertmanagers"],
        alertmanagers
    );
}
