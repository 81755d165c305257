//! How a value is written and coloured: units, colours, thresholds, mappings, and what
//! applies to some fields of a panel only.

use serde_json::{Value, json};

/// What a number counts; Grafana's own ids
/// (<https://github.com/grafana/grafana/blob/v9.3.0/packages/grafana-data/src/valueFormats/categories.ts>).
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// As it is.
    Plain,
    /// Of processors, busy.
    Cores,
    /// With K, Mil, Bil for many.
    Short,
    Seconds,
    Bytes,
    BytesPerSecond,
    /// Of 1, written as percent.
    Ratio,
    RequestsPerSecond,
    OperationsPerSecond,
    /// So many times.
    Times,
}

impl Unit {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Cores => "suffix:cores",
            Self::Short => "short",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::Ratio => "percentunit",
            Self::RequestsPerSecond => "reqps",
            Self::OperationsPerSecond => "ops",
            Self::Times => "suffix:\u{d7}",
        }
    }
}

/// Of Grafana's palette.
#[derive(Clone, Copy)]
pub(crate) enum Color {
    Blue,
    DarkBlue,
    DarkGreen,
    DarkOrange,
    DarkRed,
    Green,
    LightBlue,
    LightGreen,
    LightOrange,
    LightRed,
    Orange,
    Purple,
    Red,
    Yellow,
}

impl Color {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::DarkBlue => "dark-blue",
            Self::DarkGreen => "dark-green",
            Self::DarkOrange => "dark-orange",
            Self::DarkRed => "dark-red",
            Self::Green => "green",
            Self::LightBlue => "light-blue",
            Self::LightGreen => "light-green",
            Self::LightOrange => "light-orange",
            Self::LightRed => "light-red",
            Self::Orange => "orange",
            Self::Purple => "purple",
            Self::Red => "red",
            Self::Yellow => "yellow",
        }
    }
}

/// A colour for the smallest values, and those from which on others apply.
#[derive(Clone)]
pub(crate) struct Thresholds {
    pub(crate) base: Color,
    pub(crate) steps: Vec<(f64, Color)>,
}

impl Thresholds {
    pub(crate) fn none(base: Color) -> Self {
        Self {
            base,
            steps: Vec::new(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let base = json!({"color": self.base.name(), "value": null});
        let steps = self
            .steps
            .iter()
            .map(|(from, color)| json!({"color": color.name(), "value": number(*from)}));
        let steps: Vec<_> = std::iter::once(base).chain(steps).collect();
        json!({"mode": "absolute", "steps": steps})
    }
}

/// What stands where a number would be, in no colour that a number could have: Grafana gives a
/// number that is not there the colour of the smallest one, so that a dead service looks healthy.
pub(crate) fn no_data() -> Value {
    let shown = json!({"color": "#808080", "index": 0, "text": "no data"});
    json!([{"options": {"match": "null", "result": shown}, "type": "special"}])
}

/// Words and colours in the place of some values.
pub(crate) fn mappings(values: &[(&str, &str, Color)]) -> Value {
    let options: serde_json::Map<_, _> = values
        .iter()
        .enumerate()
        .map(|(index, (value, text, color))| {
            let shown = json!({"color": color.name(), "index": index, "text": text});
            ((*value).to_owned(), shown)
        })
        .collect();
    json!([{"options": options, "type": "value"}])
}

/// What applies to some fields of a panel only.
pub(crate) struct Override {
    matcher: Value,
    properties: Vec<Value>,
}

impl Override {
    /// To the field of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            matcher: json!({"id": "byName", "options": name}),
            properties: Vec::new(),
        }
    }

    /// To those whose names match, between slashes as in JavaScript.
    pub(crate) fn matching(expression: &str) -> Self {
        Self {
            matcher: json!({"id": "byRegexp", "options": expression}),
            properties: Vec::new(),
        }
    }

    pub(crate) fn color(self, color: Color) -> Self {
        self.set(
            "color",
            &json!({"fixedColor": color.name(), "mode": "fixed"}),
        )
    }

    pub(crate) fn dashed(self) -> Self {
        self.set("custom.lineStyle", &json!({"dash": [6, 6], "fill": "dash"}))
    }

    pub(crate) fn unit(self, unit: Unit) -> Self {
        self.set("unit", &json!(unit.id()))
    }

    pub(crate) fn decimals(self, decimals: u8) -> Self {
        self.set("decimals", &json!(decimals))
    }

    /// Red from this value on, in a table.
    pub(crate) fn red_from(self, value: f64) -> Self {
        let thresholds = Thresholds {
            base: Color::Green,
            steps: vec![(value, Color::Red)],
        };
        self.set("thresholds", &thresholds.json()).colored_text()
    }

    /// Words for values, in a table.
    pub(crate) fn mapped(self, values: &[(&str, &str, Color)]) -> Self {
        self.set("mappings", &mappings(values)).colored_text()
    }

    fn colored_text(self) -> Self {
        self.set("custom.displayMode", &json!("color-text"))
    }

    fn set(mut self, id: &str, value: &Value) -> Self {
        self.properties.push(json!({"id": id, "value": value}));
        self
    }

    pub(crate) fn json(&self) -> Value {
        json!({"matcher": self.matcher, "properties": self.properties})
    }
}

/// Without a point if it is whole, as people write it.
pub(crate) fn number(value: f64) -> Value {
    // Whole, and far from where an i64 ends.
    if value.fract() == 0.0 && value.abs() < 1e9 {
        #[expect(clippy::cast_possible_truncation, reason = "it was just compared")]
        return json!(value as i64);
    }
    json!(value)
}
