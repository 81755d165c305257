//! What Propeller's own programs send, by their version: the shapes are those of its
//! repository's history (<https://github.com/absmach/propeller>), the values ours.

use serde_json::{Value, json};

use super::{
    Alive, Create, MonitoringProfile, ProfileName, PropletMetrics, StartTask, Status, StopTask,
    TaskReport, TaskResult,
};

fn start(command: &Value) -> Result<StartTask, String> {
    StartTask::from_json(command).map_err(|refusal| refusal.to_string())
}

/// January to April 2026, 878ee48 to ab3c1b3: a map with every key, empty or not.
fn start_of_the_documents_date(monitoring_profile: &Value) -> Value {
    json!({
        "id": "7d9bd1b4-4a56-4b8c-9d52-1f7c1f4f8a10", "name": "compute", "state": 0,
        "image_url": "", "file": "AGFzbQE=", "inputs": null, "cli_args": null,
        "daemon": false, "env": null, "encrypted": false, "kbs_resource_path": "",
        "monitoring_profile": monitoring_profile, "proplet_id": ""
    })
}

/// From ab3c1b3 on: a structure, most of which is left out where it is empty.
fn start_of_a_later_date(more: &Value) -> Value {
    let mut command = json!({
        "id": "7d9bd1b4-4a56-4b8c-9d52-1f7c1f4f8a10", "name": "compute", "state": 0,
        "file": "AGFzbQE=", "cli_args": null, "broadcast": false, "daemon": false,
        "latent": false, "encrypted": false,
        "proplet_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    });
    for (key, value) in more.as_object().unwrap() {
        command[key] = value.clone();
    }
    command
}

/// Go fills in what a user's partial profile leaves out.
fn zeros() -> Value {
    json!({
        "enabled": false, "interval": 0, "collect_cpu": false, "collect_memory": false,
        "collect_disk_io": false, "collect_threads": false,
        "collect_file_descriptors": false, "export_to_mqtt": false,
        "retain_history": false, "history_size": 0
    })
}

#[test]
fn every_managers_start_starts() {
    let task = start(&start_of_the_documents_date(&Value::Null)).unwrap();
    assert_eq!((task.image_url, task.proplet_id), (None, None));
    assert_eq!(task.profile, None);
    let task = start(&start_of_a_later_date(&json!({}))).unwrap();
    assert_eq!(
        task.proplet_id.as_deref(),
        Some("7c9e6679-7425-40de-944b-e07fc1f90ae7")
    );
    let more = json!({"image_url": "registry.example.com/compute:v1", "proplet_id": "", "broadcast": true});
    let task = start(&start_of_a_later_date(&more)).unwrap();
    assert_eq!(task.proplet_id, None);
    assert_eq!(
        task.image_url.as_deref(),
        Some("registry.example.com/compute:v1")
    );
}

#[test]
fn a_profile_of_zeros_monitors_nothing_and_refuses_nothing() {
    let disabled = MonitoringProfile::from(ProfileName::Disabled);
    let later = start_of_a_later_date(&json!({"monitoring_profile": zeros()}));
    for command in [start_of_the_documents_date(&zeros()), later] {
        assert_eq!(start(&command).unwrap().profile(), disabled);
    }
    // The document's example in nanoseconds, all but two fields of which are Go's zeros.
    let mut partial = zeros();
    partial["enabled"] = json!(true);
    partial["interval"] = json!(5_000_000_000_u64);
    let task = start(&start_of_the_documents_date(&partial)).unwrap();
    assert_eq!(task.profile().interval.to_string(), "5s");
    assert!(task.profile().enabled && !task.profile().collect_cpu);
    // What is enabled is held to its ranges.
    partial["interval"] = json!(0);
    let refused = start(&start_of_the_documents_date(&partial)).unwrap_err();
    assert!(refused.starts_with("interval 0: must be"), "{refused}");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for field in ["latent", "encrypted"] {
        let refused = start(&start_of_a_later_date(&json!({field: true}))).unwrap_err();
        let expected = format!("{field} true: is not supported");
        assert!(refused.starts_with(&expected), "{refused}");
    }
}

#[test]
fn every_managers_stop_stops() {
    // The whole task, until March 2026; then three keys.
    let whole = json!({
        "id": "t", "name": "compute", "state": 1, "cli_args": null, "daemon": false,
        "encrypted": false, "start_time": "2026-01-30T10:00:00Z",
        "finish_time": "0001-01-01T00:00:00Z", "created_at": "2026-01-30T09:59:58Z",
        "updated_at": "0001-01-01T00:00:00Z"
    });
    let keys = json!({"id": "t", "broadcast": false, "proplet_id": ""});
    for command in [whole, keys] {
        let stop = StopTask::from_json(&command).unwrap();
        assert_eq!((stop.id.as_str(), stop.proplet_id), ("t", None));
    }
}

fn result(message: &Value) -> TaskResult {
    serde_json::from_value(message.clone()).unwrap()
}

#[test]
fn every_proplets_result_is_read() {
    // The Rust proplet's: `error` is null, or text.
    let rust = json!({"task_id": "t", "proplet_id": "p", "results": "42", "error": null});
    let rust = result(&rust);
    assert_eq!((rust.results.as_str(), rust.error), ("42", None));
    // The embedded one's: no proplet; the error is left out, or empty.
    let embedded = result(&json!({"task_id": "t", "results": "42"}));
    assert_eq!(embedded.proplet_id, "");
    assert_eq!(embedded.error, None);
    let failed = result(&json!({"task_id": "t", "results": "", "error": "no such function"}));
    assert_eq!(failed.error.as_deref(), Some("no such function"));
    let nothing = result(&json!({"task_id": "t", "results": "1", "error": ""}));
    assert_eq!(nothing.error, None);
    // Of federated learning, and of several values.
    let learned = result(&json!({
        "task_id": "t",
        "results": {
            "task_id": "t", "round_id": "r-1", "proplet_id": "p", "num_samples": 12,
            "update_b64": "AAAA", "format": "f32-delta", "metrics": {}
        }
    }));
    assert!(learned.results.contains("f32-delta"));
    assert_eq!(
        result(&json!({"task_id": "t", "results": [1, 2]})).results,
        "[1,2]"
    );
}

#[test]
fn embedded_proplets_are_read() {
    let create = json!({"proplet_id": "p", "namespace": "embedded"});
    assert!(serde_json::from_value::<Create>(create).is_ok());
    let will = json!({"status": "offline", "proplet_id": "p", "namespace": "embedded"});
    let will: Alive = serde_json::from_value(will).unwrap();
    assert_eq!(will.status, Status::Offline);
    let own = json!({
        "proplet_id": "p", "namespace": "embedded", "timestamp": 31_000,
        "cpu_metrics": {"user_seconds": 1.5, "system_seconds": 0.0, "percent": 3.25},
        "memory_metrics": {
            "rss_bytes": 65_536, "heap_alloc_bytes": 32_768, "heap_sys_bytes": 65_536,
            "heap_inuse_bytes": 32_768, "heap_free_bytes": 32_768, "heap_max_alloc_bytes": 40_960
        }
    });
    assert!(serde_json::from_value::<PropletMetrics>(own).is_ok());
    let task = json!({
        "task_id": "t", "proplet_id": "p",
        "metrics": {
            "cpu_percent": 12.5, "memory_bytes": 16_384, "memory_percent": 6.25,
            "disk_read_bytes": 0, "disk_write_bytes": 0, "uptime_seconds": 10,
            "thread_count": 1, "file_descriptor_count": 0
        },
        "aggregated": {
            "avg_cpu_usage": 12.5, "max_cpu_usage": 12.5, "avg_memory_usage": 16_384,
            "max_memory_usage": 16_384, "total_disk_read": 0, "total_disk_write": 0,
            "sample_count": 1
        },
        "timestamp": 31_000
    });
    let report: TaskReport = serde_json::from_value(task).unwrap();
    assert_eq!(report.metrics.file_descriptor_count, None);
}

#[test]
fn an_id_that_is_no_level_of_a_topic_is_refused_with_its_field() {
    for id in ["", "#", "a/b", "../../x", "..", ".", "a+", "a\nb", "\u{1}"] {
        let alive = json!({"proplet_id": id, "status": "alive"});
        let error = serde_json::from_value::<Alive>(alive).unwrap_err();
        assert!(error.to_string().starts_with("proplet_id "), "{error}");
        let task = json!({"task_id": id, "proplet_id": "p", "metrics": {}});
        let error = serde_json::from_value::<TaskReport>(task).unwrap_err();
        assert!(error.to_string().starts_with("task_id "), "{error}");
    }
}
