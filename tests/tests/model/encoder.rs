//! The encoder: what is pending must be the frames that went in.

use std::collections::VecDeque;
use std::mem;

use proptest::prelude::*;
use ringframe::{ConfigError, EncodeError, Encoder, Limited, RuntimeFormat};

use super::{
    FORMATS, Family, SUMMED, Summed, check_format, config, fields, frame, header, lengths, limit, trailer,
};

#[derive(Clone, Debug)]
enum Op {
    Push(Vec<usize>),
    /// Pieces to write, and how it ends.
    Write(Vec<usize>, End),
    Announce(usize),
    Feed(usize),
    NoteSent(usize),
    Unframed(usize),
    Advance(usize),
    Drain(usize),
    Reset,
    SetLimit(u64),
    Replace(usize, u64),
    Clone,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Publish,
    Drop,
    Forget,
}

fn op() -> impl Strategy<Value = Op> {
    let pieces = || prop::collection::vec(prop_oneof![4 => 0..30usize, 1 => 100..300usize], 0..4);
    let end = prop_oneof![4 => Just(End::Publish), 1 => Just(End::Drop), 1 => Just(End::Forget)];
    prop_oneof![
        8 => pieces().prop_map(Op::Push),
        8 => (pieces(), end).prop_map(|(pieces, end)| Op::Write(pieces, end)),
        3 => (0..150usize).prop_map(Op::Announce),
        9 => (0..60usize).prop_map(Op::Feed),
        3 => (0..60usize).prop_map(Op::NoteSent),
        2 => (0..60usize).prop_map(Op::Unframed),
        8 => (0..150usize).prop_map(Op::Advance),
        4 => (0..80usize).prop_map(Op::Drain),
        1 => Just(Op::Reset),
        1 => prop_oneof![4 => limit(), 1 => 0..12u64].prop_map(Op::SetLimit),
        1 => (0..FORMATS, limit()).prop_map(|(index, limit)| Op::Replace(index, limit)),
        1 => Just(Op::Clone),
    ]
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn keeps_every_byte(
        index in 0..FORMATS,
        limit in prop::option::of(limit()),
        store in 10..300usize,
        ops in prop::collection::vec(op(), 0..60),
    ) {
        match (index, limit) {
            (SUMMED, None) => run::<Summed>(index, limit, store, &ops),
            (SUMMED, Some(_)) => run::<Limited<Summed>>(index, limit, store, &ops),
            (_, None) => run::<RuntimeFormat>(index, limit, store, &ops),
            (_, Some(_)) => run::<Limited<RuntimeFormat>>(index, limit, store, &ops),
        }
    }
}

fn run<F: Family>(mut index: usize, mut limit: Option<u64>, store: usize, ops: &[Op]) {
    let mut encoder = Encoder::try_new(F::make(index, limit), vec![0; store]).unwrap();
    let mut model: VecDeque<u8> = VecDeque::new();
    // The frame that was announced, and how much of its payload is missing.
    let (mut announced, mut left) = (vec![], 0u64);
    let (mut frames, mut high_water, mut newest) = (0u32, 0, 0u8);
    let mut bytes = |n: usize| -> Vec<u8> {
        newest = newest.wrapping_add(1);
        (0..n).map(|i| newest.wrapping_add(i as u8)).collect()
    };
    for op in ops {
        let (fields, trailer_len) = (fields(index), lengths(index).trailer);
        let free = store - model.len();
        let no_room = |needed: usize| {
            let error = EncodeError::NoRoom { needed, free, capacity: store };
            assert_eq!(error.fits_later(), needed <= store);
            Err(error)
        };
        // The frame of this payload, if it is one within the limit.
        let whole = |payload: &[u8], limit: Option<u64>| match (frame(index, payload), limit) {
            (None, _) => Err(EncodeError::Unrepresentable { payload: payload.len() as u64 }),
            (Some(frame), Some(limit)) if frame.len() as u64 > limit => {
                Err(EncodeError::TooLong { frame: frame.len() as u64, limit })
            }
            (Some(frame), _) => Ok(frame),
        };
        match op {
            Op::Push(pieces) => {
                let parts: Vec<_> = pieces.iter().map(|&n| bytes(n)).collect();
                let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
                let expected = match whole(&parts.concat(), limit) {
                    _ if left > 0 => Err(EncodeError::MidPayload { left }),
                    Err(error) => Err(error),
                    Ok(frame) if frame.len() > free => no_room(frame.len()),
                    Ok(frame) => {
                        model.extend(frame);
                        frames += 1;
                        Ok(())
                    }
                };
                assert_eq!(encoder.push_with(fields, &parts), expected);
            }
            Op::Write(pieces, end) => {
                let least = if index == 4 { 1 } else { 0 };
                let gap = header(index, least).unwrap().len();
                let mut writer = match encoder.begin(fields) {
                    Ok(writer) => writer,
                    Err(error) => {
                        let mid_payload = Err(EncodeError::MidPayload { left });
                        let expected = if left > 0 { mid_payload } else { no_room(gap + trailer_len) };
                        assert_eq!(Err(error), expected);
                        assert!(left > 0 || gap + trailer_len > free);
                        continue;
                    }
                };
                assert!(left == 0 && gap + trailer_len <= free);
                let mut payload = vec![];
                for &piece in pieces {
                    let piece = bytes(piece);
                    let needed = gap + payload.len() + piece.len() + trailer_len;
                    let expected = if needed > free { no_room(needed) } else { Ok(()) };
                    assert_eq!(writer.write(&piece), expected);
                    if expected.is_ok() {
                        payload.extend(piece);
                    }
                    assert_eq!(writer.written(), payload.len());
                }
                match end {
                    #[expect(clippy::forget_non_drop, reason = "must hold if it is given a `Drop` one day")]
                    End::Forget => mem::forget(writer),
                    End::Drop => drop(writer),
                    End::Publish => {
                        let expected = match whole(&payload, limit) {
                            Err(error) => Err(error),
                            Ok(frame) if frame.len() > free => no_room(frame.len()),
                            Ok(frame) => {
                                model.extend(frame);
                                frames += 1;
                                Ok(())
                            }
                        };
                        assert_eq!(writer.publish(), expected);
                    }
                }
            }
            Op::Announce(n) => {
                // Without a limit, the store is the limit.
                let limit = limit.unwrap_or(store as u64);
                let expected = match whole(&vec![0; *n], Some(limit)) {
                    _ if left > 0 => Err(EncodeError::MidPayload { left }),
                    Err(error) => Err(error),
                    Ok(frame) => {
                        let header = frame.len() - n - trailer_len;
                        let needed = if *n == 0 { frame.len() } else { header };
                        if needed > free {
                            no_room(needed)
                        } else {
                            model.extend(&frame[..needed]);
                            left = *n as u64;
                            frames += u32::from(left == 0);
                            announced = frame[..header].to_vec();
                            Ok(())
                        }
                    }
                };
                assert_eq!(encoder.announce(fields, *n as u64), expected);
            }
            Op::Feed(n) => {
                let piece = bytes(*n);
                if *n as u64 > left {
                    assert_eq!(encoder.feed(&piece), Err(EncodeError::Overrun { given: *n, left }));
                } else {
                    // The last byte goes in with the trailer, or not at all.
                    let is_last = *n as u64 == left && *n > 0;
                    let n = if is_last && *n + trailer_len > free { free.min(*n - 1) } else { free.min(*n) };
                    assert_eq!(encoder.feed(&piece), Ok(n));
                    model.extend(&piece[..n]);
                    announced.extend(&piece[..n]);
                    left -= n as u64;
                    if n > 0 && left == 0 {
                        model.extend(trailer(index, &announced));
                        frames += 1;
                    }
                }
            }
            Op::NoteSent(n) => {
                let piece = bytes(*n);
                let expected = match *n {
                    given if given as u64 > left => Err(EncodeError::Overrun { given, left }),
                    0 => Ok(()),
                    _ if !model.is_empty() => Err(EncodeError::OutOfOrder { pending: model.len() }),
                    n => {
                        announced.extend(&piece);
                        left -= n as u64;
                        if left == 0 {
                            model.extend(trailer(index, &announced));
                            frames += 1;
                        }
                        Ok(())
                    }
                };
                assert_eq!(encoder.note_sent(&piece), expected);
            }
            Op::Unframed(n) => {
                let piece = bytes(*n);
                if left > 0 {
                    assert_eq!(encoder.push_unframed(&piece), Err(EncodeError::MidPayload { left }));
                } else {
                    let n = free.min(*n);
                    assert_eq!(encoder.push_unframed(&piece), Ok(n));
                    model.extend(&piece[..n]);
                }
            }
            Op::Advance(n) => {
                encoder.advance(*n);
                model.drain(..model.len().min(*n));
            }
            Op::Drain(n) => {
                let mut out = vec![0; *n];
                let drained = encoder.drain(&mut out);
                assert_eq!(drained, model.len().min(*n));
                assert!(model.drain(..drained).eq(out[..drained].iter().copied()));
            }
            Op::Reset => {
                encoder.reset();
                model.clear();
                left = 0;
            }
            Op::SetLimit(new) => {
                if let Some(result) = F::set_encoder(&mut encoder, *new) {
                    let needed = lengths(index).smallest;
                    if *new < needed {
                        assert_eq!(result, Err(ConfigError::LimitTooSmall { limit: *new, needed }));
                    } else {
                        assert_eq!(result, Ok(()));
                        limit = Some(*new);
                    }
                }
            }
            Op::Replace(other, new) => {
                let (other, new) = (F::index(*other), limit.map(|_| *new));
                let expected = match check_format(other, store, new) {
                    _ if left > 0 => Err(ConfigError::MidPayload { left }),
                    Err(error) => Err(error),
                    Ok(()) => Ok(F::make(index, limit)),
                };
                assert_eq!(encoder.replace_format(F::make(other, new)), expected);
                if expected.is_ok() {
                    (index, limit) = (other, new);
                }
            }
            Op::Clone => encoder = encoder.clone(),
        }
        high_water = high_water.max(model.len());
        let (first, second) = encoder.pending();
        assert!(first.iter().chain(second).eq(&model), "after {op:?}: {first:?} {second:?} {model:?}");
        assert!(!first.is_empty() || second.is_empty(), "a transport that sends the first slice stalls");
        assert_eq!((encoder.left(), encoder.free()), (left, store - model.len()));
        let stats = encoder.stats();
        assert_eq!((stats.frames, stats.high_water), (frames, high_water), "after {op:?}");
        assert_eq!((encoder.is_empty(), encoder.capacity()), (model.is_empty(), store));
        assert_eq!(encoder.format(), &F::make(index, limit));
    }
    let parts = encoder.into_parts();
    assert!(parts.store[parts.pending].iter().eq(&model));
    assert_eq!((parts.payload_left, parts.format), (left, F::make(index, limit)));
}
