//! How many times as fast as allowed an error budget is spent: what several dashboards ask.

use crate::field::{Color, Unit};
use crate::graph::Limits;
use crate::panel::{Panel, graph};

/// From where on ErrorBudgetBurnsFast fires: over its longer and over its shorter windows.
pub(crate) const FAST: [(f64, Color); 2] = [(6.0, Color::Orange), (14.4, Color::Red)];

/// From where on ErrorBudgetBurnsSlowly fires, likewise.
pub(crate) const SLOW: [(f64, Color); 2] = [(1.0, Color::Yellow), (3.0, Color::Orange)];

/// Of an objective (`slo`), over windows (`5m`), from the recording rules of
/// `prometheus/rules/`. Each line is named for its window, and `of_whom`.
pub(crate) fn burn_rates(
    title: &'static str,
    slo: &str,
    windows: [&str; 4],
    of_whom: &str,
    alerts: [(f64, Color); 2],
) -> Panel {
    let of = format!(r#"{{job=~"$job", slo="{slo}"}}"#);
    let panel = graph(title, Unit::Times)
        .colors(Color::Green, alerts)
        .limits(Limits::Dashed)
        .axis_at_least(2.0)
        .every_s(5);
    windows.into_iter().fold(panel, |panel, window| {
        let allowed = format!("(1 - job:slo_objective:ratio{of})");
        let rate = format!("job:slo_errors:ratio_rate{window}{of} / on (job, slo) {allowed}");
        panel.query(rate, &format!("{window}{of_whom}"))
    })
}
