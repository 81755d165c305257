//! The fifteen metrics of Persia's document, as a real gateway has them, against a program
//! of another language that knows only the batches' ids: `tests/reference/persia.py`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use training::faults::Faults;
use training::features::FEATURES;
use training::loader::Loader;

use crate::support::peers;
use crate::support::pushgateway::Pushgateway;
use crate::support::training::{DOCUMENTED, Job};

const BATCH: usize = 64;
const STEPS: usize = 200;
const SEED: u64 = 11;
/// Of new ids in 1,000 batches: some that were seen come back, most do not.
const DRIFT: &str = "40";
/// Fewer than a batch's ids in a shard: some are evicted before their gradient comes.
const CAPACITY: &str = "60";
const SHARDS: usize = 3;
/// Of HyperLogLog: five times the standard error of 2^18 registers. The ids are always the
/// same, so this fails always or never.
const DISTINCT_ERROR: f64 = 0.01;

/// A line for each batch that such a training draws.
fn ids() -> String {
    let mut loader = Loader::new(BATCH, SEED, 0, 0.0);
    let faults = Faults {
        drift: DRIFT.parse().expect("it is a number"),
        masked_features: vec!["context".parse().expect("it is a feature")],
        ..Faults::default()
    };
    let mut lines = String::new();
    for _ in 0..STEPS {
        let batch = loader.next_batch(&faults);
        let features = FEATURES.iter().zip(&batch.features).map(|(feature, ids)| {
            let delivered = ids.places.iter().map(|&place| ids.unique[place as usize]);
            json!([feature.name, delivered.collect::<Vec<_>>()])
        });
        // A list, not an object: shards look the features up in this order.
        lines += &features.collect::<Value>().to_string();
        lines.push('\n');
    }
    lines
}

#[test]
fn all_fifteen_are_what_another_program_computes_from_the_ids() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let Some(python) = peers::require_python(&["json"]) else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let job = Job::new("replayed", gateway.address());
    let file = job.file("ids.json");
    fs::write(&file, ids()).expect("the directory is ours");

    let (batch, steps, seed, shards) = (
        BATCH.to_string(),
        STEPS.to_string(),
        SEED.to_string(),
        SHARDS.to_string(),
    );
    let mut training = job.start(&[
        "--batch-size",
        &batch,
        "--steps",
        &steps,
        "--seed",
        &seed,
        "--shards",
        &shards,
        "--staleness",
        "1",
        "--table-capacity",
        CAPACITY,
        "--drift",
        DRIFT,
        "--nan-every",
        "7",
        "--nan-feature",
        "history",
        "--masked-features",
        "context",
        "--evaluate-every",
        "50",
        "--held-out",
        "256",
    ]);
    assert!(training.wait().success(), "{:#?}", training.log());
    let pushed = gateway.metrics();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/persia.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&file)
        .args(["--shards", &shards, "--capacity", CAPACITY])
        .args(["--nan-every", "7", "--nan-feature", "history"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let reference: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");

    let mut compared = Vec::new();
    let mut compare = |name: &str, labels: &[(&str, &str)], expected: &Value| {
        let labels = [&[("job", "replayed")], labels].concat();
        let found: Vec<_> = pushed
            .select(name, &labels)
            .map(|sample| sample.value)
            .collect();
        // Fractions are text, because serde_json may read the last digit of one wrongly.
        let fraction = expected
            .as_str()
            .map(|text| text.parse().expect("a number"));
        let Some(expected) = fraction.or(expected.as_f64()) else {
            assert!(found.is_empty(), "{name}{labels:?} has no value: {found:?}");
            return;
        };
        assert_eq!(found.len(), 1, "{name}{labels:?}");
        let error = (found[0] - expected).abs();
        let allowed = if name == "estimated_distinct_id" {
            DISTINCT_ERROR * expected
        } else {
            0.0
        };
        assert!(
            error <= allowed,
            "{name}{labels:?}: {} is not {expected}",
            found[0]
        );
        compared.push(name.trim_end_matches("_count").to_owned());
    };
    for (name, expected) in reference["parameter-server"]
        .as_object()
        .expect("it is one")
    {
        for (shard, expected) in expected.as_array().expect("one a shard").iter().enumerate() {
            let instance = format!("rep_{shard}");
            let labels = [("role", "parameter-server"), ("instance", &*instance)];
            compare(name, &labels, expected);
        }
    }
    for (name, expected) in reference["embedding-worker"]
        .as_object()
        .expect("it is one")
    {
        compare(name, &[("role", "embedding-worker")], expected);
    }
    for (name, features) in reference["features"].as_object().expect("it is one") {
        for (feature, expected) in features.as_object().expect("one a feature") {
            compare(name, &[("feat", feature)], expected);
        }
    }
    for (name, _) in DOCUMENTED {
        let name = name.trim_end_matches("_count");
        assert!(compared.iter().any(|compared| compared == name), "{name}");
    }
    // What is compared has happened: ids came back, were evicted, and lost their gradients.
    let shards = &reference["parameter-server"];
    for name in ["index_miss_count", "gradient_id_miss_count"] {
        assert!(shards[name][0].as_u64() > Some(100), "{shards}");
    }
    assert_ne!(
        shards["index_miss_ratio"],
        json!(vec!["1.0"; SHARDS]),
        "{shards}"
    );
    assert_eq!(reference["features"]["nan_count"]["history"], STEPS / 7);
    assert_eq!(reference["features"]["nan_grad_skipped"]["context"], STEPS);
}
