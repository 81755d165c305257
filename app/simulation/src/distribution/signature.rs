//! The names of the grammar: families, their parameters, what each may be.

use super::quantity::{Measure, Printed};

/// What a parameter is, and so what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Somewhere on the line; of the distribution's measure.
    Location,
    /// Where a distribution is cut off; of the distribution's measure, and not
    /// negative in a time.
    Bound,
    /// A positive size; of the distribution's measure.
    Scale,
    /// A positive plain number that says how the distribution is bent.
    Shape,
    /// A coefficient of variation: a plain number.
    Variation,
}

impl Role {
    /// Whether the parameter measures what the distribution does, and so
    /// carries a unit where the distribution is one of times.
    pub(super) fn is_dimensional(self) -> bool {
        matches!(self, Self::Location | Self::Bound | Self::Scale)
    }

    /// What the parameter measures in a distribution over `measure`.
    pub(super) fn measure(self, measure: Measure) -> Measure {
        if self.is_dimensional() {
            measure
        } else {
            Measure::Number
        }
    }

    /// The least and the greatest allowed number.
    ///
    /// The ranges are wide enough for anything worth simulating, and narrow
    /// enough that every formula in [`family`](super::family) holds its
    /// accuracy and every sample is finite. Times end where delays do.
    pub(super) fn range(self, measure: Measure) -> (f64, f64) {
        match (self, measure) {
            (Self::Location | Self::Bound, Measure::Number) => (-1e9, 1e9),
            (Self::Location, Measure::Time) => (-60.0, 60.0),
            (Self::Bound, Measure::Time) => (0.0, 60.0),
            (Self::Scale, Measure::Number) => (1e-9, 1e9),
            (Self::Scale, Measure::Time) => (1e-9, 60.0),
            (Self::Shape, _) => (0.1, 1000.0),
            (Self::Variation, _) => (0.001, 100.0),
        }
    }

    /// The range as text, e.g. `0.1 to 1000`.
    pub(super) fn range_text(self, measure: Measure) -> String {
        let (low, high) = self.range(measure);
        let measure = self.measure(measure);
        format!("{} to {}", Printed(low, measure), Printed(high, measure))
    }
}

/// One parameter of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// Whether its name is printed: where the order explains itself, it is not.
    pub(super) named: bool,
}

/// A family's name and its parameters, in the order of positional arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
}

const fn location(name: &'static str) -> Parameter {
    Parameter {
        name,
        role: Role::Location,
        named: false,
    }
}

const fn bound(name: &'static str) -> Parameter {
    Parameter {
        name,
        role: Role::Bound,
        named: false,
    }
}

const fn scale(name: &'static str) -> Parameter {
    Parameter {
        name,
        role: Role::Scale,
        named: true,
    }
}

const fn shape(name: &'static str) -> Parameter {
    Parameter {
        name,
        role: Role::Shape,
        named: true,
    }
}

const fn exponent(name: &'static str) -> Parameter {
    Parameter {
        name,
        role: Role::Shape,
        named: false,
    }
}

const fn variation(name: &'static str) -> Parameter {
    Parameter {
        name,
        role: Role::Variation,
        named: true,
    }
}

const fn signature(name: &'static str, parameters: &'static [Parameter]) -> Signature {
    Signature { name, parameters }
}

pub(super) const CONSTANT: Signature = signature("constant", &[location("value")]);
pub(super) const UNIFORM: Signature = signature("uniform", &[location("min"), location("max")]);
pub(super) const NORMAL: Signature = signature(
    "normal",
    &[
        Parameter {
            named: true,
            ..location("mean")
        },
        scale("sd"),
    ],
);
pub(super) const LOGNORMAL: Signature = signature("lognormal", &[scale("mean"), variation("cv")]);
pub(super) const EXPONENTIAL: Signature = signature("exponential", &[scale("mean")]);
pub(super) const GAMMA: Signature = signature("gamma", &[shape("shape"), scale("scale")]);
pub(super) const WEIBULL: Signature = signature("weibull", &[shape("shape"), scale("scale")]);
pub(super) const PARETO: Signature = signature("pareto", &[scale("scale"), shape("shape")]);
/// `scale` is the one optional parameter: 1 for numbers, required for times.
pub(super) const BETA: Signature =
    signature("beta", &[exponent("a"), exponent("b"), scale("scale")]);
pub(super) const TRIANGULAR: Signature = signature(
    "triangular",
    &[location("min"), location("mode"), location("max")],
);
/// The bounds of `clamp(DIST, lo, hi)`, which come after the distribution.
pub(super) const CLAMP: Signature = signature("clamp", &[bound("lo"), bound("hi")]);

/// Every name that may begin a distribution.
pub(super) const SIGNATURES: [&Signature; 11] = [
    &CONSTANT,
    &UNIFORM,
    &NORMAL,
    &LOGNORMAL,
    &EXPONENTIAL,
    &GAMMA,
    &WEIBULL,
    &PARETO,
    &BETA,
    &TRIANGULAR,
    &CLAMP,
];

impl Signature {
    /// What `parameter` is where it is not written, if it may be left out.
    pub(super) fn default_of(&self, parameter: &Parameter, measure: Measure) -> Option<f64> {
        let beta_scale = *self == BETA && parameter.role == Role::Scale;
        (beta_scale && measure == Measure::Number).then_some(1.0)
    }

    /// The parameters as an error lists them: `a, b, c`.
    pub(super) fn takes(&self) -> String {
        self.listed(str::to_owned)
    }

    /// The parameters as they are written with names: `a=…, b=…, c=…`.
    pub(super) fn usage(&self) -> String {
        self.listed(|name| format!("{name}=…"))
    }

    fn listed(&self, written: impl Fn(&str) -> String) -> String {
        let first = (*self == CLAMP).then(|| "DIST".to_owned());
        let names = self
            .parameters
            .iter()
            .map(|parameter| written(parameter.name));
        first
            .into_iter()
            .chain(names)
            .collect::<Vec<_>>()
            .join(", ")
    }
}
