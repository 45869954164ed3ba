//! Bounds the work that one message can cause.
//!
//! Postcard writes a sequence as its length and its elements. If the elements take no bytes, the
//! length is all there is. Ten bytes are then a `Vec<()>` of 2^64 - 1 elements, and postcard visits
//! each of them. The same holds for maps. [`take_from_bytes`] counts the elements and stops.
//!
//! The rule: one budget per message pays for the elements of all its sequences and the entries of
//! all its maps, nested ones included. An element that takes bytes has at least one to itself: a
//! nested sequence has its length, apart from its own elements. Tuples, arrays and structs cost
//! nothing: the type fixes their length, and nested in each other they can share one byte.
//!
//! [`Bounded`] wraps whatever serde passes on, so that the budget reaches all levels:
//!
//! ```text
//! Deserializer -> Visitor -> SeqAccess, MapAccess, EnumAccess -> DeserializeSeed -> Deserializer
//! ```
//!
//! The visitors of scalars, strings and bytes stay as they are. Nothing is nested in those.

use core::cell::Cell;
use core::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// How many elements a message can have beyond the number of its bytes.
///
/// An element that takes bytes takes at least one, so only elements that take none can need these.
/// 1,024 are more than a sensible message has, and are decoded in no time.
pub(super) const ELEMENTS_WITHOUT_BYTES: usize = 1024;

/// Does what [`postcard::take_from_bytes`] does. Returns `None` if the message has more than `max`
/// elements.
#[inline]
pub(super) fn take_from_bytes<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    max: usize,
) -> Option<postcard::Result<(T, &'de [u8])>> {
    // One more than `max`: the first element too many brings it to 0, where it stays.
    let budget = Cell::new(max + 1);
    let mut deserializer = postcard::Deserializer::from_bytes(bytes);
    let message = T::deserialize(Bounded::<_, false>::new(&mut deserializer, &budget));
    // Asked first: a type can ignore the errors of its parts.
    (budget.get() > 0).then(|| Ok((message?, deserializer.finalize()?)))
}

/// A part of serde's machinery, and the budget. `COUNTED` if it is about the elements of a sequence
/// or map.
struct Bounded<'b, T, const COUNTED: bool> {
    inner: T,
    budget: &'b Cell<usize>,
}

impl<'b, T, const COUNTED: bool> Bounded<'b, T, COUNTED> {
    #[inline]
    fn new(inner: T, budget: &'b Cell<usize>) -> Self {
        Self { inner, budget }
    }
}

/// Forwards methods that take a visitor. With `-> COUNTED`, the visitor is wrapped.
macro_rules! forward {
    ($($method:ident($($arg:ident: $type:ty),*) $(-> $counted:literal)?;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, Self::Error> {
            $(let visitor = Bounded::<_, $counted>::new(visitor, self.budget);)?
            self.inner.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D, false> {
    type Error = D::Error;

    forward! {
        // Postcard refuses the first three: its format doesn't say what comes.
        deserialize_any();
        deserialize_ignored_any();
        deserialize_identifier();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_option() -> false;
        deserialize_newtype_struct(name: &'static str) -> false;
        deserialize_tuple(len: usize) -> false;
        deserialize_tuple_struct(name: &'static str, len: usize) -> false;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) -> false;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) -> false;
        deserialize_seq() -> true;
        deserialize_map() -> true;
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>, const COUNTED: bool> Visitor<'de> for Bounded<'_, V, COUNTED> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Bounded::new(some, self.budget))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, field: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Bounded::new(field, self.budget))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Bounded::<_, COUNTED>::new(elements, self.budget))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Bounded::<_, COUNTED>::new(entries, self.budget))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Bounded::new(variant, self.budget))
    }
}

impl<'de, A: SeqAccess<'de>, const COUNTED: bool> SeqAccess<'de> for Bounded<'_, A, COUNTED> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(Bounded::<_, COUNTED>::new(seed, self.budget))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// An entry counts once, at its key.
impl<'de, A: MapAccess<'de>, const COUNTED: bool> MapAccess<'de> for Bounded<'_, A, COUNTED> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(Bounded::<_, COUNTED>::new(seed, self.budget))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Bounded::<_, false>::new(seed, self.budget))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// Postcard calls it once for each element that there is.
impl<'de, S: DeserializeSeed<'de>, const COUNTED: bool> DeserializeSeed<'de> for Bounded<'_, S, COUNTED> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, element: D) -> Result<S::Value, D::Error> {
        if COUNTED {
            let left = self.budget.get().saturating_sub(1);
            self.budget.set(left);
            if left == 0 {
                return Err(D::Error::custom("too many elements"));
            }
        }
        self.inner.deserialize(Bounded::new(element, self.budget))
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A, false> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant, false>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, tag: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (tag, variant) = self.inner.variant_seed(tag)?;
        Ok((tag, Bounded::new(variant, self.budget)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A, false> {
    type Error = A::Error;

    forward! {
        tuple_variant(len: usize) -> false;
        struct_variant(fields: &'static [&'static str]) -> false;
    }

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Bounded::<_, false>::new(seed, self.budget))
    }
}
