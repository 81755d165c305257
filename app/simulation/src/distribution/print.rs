//! The canonical text of a distribution: what the parser reads back as the same
//! distribution.

use std::fmt;

use super::composite::Distribution;
use super::family::Family;
use super::quantity::{Measure, Printed};

/// A distribution with what its numbers measure, printed in the grammar.
pub(super) struct Canonical<'a>(pub(super) &'a Distribution, pub(super) Measure);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(distribution, measure) = *self;
        match distribution {
            Distribution::Simple(simple) => family(f, &simple.family, measure),
            Distribution::Mixture(components) => {
                for (i, component) in components.iter().enumerate() {
                    let plus = if i == 0 { "" } else { " + " };
                    let weight = Printed(component.weight, Measure::Number);
                    write!(f, "{plus}{weight}*{}", Canonical(&component.inner, measure))?;
                }
                Ok(())
            }
            Distribution::Clamp { inner, lo, hi } => {
                let (lo, hi) = (Printed(*lo, measure), Printed(*hi, measure));
                write!(f, "clamp({}, {lo}, {hi})", Canonical(inner, measure))
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
