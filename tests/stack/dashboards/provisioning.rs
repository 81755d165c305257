//! Data sources, the provider of dashboards and Grafana's environment: few lines, of
//! which a misspelt one is silently ignored by Grafana. Hence every key is compared
//! with those that Grafana documents.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::dashboard::{list, provisioning, text};
use crate::support::yaml;

/// <https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources>
const DATA_SOURCE: [&str; 12] = [
    "access",
    "basicAuth",
    "editable",
    "isDefault",
    "jsonData",
    "name",
    "orgId",
    "secureJsonData",
    "type",
    "uid",
    "url",
    "version",
];

/// <https://grafana.com/docs/grafana/latest/datasources/prometheus/configure/#provision-the-data-source>
const OF_PROMETHEUS: [&str; 13] = [
    "cacheLevel",
    "customQueryParameters",
    "defaultEditor",
    "disableMetricsLookup",
    "disableRecordingRules",
    "exemplarTraceIdDestinations",
    "httpMethod",
    "incrementalQuerying",
    "incrementalQueryOverlapWindow",
    "manageAlerts",
    "prometheusType",
    "prometheusVersion",
    "timeInterval",
];

/// <https://grafana.com/docs/grafana/latest/datasources/alertmanager/#provision-the-alertmanager-data-source>
const OF_ALERTMANAGER: [&str; 2] = ["handleGrafanaManagedAlerts", "implementation"];

/// <https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards>
const PROVIDER: [&str; 10] = [
    "allowUiUpdates",
    "disableDeletion",
    "folder",
    "folderUid",
    "name",
    "options",
    "orgId",
    "type",
    "uid",
    "updateIntervalSeconds",
];

/// The one YAML file of a directory, as JSON.
fn read(directory: &str) -> Option<Value> {
    let directory = provisioning().join(directory);
    let files: Vec<_> = fs::read_dir(&directory)
        .expect("it is in the repository")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    yaml::read(&files[0])
}

fn assert_known(object: &Value, known: &[&str]) {
    for key in object.as_object().expect("an object").keys() {
        assert!(known.contains(&key.as_str()), "Grafana does not know {key}");
    }
}

#[test]
fn data_sources_have_the_uids_that_dashboards_name() {
    let Some(file) = read("datasources") else {
        return;
    };
    assert_eq!(file["apiVersion"], 1);
    let [prometheus, alertmanager] = list(&file["datasources"]) else {
        panic!("two were expected: {file}");
    };
    for (source, uid, url, known) in [
        (
            prometheus,
            "prometheus",
            "http://prometheus:9090",
            &OF_PROMETHEUS[..],
        ),
        (
            alertmanager,
            "alertmanager",
            "http://alertmanager:9093",
            &OF_ALERTMANAGER[..],
        ),
    ] {
        assert_known(source, &DATA_SOURCE);
        assert_known(&source["jsonData"], known);
        assert_eq!(source["uid"], uid);
        assert_eq!(source["type"], uid);
        assert_eq!(source["url"], url);
        assert_eq!(source["editable"], false);
    }
    assert_eq!(prometheus["isDefault"], true);
    assert_eq!(
        prometheus["jsonData"]["exemplarTraceIdDestinations"],
        json!([{"name": "trace_id"}])
    );
    assert_eq!(alertmanager["jsonData"]["implementation"], "prometheus");
}

#[test]
fn the_time_interval_is_the_scrape_interval_of_the_app() {
    let Some(file) = read("datasources") else {
        return;
    };
    let interval = text(&file["datasources"][0]["jsonData"]["timeInterval"]);
    let prometheus = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/prometheus.yml");
    let prometheus = fs::read_to_string(prometheus).expect("it is in the repository");
    let app = prometheus
        .split("job_name: app")
        .nth(1)
        .expect("it scrapes the app");
    let scrape = app
        .lines()
        .find_map(|line| line.trim().strip_prefix("scrape_interval: "));
    assert_eq!(Some(interval), scrape);
}

#[test]
fn dashboards_are_provisioned_read_only_from_where_the_home_is() {
    let Some(file) = read("dashboards") else {
        return;
    };
    assert_eq!(file["apiVersion"], 1);
    let [provider] = list(&file["providers"]) else {
        panic!("one was expected: {file}");
    };
    assert_known(provider, &PROVIDER);
    assert_known(&provider["options"], &["foldersFromFilesStructure", "path"]);
    assert_eq!(provider["allowUiUpdates"], false);
    assert_eq!(provider["disableDeletion"], true);
    let path = text(&provider["options"]["path"]);
    let home = format!("{path}/golden-signals.json");
    assert_eq!(
        environment("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"),
        Some(home)
    );
}

fn environment(name: &str) -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/grafana.env");
    let file = fs::read_to_string(file).expect("it is in the repository");
    file.lines().find_map(|line| {
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        (key == name).then(|| value.to_owned())
    })
}

#[test]
fn viewing_needs_no_login_and_nothing_is_sent_or_fetched() {
    for (name, value) in [
        ("GF_AUTH_ANONYMOUS_ENABLED", "true"),
        ("GF_AUTH_ANONYMOUS_ORG_ROLE", "Viewer"),
        ("GF_ANALYTICS_REPORTING_ENABLED", "false"),
        ("GF_ANALYTICS_CHECK_FOR_UPDATES", "false"),
        ("GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "false"),
        ("GF_SECURITY_DISABLE_GRAVATAR", "true"),
        ("GF_NEWS_NEWS_FEED_ENABLED", "false"),
        ("GF_PLUGINS_PREINSTALL_DISABLED", "true"),
        ("GF_PLUGINS_PREINSTALL_AUTO_UPDATE", "false"),
        ("GF_METRICS_ENABLED", "true"),
    ] {
        assert_eq!(environment(name).as_deref(), Some(value), "{name}");
    }
    // The password is the user's, in .env.
    assert_eq!(environment("GF_SECURITY_ADMIN_PASSWORD"), None);
}
