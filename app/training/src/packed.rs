//! Long fields of messages, many numbers at a time. The encoding is that of Protocol
//! Buffers (a packed field of fixed width); `prost` reads and writes such a field number by
//! number, with a check for each, which was a twentieth of what a role did.
//!
//! Source: Protocol Buffers' "Encoding", "Packed Repeated Fields".

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{
    DecodeContext, WireType, check_wire_type, decode_varint, encode_key, encode_varint,
    encoded_len_varint, key_len,
};

/// Bytes that are put together before they are written.
const PART: usize = 1024;

/// A number of fixed width.
pub(super) trait Fixed: Copy {
    /// Its bytes, the lowest first.
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;
    const WIDTH: usize = size_of::<Self>();

    fn to_bytes(self) -> Self::Bytes;
    fn from_bytes(bytes: Self::Bytes) -> Self;
    /// What is in a slice of this width.
    fn from_slice(slice: &[u8]) -> Self {
        let mut bytes = Self::Bytes::default();
        bytes.as_mut().copy_from_slice(slice);
        Self::from_bytes(bytes)
    }
}

impl Fixed for f32 {
    type Bytes = [u8; 4];

    fn to_bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 4]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Fixed for u64 {
    type Bytes = [u8; 8];

    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 8]) -> Self {
        Self::from_le_bytes(bytes)
    }
}

/// Writes the field, unless it is empty.
pub(super) fn encode<T: Fixed>(tag: u32, values: &[T], into: &mut impl BufMut) {
    if values.is_empty() {
        return;
    }
    encode_key(tag, WireType::LengthDelimited, into);
    encode_varint((values.len() * T::WIDTH) as u64, into);
    let mut part = [0; PART];
    for some in values.chunks(PART / T::WIDTH) {
        for (place, value) in part.chunks_exact_mut(T::WIDTH).zip(some) {
            place.copy_from_slice(value.to_bytes().as_ref());
        }
        into.put_slice(&part[..some.len() * T::WIDTH]);
    }
}

/// How long that is.
pub(super) fn encoded_len<T: Fixed>(tag: u32, values: &[T]) -> usize {
    let bytes = values.len() * T::WIDTH;
    if bytes == 0 {
        return 0;
    }
    key_len(tag) + encoded_len_varint(bytes as u64) + bytes
}

/// Reads the field, behind what is there already.
pub(super) fn merge<T: Fixed>(
    wire_type: WireType,
    values: &mut Vec<T>,
    from: &mut impl Buf,
) -> Result<(), DecodeError> {
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    let length = usize::try_from(decode_varint(from)?).unwrap_or(usize::MAX);
    if length > from.remaining() || !length.is_multiple_of(T::WIDTH) {
        // The one error that prost lets others make.
        let found = format!("{length} bytes");
        return Err(DecodeError::new_unexpected_type_url(
            found,
            "a packed field",
        ));
    }
    values.reserve(length / T::WIDTH);
    let mut left = length;
    while left > 0 {
        let some = from.chunk();
        let whole = some.len().min(left) / T::WIDTH * T::WIDTH;
        if whole > 0 {
            values.extend(some[..whole].chunks_exact(T::WIDTH).map(T::from_slice));
            from.advance(whole);
            left -= whole;
        } else {
            // One that lies in two pieces.
            let mut bytes = T::Bytes::default();
            from.copy_to_slice(bytes.as_mut());
            values.push(T::from_bytes(bytes));
            left -= T::WIDTH;
        }
    }
    Ok(())
}

/// A message of packed fields and flags.
macro_rules! message {
    ($name:ident { $($tag:literal => $field:ident: $kind:ident),* $(,)? }) => {
        impl prost::Message for $name {
            fn encode_raw(&self, into: &mut impl prost::bytes::BufMut) {
                $($crate::packed::$kind::encode($tag, &self.$field, into);)*
            }

            fn merge_field(
                &mut self,
                tag: u32,
                wire_type: prost::encoding::WireType,
                from: &mut impl prost::bytes::Buf,
                context: prost::encoding::DecodeContext,
            ) -> Result<(), prost::DecodeError> {
                match tag {
                    $($tag => $crate::packed::$kind::merge(
                        wire_type, &mut self.$field, from, context,
                    ),)*
                    _ => prost::encoding::skip_field(wire_type, tag, from, context),
                }
            }

            fn encoded_len(&self) -> usize {
                [$($crate::packed::$kind::encoded_len($tag, &self.$field)),*].iter().sum()
            }

            fn clear(&mut self) {
                *self = Self::default();
            }
        }
    };
}
pub(super) use message;

/// Numbers of fixed width.
pub(super) mod numbers {
    use super::{Buf, DecodeContext, DecodeError, Fixed, WireType};
    pub(in super::super) use super::{encode, encoded_len};

    pub(in super::super) fn merge<T: Fixed>(
        wire_type: WireType,
        values: &mut Vec<T>,
        from: &mut impl Buf,
        _: DecodeContext,
    ) -> Result<(), DecodeError> {
        super::merge(wire_type, values, from)
    }
}

/// A flag, which is written only where it is set.
pub(super) mod flag {
    use super::{Buf, BufMut, DecodeContext, DecodeError, WireType};

    pub(in super::super) fn encode(tag: u32, value: &bool, into: &mut impl BufMut) {
        if *value {
            prost::encoding::bool::encode(tag, value, into);
        }
    }

    pub(in super::super) fn encoded_len(tag: u32, value: &bool) -> usize {
        if *value {
            prost::encoding::bool::encoded_len(tag, value)
        } else {
            0
        }
    }

    pub(in super::super) fn merge(
        wire_type: WireType,
        value: &mut bool,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::bool::merge(wire_type, value, from, context)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::messages::{Lookup, ShardGradients};

    /// As prost itself writes and reads it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Derived {
        #[prost(fixed64, repeated, tag = "1")]
        ids: Vec<u64>,
        #[prost(float, repeated, tag = "2")]
        values: Vec<f32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct DerivedLookup {
        #[prost(fixed64, repeated, tag = "1")]
        ids: Vec<u64>,
        #[prost(bool, tag = "2")]
        training: bool,
    }

    fn of(count: u16) -> Derived {
        Derived {
            ids: (0..u64::from(count)).map(|n| n << 40 | n).collect(),
            values: (0..count).map(|n| f32::from(n) - 0.5).collect(),
        }
    }

    #[test]
    fn both_read_what_the_other_writes() {
        for count in [0, 1, 2, 127, 128, 129, 256, 1_000, 40_000] {
            let derived = of(count);
            let own = ShardGradients {
                ids: derived.ids.clone(),
                values: derived.values.clone(),
            };
            let bytes = own.encode_to_vec();
            assert_eq!(bytes, derived.encode_to_vec());
            assert_eq!(bytes.len(), own.encoded_len());
            assert_eq!(ShardGradients::decode(&bytes[..]).unwrap(), own);
            for training in [false, true] {
                let derived = DerivedLookup {
                    ids: own.ids.clone(),
                    training,
                };
                let lookup = Lookup {
                    ids: own.ids.clone(),
                    training,
                };
                let bytes = lookup.encode_to_vec();
                assert_eq!(bytes, derived.encode_to_vec());
                assert_eq!(Lookup::decode(&bytes[..]).unwrap(), lookup);
            }
        }
    }

    #[test]
    fn numbers_that_lie_in_two_pieces_are_read() {
        let derived = of(100);
        let bytes = derived.encode_to_vec();
        for cut in 0..bytes.len() {
            let pieces = (&bytes[..cut]).chain(&bytes[cut..]);
            let read = ShardGradients::decode(pieces).unwrap();
            assert_eq!(
                (read.ids, read.values),
                (derived.ids.clone(), derived.values.clone())
            );
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_kind_is_refused() {
        let bytes = of(3).encode_to_vec();
        for end in 1..bytes.len() {
            let read = ShardGradients::decode(&bytes[..end]);
            // Whole fields are a message too.
            assert!(read.is_err() || end == 26, "{end}");
        }
        for wrong in [
            &[0x0a, 0x07, 0, 0, 0, 0, 0, 0, 0][..],
            &[0x08, 0x01],
            &[0x0a, 0xff],
        ] {
            assert!(ShardGradients::decode(wrong).is_err(), "{wrong:?}");
        }
        // A field of a later version is passed over.
        assert!(ShardGradients::decode(&[0x78, 0x01][..]).is_ok());
    }
}
