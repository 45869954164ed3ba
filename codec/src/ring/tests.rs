//! The ring against the simplest model of it, a `VecDeque`: whatever is done in whatever order, the same
//! bytes are in it. The ring's own invariants are debug assertions.

extern crate std;

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::Ring;

/// Something to do. Numbers are taken modulo what is possible, so that every operation does something.
#[derive(Clone, Debug)]
enum Op {
    Put(usize),
    Commit(usize),
    Release(usize),
    Wrap,
    WrapMoving(usize),
    MoveAll,
    Join,
    ShiftNewest(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    // Filling and emptying keep the balance; the rest is rare enough to find full and wrapped rings.
    prop_oneof![
        4 => (0..24usize).prop_map(Op::Put),
        4 => (0..24usize).prop_map(Op::Commit),
        6 => (0..24usize).prop_map(Op::Release),
        2 => Just(Op::Wrap),
        3 => (0..24usize).prop_map(Op::WrapMoving),
        1 => Just(Op::MoveAll),
        1 => Just(Op::Join),
        2 => ((0..24usize), (0..24usize)).prop_map(|(n, by)| Op::ShiftNewest(n, by)),
    ]
}

fn contents(ring: &Ring, store: &[u8]) -> Vec<u8> {
    [ring.first(store), ring.second(store)].concat()
}

/// Does `ops` to a ring and to its model. Answers which operations had an effect, for a test of the test.
fn run(capacity: usize, ops: &[Op]) -> [usize; 3] {
    let mut ring = Ring::new();
    let mut store = vec![0; capacity];
    let mut model = VecDeque::new();
    let mut newest = 0u8;
    let mut byte = || {
        newest = newest.wrapping_add(1);
        newest
    };
    let mut effects = [0; 3];
    for op in ops {
        match *op {
            Op::Put(n) => {
                let bytes: Vec<u8> = (0..n).map(|_| byte()).collect();
                let used = ring.append_wrapping(&mut store, &bytes);
                model.extend(&bytes[..used]);
                // It stops only where nothing fits any more.
                assert!(used == n || ring.space(capacity).is_empty() && !ring.wrap(capacity), "{ring:?}");
            }
            Op::Commit(n) => {
                let space = ring.space(capacity);
                let n = n.min(space.len());
                for slot in &mut store[space.start..space.start + n] {
                    *slot = byte();
                    model.push_back(*slot);
                }
                ring.commit(n);
            }
            Op::Release(n) => {
                ring.release(n);
                model.drain(..n.min(model.len()));
            }
            Op::Wrap => effects[0] += usize::from(ring.wrap(capacity)),
            Op::WrapMoving(n) => {
                let n = n.min(ring.first_len());
                effects[1] += usize::from(ring.wrap_moving(&mut store, n) && n > 0);
            }
            Op::MoveAll if ring.is_wrapped() => {}
            Op::MoveAll => {
                ring.move_all(&mut store);
                assert!(ring.start() == 0);
            }
            Op::Join => {
                ring.join(&mut store);
                assert!(!ring.is_wrapped());
            }
            Op::ShiftNewest(n, by) => {
                let by = by % (model.len() + 1);
                let n = n % (model.len() - by + 1);
                ring.shift_newest(&mut store, n, by);
                let end = model.len();
                model.make_contiguous().copy_within(end - n - by..end - by, end - n);
                effects[2] += usize::from(n > 0 && by > 0 && ring.tail() > 0);
            }
        }
        ring.invariants();
        assert_eq!(contents(&ring, &store), Vec::from(model.clone()), "after {op:?}: {ring:?}");
        assert_eq!(ring.len(), model.len());
        assert_eq!(ring.is_empty(), model.is_empty());
        assert_eq!(ring.first_len() + ring.tail(), model.len());
        assert_eq!(ring.free(capacity), capacity - model.len());
        let space = ring.space(capacity);
        assert!(space.len() <= ring.free(capacity) && space.end <= capacity, "{ring:?}");
    }
    effects
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn is_a_queue(capacity in 0..17usize, ops in prop::collection::vec(op(), 0..80)) {
        run(capacity, &ops);
    }
}

/// All sequences of three operations on a ring of four bytes, however full it is and wherever it begins.
#[test]
fn is_a_queue_in_every_state() {
    let mut all = vec![Op::Wrap, Op::MoveAll, Op::Join];
    for n in 0..5 {
        all.extend([Op::Put(n), Op::Commit(n), Op::Release(n), Op::WrapMoving(n)]);
        all.extend((1..4).map(|by| Op::ShiftNewest(n, by)));
    }
    let mut effects = [0; 3];
    for filled in 0..=4 {
        for released in 0..=filled {
            for first in &all {
                for second in &all {
                    for third in &all {
                        let ops = [
                            Op::Put(filled),
                            Op::Release(released),
                            first.clone(),
                            second.clone(),
                            third.clone(),
                        ];
                        for (sum, effect) in effects.iter_mut().zip(run(4, &ops)) {
                            *sum += effect;
                        }
                    }
                }
            }
        }
    }
    assert!(effects.iter().all(|&count| count > 0), "{effects:?}");
}
