//! What the commands' futures run on.

use tokio::runtime::{Builder, Runtime};

use crate::failure::{Code, Failure};

/// A runtime, with what `builder` says of its threads.
pub(crate) fn start(mut builder: Builder) -> Result<Runtime, Failure> {
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| Failure::new(Code::Other, format!("can't start: {error}")))
}

/// A runtime on this thread alone.
pub(crate) fn on_this_thread() -> Result<Runtime, Failure> {
    start(Builder::new_current_thread())
}

/// Runs a client on this thread until it is done, or until ^C. A thread of it that still waits for input is not
/// waited for.
pub(crate) fn until_interrupted<T>(client: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = on_this_thread()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = client => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
        }
    });
    runtime.shutdown_background();
    result
}
