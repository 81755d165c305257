//! The series: a service of two instances, a and b, over ten minutes.

use crate::promtool::Scene;

// A value every 5 s for ten minutes.
const STEPS: u32 = 120;
const END: u32 = 600;

// Requests in 5 s: instance, route, status, how many.
const REQUESTS: &[(&str, &str, &str, u32)] = &[
    ("a", "/random", "200", 10),
    ("a", "/random", "500", 1),
    ("a", "/predict", "404", 1),
    ("b", "/random", "200", 5),
    ("b", "/random", "503", 2),
    ("b", "/predict", "200", 3),
];

const BOUNDS: [&str; 7] = ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "+Inf"];

// Durations in 5 s: instance, route, outcome, up to each bound, sum in hundredths.
#[allow(clippy::type_complexity, reason = "a table")]
const DURATIONS: &[(&str, &str, &str, [u32; 7], u32)] = &[
    ("a", "/random", "success", [1, 3, 5, 8, 9, 10, 10], 170),
    ("a", "/random", "server_error", [1, 1, 1, 1, 1, 1, 1], 1),
    ("a", "/predict", "client_error", [1, 1, 1, 1, 1, 1, 1], 1),
    ("b", "/random", "success", [0, 0, 1, 2, 4, 5, 5], 165),
    ("b", "/random", "server_error", [0, 0, 0, 0, 0, 0, 2], 300),
    ("b", "/predict", "success", [0, 0, 0, 1, 2, 3, 3], 140),
];

// How full each resource is, and was until a quarter of a minute before the end.
const RATIOS: &[(&str, &str, f64, f64)] = &[
    ("a", "concurrency", 0.2, 0.9),
    ("a", "memory", 0.85, 0.8),
    ("b", "concurrency", 0.4, 0.95),
    ("b", "cpu", 0.1, 0.1),
];

/// All scenes.
pub(super) fn all() -> Vec<Scene> {
    let steady = |_: &str, _: &str, step: f64| format!("0+{step}x{STEPS}");
    vec![
        scene("all is calm", &steady),
        // The last six values are those of a process that began again at 0.
        scene(
            "instance a was restarted half a minute ago",
            &|instance, _, step| {
                if instance == "a" {
                    format!("0+{step}x{} 0+{step}x5", STEPS - 6)
                } else {
                    steady(instance, "", step)
                }
            },
        ),
        scene(
            "the last seconds brought twenty times the load",
            &|_, _, step| {
                let last = f64::from(STEPS - 1) * step;
                format!("0+{step}x{} {}", STEPS - 1, last + 20.0 * step)
            },
        ),
        // Between the last two scrapes, where only `irate` looks.
        scene(
            "instance a was restarted just before the last scrape",
            &|instance, _, step| {
                if instance == "a" {
                    format!("0+{step}x{} {step}", STEPS - 1)
                } else {
                    steady(instance, "", step)
                }
            },
        ),
        scene(
            "the last scrape but one of instance b is missing",
            &|instance, _, step| {
                if instance == "b" {
                    let last = f64::from(STEPS) * step;
                    format!("0+{step}x{} _ {last}", STEPS - 2)
                } else {
                    steady(instance, "", step)
                }
            },
        ),
        // The past weighs more than the last minutes, and was another.
        scene(
            "the processes had been running for days, and it was otherwise then",
            &|_, kind, step| {
                let past = if kind == "success" || kind == "200" {
                    4e5
                } else {
                    1e3
                };
                format!("{past}+{step}x{STEPS}")
            },
        ),
        scene("nothing fails", &|instance, kind, step| {
            if kind.starts_with('5') || kind == "server_error" {
                steady(instance, kind, 0.0)
            } else {
                steady(instance, kind, step)
            }
        }),
    ]
}

fn scene(name: &'static str, values: &dyn Fn(&str, &str, f64) -> String) -> Scene {
    let mut series = Vec::new();
    for (instance, route, status, step) in REQUESTS {
        let labels = format!(
            "job=\"student\",instance=\"{instance}\",method=\"GET\",route=\"{route}\",status=\"{status}\""
        );
        series.push((
            format!("http_requests_total{{{labels}}}"),
            values(instance, status, f64::from(*step)),
        ));
    }
    for (instance, route, outcome, buckets, sum) in DURATIONS {
        let labels = format!(
            "job=\"student\",instance=\"{instance}\",method=\"GET\",route=\"{route}\",outcome=\"{outcome}\""
        );
        let name = "http_request_duration_seconds";
        let mut add = |series_name: String, step: f64| {
            series.push((series_name, values(instance, outcome, step)));
        };
        for (bound, step) in BOUNDS.iter().zip(buckets) {
            add(
                format!("{name}_bucket{{{labels},le=\"{bound}\"}}"),
                f64::from(*step),
            );
        }
        add(format!("{name}_count{{{labels}}}"), f64::from(buckets[6]));
        add(format!("{name}_sum{{{labels}}}"), f64::from(*sum) / 100.0);
    }
    for (instance, resource, ratio, before) in RATIOS {
        // So much load fills another resource than memory.
        let is_full = name.contains("times the load") && *resource == "concurrency";
        let ratio = if is_full { &0.97 } else { ratio };
        series.push((
            format!(
                "saturation_ratio{{job=\"student\",instance=\"{instance}\",resource=\"{resource}\"}}"
            ),
            format!("{before}x{} {ratio}x2", STEPS - 3),
        ));
    }
    Scene {
        name,
        series,
        at: END,
    }
}
