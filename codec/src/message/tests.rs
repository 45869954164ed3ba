//! The elements of a message are bounded, and nothing else differs from postcard.

extern crate std;

use core::fmt::Debug;
use core::marker::PhantomData;
use core::net::IpAddr;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::MessageError;
use crate::Frame;

/// 2^64 - 1, as postcard writes a length.
const ENDLESS: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

fn message<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, MessageError> {
    Frame::new(payload, 0, payload.len()).unwrap().message()
}

/// Checks that a message that begins with `start`, followed by an endless length, is refused.
#[track_caller]
fn refused<T: Debug + for<'a> Deserialize<'a>>(start: &[u8]) {
    let payload = [start, &ENDLESS].concat();
    let error = message::<T>(&payload).unwrap_err();
    assert_eq!(error, MessageError::TooManyElements { max: payload.len() + 1024 });
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Unit;

#[derive(Serialize, Deserialize, Debug)]
struct Empty {}

#[derive(Serialize, Deserialize, Debug)]
struct Newtype<T>(T);

#[derive(Serialize, Deserialize, Debug)]
struct Named<T> {
    unit: Unit,
    field: T,
}

#[derive(Serialize, Deserialize, Debug)]
enum Variants<T> {
    Newtype(T),
    Tuple(u8, T),
    Struct { field: T },
}

#[test]
fn a_vec_of_units_does_not_run_for_ever() {
    refused::<Vec<()>>(&[]);
}

#[test]
fn a_map_of_units_does_not_run_for_ever() {
    refused::<BTreeMap<(), ()>>(&[]);
    refused::<BTreeMap<Unit, [(); 3]>>(&[]);
}

#[test]
fn elements_of_all_types_without_bytes_are_bounded() {
    refused::<Vec<Unit>>(&[]);
    refused::<Vec<Empty>>(&[]);
    refused::<Vec<[(); 32]>>(&[]);
    refused::<Vec<[Vec<()>; 0]>>(&[]);
    refused::<Vec<((), Unit)>>(&[]);
    refused::<Vec<Newtype<PhantomData<u8>>>>(&[]);
    refused::<Vec<Named<Empty>>>(&[]);
}

#[test]
fn sequences_are_bounded_wherever_they_are() {
    refused::<Vec<Vec<()>>>(&[1]);
    refused::<[Vec<()>; 2]>(&[0]);
    refused::<(u8, Vec<()>)>(&[7]);
    refused::<Option<Vec<()>>>(&[1]);
    refused::<BTreeMap<Vec<()>, u8>>(&[1]);
    refused::<BTreeMap<u8, Vec<()>>>(&[1, 7]);
    refused::<Newtype<Vec<()>>>(&[]);
    refused::<Named<Vec<()>>>(&[]);
    refused::<Variants<Vec<()>>>(&[0]);
    refused::<Variants<Vec<()>>>(&[1, 7]);
    refused::<Variants<Vec<()>>>(&[2]);
}

#[test]
fn all_sequences_share_one_budget() {
    let payload = bytes_of(&vec![vec![(); 100]; 11]);
    assert_eq!(
        message::<Vec<Vec<()>>>(&payload),
        Err(MessageError::TooManyElements { max: payload.len() + 1024 })
    );
}

#[test]
fn a_message_of_1024_units_is_one() {
    assert_eq!(message(&[0x80, 8]), Ok(vec![(); 1024]));
    // The two bytes of the length allow two more.
    assert_eq!(message(&[0x82, 8]), Ok(vec![(); 1026]));
    assert_eq!(message::<(Vec<()>, u8)>(&[0x82, 8]), Err(MessageError::Truncated { payload: 2 }));
    assert_eq!(message::<Vec<()>>(&[0x83, 8]), Err(MessageError::TooManyElements { max: 1026 }));
}

#[test]
fn elements_that_take_bytes_are_never_too_many() {
    let nested = vec![vec![vec![((7_u8,),)]]; 10_000];
    assert_eq!(message(&bytes_of(&nested)), Ok(nested));
    let map: BTreeMap<u16, ()> = (0..10_000).map(|key| (key, ())).collect();
    assert_eq!(message(&bytes_of(&map)), Ok(map));
}

#[test]
fn a_type_that_ignores_errors_is_refused_too() {
    #[derive(Debug)]
    struct Careless;

    impl<'de> Deserialize<'de> for Careless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            _ = Vec::<()>::deserialize(deserializer);
            Ok(Self)
        }
    }
    refused::<Careless>(&[]);
}

#[test]
fn nested_fields_borrow_the_payload() {
    let payload = bytes_of(&[Newtype(Some("boiler"))]);
    let [Newtype(Some(name))]: [Newtype<Option<&str>>; 1] = message(&payload).unwrap() else {
        panic!("nothing arrived")
    };
    assert!(payload.as_ptr_range().contains(&str::as_ptr(name)), "it was copied");
}

fn bytes_of<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 20];
    postcard::to_slice(value, &mut buffer).unwrap().to_vec()
}

#[derive(Serialize, Deserialize, Debug)]
struct Rich<'a> {
    text: &'a str,
    bytes: Option<&'a [u8]>,
    owned: String,
    signed: (i8, i16, i32, i64, i128),
    unsigned: (u8, u16, u32, u64, u128),
    others: (bool, f32, f64, char, (), Unit, Empty),
    // Its form depends on `is_human_readable`.
    address: Newtype<IpAddr>,
    result: Result<u8, String>,
    lists: Vec<Vec<u16>>,
    #[serde(borrow)]
    kinds: Vec<Kind<'a>>,
    map: BTreeMap<i32, Named<[Option<()>; 2]>>,
}

#[derive(Serialize, Deserialize, Debug)]
enum Kind<'a> {
    Unit,
    Newtype(&'a str),
    Tuple(u64, Option<Option<bool>>),
    Struct { name: &'a str, next: Option<Box<Self>> },
}

/// Not possible in postcard's format.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its failure is looked at")]
enum Untagged {
    Number(u32),
}

impl<'a> Kind<'a> {
    fn new(seed: u8, name: &'a str) -> Self {
        match seed % 4 {
            0 => Self::Unit,
            1 => Self::Newtype(name),
            2 => Self::Tuple(
                u64::from(seed) << 40,
                [None, Some(None), Some(Some(true))][usize::from(seed % 3)],
            ),
            _ => Self::Struct { name, next: (seed > 9).then(|| Box::new(Self::new(seed / 2, name))) },
        }
    }
}

/// Checks that `Frame::message` returns what postcard does. As text, in which NaN equals itself.
fn same<'a, T: Deserialize<'a> + Debug>(payload: &'a [u8]) -> Result<(), TestCaseError> {
    let expected = match postcard::take_from_bytes::<T>(payload) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(MessageError::Trailing { bytes: rest.len() }),
        Err(postcard::Error::DeserializeUnexpectedEnd) => {
            Err(MessageError::Truncated { payload: payload.len() })
        }
        Err(_) => Err(MessageError::Invalid),
    };
    prop_assert_eq!(format!("{:?}", message::<T>(payload)), format!("{expected:?}"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn values_arrive_as_from_postcard(
        text in any::<String>(),
        bytes in any::<Option<Vec<u8>>>(),
        signed in any::<(i8, i16, i32, i64, i128)>(),
        unsigned in any::<(u8, u16, u32, u64, u128)>(),
        (flag, single, double, char) in any::<(bool, f32, f64, char)>(),
        address in any::<IpAddr>(),
        lists in vec(vec(any::<u16>(), 0..9), 0..9),
        kinds in vec(any::<u8>(), 0..9),
        keys in vec(any::<i32>(), 0..9),
        (position, byte) in any::<(Index, u8)>(),
    ) {
        let value = Rich {
            text: &text,
            bytes: bytes.as_deref(),
            owned: text.clone(),
            signed,
            unsigned,
            others: (flag, single, double, char, (), Unit, Empty {}),
            address: Newtype(address),
            result: if flag { Ok(byte) } else { Err(text.clone()) },
            lists,
            kinds: kinds.into_iter().map(|seed| Kind::new(seed, &text)).collect(),
            map: keys.into_iter().map(|key| (key, Named { unit: Unit, field: [None, Some(())] })).collect(),
        };
        let mut payload = bytes_of(&value);
        prop_assert_eq!(format!("{:?}", message::<Rich<'_>>(&payload).unwrap()), format!("{value:?}"));
        same::<Rich<'_>>(&payload)?;

        // Cut off, followed by another byte, and with one byte changed.
        let position = position.index(payload.len());
        same::<Rich<'_>>(&payload[..position])?;
        same::<Rich<'_>>(&[&payload[..], &[byte]].concat())?;
        payload[position] = byte;
        same::<Rich<'_>>(&payload)?;
    }

    #[test]
    fn random_bytes_are_the_same_as_to_postcard(
        payload in prop_oneof![vec(any::<u8>(), 0..256), vec(0_u8..4, 0..256)],
    ) {
        same::<Rich<'_>>(&payload)?;
        same::<Kind<'_>>(&payload)?;
        same::<Vec<Kind<'_>>>(&payload)?;
        same::<BTreeMap<Option<&str>, Vec<Variants<u8>>>>(&payload)?;
        same::<Newtype<Named<(Vec<[i16; 2]>, Option<char>)>>>(&payload)?;
        same::<IgnoredAny>(&payload)?;
        same::<Untagged>(&payload)?;
    }
}
