//! Methods that several adapters have to the letter.

/// Access to the transport without giving it up, of a type whose field `io` is a transport of that type; and where bytes
/// are missing that bypass it.
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

/// Access to the transport, of a type whose field `io` is a transport of that type.
macro_rules! access {
    ($S:ident) => {
        $crate::access::refs!($S, "in the stream of frames");

        /// The transport alone; what is buffered is lost.
        pub fn into_inner(self) -> $S {
            self.io
        }
    };
}
pub(crate) use access;

/// What is known of a payload, of a type whose field `large` is an [`incoming::Large`](crate::incoming::Large).
macro_rules! large {
    () => {
        /// The frame's header.
        pub fn header(&self) -> &[u8] {
            self.large.header()
        }

        /// Length of the whole payload, bytes.
        pub const fn len(&self) -> u64 {
            self.large.len()
        }

        /// Always `false`: only a payload larger than the store comes this way.
        pub const fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// How much of it was not read yet, bytes.
        pub const fn left(&self) -> u64 {
            self.large.left()
        }
    };
}
pub(crate) use large;
