//! The arguments of a family or of `clamp`, by place or by name.

use super::cursor::{Cursor, Number};
use super::nearest::nearest;
use super::parse_error::{ParseError, Problem, Suggestion};
use super::quantity::{Measure, UNIT_NAMES, parse_number, parse_time};
use super::signature::{Parameter, Signature};
use crate::excerpt::excerpt;

/// Takes the arguments up to and with the closing parenthesis, and puts them
/// into the signature's order.
pub(super) fn arguments(
    cursor: &mut Cursor<'_>,
    signature: &'static Signature,
    measure: Measure,
) -> Result<[f64; 3], ParseError> {
    let family = signature.name;
    let mut values = [None; 3];
    let mut places = 0..;
    let mut named = false;
    let mut closed = cursor.take(')');
    while !closed {
        cursor.skip_space();
        let column = cursor.column();
        let index = if let Some(index) = name(cursor, signature)? {
            named = true;
            index
        } else if named && cursor.at_number() {
            let usage = signature.usage();
            return Err(Problem::NameNeeded { family, usage }.at(column));
        } else {
            places.next().unwrap_or(usize::MAX)
        };
        let Some(parameter) = signature.parameters.get(index) else {
            let known = signature.takes();
            return Err(Problem::TooManyArguments { family, known }.at(column));
        };
        let value = value(cursor, parameter, measure)?;
        if values[index].replace(value).is_some() {
            let parameter = parameter.name;
            return Err(Problem::Twice { family, parameter }.at(column));
        }
        closed = cursor.take(')');
        if !closed {
            cursor.expect(',', "`,` or `)`")?;
        }
    }
    let mut complete = [0.0; 3];
    for (i, parameter) in signature.parameters.iter().enumerate() {
        let value = values[i].or(signature.default_of(parameter, measure));
        complete[i] = value.ok_or_else(|| {
            let (parameter, known) = (parameter.name, signature.takes());
            let parenthesis = cursor.column() - 1;
            Problem::Missing {
                family,
                parameter,
                known,
            }
            .at(parenthesis)
        })?;
    }
    Ok(complete)
}

/// Takes `name =` if it is next: which of the parameters it names.
fn name(
    cursor: &mut Cursor<'_>,
    signature: &'static Signature,
) -> Result<Option<usize>, ParseError> {
    let mut ahead = *cursor;
    ahead.skip_space();
    let column = ahead.column();
    let Some(word) = ahead.word() else {
        return Ok(None);
    };
    if !ahead.take('=') {
        return Ok(None);
    }
    *cursor = ahead;
    let names = || signature.parameters.iter().map(|parameter| parameter.name);
    let index = names().position(|name| name == word);
    let unknown = || Problem::UnknownParameter {
        found: excerpt(word),
        family: signature.name,
        suggestion: Suggestion(nearest(word, names())),
        known: signature.takes(),
    };
    index.map(Some).ok_or_else(|| unknown().at(column))
}

/// Takes the number that `parameter` of a distribution over `measure` is.
fn value(
    cursor: &mut Cursor<'_>,
    parameter: &Parameter,
    measure: Measure,
) -> Result<f64, ParseError> {
    let name = parameter.name;
    let Some(number) = cursor.quantity() else {
        let mut ahead = *cursor;
        ahead.take('-');
        let column = ahead.column();
        let word = ahead.word().unwrap_or_default();
        if ["inf", "infinity", "nan"].contains(&word.to_lowercase().as_str()) {
            let (found, range) = (excerpt(word), parameter.role.range_text(measure));
            return Err(Problem::NotFinite {
                found,
                parameter: name,
                range,
            }
            .at(column));
        }
        return Err(cursor.unexpected(&format!("a number for `{name}`")));
    };
    let value = quantity(&number, name, parameter.role.measure(measure))?;
    let (low, high) = parameter.role.range(measure);
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    let (found, range) = (number.shown(), parameter.role.range_text(measure));
    Err(if value.is_finite() {
        Problem::OutOfRange {
            found,
            parameter: name,
            range,
        }
        .at(number.column)
    } else {
        Problem::NotFinite {
            found,
            parameter: name,
            range,
        }
        .at(number.column)
    })
}

/// What `number` is, given that `parameter` measures `measure`.
pub(super) fn quantity(
    number: &Number<'_>,
    parameter: &'static str,
    measure: Measure,
) -> Result<f64, ParseError> {
    let found = number.shown();
    let digits = excerpt(number.digits);
    let problem = match (measure, number.unit) {
        (Measure::Number, "") => return Ok(parse_number(number.digits)),
        (Measure::Number, _) => Problem::UnitRefused {
            found,
            parameter,
            digits,
        },
        (Measure::Time, "") => Problem::UnitNeeded {
            digits,
            parameter,
            units: UNIT_NAMES,
        },
        (Measure::Time, unit) => match parse_time(number.digits, unit) {
            Some(seconds) => return Ok(seconds),
            None => Problem::UnknownUnit {
                found: excerpt(unit),
                units: UNIT_NAMES,
            },
        },
    };
    Err(problem.at(number.column))
}
