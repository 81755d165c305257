//! Text to law, by recursive descent.
//!
//! ```text
//! mixture  = part { "+" part }
//! part     = [ weight "*" ] law             the weight may be missing only in the only part
//! law      = family "(" [ argument { "," argument } ] ")"
//!          | "clamp" "(" mixture "," argument "," argument ")"
//! argument = [ name "=" ] number [ unit ]
//! ```
//!
//! The recursion goes only through `clamp` and is bounded, as is everything
//! else that could make a text take long.

use super::cursor::{Cursor, Number, quoted};
use super::family::Family;
use super::law::Law;
use super::nearest::nearest;
use super::parse_error::{ParseError, Problem, Suggestion};
use super::print::Canonical;
use super::quantity::{Measure, Printed, UNIT_NAMES, parse_number, parse_time};
use super::signature::{CLAMP, Parameter, SIGNATURES, Signature, TRIANGULAR, UNIFORM};

/// The longest text that is read, in bytes: longer than any canonical text can
/// be with the limits below.
const MAX_BYTES: usize = 16_384;
/// How deep `clamp` may stand inside `clamp`.
const MAX_DEPTH: usize = 8;
/// How many families and clamps may stand in one text.
const MAX_LAWS: usize = 64;
/// By how much the weights of a mixture may miss 1.
const WEIGHT_TOLERANCE: f64 = 1e-9;
/// The least probability of not being negative that a family in a delay may
/// have. Of less, next to nothing of the written law would be left: it is
/// surely not what was meant.
const LEAST_KEPT: f64 = 0.001;

/// The law that `text` is, over what `measure` says.
pub(super) fn parse(text: &str, measure: Measure) -> Result<Law, ParseError> {
    if text.len() > MAX_BYTES {
        return Err(ParseError::new(1, Problem::TooLong { limit: MAX_BYTES }));
    }
    let mut parser = Parser {
        cursor: Cursor::new(text),
        measure,
        laws: 0,
    };
    if parser.cursor.at_end() {
        let example = match measure {
            Measure::Number => "normal(mean=50, sd=15)",
            Measure::Time => "lognormal(mean=120ms, cv=0.6)",
        };
        return Err(ParseError::new(
            parser.cursor.column(),
            Problem::Empty { example },
        ));
    }
    let law = parser.mixture(0)?;
    if parser.cursor.at_end() {
        Ok(law)
    } else {
        Err(parser.cursor.unexpected("`+` or the end"))
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    measure: Measure,
    laws: usize,
}

impl Parser<'_> {
    fn mixture(&mut self, depth: usize) -> Result<Law, ParseError> {
        self.cursor.skip_space();
        let start = self.cursor.column();
        let mut parts = Vec::new();
        let mut unweighted = None;
        loop {
            self.cursor.skip_space();
            let column = self.cursor.column();
            let weight = self.weight()?;
            let law = self.law(depth)?;
            if weight.is_none() {
                unweighted = unweighted.or(Some((column, name_of(&law))));
            }
            parts.push((weight.unwrap_or(1.0), law));
            if !self.cursor.take('+') {
                break;
            }
        }
        if parts.len() > 1
            && let Some((column, family)) = unweighted
        {
            let family = family.to_owned();
            return Err(ParseError::new(column, Problem::WeightNeeded { family }));
        }
        let sum: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if (sum - 1.0).abs() > WEIGHT_TOLERANCE {
            return Err(ParseError::new(start, Problem::WeightSum { sum }));
        }
        Ok(Law::mixture(parts))
    }

    fn weight(&mut self) -> Result<Option<f64>, ParseError> {
        let Some(number) = self.cursor.number() else {
            return Ok(None);
        };
        if !self.cursor.take('*') {
            if self.cursor.at_end() {
                let quoted = number.quoted();
                let constant = quoted.trim_matches('`').to_owned();
                let problem = Problem::NumberOnly {
                    found: quoted,
                    number: constant,
                };
                return Err(ParseError::new(number.column, problem));
            }
            return Err(self.cursor.unexpected("`*` behind the weight"));
        }
        let problem = |problem| Err(ParseError::new(number.column, problem));
        if !number.unit.is_empty() {
            return problem(Problem::UnitRefused {
                found: number.quoted(),
                parameter: "weight".to_owned(),
                number: number.digits.to_owned(),
            });
        }
        let weight = parse_number(number.digits);
        if !(weight > 0.0 && weight <= 1.0) {
            return problem(Problem::OutOfRange {
                found: number.quoted(),
                parameter: "weight".to_owned(),
                range: "above 0 to 1".to_owned(),
            });
        }
        Ok(Some(weight))
    }

    fn law(&mut self, depth: usize) -> Result<Law, ParseError> {
        self.cursor.skip_space();
        let column = self.cursor.column();
        let Some(word) = self.cursor.word() else {
            return Err(self.cursor.unexpected("a distribution"));
        };
        let names = || SIGNATURES.iter().map(|signature| signature.name);
        let Some(signature) = SIGNATURES.iter().find(|signature| signature.name == word) else {
            let problem = Problem::UnknownFamily {
                found: quoted(word),
                suggestion: Suggestion(nearest(word, names())),
                known: names().collect::<Vec<_>>().join(", "),
            };
            return Err(ParseError::new(column, problem));
        };
        self.laws += 1;
        if self.laws > MAX_LAWS {
            return Err(ParseError::new(
                column,
                Problem::TooMany { limit: MAX_LAWS },
            ));
        }
        self.cursor.expect('(', &format!("`(` behind `{word}`"))?;
        if **signature == CLAMP {
            if depth == MAX_DEPTH {
                return Err(ParseError::new(
                    column,
                    Problem::TooDeep { limit: MAX_DEPTH },
                ));
            }
            let law = self.mixture(depth + 1)?;
            self.cursor.expect(',', "`,` and the bounds of clamp")?;
            let [lo, hi, _] = self.arguments(&CLAMP)?;
            self.ordered(column, &CLAMP, [lo, hi])?;
            return Ok(Law::clamp(law, lo, hi));
        }
        let arguments = self.arguments(signature)?;
        self.family(column, signature, arguments)
    }

    fn family(
        &self,
        column: usize,
        signature: &'static Signature,
        arguments: [f64; 3],
    ) -> Result<Law, ParseError> {
        let [first, second, third] = arguments;
        if *signature == UNIFORM {
            self.ordered(column, signature, [first, second])?;
        }
        if *signature == TRIANGULAR {
            self.ordered(column, signature, [first, third])?;
            if !(first..=third).contains(&second) {
                let [min, mode, max] = arguments.map(|x| Printed(x, self.measure).to_string());
                return Err(ParseError::new(column, Problem::Mode { mode, min, max }));
            }
        }
        let family = Family::from_parameters(signature, arguments)
            .expect("clamp, which is no family, does not come here");
        match self.measure {
            Measure::Number => Ok(Law::simple(family)),
            Measure::Time => Law::truncated(family, LEAST_KEPT).map_err(|kept| {
                let law = Canonical(&Law::simple(family), Measure::Time).to_string();
                let percent = format!("{:.2e}", kept * 100.0);
                let percent = if kept == 0.0 { "0".to_owned() } else { percent };
                let least = LEAST_KEPT * 100.0;
                ParseError::new(
                    column,
                    Problem::Negative {
                        law: quoted(&law),
                        percent,
                        least,
                    },
                )
            }),
        }
    }

    /// The arguments up to and with the closing parenthesis, in the
    /// signature's order.
    fn arguments(&mut self, signature: &'static Signature) -> Result<[f64; 3], ParseError> {
        let family = signature.name;
        let mut values = [None; 3];
        let mut next = 0;
        let mut named = false;
        if !self.cursor.take(')') {
            loop {
                self.cursor.skip_space();
                let column = self.cursor.column();
                let index = if let Some(index) = self.name(signature)? {
                    named = true;
                    index
                } else {
                    if named && self.cursor.number().is_some() {
                        let usage = signature.usage();
                        return Err(ParseError::new(
                            column,
                            Problem::NameNeeded { family, usage },
                        ));
                    }
                    next += 1;
                    next - 1
                };
                let Some(parameter) = signature.parameters.get(index) else {
                    let known = signature.takes();
                    return Err(ParseError::new(
                        column,
                        Problem::TooManyArguments { family, known },
                    ));
                };
                let value = self.value(parameter)?;
                if values[index].replace(value).is_some() {
                    let parameter = parameter.name;
                    return Err(ParseError::new(
                        column,
                        Problem::Twice { family, parameter },
                    ));
                }
                if self.cursor.take(')') {
                    break;
                }
                self.cursor.expect(',', "`,` or `)`")?;
            }
        }
        let end = self.cursor.column() - 1;
        let mut complete = [0.0; 3];
        for (i, parameter) in signature.parameters.iter().enumerate() {
            let value = values[i].or(signature.default_of(parameter, self.measure));
            complete[i] = value.ok_or_else(|| {
                let (parameter, known) = (parameter.name, signature.takes());
                ParseError::new(
                    end,
                    Problem::Missing {
                        family,
                        parameter,
                        known,
                    },
                )
            })?;
        }
        Ok(complete)
    }

    /// Takes `name =` if it is next: which of the parameters it names.
    fn name(&mut self, signature: &'static Signature) -> Result<Option<usize>, ParseError> {
        let mut ahead = self.cursor;
        ahead.skip_space();
        let column = ahead.column();
        let Some(word) = ahead.word() else {
            return Ok(None);
        };
        if !ahead.take('=') {
            return Ok(None);
        }
        self.cursor = ahead;
        let names = || signature.parameters.iter().map(|parameter| parameter.name);
        let index = names().position(|name| name == word).ok_or_else(|| {
            let problem = Problem::UnknownParameter {
                found: quoted(word),
                family: signature.name,
                suggestion: Suggestion(nearest(word, names())),
                known: signature.takes(),
            };
            ParseError::new(column, problem)
        })?;
        Ok(Some(index))
    }

    /// Takes the number that `parameter` is.
    fn value(&mut self, parameter: &Parameter) -> Result<f64, ParseError> {
        let measure = parameter.role.measure(self.measure);
        let name = parameter.name;
        let range = || parameter.role.range_text(self.measure);
        let mut ahead = self.cursor;
        ahead.skip_space();
        let column = ahead.column();
        let problem = |problem| Err(ParseError::new(column, problem));
        let Some(number) = self.cursor.number() else {
            ahead.take('-');
            if let Some(word) = ahead.word()
                && ["inf", "infinity", "nan"].contains(&word.to_lowercase().as_str())
            {
                let found = quoted(word);
                return problem(Problem::NotFinite {
                    found,
                    parameter: name,
                    range: range(),
                });
            }
            return Err(self.cursor.unexpected(&format!("a number for `{name}`")));
        };
        let found = number.quoted();
        let value = self.quantity(&number, name, measure)?;
        if !value.is_finite() {
            return problem(Problem::NotFinite {
                found,
                parameter: name,
                range: range(),
            });
        }
        let (low, high) = parameter.role.range(self.measure);
        if !(low..=high).contains(&value) {
            let parameter = name.to_owned();
            return problem(Problem::OutOfRange {
                found,
                parameter,
                range: range(),
            });
        }
        Ok(value)
    }

    fn quantity(&self, number: &Number<'_>, name: &str, of: Measure) -> Result<f64, ParseError> {
        let problem = |problem| Err(ParseError::new(number.column, problem));
        let (found, parameter) = (number.quoted(), name.to_owned());
        let bare = quoted(number.digits).trim_matches('`').to_owned();
        match (of, number.unit) {
            (Measure::Number, "") => Ok(parse_number(number.digits)),
            (Measure::Number, _) => problem(Problem::UnitRefused {
                found,
                parameter,
                number: bare,
            }),
            (Measure::Time, "") => problem(Problem::UnitNeeded {
                found,
                found_bare: bare,
                parameter,
                units: UNIT_NAMES,
            }),
            (Measure::Time, unit) => match parse_time(number.digits, unit) {
                Some(seconds) => Ok(seconds),
                None => problem(Problem::UnknownUnit {
                    found: quoted(unit),
                    units: UNIT_NAMES,
                }),
            },
        }
    }

    /// That the first of two bounds is below the second.
    fn ordered(
        &self,
        column: usize,
        signature: &'static Signature,
        [low, high]: [f64; 2],
    ) -> Result<(), ParseError> {
        if low < high {
            return Ok(());
        }
        let parameters = signature.parameters;
        let problem = Problem::Order {
            family: signature.name,
            lower: parameters[0].name,
            upper: parameters[parameters.len() - 1].name,
            low: Printed(low, self.measure).to_string(),
            high: Printed(high, self.measure).to_string(),
        };
        Err(ParseError::new(column, problem))
    }
}

/// What `law` begins with.
fn name_of(law: &Law) -> &'static str {
    match law {
        Law::Simple(simple) => simple.family.signature().name,
        Law::Mixture(_) | Law::Clamp { .. } => CLAMP.name,
    }
}
