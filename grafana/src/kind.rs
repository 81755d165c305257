//! What each of Grafana's plugins that we use wants to be told.

use serde_json::{Value, json};

use crate::field::Unit;
use crate::graph::{Graph, hidden_nowhere};

/// Which plugin draws a panel, with what is its own.
pub(crate) enum Kind {
    Stat {
        background: bool,
    },
    Graph(Graph),
    /// The unit is that of the buckets' bounds.
    Heatmap,
    Timeline,
    Table {
        sort: Option<Value>,
        transformations: Vec<Value>,
    },
    Bars {
        color_each: bool,
    },
    Text {
        markdown: String,
    },
}

impl Kind {
    /// `type`: the plugin that draws it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Stat { .. } => "stat",
            Self::Graph(_) => "timeseries",
            Self::Heatmap => "heatmap",
            Self::Timeline => "state-timeline",
            Self::Table { .. } => "table",
            Self::Bars { .. } => "bargauge",
            Self::Text { .. } => "text",
        }
    }

    /// Whether it shows a moment, not a range of time.
    pub(crate) fn is_of_now(&self) -> bool {
        matches!(
            self,
            Self::Stat { .. } | Self::Bars { .. } | Self::Table { .. }
        )
    }

    /// `fieldConfig.defaults.color.mode`.
    pub(crate) fn color(&self) -> Option<&'static str> {
        match self {
            Self::Graph(_) | Self::Bars { color_each: true } => Some("palette-classic"),
            Self::Heatmap | Self::Text { .. } => None,
            _ => Some("thresholds"),
        }
    }

    /// `fieldConfig.defaults.custom`.
    pub(crate) fn custom(&self) -> Option<Value> {
        let custom = match self {
            Self::Graph(graph) => graph.field(),
            Self::Heatmap => json!({
                "hideFrom": hidden_nowhere(),
                "scaleDistribution": {"type": "linear"},
            }),
            Self::Timeline => json!({"fillOpacity": 80, "lineWidth": 0}),
            Self::Table { .. } => json!({
                "align": "auto",
                "filterable": false,
                "inspect": false,
            }),
            Self::Stat { .. } | Self::Bars { .. } | Self::Text { .. } => return None,
        };
        Some(custom)
    }

    /// `options`; `unit`: of what is drawn.
    pub(crate) fn options(&self, unit: Unit) -> Value {
        match self {
            Self::Graph(graph) => graph.options(),
            Self::Stat { background } => json!({
                "colorMode": if *background { "background" } else { "value" },
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "reduceOptions": last_value(),
                "textMode": "auto",
            }),
            Self::Bars { .. } => json!({
                "displayMode": "basic",
                "minVizHeight": 10,
                "minVizWidth": 0,
                "orientation": "horizontal",
                "reduceOptions": last_value(),
                "showUnfilled": true,
            }),
            Self::Timeline => json!({
                "alignValue": "left",
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false},
                "mergeValues": true,
                "rowHeight": 0.8,
                "showValue": "auto",
                "tooltip": {"mode": "single", "sort": "none"},
            }),
            Self::Table { sort: None, .. } => json!({"showHeader": true}),
            Self::Table { sort, .. } => json!({"showHeader": true, "sortBy": sort}),
            Self::Text { markdown } => json!({
                "code": {"language": "plaintext", "showLineNumbers": false, "showMiniMap": false},
                "content": markdown,
                "mode": "markdown",
            }),
            Self::Heatmap => json!({
                "calculate": false,
                "cellGap": 1,
                "cellValues": {"decimals": 1, "unit": "short"},
                "color": {
                    "exponent": 0.5,
                    "fill": "dark-orange",
                    "mode": "scheme",
                    "reverse": false,
                    "scale": "exponential",
                    "scheme": "Oranges",
                    "steps": 64,
                },
                "exemplars": {"color": "rgba(255,0,255,0.7)"},
                // Empty cells stay empty.
                "filterValues": {"le": 1e-9},
                "legend": {"show": true},
                "rowsFrame": {"layout": "auto"},
                "showValue": "never",
                "tooltip": {"yHistogram": true},
                "yAxis": {"axisPlacement": "left", "reverse": false, "unit": unit.id()},
            }),
        }
    }
}

fn last_value() -> Value {
    json!({"calcs": ["lastNotNull"], "fields": "", "values": false})
}
