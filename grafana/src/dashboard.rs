//! A dashboard: what all of them share, and where its panels are.

use serde_json::{Value, json};

use crate::panel::Panel;
use crate::query::data_source;
use crate::variable::Variable;

/// How many columns Grafana's grid has.
const COLUMNS: u64 = 24;

/// The newest schema that Grafana 9.3 knows.
const SCHEMA_VERSION: u64 = 37;

/// The tag by which the dashboards find each other.
const TAG: &str = "golden-signals";

/// Panels under one heading.
pub(crate) struct Row {
    title: Option<&'static str>,
    panels: Vec<Panel>,
}

impl Row {
    pub(crate) fn new(title: &'static str, panels: Vec<Panel>) -> Self {
        Self {
            title: Some(title),
            panels,
        }
    }

    pub(crate) fn without_heading(panels: Vec<Panel>) -> Self {
        Self {
            title: None,
            panels,
        }
    }
}

/// What Grafana shows on one page.
pub(crate) struct Dashboard {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    variables: Vec<Variable>,
    // The labels that an alert's mark shows: as tags, and in its text.
    marks: (&'static str, &'static str),
    passes_selection: bool,
    links: Vec<Value>,
    rows: Vec<Row>,
}

impl Dashboard {
    pub(crate) fn new(
        uid: &'static str,
        title: &'static str,
        description: &'static str,
        variables: Vec<Variable>,
        rows: Vec<Row>,
    ) -> Self {
        Self {
            uid,
            title,
            description,
            variables,
            marks: ("severity,slo", "{{job}} {{instance}} {{slo}}"),
            passes_selection: true,
            links: Vec::new(),
            rows,
        }
    }

    /// What the marks of alerts show.
    pub(crate) fn marks(mut self, tags: &'static str, text: &'static str) -> Self {
        self.marks = (tags, text);
        self
    }

    /// For a selection that would mean nothing elsewhere.
    pub(crate) fn keeps_its_selection(mut self) -> Self {
        self.passes_selection = false;
        self
    }

    /// The service's page.
    pub(crate) fn live_page(self) -> Self {
        let tooltip = "The service's own page, with its controls and its pager";
        self.link("Live page", "http://localhost:8000/", tooltip)
    }

    /// A page outside Grafana.
    pub(crate) fn link(mut self, title: &str, url: &str, tooltip: &str) -> Self {
        self.links.push(json!({
            "asDropdown": false,
            "icon": "external link",
            "includeVars": false,
            "keepTime": false,
            "tags": [],
            "targetBlank": true,
            "title": title,
            "tooltip": tooltip,
            "type": "link",
            "url": url,
        }));
        self
    }

    /// Its uid, which is its file's name.
    pub(crate) fn uid(&self) -> &'static str {
        self.uid
    }

    /// Its file.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{:#}", self.json());
        text.push('\n');
        text
    }

    fn json(&self) -> Value {
        let variables: Vec<_> = self.variables.iter().map(Variable::json).collect();
        json!({
            "annotations": {"list": [self.alerts()]},
            "description": self.description,
            "editable": true,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "links": self.links(),
            "liveNow": false,
            "panels": self.panels(),
            "refresh": "5s",
            "schemaVersion": SCHEMA_VERSION,
            "tags": [TAG],
            "templating": {"list": variables},
            "time": {"from": "now-15m", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "weekStart": "",
        })
    }

    /// A mark in every graph while an alert fires; not for Watchdog, of level 0, which always does.
    fn alerts(&self) -> Value {
        let (tags, text) = self.marks;
        json!({
            "datasource": data_source(),
            "enable": true,
            "expr": r#"ALERTS{alertstate="firing", level!="0", job=~"$job|"}"#,
            "hide": false,
            "iconColor": "red",
            "name": "Alerts",
            "step": "5s",
            "tagKeys": tags,
            "textFormat": text,
            "titleFormat": "{{alertname}}",
        })
    }

    fn links(&self) -> Vec<Value> {
        let others = json!({
            "asDropdown": false,
            "icon": "dashboard",
            "includeVars": self.passes_selection,
            "keepTime": true,
            "tags": [TAG],
            "targetBlank": false,
            "title": "Dashboards",
            "tooltip": "The other dashboards of the workshop",
            "type": "dashboards",
            "url": "",
        });
        let mut links = vec![others];
        links.extend(self.links.iter().cloned());
        links
    }

    /// From left to right, and from top to bottom, as a text is written.
    fn panels(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let (mut top, mut id) = (0, 0);
        for row in &self.rows {
            if let Some(title) = row.title {
                id += 1;
                panels.push(heading(title, id, top));
                top += 1;
            }
            let (mut left, mut bottom) = (0, top);
            for panel in &row.panels {
                let (width, height) = panel.size();
                if left + width > COLUMNS {
                    (left, top) = (0, bottom);
                }
                id += 1;
                let place = json!({"h": height, "w": width, "x": left, "y": top});
                panels.push(panel.json(id, &place));
                left += width;
                bottom = bottom.max(top + height);
            }
            top = bottom;
        }
        panels
    }
}

fn heading(title: &str, id: u64, top: u64) -> Value {
    json!({
        "collapsed": false,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        "id": id,
        "panels": [],
        "title": title,
        "type": "row",
    })
}

/// A link at the corner of a panel, to another dashboard.
pub(crate) fn link_to(uid: &str, title: &str, passes_selection: bool) -> Value {
    let selection = if passes_selection {
        "${job:queryparam}&${instance:queryparam}&"
    } else {
        ""
    };
    let url = format!("/d/{uid}?{selection}${{__url_time_range}}");
    json!({"targetBlank": false, "title": title, "url": url})
}
