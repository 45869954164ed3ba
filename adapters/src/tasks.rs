//! Letting other tasks run. A transport that is interrupted for ever must not keep them from running.

use core::task::{Context, Poll};

/// Asks the executor to poll this task again, after the others.
pub(crate) fn poll_again<T>(cx: &Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Lets other tasks run, then goes on.
#[cfg(any(feature = "embedded-io-async", feature = "noise"))]
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    core::future::poll_fn(|cx| match core::mem::replace(&mut has_yielded, true) {
        false => poll_again(cx),
        true => Poll::Ready(()),
    })
    .await;
}
