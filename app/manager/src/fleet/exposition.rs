//! The fleet as Prometheus sees it: base units, one series a proplet or task.

use std::collections::BTreeMap;
use std::fmt;

use super::columns::{
    GROUP_OF_A_TASK, NETWORK_OF_A_PROPLET, OF_A_PROPLET, OF_A_TASK, OUTBOX_OF_A_PROPLET,
    TRAFFIC_OF_A_TASK,
};
use super::{Fleet, FleetState, Task};
use golden_metrics::EncodeFamily as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use proplet_schema::Custom;

/// Labels and value.
type CustomSeries<'a> = (Vec<(&'a str, &'a str)>, f64);

const CUSTOM_HELP: &str = "Exposed by tasks themselves, under this name without app_";

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = crate::clock::now();
        let state = self.lock();
        self.encode_own(&state, now, &mut encoder)?;

        let mut proplets: Vec<_> = state.proplets.iter().filter(|(_, p)| p.shown).collect();
        proplets.sort_by(|a, b| a.0.cmp(b.0));
        let proplets = proplets.iter().map(|(name, proplet)| (&***name, *proplet));
        let labelled = || {
            proplets
                .clone()
                .map(|(name, proplet)| ([("proplet", name)], proplet))
        };
        encoder.encode_gauges(
            "proplet_up",
            "Whether the proplet is alive: a liveness message came within the timeout, and its last will did not (1 or 0)",
            labelled().map(|(labels, proplet)| (labels, i64::from(proplet.lives(self.bounds, now)))),
        )?;
        encoder.encode_gauges(
            "proplet_last_seen_timestamp_seconds",
            "Time of the proplet's last message, in seconds since the Unix epoch",
            labelled().map(|(labels, proplet)| (labels, seconds(proplet.seen))),
        )?;
        let identities = proplets.clone().map(|(name, proplet)| {
            let identity = &proplet.identity;
            let labels = [
                ("proplet", name),
                ("namespace", identity.namespace.as_deref().unwrap_or("")),
                ("domain", &identity.domain),
                ("channel", &identity.channel),
            ];
            (labels, 1_i64)
        });
        encoder.encode_gauges(
            "proplet_info",
            "Namespace, domain and channel of the proplet; the value is always 1",
            identities,
        )?;
        let latest =
            || labelled().filter_map(|(labels, proplet)| Some((labels, proplet.latest.as_ref()?)));
        for column in &OF_A_PROPLET {
            column.encode(&mut encoder, latest())?;
        }
        let outboxes =
            || latest().filter_map(|(labels, latest)| Some((labels, latest.outbox.as_ref()?)));
        for column in &OUTBOX_OF_A_PROPLET {
            column.encode(&mut encoder, outboxes())?;
        }

        for column in &NETWORK_OF_A_PROPLET {
            let networks = labelled().map(|(labels, proplet)| (labels, &proplet.network.total));
            column.encode(&mut encoder, networks)?;
        }

        let mut tasks: Vec<(&str, &str, &Task)> = Vec::new();
        for (name, proplet) in &state.proplets {
            tasks.extend(proplet.tasks.iter().map(|(task, t)| (&**name, &**task, t)));
        }
        tasks.sort_by_key(|(name, task, _)| (*name, *task));
        let tasks = || {
            tasks
                .iter()
                .map(|(name, task, state)| ([("proplet", *name), ("task", *task)], *state))
        };
        for column in &OF_A_TASK {
            column.encode(
                &mut encoder,
                tasks().map(|(labels, task)| (labels, &task.metrics)),
            )?;
        }
        let groups = || {
            let shown = tasks().filter(|(_, task)| task.group_shown);
            shown.filter_map(|(labels, task)| Some((labels, task.metrics.cgroup.as_ref()?)))
        };
        for column in &GROUP_OF_A_TASK {
            column.encode(&mut encoder, groups())?;
        }
        for column in &TRAFFIC_OF_A_TASK {
            let totals = tasks().filter_map(|(labels, task)| {
                let total = (column.value)(&task.counters.totals)?;
                Some((labels, total, Some(task.created())))
            });
            encoder.encode_counters_created(column.name, column.help, totals)?;
        }
        encoder.encode_counters_traced(
            "proplet_task_samples",
            "Samples received of the task, without duplicates",
            tasks()
                .map(|(labels, task)| (labels, task.samples, Some(task.created()), task.traced())),
        )?;
        encode_custom(tasks(), &mut encoder)?;
        encoder.encode_gauges(
            "proplet_task_last_sample_timestamp_seconds",
            "Time of the latest sample of the task, in seconds since the Unix epoch",
            tasks().map(|(labels, task)| (labels, seconds(task.at))),
        )
    }
}

/// What tasks expose themselves, with a prefix that keeps their names apart from others.
fn encode_custom<'a>(
    tasks: impl Iterator<Item = ([(&'a str, &'a str); 2], &'a Task)>,
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let mut families: BTreeMap<&str, Vec<CustomSeries<'_>>> = BTreeMap::new();
    for (own, task) in tasks {
        for (series, value) in task.custom.iter().flat_map(Custom::series) {
            let theirs = series.labels.iter();
            let theirs = theirs.map(|(label, value)| (label.as_str(), value.as_str()));
            let family = families.entry(&series.name).or_default();
            family.push((own.into_iter().chain(theirs).collect(), value));
        }
    }
    for (name, series) in families {
        // The encoder adds what makes it a counter.
        match name.strip_suffix("_total") {
            Some(stem) => encoder.encode_counters(&format!("app_{stem}"), CUSTOM_HELP, series)?,
            None => encoder.encode_gauges(&format!("app_{name}"), CUSTOM_HELP, series)?,
        }
    }
    Ok(())
}

impl Fleet {
    /// The manager's own metrics.
    fn encode_own(
        &self,
        state: &FleetState,
        now: i64,
        encoder: &mut DescriptorEncoder<'_>,
    ) -> fmt::Result {
        let alive = state.proplets.values();
        let alive = alive.filter(|proplet| proplet.lives(self.bounds, now));
        let tasks: usize = state.proplets.values().map(|p| p.tasks.len()).sum();
        encoder.encode_gauge(
            "manager_proplets",
            "Proplets known to the manager",
            state.proplets.len(),
        )?;
        encoder.encode_gauge(
            "manager_proplets_alive",
            "Proplets that are alive",
            alive.count(),
        )?;
        encoder.encode_gauge(
            "manager_tasks",
            "Tasks with series: those with recent samples",
            tasks,
        )?;
        encoder.encode_gauge(
            "manager_series",
            "Series reserved for proplets and tasks on /metrics",
            state.series,
        )?;
        encoder.encode_gauge(
            "manager_series_limit",
            "Maximum number of series for proplets and tasks",
            self.bounds.series,
        )?;
        encoder.encode_counter(
            "manager_series_refused",
            "Samples whose proplet or task got no series because of the limit",
            state.refused,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "to the microsecond")]
fn seconds(at: i64) -> f64 {
    at as f64 / 1e9
}
