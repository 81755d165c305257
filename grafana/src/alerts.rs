//! What fires and has fired, how fast error budgets burn, and whether notifications arrive.

use crate::burn_rate::{FAST, SLOW, burn_rates};
use crate::dashboard::{Dashboard, Row};
use crate::field::{Color, Override, Unit};
use crate::graph::Style;
use crate::panel::{Panel, graph, stat, table, timeline};
use crate::query::JOBS;
use crate::variable::Variable;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "alerts",
        "Alerts and incidents",
        "What fires, what has fired, how fast error budgets burn, and whether notifications reach \
         the pager.",
        vec![Variable::several(
            "job",
            "Job",
            "label_values(up, job)",
            "Alerts of these jobs, and those without a job.",
        )],
        vec![now(), burn_rates_of_the_objectives(), notification()],
    )
    .keeps_its_selection()
    .live_page()
    .link(
        "Prometheus",
        "http://localhost:9090/alerts",
        "The rules and their current state",
    )
    .link(
        "Alertmanager",
        "http://localhost:9093/",
        "Current notifications, and silences",
    )
}

fn now() -> Row {
    Row::new(
        "Now",
        vec![
            level("Level 1: critical", "1", Color::DarkRed).description(
                "Alerts that page somebody: users cannot do what they came for, or soon will not \
                 be able to. Any number but 0 means: act now.",
            ),
            level("Level 2: major", "2", Color::Orange).description(
                "Alerts to act on today: something is broken, and something else makes up for it \
                 for now.",
            ),
            level("Level 3: minor", "3", Color::Yellow).description(
                "Alerts for planned work: a few users are worse off, or a trend will end badly.",
            ),
            stat("Pending", Unit::Plain)
                .description(
                    "Alerts whose condition holds, but not yet for long enough. They go away by \
                     themselves or fire.",
                )
                .decimals(0)
                .query(
                    r#"count(ALERTS{alertstate="pending", job=~"$job|"}) or vector(0)"#,
                    "pending",
                ),
            stat("Targets down", Unit::Plain)
                .description(
                    "Targets that Prometheus knows and cannot scrape. What is not scraped cannot \
                     alert.",
                )
                .decimals(0)
                .colors(Color::Green, [(1.0, Color::Red)])
                .query(format!("count(up{JOBS} == 0) or vector(0)"), "down"),
            stat("Failed rule evaluations", Unit::Plain)
                .description(
                    "Rule evaluations that failed in the range shown. An alert whose rule fails \
                     does not fire.",
                )
                .decimals(0)
                .colors(Color::Green, [(1.0, Color::Red)])
                .query(
                    "sum(increase(prometheus_rule_evaluation_failures_total[$__range]))",
                    "failures",
                ),
            timeline(
                "What fired when",
                &[("1", "pending", Color::Yellow), ("2", "firing", Color::Red)],
            )
            .description(
                "One bar per alert: yellow while it is pending, red while it fires. Read it \
                 from left to right as the story of an incident: what came first is nearer to \
                 the cause.",
            )
            .wide(24, 10)
            .no_value("Nothing was pending or firing in this range.")
            .colors(Color::Yellow, [(2.0, Color::Red)])
            .every_s(5)
            .query(
                "max by (job, alertname, slo) (2 * ALERTS{alertstate=\"firing\", level!=\"0\", \
                 job=~\"$job|\"} or ALERTS{alertstate=\"pending\", job=~\"$job|\"})",
                "{{alertname}} {{slo}} {{job}}",
            ),
            table("Firing and pending now", Unit::Plain)
                .description(
                    "Every alert with its level and what it is about. What to do is on \
                     http://127.0.0.1:8000/runbook, under the alert's name. Empty is good.",
                )
                .wide(24, 7)
                // In each empty cell, too.
                .no_value("none")
                .query(r#"ALERTS{level!="0", job=~"$job|"}"#, "")
                .overrides([Override::of("State").mapped(&[
                    ("firing", "firing", Color::Red),
                    ("pending", "pending", Color::Yellow),
                ])])
                .columns(
                    &[
                        ("level", "Level"),
                        ("severity", "Severity"),
                        ("alertname", "Alert"),
                        ("alertstate", "State"),
                        ("job", "Job"),
                        ("instance", "Instance"),
                        ("slo", "Objective"),
                    ],
                    &["Time", "Value", "__name__"],
                )
                .sorted_by("Level", false),
        ],
    )
}

/// How many alerts of a level fire.
fn level(title: &'static str, level: &str, color: Color) -> Panel {
    let alerts = format!(r#"ALERTS{{alertstate="firing", level="{level}", job=~"$job|"}}"#);
    stat(title, Unit::Plain)
        .decimals(0)
        .colors(Color::Green, [(1.0, color)])
        .background()
        .query(format!("count({alerts}) or vector(0)"), title)
}

fn burn_rates_of_the_objectives() -> Row {
    Row::new(
        "Burn rates of the objectives",
        vec![
            fast_burn("Fast burn: availability", "availability"),
            slow_burn("Slow burn: availability", "availability"),
            fast_burn("Fast burn: latency", "latency"),
            slow_burn("Slow burn: latency", "latency"),
        ],
    )
}

fn fast_burn(title: &'static str, slo: &str) -> Panel {
    burn_rates(title, slo, ["5m", "30m", "1h", "6h"], " {{job}}", FAST)
        .description(
            "ErrorBudgetBurnsFast fires when both 1h and 5m are above 14.4, or both 6h and 30m \
             above 6 (dashed). The short window lets it resolve soon after the problem ends.",
        )
        .wide(6, 8)
}

fn slow_burn(title: &'static str, slo: &str) -> Panel {
    burn_rates(title, slo, ["2h", "6h", "1d", "3d"], " {{job}}", SLOW)
        .description(
            "ErrorBudgetBurnsSlowly fires when both 1d and 2h are above 3, or both 3d and 6h \
             above 1 (dashed). Too slow to feel, fast enough to miss the objective.",
        )
        .wide(6, 8)
}

fn notification() -> Row {
    Row::new(
        "Notification: from rule to pager",
        vec![
            graph("Alerts known to Alertmanager", Unit::Short)
                .description(
                    "Alerts received from Prometheus: active ones are notified, suppressed ones \
                     are silenced, or inhibited by a more severe alert of the same service.",
                )
                .style(Style::Steps)
                .every_s(5)
                .query("sum by (state) (alertmanager_alerts)", "{{state}}")
                .overrides([
                    Override::of("active").color(Color::Red),
                    Override::of("suppressed").color(Color::Blue),
                ]),
            graph("Notifications sent", Unit::Short)
                .description(
                    "Notifications to the pager in each step of the graph, counted and not \
                     extrapolated: one when a group of alerts starts to fire, others when it \
                     changes, is repeated or resolves. A steady row of single ones is Watchdog's, \
                     which says that the way is open; the pager does not list it.",
                )
                .decimals(0)
                .style(Style::Bars)
                .axis_at_least(1.0)
                .every_s(5)
                .query(
                    "sum(alertmanager_notifications_total{integration=\"webhook\"} - \
                     alertmanager_notifications_total{integration=\"webhook\"} offset $__interval \
                     >= 0)",
                    "notifications",
                ),
            graph("Failed notifications", Unit::OperationsPerSecond)
                .description(
                    "Failed attempts on either leg: Prometheus to Alertmanager (with those \
                     dropped), Alertmanager to the receiver. If it is not zero, perhaps nobody is \
                     notified of alerts.",
                )
                .axis_at_least(0.1)
                .every_s(5)
                .query(
                    "sum(rate(prometheus_notifications_errors_total[$__rate_interval]))",
                    "to Alertmanager: failed",
                )
                .query(
                    "sum(rate(prometheus_notifications_dropped_total[$__rate_interval]))",
                    "to Alertmanager: dropped",
                )
                .query(
                    "sum(rate(alertmanager_notifications_failed_total{integration=\"webhook\"}\
                     [$__rate_interval]))",
                    "to the receiver: failed",
                ),
            timeline(
                "Targets up",
                &[("0", "down", Color::Red), ("1", "up", Color::Green)],
            )
            .description(
                "One bar per target: green while it answers scrapes, red while it does not. A \
                 bar that ends is a target that has gone: it was scaled away, or its \
                 container has no address.",
            )
            .wide(12, 8)
            .no_value("no data")
            .colors(Color::Red, [(1.0, Color::Green)])
            .every_s(5)
            .query(
                format!("min by (job, instance) (up{JOBS})"),
                "{{job}} {{instance}}",
            ),
            graph("Duration of rule evaluations", Unit::Seconds)
                .description(
                    "How long Prometheus takes to evaluate each rule group. It must stay far \
                     below the interval of 5 s, or alerts fire late.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    "max by (rule_group) \
                     (label_replace(prometheus_rule_group_last_duration_seconds, \"rule_group\", \
                     \"$1\", \"rule_group\", \".*;(.*)\"))",
                    "{{rule_group}}",
                ),
        ],
    )
}
