//! Every way in which a transport may cut a stream and fail meanwhile.

use std::io::ErrorKind;

use super::fake::{Plan, Step};

/// After these an operation can be called again. To a task, "would block" is a future that waits.
pub(crate) const STOPS: [ErrorKind; 2] = [ErrorKind::WouldBlock, ErrorKind::TimedOut];

/// `size` bytes a call, but the call number `at` fails.
fn fails_at(at: usize, kind: ErrorKind, size: usize) -> Plan {
    let mut once = vec![Step::Move(size); at];
    once.push(Step::Fail(kind));
    Plan::new(once, [Step::Move(size)])
}

/// Every way in which a transport may cut a stream of that length and fail meanwhile, in calls of every size.
pub(crate) fn plans(len: usize) -> impl Iterator<Item = (String, Plan)> {
    let mut kinds = vec![ErrorKind::Interrupted];
    kinds.extend(STOPS);
    (1..=len.max(1)).flat_map(move |size| {
        let whole = (format!("{size} bytes a call"), Plan::cycle([Step::Move(size)]));
        let failing = kinds.clone().into_iter().flat_map(move |kind| {
            // A failure before each call, and one failure at each point; of single bytes too.
            let each = format!("{size} bytes a call, {kind} before each");
            let each = (each, Plan::cycle([Step::Fail(kind), Step::Move(size)]));
            let calls = len.div_ceil(size) + 1;
            let stride = if size == 1 { 1 } else { calls.div_ceil(8) };
            let once = (0..calls).step_by(stride).map(move |at| {
                (format!("{size} bytes a call, {kind} at call {at}"), fails_at(at, kind, size))
            });
            once.chain([each])
        });
        failing.chain([whole])
    })
}
