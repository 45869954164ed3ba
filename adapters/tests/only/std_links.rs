//! Splitting a link of `std`: it needs a second handle, and there may be none.

use std::error::Error;
use std::io::{self, ErrorKind};

use ringframe_io::std::SplitError;

use crate::suite::fake::{Plan, Step};
use crate::suite::streams::u32_be;
use crate::suite::{FakeLink, fake_link, own};

/// Too many open files is when it fails: the very time at which a connection must not be lost.
#[test]
fn a_link_that_can_not_be_split_comes_back() {
    let stream = u32_be(&[5, 9]);
    let mut link = fake_link(&stream, Plan::cycle([Step::Move(15)]));
    assert!(link.next_frame().expect("a good stream").is_some());
    link.push(b"queued").expect("room");
    link.get_mut().refuses = true;
    let SplitError { error, mut link, .. } = link.split().map(|_| ()).expect_err("no second handle");
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert_eq!(link.next_frame().expect("in step").map(own).as_ref(), Some(&stream.frames[1]));
    link.flush().expect("a good transport");
    assert_eq!(link.get_ref().out, b"\0\0\0\x06queued");
    assert_eq!((link.decoder().stats().frames, link.encoder().stats().frames), (2, 1));

    // And when there is one again:
    link.get_mut().refuses = false;
    assert!(link.split().is_ok());
}

#[test]
fn the_error_of_a_split_is_that_of_the_system() {
    let link = || {
        let mut link = fake_link(&u32_be(&[]), Plan::cycle([Step::Move(1)]));
        link.get_mut().refuses = true;
        link
    };
    let error: SplitError<FakeLink> = link().split().map(|_| ()).expect_err("no second handle");
    let text = error.to_string();
    assert!(text.contains("quota exceeded") && error.source().is_none(), "{text}");
    let error: io::Error = error.into();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
}
