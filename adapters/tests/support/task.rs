//! Futures that are dropped half-way, without a runtime.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls a future at most that often, then drops it.
pub(crate) fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// Polls a future to its end; one that waits for anything but the fake transport never gets there.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    poll_at_most(1 << 20, future).expect("a future that ends")
}
