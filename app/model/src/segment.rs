//! Who asks. Only the names: what a segment means is its owner's matter.

use std::fmt;
use std::str::FromStr;

/// A kind of customer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Segment {
    /// The shop's page, and who says nothing else.
    #[default]
    Web,
    /// The shop's app.
    App,
    /// Other shops.
    Partner,
}

impl Segment {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Web, Self::App, Self::Partner];

    /// The name, as it is written and read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::App => "app",
            Self::Partner => "partner",
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Segment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|segment| segment.name() == text);
        named.ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
