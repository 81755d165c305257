//! Series that are born with their first event, and found only once: after that, counting
//! takes no lock and looks up no label.

use std::fmt;
use std::hash::Hash;
use std::sync::OnceLock;

use prometheus_client::metrics::family::{Family, MetricConstructor};

/// A series of a family.
pub(super) struct Series<Labels, Metric, Birth> {
    family: Family<Labels, Metric, Birth>,
    labels: Labels,
    found: OnceLock<Metric>,
}

impl<Labels, Metric, Birth> Series<Labels, Metric, Birth>
where
    Labels: Clone + Eq + Hash,
    Metric: Clone,
    Birth: MetricConstructor<Metric> + Clone,
{
    /// The series of these labels, which does not exist yet.
    pub(super) fn of(family: &Family<Labels, Metric, Birth>, labels: Labels) -> Self {
        Self {
            family: family.clone(),
            labels,
            found: OnceLock::new(),
        }
    }

    /// The metric, to count what happens now.
    pub(super) fn get(&self) -> &Metric {
        self.found
            .get_or_init(|| self.family.get_or_create_owned(&self.labels))
    }
}

impl<Labels: fmt::Debug, Metric, Birth> fmt::Debug for Series<Labels, Metric, Birth> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Series").field(&self.labels).finish()
    }
}
