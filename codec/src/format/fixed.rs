//! Formats fixed at compile time: the macro [`length_field!`](crate::length_field).

use crate::error::{EncodeError, HeaderError};
use crate::format::{Parsed, RuntimeFormat};

/// The methods of a format that `length_field!` makes. Each takes the checked description, which is
/// a constant there, so that its arithmetic folds. Not part of the public interface.
#[doc(hidden)]
pub mod __fixed {
    use super::*;

    #[inline(always)]
    pub const fn max_header(format: &RuntimeFormat) -> usize {
        format.longest()
    }

    #[inline(always)]
    pub const fn min_header(format: &RuntimeFormat) -> usize {
        format.shortest()
    }

    #[inline(always)]
    pub const fn min_payload(format: &RuntimeFormat) -> u64 {
        format.least_payload()
    }

    #[inline(always)]
    pub fn parse(format: &RuntimeFormat, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        format.read(prefix)
    }

    #[inline(always)]
    pub fn header_len(format: &RuntimeFormat, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        format.length_of_header(fields, payload)
    }

    #[inline(always)]
    pub fn write(format: &RuntimeFormat, fields: &[u8], payload: u64, out: &mut [u8]) {
        format.write_header(fields, payload, out);
    }
}

/// Declares a wire format as a zero-sized type, checked at compile time.
///
/// The keys are the fields of [`LengthField`](crate::LengthField), in any order, written as in a
/// literal of it: `offset: 1`, `width: U16`, `endian: Little`, `adjust: -4`, `header: Some(8)`. Keys
/// that are left out are 0, `U32`, `Big`, 0 and `None`. The macro brings the variants of
/// [`Width`](crate::Width) and [`Endian`](crate::Endian) into scope.
///
/// A format that is a type takes no memory, and its parsing folds to a few instructions.
///
/// ```
/// use ringframe::{Decoder, length_field};
///
/// length_field! {
///     /// A length that counts the whole frame, itself included.
///     pub struct Inclusive(width: U16, adjust: -2);
/// }
/// struct Link {
///     decoder: Decoder<Inclusive, [u8; 256]>,
/// }
/// let mut link = Link { decoder: Decoder::new(Inclusive, [0; 256]) };
/// let frame = link.decoder.next_frame(&mut &b"\0\x04hi"[..])?.ok_or("incomplete")?;
/// assert_eq!(frame.payload(), b"hi");
///
/// // Without a name it is a value.
/// let mut decoder = Decoder::new(length_field!(offset: 1, width: U16, endian: Little), [0; 256]);
/// let frame = decoder.next_frame(&mut &b"\x07\x02\0hi"[..])?.ok_or("incomplete")?;
/// assert_eq!(frame.payload(), b"hi");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
/// An impossible description does not compile:
/// ```compile_fail
/// # use ringframe::{Decoder, length_field};
/// let decoder = Decoder::new(length_field!(offset: 2, width: U32, header: Some(5)), [0; 256]);
/// ```
// The keys stay those of a struct literal, so that the compiler itself reports a misspelt key, a key
// given twice and a value of the wrong type, at the user's own words. The final semicolon is optional.
#[macro_export]
macro_rules! length_field {
    ($(#[$meta:meta])* $vis:vis struct $name:ident($($key:ident: $value:expr),* $(,)?) $(;)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        $vis struct $name;

        impl $name {
            /// The description of this format.
            #[allow(dead_code, unreachable_pub)]
            pub const FIELD: $crate::LengthField = {
                #[allow(unused_imports)]
                use $crate::{Endian::*, Width::*};
                #[allow(clippy::needless_update)]
                let field = $crate::LengthField { $($key: $value,)* ..$crate::LengthField::DEFAULT };
                field
            };

            const CHECKED: $crate::RuntimeFormat = match Self::FIELD.check() {
                ::core::result::Result::Ok(checked) => checked,
                ::core::result::Result::Err(error) => ::core::panic!("{}", error.__summary()),
            };
        }

        const _: $crate::RuntimeFormat = $name::CHECKED;

        impl $crate::Format for $name {
            type Trailer = ();

            #[inline(always)]
            fn max_header(&self) -> usize {
                const { $crate::__fixed::max_header(&$name::CHECKED) }
            }

            #[inline(always)]
            fn min_header(&self) -> usize {
                const { $crate::__fixed::min_header(&$name::CHECKED) }
            }

            #[inline(always)]
            fn min_payload(&self) -> u64 {
                const { $crate::__fixed::min_payload(&$name::CHECKED) }
            }

            #[inline(always)]
            fn parse(
                &self,
                prefix: &[u8],
            ) -> ::core::result::Result<$crate::Parsed, $crate::HeaderError> {
                $crate::__fixed::parse(const { &$name::CHECKED }, prefix)
            }

            #[inline(always)]
            fn header_len(
                &self,
                fields: &[u8],
                payload: u64,
            ) -> ::core::result::Result<usize, $crate::EncodeError> {
                $crate::__fixed::header_len(const { &$name::CHECKED }, fields, payload)
            }

            #[inline(always)]
            fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
                $crate::__fixed::write(const { &$name::CHECKED }, fields, payload, out);
            }
        }

        impl $crate::StaticFormat for $name {
            const MAX_HEADER: usize = $crate::__fixed::max_header(&$name::CHECKED);
        }

        $crate::__defmt_format!($name);
    };
    ($($key:ident: $value:expr),* $(,)?) => {{
        $crate::length_field! { struct Anonymous($($key: $value),*); }
        Anonymous
    }};
    ($(#[$meta:meta])* $vis:vis struct $name:ident($($other:tt)*) $(;)?) => {
        $crate::length_field!($($other)*);
    };
    ($($other:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected `key: value, …` as in a literal of `LengthField`, not `",
            ::core::stringify!($($other)*),
            "`"
        ))
    };
}

/// Implements `defmt::Format` for a format's type if this crate has the feature `defmt`. A macro
/// can't ask for its caller's features.
#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! __defmt_format {
    ($name:ident) => {
        impl $crate::__defmt::Format for $name {
            fn format(&self, fmt: $crate::__defmt::Formatter<'_>) {
                $crate::__defmt::Format::format(&$name::CHECKED, fmt);
            }
        }
    };
}

/// Does nothing without the feature `defmt`.
#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __defmt_format {
    ($name:ident) => {};
}
