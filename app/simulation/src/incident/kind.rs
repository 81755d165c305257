//! What one kind of incident is: the words by which it is known and judged, its
//! magnitudes, and what it does. Each kind fills in one [`Kind`], in a file of its own.

use super::conditions::Conditions;

/// Which signal moves. `Monitoring` is none of the four: what is watched is well, the
/// watching is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// How many requests arrive.
    Traffic,
    /// How long they take.
    Latency,
    /// How many fail.
    Errors,
    /// How full a resource is.
    Saturation,
    /// What is recorded, or whether it can be read.
    Monitoring,
}

/// Where the cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    /// Those who send the requests.
    Clients,
    /// The code that answers them.
    Handler,
    /// What the handler calls.
    Dependency,
    /// What spares it the call.
    Cache,
    /// The concurrency limit and its queue.
    Admission,
    /// The process and what it holds.
    Process,
    /// The metrics and their exposition.
    Metrics,
}

/// Who feels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every request.
    All,
    /// A share of the requests, or all of them for moments.
    Some,
    /// No request, or none yet.
    Nobody,
}

/// One of the words that an answer may have, and how it is written.
pub trait Word: Copy + Eq + 'static {
    /// Every word.
    const ALL: &'static [Self];

    /// As it is written and read.
    fn word(self) -> &'static str;

    /// The word that is written like this, around which spaces do not count.
    #[must_use]
    fn read(text: &str) -> Option<Self> {
        let written = text.trim();
        Self::ALL
            .iter()
            .copied()
            .find(|word| word.word() == written)
    }

    /// All words, for an error.
    #[must_use]
    fn choices() -> String {
        let words: Vec<_> = Self::ALL.iter().map(|word| word.word()).collect();
        words.join(", ")
    }
}

macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal,)*) => {
        impl Word for $type {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! { Signal:
    Traffic = "traffic",
    Latency = "latency",
    Errors = "errors",
    Saturation = "saturation",
    Monitoring = "monitoring",
}

words! { Component:
    Clients = "clients",
    Handler = "handler",
    Dependency = "dependency",
    Cache = "cache",
    Admission = "admission",
    Process = "process",
    Metrics = "metrics",
}

words! { Scope:
    All = "all",
    Some = "some",
    Nobody = "nobody",
}

/// A kind of incident.
pub(super) struct Kind {
    /// Its name, which says the mechanism.
    pub(super) name: &'static str,
    /// 1: on a dashboard; 2: two series must be compared; 3: only in a tail, a ratio or
    /// in what disagrees.
    pub(super) level: u8,
    /// The signals of which each is right.
    pub(super) signals: &'static [Signal],
    /// The components of which each is right.
    pub(super) components: &'static [Component],
    /// The scopes of which each is right.
    pub(super) scopes: &'static [Scope],
    /// Seconds from the onset until it can be seen: a test shows that for each magnitude
    /// a recorded series has moved by five times its noise by then.
    pub(super) visible_after: u32,
    /// The magnitudes that are drawn, in the kind's own units. The first is the usual.
    pub(super) magnitudes: &'static [&'static [u32]],
    /// What happens, in a sentence.
    pub(super) describe: fn(&[u32]) -> String,
    /// Makes it happen.
    pub(super) act: fn(&[u32], &mut Conditions),
}
