//! What the signals mean for the service's objectives.

use crate::burn_rate::{FAST, burn_rates};
use crate::dashboard::Row;
use crate::field::{Color, Unit};
use crate::panel::{Panel, stat};

pub(super) fn objectives() -> Row {
    Row::new(
        "Service level objective (the whole job, whatever instances are selected)",
        vec![
            budget("Error budget left: availability", "availability").description(
                "How much is left of the 0.5 % of requests to /random that may fail in three \
                 days. 100 % is untouched; below zero the objective is missed. Red when it is \
                 overdrawn. The budget is that of 3,000 requests at least, so that it means \
                 something in the first minutes.",
            ),
            budget("Error budget left: latency", "latency").description(
                "How much is left of the 1 % of requests to /random that may take longer than 0.5 \
                 s in three days. Red when it is overdrawn. The budget is that of 3,000 requests \
                 at least, so that it means something in the first minutes.",
            ),
            burn("Burn rate: availability", "availability").description(
                "How many times as fast as allowed the error budget is spent, over a short and \
                 three longer windows. 1 spends it in exactly three days. ErrorBudgetBurnsFast \
                 fires at 14.4 (dashed) over one hour and five minutes: the long window shows \
                 that it matters, the short one that it is still going on.",
            ),
            burn("Burn rate: latency", "latency").description(
                "The same for the requests that took longer than 0.5 s; the budget is 1 % of them.",
            ),
        ],
    )
}

fn budget(title: &'static str, slo: &str) -> Panel {
    let left = format!(r#"job:slo_error_budget:remaining_ratio3d{{job="$job", slo="{slo}"}}"#);
    stat(title, Unit::Ratio)
        .wide(4, 8)
        .decimals(1)
        .colors(Color::Red, [(0.0, Color::Green)])
        .query(format!(r#"{left} and on (job) up{{job="$job"}} == 1"#), slo)
}

fn burn(title: &'static str, slo: &str) -> Panel {
    burn_rates(title, slo, ["5m", "1h", "6h", "3d"], "", FAST)
        .plain_link("alerts", "Alerts and incidents")
}
