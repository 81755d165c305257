//! All exercises, in their order.

use super::{Check, Exercise};
use crate::checks;

/// All exercises.
pub const EXERCISES: &[Exercise] = &[
    Exercise {
        number: 1,
        name: "01_traffic",
        title: "Traffic: count the requests",
        file: "traffic.rs",
        check: Check::Service(checks::traffic::check),
    },
    Exercise {
        number: 2,
        name: "02_latency",
        title: "Latency: time the answers",
        file: "latency.rs",
        check: Check::Service(checks::latency::check),
    },
    Exercise {
        number: 3,
        name: "03_errors",
        title: "Errors: tell them apart",
        file: "errors.rs",
        check: Check::Service(checks::errors::check),
    },
    Exercise {
        number: 4,
        name: "04_saturation",
        title: "Saturation: know how full you are",
        file: "saturation.rs",
        check: Check::Service(checks::saturation::check),
    },
    Exercise {
        number: 5,
        name: "05_scrape",
        title: "Scraping: let Prometheus come by",
        file: "prometheus.yml",
        check: Check::File(checks::scrape::check),
    },
    Exercise {
        number: 6,
        name: "06_promql",
        title: "PromQL: ask the right question",
        file: "queries.promql",
        check: Check::Answer(checks::promql::check),
    },
    Exercise {
        number: 7,
        name: "07_rules",
        title: "Rules: be woken, but only when it matters",
        file: "student.rules.yml",
        check: Check::File(checks::rules::check),
    },
    Exercise {
        number: 8,
        name: "08_dashboard",
        title: "Dashboard: show the golden signals",
        file: "dashboard.json",
        check: Check::Answer(checks::dashboard::check),
    },
    Exercise {
        number: 9,
        name: "09_questions",
        title: "The questions at the end of the day",
        file: "answers.txt",
        check: Check::File(checks::questions::check),
    },
    Exercise {
        number: 10,
        name: "10_buckets",
        title: "Bucket lab: predict what is reported",
        file: "predictions.txt",
        check: Check::File(checks::buckets::check),
    },
    Exercise {
        number: 11,
        name: "11_random_value",
        title: "Recover the distribution of the random numbers",
        file: "answer.txt",
        check: Check::Answer(checks::recover::values),
    },
    Exercise {
        number: 12,
        name: "12_random_delay",
        title: "Recover the distribution of the delays",
        file: "answer.txt",
        check: Check::Answer(checks::recover::delays),
    },
    Exercise {
        number: 13,
        name: "13_loops",
        title: "Loops: closed and open",
        file: "load.rs",
        check: Check::Program("load", checks::loops::check),
    },
    Exercise {
        number: 14,
        name: "14_cardinality",
        title: "Cardinality: find the bomb and defuse it",
        file: "shop.rs",
        check: Check::Program("shop", checks::cardinality::check),
    },
    Exercise {
        number: 15,
        name: "15_capstone",
        title: "Capstone: instrument a service from nothing",
        file: "service.rs",
        check: Check::Program("capstone", checks::capstone::check),
    },
    Exercise {
        number: 16,
        name: "16_processes",
        title: "Processes: watch them, and find the leak",
        file: "answers.txt",
        check: Check::File(checks::processes::check),
    },
    Exercise {
        number: 17,
        name: "17_training",
        title: "Training: push what cannot be scraped",
        file: "training.rs",
        check: Check::Program("training", checks::training::check),
    },
    Exercise {
        number: 18,
        name: "18_three_runs",
        title: "Three runs: find the fault in each",
        file: "answers.txt",
        check: Check::File(checks::three_runs::check),
    },
];
