//! What happens to the services `student` and `app`. The last fourteen minutes are steady:
//! over any shorter window, every query has the same answer. Before, all was otherwise, so
//! that what looks at all there ever was, or at all that the dashboard shows, is seen.

use crate::promtool::Scene;

// A value every 5 s for twenty minutes.
const STEPS: usize = 240;
const END: u32 = 1195;
// So many of them are of the past.
const PAST: usize = 72;

/// Of one instance of a service, in 5 s.
struct Load {
    /// Requests to `/random` answered with 200, by how long they took: within 50,
    /// 100, 250, 500 and 1000 ms.
    fine: [u32; 5],
    /// Answered at once with 500 and with 503.
    failed: [u32; 2],
    /// To nowhere.
    lost: u32,
    /// `saturation_ratio` of concurrency and of memory.
    full: [f64; 2],
}

// What each instance did until the steady minutes: more, slower, and with more errors.
const EARLIER: Load = Load {
    fine: [30, 20, 60, 150, 90],
    failed: [90, 60],
    lost: 200,
    full: [0.0, 0.0],
};
// And for so many steps before the first value.
const EARLIER_STEPS: f64 = 5000.0;

/// All scenes.
pub(super) fn all() -> Vec<Scene> {
    let calm = Load {
        fine: [20, 50, 25, 4, 1],
        failed: [1, 1],
        lost: 10,
        full: [0.2, 0.4],
    };
    let other = Load {
        fine: [35, 60, 25, 6, 2],
        full: [0.1, 0.3],
        ..calm
    };
    vec![
        scene("all is calm", &[&calm, &other]),
        scene(
            "many requests fail, quickly",
            &[
                &Load {
                    failed: [60, 20],
                    ..calm
                },
                &Load {
                    failed: [50, 15],
                    ..other
                },
            ],
        ),
        scene(
            "one instance is slow and nearly full",
            &[
                &calm,
                &Load {
                    fine: [5, 10, 30, 45, 30],
                    full: [0.95, 0.3],
                    ..calm
                },
            ],
        ),
    ]
}

fn scene(name: &'static str, instances: &[&Load]) -> Scene {
    let mut series = Vec::new();
    for (load, instance) in instances.iter().zip(["a", "b"]) {
        service(&mut series, "student", instance, load);
    }
    let reference = Load {
        fine: [300, 40, 20, 10, 5],
        failed: [5, 5],
        lost: 7,
        full: [0.99, 0.5],
    };
    service(&mut series, "app", "c", &reference);
    Scene {
        name,
        series,
        at: END,
    }
}

fn service(series: &mut Vec<(String, String)>, job: &str, instance: &str, load: &Load) {
    let who = format!("job=\"{job}\",instance=\"{instance}\"");
    for ((name, step), (_, before)) in counters(load).into_iter().zip(counters(&EARLIER)) {
        // It has counted for hours: the first value is not 0.
        let start = before * EARLIER_STEPS;
        let turn = start + before * PAST as f64;
        series.push((
            name.replace('{', &format!("{{{who},")),
            match instance {
                // It has just been restarted, and went on as before.
                "b" => format!(
                    "{start}+{before}x{} {turn}+{step}x{} {step}+{step}x1",
                    PAST - 1,
                    STEPS - PAST - 2
                ),
                _ => format!(
                    "{start}+{before}x{} {turn}+{step}x{}",
                    PAST - 1,
                    STEPS - PAST
                ),
            },
        ));
    }
    let mut gauge = |name: &str, value: f64| {
        series.push((name.to_owned(), format!("{value}x{STEPS}")));
    };
    for (resource, full) in ["concurrency", "memory"].iter().zip(load.full) {
        gauge(
            &format!("saturation_ratio{{{who},resource=\"{resource}\"}}"),
            full,
        );
    }
    gauge(
        &format!("http_requests_in_flight{{{who}}}"),
        100.0 * load.full[0],
    );
    gauge(&format!("up{{{who}}}"), 1.0);
}

// By how much each counter rises in 5 s, by its name and its labels without job and instance.
fn counters(load: &Load) -> Vec<(String, f64)> {
    let mut all = Vec::new();
    let mut counter = |name: &str, labels: &str, step: f64| {
        all.push((format!("{name}{{{labels}}}"), step));
    };
    let random = "method=\"GET\",route=\"/random\"";
    let lost = "method=\"GET\",route=\"unmatched\"";
    let requests = "http_requests_total";
    let fine: u32 = load.fine.iter().sum();
    counter(requests, &format!("{random},status=\"200\""), fine.into());
    for (status, count) in [500, 503].iter().zip(load.failed) {
        counter(
            requests,
            &format!("{random},status=\"{status}\""),
            count.into(),
        );
    }
    counter(
        requests,
        &format!("{lost},status=\"404\""),
        load.lost.into(),
    );

    let failed: u32 = load.failed.iter().sum();
    // Whatever is not fine is over within 50 ms.
    let quick = |count| [count, 0, 0, 0, 0];
    for (labels, counts, mean) in [
        (format!("{random},outcome=\"success\""), load.fine, 0.13),
        (
            format!("{random},outcome=\"server_error\""),
            quick(failed),
            0.003,
        ),
        (
            format!("{lost},outcome=\"client_error\""),
            quick(load.lost),
            0.001,
        ),
    ] {
        let name = "http_request_duration_seconds";
        let mut within = 0;
        for (le, count) in ["0.05", "0.1", "0.25", "0.5", "1.0"].iter().zip(counts) {
            within += count;
            let labels = format!("{labels},le=\"{le}\"");
            counter(&format!("{name}_bucket"), &labels, within.into());
        }
        let labels_of_all = format!("{labels},le=\"+Inf\"");
        counter(&format!("{name}_bucket"), &labels_of_all, within.into());
        counter(&format!("{name}_count"), &labels, within.into());
        counter(&format!("{name}_sum"), &labels, mean * f64::from(within));
    }
    all
}
