//! The strict reader refuses what Prometheus would refuse, and what would be read
//! but mean nothing.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use workshop::exposition::{Exposition, ExpositionError};

const PAGE: &str = "\
# HELP a_b Something.
# TYPE a_b counter
a_b_total{x=\"1\",y=\"a \\\"b\\\" \\\\ \\n c, d} \"} 3
a_b_total 4
# TYPE t histogram
t_bucket{le=\"0.5\"} 1
t_bucket{le=\"+Inf\"} 2 # {trace_id=\"x\"} 0.7
t_sum 1.5
t_count 2
# EOF
";

#[test]
fn a_good_page_is_read() {
    let page = Exposition::parse(PAGE).unwrap();
    assert_eq!(page.types["a_b"], "counter");
    assert_eq!(page.sum("a_b_total", &[]), 7.0);
    assert_eq!(page.series("a_b_total", &[("x", "1")]), 1);
    let label = &page.named("a_b_total").next().unwrap().labels["y"];
    assert_eq!(label, "a \"b\" \\ \n c, d} ");
    assert_eq!(page.bounds("t"), [0.5, f64::INFINITY]);
}

#[test]
fn lines_that_are_no_samples_are_refused() {
    for line in [
        "x",
        "x ",
        "x y",
        "1x 1",
        "x-y 1",
        "x  1",
        "x{a=1} 1",
        "x{a=\"1\" 1",
        "x{a=\"1\",a=\"2\"} 1",
        "x 1 2 3",
        "# TYPE x",
        "",
    ] {
        let page = format!("{line}\n# EOF\n");
        let refused = matches!(
            Exposition::parse(&page),
            Err(ExpositionError::NoSample { line: 1, .. })
        );
        assert!(refused, "{line:?}");
    }
    assert!(Exposition::parse("# EOF\nx 1\n").is_err());
}

#[test]
fn a_page_that_was_cut_off_is_refused() {
    assert_eq!(Exposition::parse("x 1\n"), Err(ExpositionError::NoEnd));
}

#[test]
fn what_appears_twice_is_refused() {
    let twice = "x{a=\"1\",b=\"2\"} 1\nx{b=\"2\",a=\"1\"} 1\n# EOF\n";
    assert!(matches!(
        Exposition::parse(twice),
        Err(ExpositionError::Twice { .. })
    ));
    let declared = "# TYPE x counter\n# TYPE x counter\n# EOF\n";
    assert!(matches!(
        Exposition::parse(declared),
        Err(ExpositionError::DeclaredTwice { .. })
    ));
}

#[test]
fn histograms_that_cannot_be_are_refused() {
    for (from, to, fault) in [
        ("le=\"0.5\"} 1", "le=\"0.5\"} 3", "less in it"),
        ("le=\"+Inf\"", "le=\"9\"", "no bucket up to +Inf"),
        ("t_count 2", "t_count 3", "counts otherwise"),
        ("le=\"0.5\"", "up=\"0.5\"", "without an upper bound"),
    ] {
        let page = PAGE.replace(from, to);
        let error = Exposition::parse(&page).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
    }
}
