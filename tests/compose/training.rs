//! The training in the stack: four processes that push to the stack's gateway, each its
//! own group, under their own job.

use golden_metrics::model::MetricType;

use crate::support::engine::Stack;
use crate::support::http;
use crate::support::training::DOCUMENTED;

/// As training/global_config.yaml has it.
const JOB: &str = r#"job="click_model""#;

/// The nodes whose metrics are at the gateway.
fn nodes() -> String {
    format!("count(count by (role, instance) (push_time_seconds{{{JOB}}}))")
}

pub(crate) fn all_metrics_arrive(stack: &Stack) {
    stack.number_when(&nodes(), |nodes| nodes == 4.0);
    let shards = r#"role="parameter-server", instance=~"rep_[01]""#;
    let asked = format!("min(lookup_mixed_batch_time_cost_count{{{JOB}, {shards}}})");
    stack.number_when(&asked, |lookups| lookups > 0.0);
    let shards = format!("count(index_miss_count{{{JOB}, {shards}}})");
    stack.number_when(&shards, |shards| shards == 2.0);
    for (name, kind) in DOCUMENTED {
        let suffix = match kind {
            MetricType::Histogram => "_count",
            _ => "",
        };
        let there = format!("count({name}{suffix}{{{JOB}}})");
        stack.number_when(&there, |series| series >= 1.0);
    }
    // It trains.
    let loss = format!("sum(train_loss{{{JOB}}})");
    stack.number_when(&loss, |loss| loss > 0.0 && loss < 1.0);
    let step = format!("sum(train_step{{{JOB}}})");
    let before = stack.number(&step).expect("it has a step");
    stack.number_when(&step, |step| step > before);

    // A second training beside it: neither erases the other.
    let other = "/metrics/job/other_model/instance/rep_0/ip_addr/192.0.2.1/role/trainer";
    let gateway = stack.address("metrics_gateway", 9091);
    let loss = b"# TYPE train_loss gauge\ntrain_loss 0.5\n";
    let answer = http::request(gateway, "PUT", other, &[], loss);
    assert_eq!(answer.status, 200, "{}", answer.text());
    stack.number_when(r#"sum(train_loss{job="other_model"})"#, |loss| loss == 0.5);
    assert_eq!(stack.number(&nodes()), Some(4.0));
    // If it stayed, it would be a silent node, and its alert would fire.
    let answer = http::request(gateway, "DELETE", other, &[], b"");
    assert_eq!(answer.status, 202, "{}", answer.text());
}

/// A node that is stopped deletes its own metrics from the gateway, and no others.
pub(crate) fn a_stopped_node_leaves_nothing(stack: &Stack) {
    stack.compose(&["stop", "trainer"]);
    stack.number_when(&nodes(), |nodes| nodes == 3.0);
    // What rules record of it, and alerts, are not at the gateway.
    let pushed = r#"__name__!~".*:.*|ALERTS.*""#;
    let gone = format!(r#"count({{{JOB}, role="trainer", {pushed}}})"#);
    assert_eq!(stack.number(&gone), None);
}
