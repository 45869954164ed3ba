//! What the adapters remember of time. Those without a clock remember nothing.

/// What an adapter remembers of time, in a reader or a writer whose transport is an `S`.
pub trait Time<S> {
    /// Nothing was waited for yet.
    const NEW: Self;

    /// Stops the clock, where one runs between two polls.
    fn pause(&mut self) {}

    /// Forgets what was waited for.
    fn restart(&mut self) {}

    /// Restores what was set on the transport.
    fn release(&mut self, io: &mut S) {
        let _ = io;
    }
}
