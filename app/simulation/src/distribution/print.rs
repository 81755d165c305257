//! The canonical text of a law: what the parser reads back as the same law.

use std::fmt;

use super::composite::Law;
use super::family::Family;
use super::quantity::{Measure, Printed};

/// A law with what its numbers measure, printed in the grammar.
pub(super) struct Canonical<'a>(pub(super) &'a Law, pub(super) Measure);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(law, measure) = *self;
        match law {
            Law::Simple(simple) => family(f, &simple.family, measure),
            Law::Mixture(components) => {
                for (i, component) in components.iter().enumerate() {
                    let plus = if i == 0 { "" } else { " + " };
                    let weight = Printed(component.weight, Measure::Number);
                    write!(f, "{plus}{weight}*{}", Canonical(&component.law, measure))?;
                }
                Ok(())
            }
            Law::Clamp { law, lo, hi } => {
                let (lo, hi) = (Printed(*lo, measure), Printed(*hi, measure));
                write!(f, "clamp({}, {lo}, {hi})", Canonical(law, measure))
            }
        }
    }
}

fn family(f: &mut fmt::Formatter<'_>, family: &Family, measure: Measure) -> fmt::Result {
    let signature = family.signature();
    write!(f, "{}(", signature.name)?;
    for (i, (parameter, value)) in signature
        .parameters
        .iter()
        .zip(family.parameters())
        .enumerate()
    {
        if signature.default_of(parameter, measure) == Some(value) {
            continue;
        }
        if i > 0 {
            f.write_str(", ")?;
        }
        if parameter.named {
            write!(f, "{}=", parameter.name)?;
        }
        write!(f, "{}", Printed(value, parameter.role.measure(measure)))?;
    }
    f.write_str(")")
}
