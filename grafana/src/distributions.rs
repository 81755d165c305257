//! The numbers that `/random` draws and the time it takes, side by side in the same panels.

use crate::dashboard::{Dashboard, Row};
use crate::field::{Color, Override, Unit};
use crate::graph::Legend;
use crate::panel::{Panel, bars, graph, heatmap, stat, text};
use crate::query::{RANDOM_SUCCESS, SELECTED};
use crate::variable::Variable;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "distributions",
        "Distributions",
        "The numbers that /random draws and the time it takes: which distributions do they \
         follow?",
        vec![
            Variable::service(r#"http_requests_total{route="/random"}"#),
            Variable::instances(),
        ],
        vec![random_variable(), delay()],
    )
    .live_page()
}

fn random_variable() -> Row {
    let values = Histogram {
        what: "Values",
        metric: "random_value",
        selected: SELECTED,
        unit: Unit::Plain,
        suffix: "",
    };
    let task = text("Your task", include_str!("distributions.md"))
        .description("How to use this dashboard.")
        .wide(18, 5);
    let seen = stat("Values seen", Unit::Plain)
        .description(
            "How many numbers were drawn in the range shown: all panels of this row are based on \
             them. A quantile far out in the tail needs hundreds of values beyond it.",
        )
        .wide(6, 5)
        .decimals(0)
        .query(values.count(), "values");
    let panels = [task, seen].into_iter().chain(values.panels()).collect();
    Row::new("The random variable", panels)
}

fn delay() -> Row {
    let delays = Histogram {
        what: "Delays",
        metric: "http_request_duration_seconds",
        selected: RANDOM_SUCCESS,
        unit: Unit::Seconds,
        suffix: " s",
    };
    let measured = text("What is measured", include_str!("delays.md"))
        .description("What the panels of this row show.")
        .wide(18, 4);
    let seen = stat("Requests seen", Unit::Plain)
        .description(
            "How many successful requests there were in the range shown: all panels of this row \
             are based on them.",
        )
        .wide(6, 4)
        .decimals(0)
        .query(delays.count(), "requests");
    let panels = [measured, seen].into_iter().chain(delays.panels());
    Row::new("The delay", panels.collect())
}

/// A metric that has classic and native buckets.
struct Histogram {
    what: &'static str,
    metric: &'static str,
    selected: &'static str,
    unit: Unit,
    // Of a bucket's bound, as Prometheus writes it.
    suffix: &'static str,
}

impl Histogram {
    /// How many were observed in the range.
    fn count(&self) -> String {
        let Self {
            metric, selected, ..
        } = self;
        format!("sum(increase({metric}_count{selected}[$__range]))")
    }

    /// In each classic bucket, with those below.
    fn buckets(&self, window: &str) -> String {
        let Self {
            metric, selected, ..
        } = self;
        format!("sum by (le) (increase({metric}_bucket{selected}[{window}]))")
    }

    fn classic_quantile(&self, quantile: f64, function: &str, window: &str) -> String {
        let Self {
            metric, selected, ..
        } = self;
        let buckets = format!("{function}({metric}_bucket{selected}[{window}])");
        format!("histogram_quantile({quantile}, sum by (le) ({buckets}))")
    }

    fn native_quantile(&self, quantile: f64, function: &str, window: &str) -> String {
        let Self {
            metric, selected, ..
        } = self;
        let histogram = format!("{function}({metric}{selected}[{window}])");
        format!("histogram_quantile({quantile}, sum({histogram}))")
    }

    fn panels(&self) -> [Panel; 5] {
        [
            self.over_time(),
            self.quantiles_over_time(),
            self.in_each_bucket(),
            self.cumulative(),
            self.quantiles(),
        ]
    }

    fn over_time(&self) -> Panel {
        heatmap(format!("{} over time", self.what), self.unit)
            .description(
                "Each column is a moment, each row a bucket; darker is more. Look at the shape of \
                 a column (one mode or several, symmetric or skewed) and for when it changes.",
            )
            .wide(12, 9)
            .every_s(10)
            .query(self.buckets("$__rate_interval"), "{{le}}")
    }

    fn quantiles_over_time(&self) -> Panel {
        const QUANTILES: [(f64, &str, Color, Color); 4] = [
            (0.1, "p10", Color::LightBlue, Color::DarkBlue),
            (0.5, "p50", Color::LightGreen, Color::DarkGreen),
            (0.9, "p90", Color::LightOrange, Color::DarkOrange),
            (0.99, "p99", Color::LightRed, Color::DarkRed),
        ];
        let title = format!("{}: classic against native quantiles", self.what);
        let mut panel = graph(title, self.unit)
            .description(
                "The same quantiles from both kinds of histogram. The classic ones (dashed) are \
                 interpolated linearly within a bucket, so they can be off by a bucket's width; \
                 native buckets are a few percent wide. Where do they differ most, and which \
                 bounds would you move?",
            )
            .wide(12, 9)
            .without_minimum()
            .legend(Legend::Beside)
            .every_s(15);
        for (quantile, name, light, _) in QUANTILES {
            let classic = format!("{name} classic");
            let color = Override::of(&classic).color(light).dashed();
            panel = panel
                .query(
                    self.classic_quantile(quantile, "rate", "$__rate_interval"),
                    &classic,
                )
                .overrides([color]);
        }
        for (quantile, name, _, dark) in QUANTILES {
            let native = format!("{name} native");
            let color = Override::of(&native).color(dark);
            panel = panel
                .query(
                    self.native_quantile(quantile, "rate", "$__rate_interval"),
                    &native,
                )
                .overrides([color]);
        }
        panel
    }

    fn in_each_bucket(&self) -> Panel {
        bars(
            format!("{}: how many in each bucket", self.what),
            Unit::Plain,
        )
        .description(
            "How many values of the whole range shown fell between a bound and the one before \
             it. Buckets are not equally wide: divide by the width before you read a shape \
             from the heights. A longer range gives a smoother picture.",
        )
        .wide(8, 10)
        .decimals(0)
        .minimum(0.0)
        .query(
            self.buckets("$__range"),
            &format!("{{{{le}}}}{}", self.suffix),
        )
        .buckets()
    }

    fn cumulative(&self) -> Panel {
        let (buckets, count) = (self.buckets("$__range"), self.count());
        let title = format!("{}: share at or below each bound", self.what);
        bars(title, Unit::Ratio)
            .description(
                "The cumulative distribution at the buckets' bounds: the share of values that are \
                 at most the bound. It needs no division by the width, and most values lie \
                 between the bounds where it rises most steeply.",
            )
            .wide(8, 10)
            .decimals(1)
            .between(0.0, 1.0)
            .query(
                format!("sort({buckets} / on () group_left () {count})"),
                &format!("≤ {{{{le}}}}{}", self.suffix),
            )
    }

    fn quantiles(&self) -> Panel {
        let title = format!("{}: quantiles over the whole range", self.what);
        let mut panel = bars(title, self.unit)
            .description(
                "Six quantiles over the range shown, each from both histograms. Look at their \
                 distances: are they equal on both sides of the median, or longer on one?",
            )
            .wide(8, 10)
            .decimals(1)
            .color_each();
        for (quantile, name) in [
            (0.05, "p5"),
            (0.25, "p25"),
            (0.5, "p50"),
            (0.75, "p75"),
            (0.95, "p95"),
            (0.99, "p99"),
        ] {
            let classic = self.classic_quantile(quantile, "increase", "$__range");
            let native = self.native_quantile(quantile, "increase", "$__range");
            panel = panel
                .query(classic, &format!("{name} classic"))
                .query(native, &format!("{name} native"));
        }
        panel
    }
}
