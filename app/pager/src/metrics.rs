//! The pager's own metrics. Their names and help stand here.

use std::time::{SystemTime, UNIX_EPOCH};

use golden_metrics::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::alert::Severity;
use super::notification::Sender;

/// The pager's metrics.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    firing: [Gauge; Severity::ALL.len()],
    alertmanager: Counter,
    grafana: Counter,
    pub(super) refused: Counter,
    pub(super) rejected: Counter,
    pub(super) dropped: Counter,
    pub(super) history_failures: Counter,
    watchdog_time: Gauge<f64, std::sync::atomic::AtomicU64>,
    watchdog_silent: Gauge,
}

impl Metrics {
    /// Registers them, all at 0.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let firing = Family::<[(&str, &str); 1], Gauge>::default();
        let notifications = Family::<[(&str, &str); 1], Counter>::default();
        let of = |sender| notifications.get_or_create_owned(&[("sender", sender)]);
        let new = Self {
            firing: Severity::ALL
                .map(|(_, text)| firing.get_or_create_owned(&[("severity", text)])),
            alertmanager: of("alertmanager"),
            grafana: of("grafana"),
            refused: Counter::default(),
            rejected: Counter::default(),
            dropped: Counter::default(),
            history_failures: Counter::default(),
            watchdog_time: Gauge::default(),
            watchdog_silent: Gauge::default(),
        };
        registry.register(
            "pager_alerts_firing",
            "Alerts that fire, by the label severity",
            firing,
        );
        registry.register(
            "pager_notifications_received",
            "Notifications that were taken, by who sent them",
            notifications,
        );
        registry.register(
            "pager_notifications_refused",
            "Messages that were no notification",
            new.refused.clone(),
        );
        registry.register(
            "pager_alerts_rejected",
            "Alerts of a notification that could not be read",
            new.rejected.clone(),
        );
        registry.register(
            "pager_alerts_dropped",
            "Deliveries of alerts that were dropped because the pager was full",
            new.dropped.clone(),
        );
        registry.register(
            "pager_history_write_failures",
            "Attempts to write the history that failed",
            new.history_failures.clone(),
        );
        registry.register(
            "pager_watchdog_last_heard_timestamp_seconds",
            "When a firing Watchdog was last heard, since the Unix epoch; 0 before the first",
            new.watchdog_time.clone(),
        );
        registry.register(
            "pager_watchdog_silent",
            "Whether the pager has raised its own alert because Prometheus or Alertmanager is silent",
            new.watchdog_silent.clone(),
        );
        new
    }

    pub(super) fn received(&self, sender: Sender) {
        match sender {
            Sender::Alertmanager => self.alertmanager.inc(),
            Sender::Grafana => self.grafana.inc(),
        };
    }

    pub(super) fn set_firing(&self, counts: [usize; Severity::ALL.len()]) {
        for (gauge, count) in self.firing.iter().zip(counts) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    #[cfg(test)]
    pub(super) fn firing_minor(&self) -> i64 {
        self.firing[Severity::Minor as usize].get()
    }

    pub(super) fn set_watchdog(&self, heard: Option<SystemTime>, silent: bool) {
        let seconds = heard.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        self.watchdog_time
            .set(seconds.map_or(0.0, |seconds| seconds.as_secs_f64()));
        self.watchdog_silent.set(i64::from(silent));
    }
}
