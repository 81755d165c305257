//! Whether what the model is asked with is whole, in range and of now.

use crate::dashboard::Row;
use crate::field::{Color, Unit};
use crate::graph::Limits;
use crate::panel::graph;
use crate::query::{JOB, SELECTED};

pub(super) fn inputs() -> Row {
    Row::new(
        "Inputs",
        vec![
            graph("Missing features", Unit::Ratio)
                .description(
                    "Share of the questions to the whole job without this feature; its average in \
                     training stood in, so that nothing failed. Beyond 1% FeatureMissing fires.",
                )
                .colors(Color::Green, [(0.01, Color::Red)])
                .limits(Limits::Solid)
                .axis_at_least(0.02)
                .every_s(5)
                .query(
                    format!("job_feature:model_feature_missing:ratio_rate5m{JOB}"),
                    "{{feature}}",
                ),
            graph("Features out of range", Unit::Ratio)
                .description(
                    "Share of the questions to the whole job in which this feature was beyond \
                     what training has seen; of wines like those of training up to 1%. All at \
                     once is a changed unit. Beyond 5% FeatureOutOfRange fires.",
                )
                .colors(Color::Green, [(0.05, Color::Red)])
                .limits(Limits::Solid)
                .axis_at_least(0.1)
                .every_s(5)
                .query(out_of_range(), "{{feature}}"),
            graph("Features out of date", Unit::Ratio)
                .description(
                    "Share of the questions to the whole job whose features were older than ten \
                     minutes. The model is not asked about them: they are the fallback's reason \
                     stale. Beyond 1% FeaturesStale fires.",
                )
                .colors(Color::Green, [(0.01, Color::Red)])
                .limits(Limits::Solid)
                .axis_at_least(0.02)
                .every_s(5)
                .query(
                    format!("job:model_feature_stale:ratio_rate5m{JOB}"),
                    "out of date",
                ),
            graph("Age of the features, 99th percentile", Unit::Seconds)
                .description(
                    "How old what is known of a wine is when it is used. A refresh a minute is \
                     usual; beyond ten minutes, the dashed line, the model is not asked and the \
                     rules answer (stale).",
                )
                .colors(Color::Green, [(600.0, Color::Red)])
                .limits(Limits::Dashed)
                .every_s(10)
                .query(
                    format!(
                        "histogram_quantile(0.99, sum by (segment, le) \
                         (rate(model_feature_age_seconds_bucket{SELECTED}[$__rate_interval]))) >= 0"
                    ),
                    "{{segment}}",
                ),
            graph("Age of the model", Unit::Seconds)
                .description(
                    "Since it was trained; it falls to nearly nothing when a new one is loaded. \
                     What is too old its owners say (--model-max-age); beyond that ModelStale \
                     fires.",
                )
                .every_s(10)
                .query(
                    format!(
                        "time() - max by (instance) (model_trained_timestamp_seconds{SELECTED})"
                    ),
                    "{{instance}}",
                ),
        ],
    )
}

/// By feature; 0 of those that never were.
pub(super) fn out_of_range() -> String {
    format!(
        "(job_feature:model_feature_out_of_range:ratio_rate5m{JOB} or 0 * \
         job_feature:model_feature_missing:ratio_rate5m{JOB})"
    )
}
