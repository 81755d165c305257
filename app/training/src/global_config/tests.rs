//! What is accepted, what is refused, and in which words.

use super::*;

fn refusal(text: &str) -> String {
    MetricsConfig::parse(text).unwrap_err().to_string()
}

#[test]
fn the_documents_example() {
    let text = "PersiaMetricsConfig:\n  enable_metrics: true\n  job_name: your_job_name\n";
    let expected = MetricsConfig {
        enable_metrics: true,
        job_name: "your_job_name".to_owned(),
        push_interval: Duration::from_secs(10),
        without_effect: Vec::new(),
    };
    assert_eq!(MetricsConfig::parse(text).unwrap(), expected);
}

/// Each generation's example, shortened: its sections for other things are
/// there.
#[test]
fn what_each_generation_shipped() {
    for text in [
        "PersiaShardedServerConfig:\n  intent: train\n  capacity: 100000000\n\
         PersiaMetricsConfig:\n  enable_metrics: true\n  push_interval: 7\n",
        "PersiaMiddlewareConfig:\n  forward_buffer_size: 1000\n\
         PersiaMetricsConfig:\n  enable_metrics: true\n  push_interval_seconds: 7\n",
        "common_config:\n  metrics_config:\n    enable_metrics: true\n    \
         push_interval_sec: 7\n  job_type: Train\n  checkpointing_config:\n    \
         num_workers: 8\nembedding_parameter_server_config:\n  capacity: 1000000\n\
         embedding_worker_config:\n  forward_buffer_size: 1000\n",
    ] {
        let config = MetricsConfig::parse(text).unwrap();
        assert!(config.enable_metrics, "{text}");
        assert_eq!(config.push_interval, Duration::from_secs(7), "{text}");
    }
}

#[test]
fn what_later_generations_write() {
    for key in INTERVAL {
        let text = format!(
            "common_config:\n  metrics_config:\n    enable_metrics: true\n    {key}: 3\n  \
             job_type: Train\nembedding_worker_config:\n  forward_buffer_size: 100\n"
        );
        let config = MetricsConfig::parse(&text).unwrap();
        assert!(config.enable_metrics, "{key}");
        assert_eq!(config.push_interval, Duration::from_secs(3), "{key}");
    }
    for text in ["", "# nothing\n", "PersiaMetricsConfig:\n"] {
        assert_eq!(
            MetricsConfig::parse(text).unwrap(),
            MetricsConfig::default()
        );
    }
}

/// The Persia of each section decides what holds without a word.
#[test]
fn without_enable_metrics_each_section_has_the_default_of_its_time() {
    let early = MetricsConfig::parse("PersiaMetricsConfig:\n  job_name: a\n").unwrap();
    assert!(!early.enable_metrics);
    let later =
        MetricsConfig::parse("common_config:\n  metrics_config:\n    job_name: a\n").unwrap();
    assert!(later.enable_metrics);
}

#[test]
fn what_is_no_yaml_is_told_by_line_and_in_one() {
    for text in ["a: [", "a:\n\tb: 1", "a: 1\na: 2", "a: \"b"] {
        let refusal = refusal(text);
        assert!(refusal.starts_with("not YAML: "), "{refusal}");
        assert!(
            refusal.contains("line ") && !refusal.contains('\n'),
            "{refusal}"
        );
        for word in ["serde", "deserial", "i32", "struct", "token"] {
            assert!(!refusal.contains(word), "{refusal}");
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_remedy() {
    let section = |line: &str| format!("PersiaMetricsConfig:\n  {line}\n");
    for (text, expected) in [
        (
            section("enable_metric: true"),
            "unknown setting PersiaMetricsConfig.enable_metric; did you mean enable_metrics?",
        ),
        (
            section("push_intervall: 3"),
            "unknown setting PersiaMetricsConfig.push_intervall; did you mean push_interval?",
        ),
        (
            "PersiaMetricConfig:\n  job_name: a\n".to_owned(),
            "unknown setting PersiaMetricConfig; did you mean PersiaMetricsConfig?",
        ),
        (
            section("color: red"),
            "unknown setting PersiaMetricsConfig.color; known settings: enable_metrics, job_name",
        ),
        (
            section("enable_metrics: 1"),
            "PersiaMetricsConfig.enable_metrics is 1; must be true or false",
        ),
        (
            section("push_interval: 0"),
            "PersiaMetricsConfig.push_interval is 0; must be a whole number of seconds",
        ),
        (
            section("job_name: a/b"),
            "PersiaMetricsConfig.job_name is \"a/b\"; must be a name without a slash",
        ),
        (
            section("push_interval: 3\n  push_interval_sec: 4"),
            "PersiaMetricsConfig.push_interval and PersiaMetricsConfig.push_interval_sec",
        ),
        (
            "PersiaMetricsConfig: true\n".to_owned(),
            "PersiaMetricsConfig is true; must be a section",
        ),
        (
            section("job_name: 12"),
            "PersiaMetricsConfig.job_name is 12; must be a text, and YAML takes this for a number; \
             put it in quotes, job_name: \"12\"",
        ),
        (
            section("job_name: \"a\\nb\""),
            "PersiaMetricsConfig.job_name is \"a\\nb\"; must be a name on one line",
        ),
        (
            section("job_name: \" a\""),
            "PersiaMetricsConfig.job_name is \" a\"; must be a name without blanks",
        ),
        (
            "embedding_server_config:\n  capactiy: 1\n".to_owned(),
            "unknown setting embedding_server_config.capactiy; did you mean capacity?",
        ),
        (
            "common_config:\n  job_typ: Train\n".to_owned(),
            "unknown setting common_config.job_typ; did you mean job_type?",
        ),
        (
            "common_config:\n  checkpointing_config:\n    num_worker: 1\n".to_owned(),
            "unknown setting common_config.checkpointing_config.num_worker; did you mean num_workers?",
        ),
        (
            "- enable_metrics\n".to_owned(),
            "it is a list; must be sections, like PersiaMetricsConfig:",
        ),
        ("a: [".to_owned(), "not YAML: "),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.starts_with(expected), "{refusal}");
    }
}

/// Every key of the 39 valid `global_config` files in the history of
/// <https://github.com/PersiaML/PERSIA>, by where it stands.
const HISTORY: [(&str, &[&str]); 12] = [
    (
        "PersiaEmbeddingServerConfig",
        &[
            "capacity",
            "enable_incremental_update",
            "full_amount_manager_buffer_size",
            "incremental_buffer_size",
            "incremental_channel_capacity",
            "incremental_dir",
            "intent",
            "job_type",
            "local_buffer_dir",
            "num_embedding_io_workers",
            "num_hashmap_internal_shards",
            "num_persistence_workers",
            "num_signs_per_file",
            "storage",
        ],
    ),
    (
        "PersiaMetricsConfig",
        &["enable_metrics", "push_interval", "push_interval_seconds"],
    ),
    (
        "PersiaShardedServerConfig",
        &[
            "capacity",
            "enable_incremental_update",
            "full_amount_manager_buffer_size",
            "incremental_buffer_size",
            "incremental_channel_capacity",
            "incremental_dir",
            "intent",
            "local_buffer_dir",
            "num_hashmap_internal_shards",
            "num_persistence_workers",
            "num_signs_per_file",
            "storage",
        ],
    ),
    ("common_config.checkpointing_config", &["num_workers"]),
    (
        "common_config.infer_config",
        &["embedding_checkpoint", "servers"],
    ),
    (
        "common_config",
        &["intent", "job_type", "num_embedding_io_workers"],
    ),
    (
        "common_config.metrics_config",
        &["enable_metrics", "push_interval_sec"],
    ),
    (
        "embedding_parameter_server_config",
        &[
            "capacity",
            "enable_incremental_update",
            "incremental_buffer_size",
            "incremental_channel_capacity",
            "num_embedding_io_workers",
            "num_hashmap_internal_shards",
        ],
    ),
    (
        "embedding_server_config",
        &[
            "capacity",
            "enable_incremental_update",
            "full_amount_manager_buffer_size",
            "incremental_buffer_size",
            "incremental_channel_capacity",
            "num_embedding_io_workers",
            "num_hashmap_internal_shards",
            "num_persistence_workers",
            "num_signs_per_file",
        ],
    ),
    ("embedding_worker_config", &["forward_buffer_size"]),
    ("middleware_config", &["forward_buffer_size"]),
    (
        "shard_server_config",
        &[
            "capacity",
            "enable_incremental_update",
            "full_amount_manager_buffer_size",
            "incremental_buffer_size",
            "incremental_channel_capacity",
            "num_embedding_io_workers",
            "num_hashmap_internal_shards",
            "num_persistence_workers",
            "num_signs_per_file",
        ],
    ),
];

#[test]
fn every_key_that_some_persia_had_is_accepted_and_said_to_have_no_effect() {
    const OF_METRICS: [&str; 4] = [
        "enable_metrics",
        "push_interval",
        "push_interval_sec",
        "push_interval_seconds",
    ];
    let mut keys_seen = 0;
    for (section, keys) in HISTORY {
        for key in keys {
            keys_seen += 1;
            let value = match *key {
                "enable_metrics" => "true",
                _ => "7",
            };
            // One level below the other.
            let mut text = String::new();
            for (depth, name) in section.split('.').enumerate() {
                text += &format!("{}{name}:\n", "  ".repeat(depth));
            }
            let depth = section.split('.').count();
            text += &format!("{}{key}: {value}\n", "  ".repeat(depth));
            let config =
                MetricsConfig::parse(&text).unwrap_or_else(|error| panic!("{text}{error}"));
            let expected = if OF_METRICS.contains(key) {
                Vec::new()
            } else {
                vec![format!("{section}.{key}")]
            };
            assert_eq!(config.without_effect, expected, "{text}");
        }
    }
    assert_eq!(keys_seen, 63);
}
