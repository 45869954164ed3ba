//! Typed messages.

use super::fake::{ALL, Step};
use super::streams::u32_be;
use super::*;
use ringframe::EncodeError;

#[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
struct Reading<'a> {
    sensor: &'a str,
    celsius: i16,
}

/// Messages are queued like frames: writing makes room, and what can never fit is refused.
#[test]
fn messages_make_room_for_themselves() {
    let sensor = "b".repeat(50);
    let readings = [
        Reading { sensor: "boiler", celsius: 64 },
        Reading { sensor: &sensor, celsius: -3 },
        Reading { sensor: "", celsius: 0 },
    ];
    let stream = u32_be(&[]);
    let mut writer = fake_writer(&stream, Plan::once([Step::Fail(ErrorKind::TimedOut)]));
    wait!(writer.push_message(&readings[0])).expect("room");
    let failed = wait!(writer.push_message(&readings[1])).expect_err("the failure");
    assert!(matches!(failed, WriteError::NotQueued(_)), "{failed}");
    assert_eq!(writer.encoder().stats().frames, 1, "it is not queued");
    for reading in &readings[1..] {
        wait!(writer.push_message(reading)).expect("room");
    }
    let large = "a".repeat(STORE);
    let refused = wait!(writer.push_message(&large)).expect_err("larger than the store");
    let WriteError::Encode(refused) = refused else { panic!("{refused}") };
    assert!(matches!(refused, EncodeError::NoRoom { free: STORE, .. }) && !refused.fits_later(), "{refused}");
    flush(&mut writer);
    let wire = writer.get_ref().out.clone();
    let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(1)]));
    for reading in &readings {
        let frame = wait!(reader.next_frame()).expect("a good frame").expect("a frame");
        assert_eq!(&frame.message::<Reading<'_>>().expect("a message"), reading);
    }
    assert!(wait!(reader.next_frame()).expect("a clean end").is_none());
}

#[test]
fn a_message_that_can_not_be_serialised_is_not_queued() {
    struct Refuses;
    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let mut writer = fake_writer(&u32_be(&[]), Plan::cycle([ALL]));
    let refused = wait!(writer.push_message(&Refuses)).expect_err("it refuses");
    assert!(matches!(refused, WriteError::Encode(EncodeError::Serialize)), "{refused}");
    assert!(writer.encoder().is_empty());
}
