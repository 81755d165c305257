//! What the service pretends to be: distributions, faults, arrivals, incidents,
//! mysteries.
//!
//! Everything here is arithmetic on numbers that are passed in: which
//! distribution the values and the delays follow, how often a request fails,
//! when the next one comes. Nothing here knows of HTTP, metrics or sockets,
//! waits, logs or reads a clock; whoever uses a drawn delay has to wait for it.
//!
//! Randomness comes in as a generator too, so that everything can be repeated:
//! see [`Streams`].

mod arrivals;
pub mod distribution;
mod excerpt;
mod faults;
pub mod incident;
mod mystery;
mod name;
mod probability;
mod seeded_choices;
mod served_value;
mod streams;

pub use arrivals::{ArrivalRate, ArrivalRateError, PoissonArrivals};
pub use distribution::{DelayDistribution, ParseError, ValueDistribution};
pub use faults::{Failure, Faults, Outcome};
pub use incident::{Conditions, Incident, IncidentKind, IncidentKindError};
pub use mystery::{Mystery, PUBLIC_SALT, Sealed, random_salt};
pub use name::{Name, NameError};
pub use probability::{Probability, ProbabilityError};
pub use seeded_choices::SeededChoices;
pub use served_value::{ServedValue, ServedValueError};
pub use streams::{Stream, Streams};
