//! What a decoder hands out: a whole [`Frame`], or the [`Event`]s of one that is larger than the store.

/// A whole frame: a header, then a payload. It borrows the decoder's store or the caller's chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Frame<'a> {
    bytes: &'a [u8],
    /// Length of the header.
    header: usize,
}

impl<'a> Frame<'a> {
    /// A frame of these bytes, the first `header` of which are its header: for who keeps frames that a decoder gave. Where
    /// that is more than there are, it has neither header nor payload.
    #[inline(always)]
    pub const fn new(bytes: &'a [u8], header: usize) -> Self {
        Self { bytes, header }
    }

    /// The whole frame, as it was on the wire.
    #[inline(always)]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The header: the length field and the bytes around it.
    #[inline]
    pub fn header(&self) -> &'a [u8] {
        self.bytes.get(..self.header).unwrap_or_default()
    }

    /// All bytes behind the header.
    #[inline(always)]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header..).unwrap_or_default()
    }
}

/// What [`Decoder::event`](crate::Decoder::event) sees: whole frames where they fit the store, else
/// `Begin`, any number of `Data`, `End`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Event<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// A frame larger than the store begins. Its payload follows in pieces, or
    /// [`discard`](crate::Decoder::discard) skips it.
    Begin {
        /// The whole header.
        header: &'a [u8],
        /// Length of the payload that follows, bytes.
        payload: u64,
    },
    /// The next piece of its payload, never empty.
    Data(&'a [u8]),
    /// Its payload is complete.
    End,
}

/// What [`Decoder::poll`](crate::Decoder::poll) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Status {
    /// There is something to take.
    Ready,
    /// At least that many more bytes are needed before there is. Never 0.
    Need(usize),
}

/// What [`peek`](crate::peek) finds at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Peek<'a> {
    /// No whole frame: that many bytes of it are needed, from its first on, to say more. More than there are.
    Need(usize),
    /// A whole frame; what is behind it is not looked at.
    Frame(Frame<'a>),
}

/// An owned copy of the payload, for a queue or another task; the error is heapless's own, "too large".
/// (`heapless::Vec::try_from(frame.bytes())` copies the whole frame.)
#[cfg(feature = "heapless")]
impl<const N: usize> TryFrom<Frame<'_>> for heapless::Vec<u8, N> {
    type Error = heapless::CapacityError;

    fn try_from(frame: Frame<'_>) -> Result<Self, Self::Error> {
        Self::try_from(frame.payload())
    }
}
