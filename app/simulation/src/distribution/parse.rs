//! Text to distribution, by recursive descent.
//!
//! ```text
//! mixture  = part { "+" part }
//! part     = [ weight "*" ] simple          the weight may be missing only in the only part
//! simple   = family "(" [ argument { "," argument } ] ")"
//!          | "clamp" "(" mixture "," argument "," argument ")"
//! argument = [ name "=" ] number [ unit ]
//! ```
//!
//! The recursion goes only through `clamp` and is bounded, as is everything
//! else that could make a text take long.

use super::arguments::{arguments, quantity};
use super::composite::Distribution;
use super::cursor::Cursor;
use super::family::Family;
use super::nearest::nearest;
use super::parse_error::{ParseError, Problem, Suggestion};
use super::print::Canonical;
use super::quantity::{Measure, Printed};
use super::signature::{CLAMP, SIGNATURES, Signature, TRIANGULAR, UNIFORM};
use crate::excerpt::excerpt;

/// The longest text that is read, in bytes: longer than any canonical text can
/// be with the limits below.
const MAX_BYTES: usize = 16_384;
/// How deep `clamp` may stand inside `clamp`.
const MAX_DEPTH: usize = 8;
/// How many families and clamps may stand in one text.
const MAX_PARTS: usize = 64;
/// By how much the weights of a mixture may miss 1.
const WEIGHT_TOLERANCE: f64 = 1e-9;
/// The least probability of not being negative that a family in a delay may
/// have. Of less, next to nothing of the written distribution would be left: it
/// is surely not what was meant.
const MIN_KEPT: f64 = 0.001;

/// The distribution that `text` is, over what `measure` says.
pub(super) fn parse(text: &str, measure: Measure) -> Result<Distribution, ParseError> {
    if text.len() > MAX_BYTES {
        return Err(Problem::TooLong { limit: MAX_BYTES }.at(1));
    }
    let mut parser = Parser {
        cursor: Cursor::new(text),
        measure,
        parts: 0,
    };
    if parser.cursor.at_end() {
        let example = match measure {
            Measure::Number => "normal(mean=50, sd=15)",
            Measure::Time => "lognormal(mean=120ms, cv=0.6)",
        };
        return Err(Problem::Empty { example }.at(parser.cursor.column()));
    }
    let distribution = parser.mixture(0)?;
    if parser.cursor.at_end() {
        Ok(distribution)
    } else {
        Err(parser.cursor.unexpected("`+` or the end"))
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    measure: Measure,
    parts: usize,
}

impl Parser<'_> {
    fn mixture(&mut self, depth: usize) -> Result<Distribution, ParseError> {
        self.cursor.skip_space();
        let start = self.cursor.column();
        let mut parts = Vec::new();
        let mut unweighted = None;
        loop {
            self.cursor.skip_space();
            let column = self.cursor.column();
            let weight = self.weight()?;
            let distribution = self.simple(depth)?;
            if weight.is_none() {
                let family = distribution.name();
                unweighted.get_or_insert(Problem::WeightNeeded { family }.at(column));
            }
            parts.push((weight.unwrap_or(1.0), distribution));
            if !self.cursor.take('+') {
                break;
            }
        }
        if let (Some(error), 2..) = (unweighted, parts.len()) {
            return Err(error);
        }
        let sum: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if (sum - 1.0).abs() > WEIGHT_TOLERANCE {
            // To as many digits as matter: what rounding left is not the
            // user's.
            let sum = (sum * 1e12).round() / 1e12;
            return Err(Problem::WeightSum { sum }.at(start));
        }
        Ok(Distribution::mixture(parts))
    }

    fn weight(&mut self) -> Result<Option<f64>, ParseError> {
        let Some(number) = self.cursor.number() else {
            return Ok(None);
        };
        if !self.cursor.take('*') {
            return Err(if self.cursor.at_end() {
                Problem::NumberOnly {
                    found: number.shown(),
                }
                .at(number.column)
            } else {
                self.cursor.unexpected("`*` behind the weight")
            });
        }
        let weight = quantity(&number, "weight", Measure::Number)?;
        if weight > 0.0 && weight <= 1.0 {
            return Ok(Some(weight));
        }
        let (found, range) = (number.shown(), "above 0 to 1".to_owned());
        Err(Problem::OutOfRange {
            found,
            parameter: "weight",
            range,
        }
        .at(number.column))
    }

    fn simple(&mut self, depth: usize) -> Result<Distribution, ParseError> {
        self.cursor.skip_space();
        let column = self.cursor.column();
        let Some(word) = self.cursor.word() else {
            return Err(self.cursor.unexpected("a distribution"));
        };
        let names = || SIGNATURES.iter().map(|signature| signature.name);
        let Some(signature) = SIGNATURES
            .into_iter()
            .find(|signature| signature.name == word)
        else {
            let problem = Problem::UnknownFamily {
                found: excerpt(word),
                suggestion: Suggestion(nearest(word, names())),
                known: names().collect::<Vec<_>>().join(", "),
            };
            return Err(problem.at(column));
        };
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(Problem::TooMany { limit: MAX_PARTS }.at(column));
        }
        self.cursor.expect('(', &format!("`(` behind `{word}`"))?;
        if *signature == CLAMP {
            if depth == MAX_DEPTH {
                return Err(Problem::TooDeep { limit: MAX_DEPTH }.at(column));
            }
            let distribution = self.mixture(depth + 1)?;
            self.cursor.expect(',', "`,` and the bounds of clamp")?;
            let [lo, hi, _] = arguments(&mut self.cursor, signature, self.measure)?;
            self.ordered(signature, [lo, hi])
                .map_err(|problem| problem.at(column))?;
            Ok(Distribution::clamp(distribution, lo, hi))
        } else {
            let arguments = arguments(&mut self.cursor, signature, self.measure)?;
            self.family(signature, arguments)
                .map_err(|problem| problem.at(column))
        }
    }

    fn family(
        &self,
        signature: &'static Signature,
        arguments: [f64; 3],
    ) -> Result<Distribution, Problem> {
        let [first, second, third] = arguments;
        if *signature == UNIFORM {
            self.ordered(signature, [first, second])?;
        }
        if *signature == TRIANGULAR {
            self.ordered(signature, [first, third])?;
            if !(first..=third).contains(&second) {
                let [min, mode, max] = arguments.map(|x| Printed(x, self.measure).to_string());
                return Err(Problem::Mode { mode, min, max });
            }
        }
        let family = Family::from_parameters(signature, arguments)
            .expect("clamp, which is no family, does not come here");
        match self.measure {
            Measure::Number => Ok(Distribution::simple(family)),
            Measure::Time => Distribution::truncated(family, MIN_KEPT).map_err(|kept| {
                let distribution =
                    Canonical(&Distribution::simple(family), Measure::Time).to_string();
                let percent = if kept > 0.0 {
                    format!("only {:.1e}%", kept * 100.0)
                } else {
                    "nothing".to_owned()
                };
                Problem::Negative {
                    distribution,
                    percent,
                    least: MIN_KEPT * 100.0,
                }
            }),
        }
    }

    /// That the first of two bounds is below the second.
    fn ordered(&self, signature: &'static Signature, bounds: [f64; 2]) -> Result<(), Problem> {
        if bounds[0] < bounds[1] {
            return Ok(());
        }
        let [low, high] = bounds.map(|bound| Printed(bound, self.measure).to_string());
        let parameters = signature.parameters;
        Err(Problem::Order {
            family: signature.name,
            lower: parameters[0].name,
            upper: parameters[parameters.len() - 1].name,
            low,
            high,
        })
    }
}
