//! Access to the transport.
macro_rules! refs {
    ($S:ident, $missing:literal) => {
        /// The transport.
        pub const fn get_ref(&self) -> &$S {
            &self.io
        }

        #[doc = concat!("The transport. Bytes read from it or written to it are missing ", $missing, ".")]
        pub const fn get_mut(&mut self) -> &mut $S {
            &mut self.io
        }
    };
}
pub(crate) use refs;
