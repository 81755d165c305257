//! A panel: its kind, what it shows and how. What is not set is as nearly all have it.

use serde_json::{Value, json};

use crate::dashboard::link_to;
use crate::field::{Color, Override, Thresholds, Unit, mappings, no_data, number};
use crate::graph::{Graph, Legend, Limits, Style};
use crate::kind::Kind;
use crate::query::{Format, Query, data_source};

/// The Grafana whose options these are: the oldest that reads them.
const PLUGIN_VERSION: &str = "9.3.0";

/// A panel without its place.
pub(crate) struct Panel {
    kind: Kind,
    title: String,
    description: &'static str,
    size: (u64, u64),
    unit: Unit,
    decimals: Option<u8>,
    min: Option<f64>,
    max: Option<f64>,
    no_value: Option<&'static str>,
    thresholds: Thresholds,
    mappings: Value,
    overrides: Vec<Override>,
    links: Vec<Value>,
    queries: Vec<Query>,
    step_s: Option<u64>,
    repeated_by: Option<&'static str>,
}

/// One big number, of now.
pub(crate) fn stat(title: impl Into<String>, unit: Unit) -> Panel {
    let mut panel = Panel::new(Kind::Stat { background: false }, title, unit, Color::Blue);
    panel.size = (4, 4);
    panel.mappings = no_data();
    panel.no_value = Some("no data");
    panel
}

/// Lines over time, from 0.
pub(crate) fn graph(title: impl Into<String>, unit: Unit) -> Panel {
    let mut panel = Panel::new(Kind::Graph(Graph::LINES), title, unit, Color::Green);
    panel.min = Some(0.0);
    panel
}

/// A histogram over time: its bounds upwards, in this unit, and how many in its colours.
pub(crate) fn heatmap(title: impl Into<String>, unit: Unit) -> Panel {
    Panel::new(Kind::Heatmap, title, unit, Color::Green)
}

/// States over time, from the values' mappings.
pub(crate) fn timeline(title: impl Into<String>, states: &[(&str, &str, Color)]) -> Panel {
    let mut panel = Panel::new(Kind::Timeline, title, Unit::Plain, Color::Green);
    panel.mappings = mappings(states);
    panel
}

/// A row for each series.
pub(crate) fn table(title: impl Into<String>, unit: Unit) -> Panel {
    let kind = Kind::Table {
        sort: None,
        transformations: Vec::new(),
    };
    Panel::new(kind, title, unit, Color::Green)
}

/// Horizontal bars, of now.
pub(crate) fn bars(title: impl Into<String>, unit: Unit) -> Panel {
    Panel::new(Kind::Bars { color_each: false }, title, unit, Color::Blue)
}

/// Markdown.
pub(crate) fn text(title: impl Into<String>, markdown: &str) -> Panel {
    let markdown = markdown.trim_end().to_owned();
    Panel::new(Kind::Text { markdown }, title, Unit::Plain, Color::Green)
}

impl Panel {
    fn new(kind: Kind, title: impl Into<String>, unit: Unit, base: Color) -> Self {
        Self {
            kind,
            title: title.into(),
            description: "",
            size: (8, 8),
            unit,
            decimals: None,
            min: None,
            max: None,
            no_value: None,
            thresholds: Thresholds::none(base),
            mappings: json!([]),
            overrides: Vec::new(),
            links: Vec::new(),
            queries: Vec::new(),
            step_s: None,
            repeated_by: None,
        }
    }

    /// What it shows and how to read it; Grafana shows it at the title.
    pub(crate) fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// In columns, of which there are 24, and rows.
    pub(crate) fn wide(mut self, width: u64, height: u64) -> Self {
        self.size = (width, height);
        self
    }

    pub(crate) fn size(&self) -> (u64, u64) {
        self.size
    }

    pub(crate) fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    pub(crate) fn between(mut self, min: f64, max: f64) -> Self {
        (self.min, self.max) = (Some(min), Some(max));
        self
    }

    pub(crate) fn minimum(mut self, min: f64) -> Self {
        self.min = Some(min);
        self
    }

    /// Where a fall or a small change is what matters.
    pub(crate) fn without_minimum(mut self) -> Self {
        self.min = None;
        self
    }

    /// What stands there when there is nothing.
    pub(crate) fn no_value(mut self, text: &'static str) -> Self {
        self.no_value = Some(text);
        self
    }

    pub(crate) fn colors<const N: usize>(mut self, base: Color, steps: [(f64, Color); N]) -> Self {
        self.thresholds = Thresholds {
            base,
            steps: steps.to_vec(),
        };
        self
    }

    pub(crate) fn overrides(mut self, overrides: impl IntoIterator<Item = Override>) -> Self {
        self.overrides.extend(overrides);
        self
    }

    /// A link to another dashboard, with what is selected here.
    pub(crate) fn link(mut self, uid: &str, title: &str) -> Self {
        self.links.push(link_to(uid, title, true));
        self
    }

    /// A link to another dashboard, with its own selection.
    pub(crate) fn plain_link(mut self, uid: &str, title: &str) -> Self {
        self.links.push(link_to(uid, title, false));
        self
    }

    /// Asks for this.
    pub(crate) fn query(mut self, expression: impl Into<String>, legend: &str) -> Self {
        let format = match self.kind {
            Kind::Table { .. } => Format::Table,
            Kind::Heatmap => Format::Heatmap,
            _ => Format::TimeSeries,
        };
        self.queries.push(Query {
            expression: expression.into(),
            legend: legend.to_owned(),
            exemplars: false,
            format,
        });
        self
    }

    /// The smallest step, in seconds: how often there is something new.
    pub(crate) fn every_s(mut self, step_s: u64) -> Self {
        self.step_s = Some(step_s);
        self
    }

    /// With the last query's exemplars.
    pub(crate) fn exemplars(self) -> Self {
        self.change_last(|query| query.exemplars = true)
    }

    /// The last query's answer is buckets, of which each contains those below.
    pub(crate) fn buckets(self) -> Self {
        self.change_last(|query| query.format = Format::Heatmap)
    }

    fn change_last(mut self, change: impl FnOnce(&mut Query)) -> Self {
        change(self.queries.last_mut().expect("a query was added before"));
        self
    }

    /// Once for each value of this variable, side by side.
    pub(crate) fn repeated_by(mut self, variable: &'static str) -> Self {
        self.repeated_by = Some(variable);
        self
    }

    /// A stat whose whole background has the colour.
    pub(crate) fn background(mut self) -> Self {
        self.kind = Kind::Stat { background: true };
        self
    }

    /// Bars of which each has its own colour.
    pub(crate) fn color_each(mut self) -> Self {
        self.kind = Kind::Bars { color_each: true };
        self
    }

    pub(crate) fn style(self, style: Style) -> Self {
        self.change_graph(|graph| graph.style = style)
    }

    pub(crate) fn limits(self, limits: Limits) -> Self {
        self.change_graph(|graph| graph.limits = limits)
    }

    pub(crate) fn legend(self, legend: Legend) -> Self {
        self.change_graph(|graph| graph.legend = legend)
    }

    pub(crate) fn axis_at_least(self, value: f64) -> Self {
        self.change_graph(|graph| graph.axis_at_least = Some(value))
    }

    fn change_graph(mut self, change: impl FnOnce(&mut Graph)) -> Self {
        if let Kind::Graph(graph) = &mut self.kind {
            change(graph);
        }
        self
    }

    /// The columns of a table: field, heading; and fields that are not shown.
    pub(crate) fn columns(mut self, columns: &[(&str, &str)], hidden: &[&str]) -> Self {
        fn object(fields: impl Iterator<Item = (String, Value)>) -> Value {
            fields.collect()
        }
        let hidden = hidden.iter().map(|name| ((*name).to_owned(), json!(true)));
        let order = (0_u8..).zip(columns);
        let order = order.map(|(at, (name, _))| ((*name).to_owned(), json!(at)));
        let headings = columns
            .iter()
            .map(|(name, to)| ((*name).to_owned(), json!(to)));
        let organize = json!({
            "id": "organize",
            "options": {
                "excludeByName": object(hidden),
                "indexByName": object(order),
                "renameByName": object(headings),
            },
        });
        let several = self.queries.len() > 1;
        if let Kind::Table {
            transformations, ..
        } = &mut self.kind
        {
            if several {
                transformations.push(json!({"id": "merge", "options": {}}));
            }
            transformations.push(organize);
        }
        self
    }

    /// By which column a table is sorted.
    pub(crate) fn sorted_by(mut self, column: &str, descending: bool) -> Self {
        if let Kind::Table { sort, .. } = &mut self.kind {
            *sort = Some(json!([{"desc": descending, "displayName": column}]));
        }
        self
    }

    /// `id`: which of the dashboard's panels; `place`: `gridPos`.
    pub(crate) fn json(&self, id: u64, place: &Value) -> Value {
        let mut panel = json!({
            "description": self.description,
            "gridPos": place,
            "id": id,
            "options": self.kind.options(self.unit),
            "pluginVersion": PLUGIN_VERSION,
            "title": self.title,
            "type": self.kind.type_name(),
        });
        if matches!(self.kind, Kind::Text { .. }) {
            return panel;
        }
        let instant = self.kind.is_of_now();
        let queries: Vec<_> = (0_u8..)
            .zip(&self.queries)
            .map(|(number, query)| query.json(number, instant, self.step_s))
            .collect();
        let overrides: Vec<_> = self.overrides.iter().map(Override::json).collect();
        panel["datasource"] = data_source();
        panel["fieldConfig"] = json!({"defaults": self.defaults(), "overrides": overrides});
        panel["targets"] = json!(queries);
        if !self.links.is_empty() {
            panel["links"] = json!(self.links);
        }
        if let Some(variable) = self.repeated_by {
            panel["repeat"] = json!(variable);
            panel["repeatDirection"] = json!("h");
        }
        if let Kind::Table {
            transformations, ..
        } = &self.kind
        {
            panel["transformations"] = json!(transformations);
        }
        panel
    }

    /// `fieldConfig.defaults`: of all its fields.
    fn defaults(&self) -> Value {
        let unit = match self.kind {
            // Its values are counts; the unit is the axis'.
            Kind::Heatmap => Unit::Short,
            _ => self.unit,
        };
        let mut defaults = json!({
            "mappings": self.mappings,
            "thresholds": self.thresholds.json(),
            "unit": unit.id(),
        });
        let optional = [
            ("color", self.kind.color().map(|mode| json!({"mode": mode}))),
            ("custom", self.kind.custom()),
            ("decimals", self.decimals.map(Value::from)),
            ("max", self.max.map(number)),
            ("min", self.min.map(number)),
            ("noValue", self.no_value.map(Value::from)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                defaults[name] = value;
            }
        }
        defaults
    }
}
