//! How a graph over time is drawn.

use serde_json::{Value, json};

use crate::field::number;

/// What stands for a value.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Lines,
    /// Lines, and a point where a value stands alone.
    LinesAndPoints,
    /// What keeps its value until it has another.
    Steps,
    Bars,
    /// Each upon the one below.
    Stacked,
}

/// How the thresholds are drawn.
#[derive(Clone, Copy)]
pub(crate) enum Limits {
    Hidden,
    Dashed,
    Solid,
}

/// Where the names of the lines stand.
#[derive(Clone, Copy)]
pub(crate) enum Legend {
    Below,
    /// A table with the last values.
    Beside,
}

pub(crate) struct Graph {
    pub(crate) style: Style,
    pub(crate) limits: Limits,
    pub(crate) legend: Legend,
    /// Up to where the axis goes at least, so that what is nearly nothing looks so.
    pub(crate) axis_at_least: Option<f64>,
}

impl Graph {
    pub(crate) const LINES: Self = Self {
        style: Style::Lines,
        limits: Limits::Hidden,
        legend: Legend::Below,
        axis_at_least: None,
    };

    /// `fieldConfig.defaults.custom`.
    pub(crate) fn field(&self) -> Value {
        let (fill, width) = match self.style {
            Style::Lines | Style::LinesAndPoints | Style::Steps => (8, 2),
            Style::Bars => (80, 0),
            // No outline: that of what is nothing would lie upon what is below.
            Style::Stacked => (70, 0),
        };
        let is = |here: bool, yes, no| if here { yes } else { no };
        let bars = matches!(self.style, Style::Bars);
        let points = matches!(self.style, Style::LinesAndPoints);
        let stacked = matches!(self.style, Style::Stacked);
        let steps = matches!(self.style, Style::Steps);
        let limits = match self.limits {
            Limits::Hidden => "off",
            Limits::Dashed => "dashed",
            Limits::Solid => "line",
        };
        let mut custom = json!({
            "axisCenteredZero": false,
            "axisColorMode": "text",
            "axisLabel": "",
            "axisPlacement": "auto",
            "barAlignment": 0,
            "drawStyle": is(bars, "bars", "line"),
            "fillOpacity": fill,
            "gradientMode": "none",
            "hideFrom": hidden_nowhere(),
            "lineInterpolation": is(steps, "stepAfter", "linear"),
            "lineWidth": width,
            "pointSize": 5,
            "scaleDistribution": {"type": "linear"},
            "showPoints": is(points, "auto", "never"),
            "spanNulls": false,
            "stacking": {"group": "A", "mode": is(stacked, "normal", "none")},
            "thresholdsStyle": {"mode": limits},
        });
        if let Some(value) = self.axis_at_least {
            custom["axisSoftMax"] = number(value);
        }
        custom
    }

    /// `options`.
    pub(crate) fn options(&self) -> Value {
        let legend = match self.legend {
            Legend::Below => json!({
                "calcs": [],
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": true,
            }),
            Legend::Beside => json!({
                "calcs": ["lastNotNull"],
                "displayMode": "table",
                "placement": "right",
                "showLegend": true,
            }),
        };
        json!({"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}})
    }
}

pub(crate) fn hidden_nowhere() -> Value {
    json!({"legend": false, "tooltip": false, "viz": false})
}
