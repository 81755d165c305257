//! Which trace a request belongs to: W3C Trace Context's `traceparent`, read from the
//! client's headers and written for the answer's. Knows no log and no metric.
//!
//! Source of the format: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};

/// The header, as a request and its answer have it.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace and the span of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
}

/// The text is no `traceparent`: such a header is ignored, as the
/// specification demands, and a new trace begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a traceparent: expected 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, not all zero"
)]
pub struct InvalidTraceparent;

impl TraceContext {
    /// Where the trace's 32 digits stand in [`Self::to_bytes`].
    pub const TRACE_ID: std::ops::Range<usize> = 3..35;

    /// A new trace with its first span, both random.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            trace_id: Self::generate_trace_id(),
            span_id: rand::random::<u64>().max(1),
        }
    }

    /// For the answer to a request with these headers, if they have a `traceparent`: the
    /// client's trace, or a new one where the header is invalid.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        // To look at the few headers that requests have costs less than to hash a name.
        let mut given = headers.iter().filter(|(name, _)| **name == TRACEPARENT);
        let (_, parent) = given.next()?;
        // Of several none is known to be right: the specification takes one only.
        let parent = Some(parent).filter(|_| given.next().is_none());
        let parent: Option<Self> = parent.and_then(|value| value.to_str().ok()?.parse().ok());
        Some(parent.map_or_else(Self::generate, Self::child))
    }

    /// The number of a new trace, of which nobody has to be told.
    pub(crate) fn generate_trace_id() -> u128 {
        // Zero is the one invalid value.
        rand::random::<u128>().max(1)
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: rand::random::<u64>().max(1),
            ..self
        }
    }

    /// The header's value, written digit by digit.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 55] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
        let mut write = |to: std::ops::Range<usize>, mut number: u128| {
            for place in text[to].iter_mut().rev() {
                *place = DIGITS[usize::try_from(number & 0xf).unwrap_or(0)];
                number >>= 4;
            }
        };
        write(Self::TRACE_ID, self.trace_id);
        write(36..52, u128::from(self.span_id));
        text
    }

    /// The 128 bits that name the trace.
    #[must_use]
    pub fn trace_id(self) -> u128 {
        self.trace_id
    }
}

/// Writes the header's value, marked as sampled: each trace of ours is logged.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_bytes()).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut hex = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            // from_str_radix would take a sign and capitals; the format has neither.
            let lower_hex = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            lower_hex.then(|| u128::from_str_radix(part, 16).ok())?
        };
        let fields = (hex(2), hex(32), hex(16), hex(2));
        let (Some(version), Some(trace_id), Some(span_id), Some(_flags)) = fields else {
            return Err(InvalidTraceparent);
        };
        let span_id = u64::try_from(span_id).map_err(|_| InvalidTraceparent)?;
        // A later version may add fields behind; version 00 has none.
        let surplus = parts.next().is_some();
        if version == 0xff || trace_id == 0 || span_id == 0 || (version == 0 && surplus) {
            return Err(InvalidTraceparent);
        }
        Ok(Self { trace_id, span_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_can_be_read() {
        let context: TraceContext = TEXT.parse().unwrap();
        assert_eq!(context.to_string(), TEXT);
        assert_eq!(
            context.trace_id(),
            0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736
        );
        let child = context.child();
        assert_eq!(child.trace_id(), context.trace_id());
        assert_ne!(child, context);
        let generated = TraceContext::generate();
        assert_eq!(generated.to_string().parse(), Ok(generated));
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for text in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(
                text.parse::<TraceContext>(),
                Err(InvalidTraceparent),
                "{text}"
            );
        }
    }
}
