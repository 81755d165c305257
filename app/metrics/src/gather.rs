//! From a registry to the model of which every exposition format is written.

use std::fmt;

use prometheus_client::encoding::prometheus_protobuf::encode;
use prometheus_client::registry::Registry;

use crate::attachments::Attachments;
use crate::model::{Metric, MetricFamily};

/// The present state of every metric of `registry`, in the order of registration, and
/// the series of each in the order of their labels' values: a
/// [`Family`](prometheus_client::metrics::family::Family) keeps them in none, and
/// whoever reads two scrapes wants to compare them.
///
/// # Errors
///
/// If a collector fails.
pub fn gather(registry: &Registry) -> Result<Vec<MetricFamily>, fmt::Error> {
    let (families, attachments) = Attachments::collect(|| encode(registry));
    let mut families = families?;
    for family in &mut families {
        for series in &mut family.metric {
            attachments.attach(series);
        }
        family.metric.sort_by(|a, b| values(a).cmp(values(b)));
    }
    Ok(families)
}

fn values(series: &Metric) -> impl Iterator<Item = &str> {
    series.label.iter().map(|label| label.value.as_str())
}
