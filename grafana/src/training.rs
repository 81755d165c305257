//! The embedding training, from what its nodes push.

use crate::dashboard::{Dashboard, Row};
use crate::field::{Color, Unit};
use crate::graph::{Limits, Style};
use crate::panel::{graph, stat};
use crate::query::JOBS;
use crate::variable::Variable;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "training",
        "Training",
        "The embedding training, from what its nodes push: how well it learns, where a batch's \
         time is spent, which nodes are alive.",
        vec![Variable::several(
            "job",
            "Training",
            "label_values(staleness, job)",
            "The trainings that have pushed to the gateway; several are shown side by side.",
        )],
        vec![
            training(),
            does_it_learn(),
            accuracy(),
            efficiency(),
            nodes(),
        ],
    )
    .marks("severity", "{{job}} {{role}} {{instance}} {{feat}}")
}

fn training() -> Row {
    Row::new(
        "Training",
        vec![
            stat("Examples per second", Unit::Plain)
                .description(
                    "Samples trained on per second, by training. If it drops to zero while the \
                     trainer is alive, the trainer is waiting for another node.",
                )
                .wide(6, 4)
                .decimals(0)
                .query(
                    of_a_live_trainer(&format!("sum by (job) (rate(train_examples{JOBS}[1m]))")),
                    "{{job}}",
                ),
            stat("Loss", Unit::Plain)
                .description(
                    "The logistic loss of the batches trained on, smoothed over about a hundred. \
                     Guessing gets 0.69; what matters is that it falls. Of a trainer that has \
                     pushed nothing for 30 s there is no data.",
                )
                .wide(6, 4)
                .decimals(4)
                .query(of_a_live_trainer(&format!("train_loss{JOBS}")), "{{job}}"),
            stat("AUC", Unit::Plain)
                .description(
                    "The area under the ROC curve on samples that are never trained on: the \
                     chance that a click is ranked above a non-click. Guessing is 0.5. Of a \
                     trainer that has pushed nothing for 30 s there is no data.",
                )
                .wide(6, 4)
                .decimals(4)
                .query(
                    of_a_live_trainer(&format!("evaluation_auc{JOBS}")),
                    "{{job}}",
                ),
            stat("Silent nodes", Unit::Plain)
                .description(
                    "Nodes that have not pushed for 30 s: dead, cut off, or ended without \
                     deleting their metrics, which the gateway keeps forever.",
                )
                .wide(6, 4)
                .colors(Color::Green, [(1.0, Color::Red)])
                .query(
                    "sum by (job) (time() - push_time_seconds{job=~\"$job\", role=~\".+\"} > bool \
                     30)",
                    "{{job}}",
                ),
        ],
    )
}

fn does_it_learn() -> Row {
    Row::new(
        "Does it learn?",
        vec![
            graph("Loss in training and on held-out samples", Unit::Plain)
                .description(
                    "Both fall while the model learns. If the held-out loss rises while the \
                     training loss falls, it overfits; if both rise, what it has learned no \
                     longer holds.",
                )
                .wide(12, 8)
                .without_minimum()
                .every_s(10)
                .query(format!("train_loss{JOBS}"), "{{job}} training")
                .query(format!("evaluation_loss{JOBS}"), "{{job}} held out"),
            graph("AUC on held-out samples", Unit::Plain)
                .description(
                    "How well clicks are ranked above non-clicks, on samples that are never \
                     trained on. The jitter comes from having only a few thousand samples; look \
                     for a lasting drop.",
                )
                .wide(12, 8)
                .without_minimum()
                .every_s(10)
                .query(format!("evaluation_auc{JOBS}"), "{{job}}"),
        ],
    )
}

fn accuracy() -> Row {
    Row::new(
        "Accuracy",
        vec![
            graph("Index misses by shard", Unit::Short)
                .description(
                    "index_miss_count as a rate: ids that a shard was asked for, did not have, \
                     and admitted. Many at the start are expected; many later are ids that were \
                     evicted, or that are new.",
                )
                .every_s(10)
                .query(
                    format!(
                        "sum by (job, instance) (rate(index_miss_count{JOBS}[$__rate_interval]))"
                    ),
                    "{{job}} {{instance}}",
                ),
            graph("Index miss ratio", Unit::Ratio)
                .description(
                    "index_miss_ratio is that of a shard's last request, and jumps; watch the \
                     line of the whole training over a minute. Above 5% with full tables \
                     IndexMissRatioRising fires.",
                )
                .colors(Color::Green, [(0.05, Color::Red)])
                .limits(Limits::Solid)
                .every_s(10)
                .query(format!("job:index_miss:ratio_rate1m{JOBS}"), "{{job}}")
                .query(
                    format!("index_miss_ratio{JOBS}"),
                    "{{job}} {{instance}}, last request",
                ),
            graph("Gradients without an embedding", Unit::Short)
                .description(
                    "gradient_id_miss_count as a rate: gradients for ids that were evicted \
                     between lookup and update, or never admitted. Those updates are lost.",
                )
                .axis_at_least(1.0)
                .every_s(10)
                .query(
                    format!(
                        "sum by (job, instance) \
                         (rate(gradient_id_miss_count{JOBS}[$__rate_interval]))"
                    ),
                    "{{job}} {{instance}}",
                ),
            graph("Distinct ids by feature", Unit::Short)
                .description(
                    "estimated_distinct_id, of each worker since its start. It flattens when \
                     nearly all ids are known; a straight line upwards means that ids drift, or \
                     that garbage arrives as ids.",
                )
                .every_s(10)
                .query(
                    format!("estimated_distinct_id{JOBS}"),
                    "{{job}} {{instance}} {{feat}}",
                ),
            graph("Distinct ids in a batch, as a share", Unit::Ratio)
                .description(
                    "batch_unique_indices_rate: at 1 no id is repeated, and every sample costs a \
                     lookup of its own; near 0 a few ids are everywhere. A jump means that the \
                     data has changed.",
                )
                .between(0.0, 1.0)
                .every_s(10)
                .query(
                    format!("batch_unique_indices_rate{JOBS}"),
                    "{{job}} {{instance}} {{feat}}",
                ),
            graph("Staleness against its bound", Unit::Plain)
                .description(
                    "Batches looked up and not yet updated, and the maximum allowed. At the bound \
                     lookups wait; the peak is the maximum since the worker started.",
                )
                .every_s(10)
                .query(
                    format!("sum by (job) (staleness{JOBS})"),
                    "{{job}} staleness",
                )
                .query(
                    format!("sum by (job) (staleness_bound{JOBS})"),
                    "{{job}} bound",
                )
                .query(
                    format!("sum by (job) (staleness_peak{JOBS})"),
                    "{{job}} peak",
                ),
            graph("Gradients with a NaN, by feature", Unit::Short)
                .description(
                    "nan_count as a rate: gradients of one feature of one batch that were dropped \
                     because they contained a NaN. There should be none; GradientNaN fires at the \
                     first.",
                )
                .wide(12, 8)
                .axis_at_least(1.0)
                .every_s(10)
                .query(
                    format!("sum by (job, feat) (rate(nan_count{JOBS}[$__rate_interval]))"),
                    "{{job}} {{feat}}",
                ),
            graph("Skipped gradients, by feature", Unit::Short)
                .description(
                    "nan_grad_skipped as a rate: despite its name, features that received no \
                     gradient, since the batch had no ids of them. The data of that feature is \
                     missing.",
                )
                .wide(12, 8)
                .axis_at_least(1.0)
                .every_s(10)
                .query(
                    format!("sum by (job, feat) (rate(nan_grad_skipped{JOBS}[$__rate_interval]))"),
                    "{{job}} {{feat}}",
                ),
        ],
    )
}

fn efficiency() -> Row {
    Row::new(
        "Efficiency",
        vec![
            graph("Where a batch's time is spent, $job", Unit::Seconds)
                .description(
                    "The mean time of each stage of a batch, stacked, for each training by \
                     itself. A batch takes this long in all; stages of different batches overlap, \
                     so more batches are done per second than one divided by it.",
                )
                .wide(24, 8)
                .style(Style::Stacked)
                .repeated_by("job")
                .every_s(10)
                .query(mean_time("lookup_create_requests"), "{{job}} dividing ids")
                .query(mean_time("lookup_rpc"), "{{job}} asking shards")
                .query(mean_time("summation"), "{{job}} summing")
                .query(mean_time("dense_step"), "{{job}} dense step")
                .query(mean_time("update_gradient"), "{{job}} updating"),
            graph("Lookup in each shard, 99th percentile", Unit::Seconds)
                .description(
                    "lookup_mixed_batch_time_cost, waiting for the table included. One shard \
                     above the others is slow by itself; all of them are overloaded. The worker \
                     waits for the slowest.",
                )
                .wide(12, 8)
                .every_s(10)
                .query(
                    quantile(0.99, "lookup_mixed_batch", "job, instance, le"),
                    "{{job}} {{instance}}",
                ),
            graph("Whole lookup of a batch", Unit::Seconds)
                .description(
                    "lookup_batched_time_cost, the median and the 99th percentile: dividing, \
                     asking, summing. If it rises, the stacked graph above says which of the \
                     three.",
                )
                .wide(12, 8)
                .every_s(10)
                .query(quantile(0.5, "lookup_batched", "job, le"), "{{job}} median")
                .query(
                    quantile(0.99, "lookup_batched", "job, le"),
                    "{{job}} 99th percentile",
                ),
            graph("Update of a batch's gradients", Unit::Seconds)
                .description(
                    "update_gradient_time_cost, the median and the 99th percentile: from the \
                     gradients' arrival until all shards have applied them. Slower updates mean \
                     more staleness.",
                )
                .wide(12, 8)
                .every_s(10)
                .query(
                    quantile(0.5, "update_gradient", "job, le"),
                    "{{job}} median",
                )
                .query(
                    quantile(0.99, "update_gradient", "job, le"),
                    "{{job}} 99th percentile",
                ),
            graph("Batches waiting to be looked up", Unit::Plain)
                .description(
                    "num_pending_batches. If it is full, data arrives faster than it is trained \
                     on, which is fine; if it is always empty, the training waits for its data.",
                )
                .wide(12, 8)
                .axis_at_least(1.0)
                .every_s(10)
                .query(
                    format!("sum by (job, instance) (num_pending_batches{JOBS})"),
                    "{{job}} {{instance}}",
                ),
        ],
    )
}

fn nodes() -> Row {
    Row::new(
        "Nodes",
        vec![
            graph("Time since the last push", Unit::Seconds)
                .description(
                    "The only sign that a node is alive: all its other metrics at the gateway \
                     look as they did when it died. It is a sawtooth up to the push interval; \
                     above 30 s TrainingNodeSilent fires.",
                )
                .colors(Color::Green, [(30.0, Color::Red)])
                .limits(Limits::Solid)
                .every_s(10)
                .query(
                    r#"time() - push_time_seconds{job=~"$job", role=~".+"}"#,
                    "{{job}} {{role}} {{instance}}",
                ),
            graph("Failed pushes", Unit::Short)
                .description(
                    "Pushes per second that the gateway did not accept. The training continues \
                     without them, and the next push that succeeds brings everything up to date.",
                )
                .axis_at_least(1.0)
                .every_s(10)
                .query(
                    format!(
                        "sum by (job, role, instance) \
                         (rate(metrics_push_failures{JOBS}[$__rate_interval]))"
                    ),
                    "{{job}} {{role}} {{instance}}",
                ),
            graph("How full the shards are", Unit::Ratio)
                .description(
                    "Embeddings in each table as a share of its capacity. Full is not a fault: it \
                     means that the least recently used make room for new ones. Look at the \
                     misses above.",
                )
                .between(0.0, 1.0)
                .every_s(10)
                .query(
                    format!("embedding_table_entries{JOBS} / embedding_table_capacity{JOBS}"),
                    "{{job}} {{instance}}",
                ),
        ],
    )
}

/// While its trainer pushes: what was pushed last stays at the gateway for ever.
fn of_a_live_trainer(expression: &str) -> String {
    let pushed = r#"max by (job) (push_time_seconds{job=~"$job", role="trainer"})"#;
    format!("{expression} and on (job) time() - {pushed} < 30")
}

/// The mean of `<stage>_time_cost`.
fn mean_time(stage: &str) -> String {
    let rate = |of| format!("sum by (job) (rate({stage}_time_cost_{of}{JOBS}[$__rate_interval]))");
    format!("{} / ({} > 0)", rate("sum"), rate("count"))
}

fn quantile(quantile: f64, stage: &str, by: &str) -> String {
    let rate = format!("rate({stage}_time_cost_bucket{JOBS}[$__rate_interval])");
    format!("histogram_quantile({quantile}, sum by ({by}) ({rate})) >= 0")
}
