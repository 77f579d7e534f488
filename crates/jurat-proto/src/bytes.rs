//! Fixed-width byte strings, parsed once at the edge and infallible afterwards.

use core::{fmt, str::FromStr};

/// A string was not the hexadecimal form of a value of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits, optionally after 0x")]
pub struct HexError {
    /// How many digits the value has.
    pub expected: usize,
}

/// Decodes exactly `N` bytes of hexadecimal, any case, optional `0x`.
pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut out = [0; N];
    hex::decode_to_slice(digits, &mut out).map_err(|_| HexError { expected: 2 * N })?;
    Ok(out)
}

/// Writes lowercase hexadecimal, as digits and not byte by byte: every receipt has a dozen such values.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let mut digits = [0; 64];
    bytes.chunks(32).try_for_each(|piece| {
        let digits = &mut digits[..2 * piece.len()];
        hex::encode_to_slice(piece, digits).map_err(|_| fmt::Error)?;
        f.write_str(core::str::from_utf8(digits).map_err(|_| fmt::Error)?)
    })
}

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $width:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $width]);

        impl $name {
            /// Width in bytes.
            pub const WIDTH: usize = $width;

            /// Wraps the raw bytes.
            pub const fn new(bytes: [u8; $width]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $width] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                decode(text).map(Self)
            }
        }

        impl From<[u8; $width]> for $name {
            fn from(bytes: [u8; $width]) -> Self {
                Self(bytes)
            }
        }
    };
}

fixed_bytes!(
    /// A 32-byte digest. `Display` prints 64 lowercase digits without `0x`, as in the signed text.
    Digest,
    32
);
fixed_bytes!(
    /// A 32-byte challenge drawn by whoever asks for evidence.
    Nonce,
    32
);
fixed_bytes!(
    /// The 128 random bits under which an exchange's receipt is kept.
    ReceiptId,
    16
);
fixed_bytes!(
    /// The 64 caller-chosen bytes that a TDX quote carries (`REPORTDATA`).
    ReportData,
    64
);

impl Digest {
    /// 32 zero bytes: EIP-712's stand-in for "there is none".
    pub const ZERO: Self = Self([0; 32]);
}

/// JSON form of bytes32 in a receipt: lowercase hexadecimal behind `0x`.
pub(crate) mod bytes32 {
    use alloc::{borrow::Cow, format};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Digest;

    pub(crate) fn serialize<S: Serializer>(value: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("0x{value}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        if text.starts_with("0x") { text.parse() } else { Err(super::HexError { expected: 64 }) }
            .map_err(D::Error::custom)
    }
}

/// JSON form of every value whose text form is its `Display` and `FromStr`, for serde's `with`.
pub mod text {
    use alloc::borrow::Cow;
    use core::{fmt::Display, str::FromStr};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the text form.
    pub fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    /// Reads it; an error is the value's own.
    pub fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Cow::<'de, str>::deserialize(from)?.parse().map_err(D::Error::custom)
    }

    /// The same where it may be absent.
    pub mod optional {
        use super::*;

        /// Writes the text form, or `null`.
        pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => to.collect_str(value),
                None => to.serialize_none(),
            }
        }

        /// Reads it; an error is the value's own.
        pub fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
        where
            T: FromStr<Err: Display>,
            D: Deserializer<'de>,
        {
            let text = Option::<Cow<'de, str>>::deserialize(from)?;
            text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
        }
    }
}
