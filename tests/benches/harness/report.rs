//! The table a benchmark prints: figure, measured, target, verdict.

use std::fmt::Write as _;

/// What a figure must reach.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// For orientation only.
    None,
}

/// A table of Markdown, as in docs/benchmarks.md.
pub struct Report {
    rows: Vec<[String; 4]>,
}

impl Report {
    pub fn new() -> Self {
        Self {
            rows: vec![["figure", "measured", "target", ""].map(str::to_owned)],
        }
    }

    /// Adds a figure in this unit, with this many decimals.
    pub fn row(
        &mut self,
        figure: &str,
        measured: f64,
        decimals: usize,
        unit: &str,
        target: Target,
    ) {
        let unit = if unit.is_empty() {
            String::new()
        } else {
            format!(" {unit}")
        };
        let (bound, holds) = match target {
            Target::AtMost(bound) => (format!("≤ {bound}{unit}"), Some(measured <= bound)),
            Target::AtLeast(bound) => (format!("≥ {bound}{unit}"), Some(measured >= bound)),
            Target::None => (String::new(), None),
        };
        let verdict = holds.map_or("", |holds| if holds { "PASS" } else { "MISS" });
        self.rows.push([
            figure.to_owned(),
            format!("{measured:.decimals$}{unit}"),
            bound,
            verdict.to_owned(),
        ]);
    }

    pub fn print(&self) {
        let widths: Vec<_> = (0..4)
            .map(|column| {
                self.rows
                    .iter()
                    .map(|row| row[column].chars().count())
                    .max()
            })
            .map(|width| width.unwrap_or(0))
            .collect();
        let mut table = String::from("\n");
        for (number, row) in self.rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(table, "| {cell:width$} ");
            }
            table += "|\n";
            if number == 0 {
                for width in &widths {
                    let _ = write!(table, "|{}", "-".repeat(width + 2));
                }
                table += "|\n";
            }
        }
        println!("{table}");
    }
}
