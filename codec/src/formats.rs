//! Wire formats by name.
//!
//! Each is a zero-sized type and a constant of it: `Decoder<formats::U32Be, …>` names the type, and
//! `Decoder::new(formats::U32_BE, …)` makes one. [`ALL`] is the same as a table, for who chooses at run time.
//! The plain prefixes have no document that defines them: each is a length, then that many bytes.

use crate::header::LengthField;
use crate::length_field;

/// Declares a format's type, its constant, and its row of [`ALL`].
macro_rules! formats {
    ($($(#[$meta:meta])* $type:ident $const:ident $name:literal ($($description:tt)*);)*) => {
        $(
            length_field! {
                $(#[$meta])*
                pub struct $type($($description)*);
            }
            #[doc = concat!("The format [`", stringify!($type), "`], `", $name, "` on the command line.")]
            pub const $const: $type = $type;
        )*

        /// Every format of this module: its name and its description.
        pub const ALL: &[(&str, LengthField)] =
            &[$(($name, <$type as crate::header::ConstLengthField>::FIELD)),*];
    };
}

formats! {
    /// A length of one byte: payloads of 0 to 255 bytes.
    U8 U_8 "u8" (width = 1);
    /// A length of two bytes, the most significant first.
    U16Be U16_BE "u16be" (width = 2);
    /// A length of two bytes, the least significant first.
    U16Le U16_LE "u16le" (width = 2, endian = le);
    /// A length of three bytes, the most significant first.
    U24Be U24_BE "u24be" (width = 3);
    /// A length of three bytes, the least significant first.
    U24Le U24_LE "u24le" (width = 3, endian = le);
    /// A length of four bytes, the most significant first: Erlang's `{packet, 4}`, Python's `'!I'`.
    U32Be U32_BE "u32be" (width = 4);
    /// A length of four bytes, the least significant first: Python's `'<I'`.
    U32Le U32_LE "u32le" (width = 4, endian = le);
    /// A length of eight bytes, the most significant first.
    U64Be U64_BE "u64be" (width = 8);
    /// A length of eight bytes, the least significant first.
    U64Le U64_LE "u64le" (width = 8, endian = le);
    /// An unsigned LEB128 varint of 1 to 10 bytes, as protobuf's "delimited" messages have it (Protocol
    /// Buffers, "Encoding", section "Base 128 Varints"). Only the shortest form of a number is accepted.
    Varint VARINT "varint" (width = varint);
}

/// The description of the format that has this name.
///
/// ```
/// # use ringframe::{LengthField, Width, Endian, formats};
/// let field = formats::by_name("u16le").ok_or("no such format")?;
/// assert_eq!(field, LengthField { width: Width::U16, endian: Endian::Little, ..LengthField::DEFAULT });
/// # Ok::<(), &str>(())
/// ```
pub fn by_name(name: &str) -> Option<LengthField> {
    ALL.iter().find(|(known, _)| *known == name).map(|&(_, field)| field)
}
