//! What a decoder returns: a whole [`Frame`], or the [`Event`]s of one that is larger than the store.

/// A whole frame: a header, a payload, and in some formats a trailer.
///
/// It borrows the decoder's store or the caller's chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Frame<'a> {
    bytes: &'a [u8],
    header: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits off the frame at the front of `window`, whose parts have these lengths. Returns it and
    /// what follows, or `None` if it is not whole.
    ///
    /// Split in this order, the way from header to header is one addition shorter than by the length
    /// of the whole frame.
    #[inline(always)]
    pub(crate) fn split_off(
        window: &'a [u8],
        header: usize,
        payload: usize,
        trailer: usize,
    ) -> Option<(Self, &'a [u8])> {
        let (header, rest) = window.split_at_checked(header)?;
        let (payload, rest) = rest.split_at_checked(payload)?;
        let (_, rest) = rest.split_at_checked(trailer)?;
        let bytes = window.get(..window.len().wrapping_sub(rest.len())).unwrap_or_default();
        Some((Self { bytes, header, payload }, rest))
    }

    /// Returns `bytes` as a frame. Its parts were measured before. If a store has shrunk since, the
    /// frame is empty.
    #[inline(always)]
    pub(crate) fn of(bytes: &'a [u8], header: usize, payload: usize) -> Self {
        let (header, rest) = bytes.split_at_checked(header).unwrap_or_default();
        Self { bytes, header, payload: rest.get(..payload).unwrap_or_default() }
    }

    /// Returns a frame of these bytes, to lend again one that was copied.
    ///
    /// `header` and `payload` are the lengths of its parts, in bytes. The rest is the trailer.
    /// Returns `None` if `bytes` are fewer than the parts.
    /// ```
    /// use ringframe::Frame;
    ///
    /// let frame = Frame::new(b"\0\x02hi", 2, 2).ok_or("too short")?;
    /// assert_eq!((frame.header(), frame.payload()), (&b"\0\x02"[..], &b"hi"[..]));
    /// # Ok::<(), &str>(())
    /// ```
    pub const fn new(bytes: &'a [u8], header: usize, payload: usize) -> Option<Self> {
        let Some((header, rest)) = bytes.split_at_checked(header) else { return None };
        let Some((payload, _)) = rest.split_at_checked(payload) else { return None };
        Some(Self { bytes, header, payload })
    }

    /// Returns the whole frame, as it was on the wire.
    #[inline(always)]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the header: the length field and the bytes around it.
    #[inline(always)]
    pub const fn header(&self) -> &'a [u8] {
        self.header
    }

    /// Returns the payload.
    #[inline(always)]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the length of the payload, in bytes.
    #[inline(always)]
    pub const fn len(&self) -> usize {
        self.payload.len()
    }

    /// Returns true if the payload is empty.
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }
}

/// The payload.
impl AsRef<[u8]> for Frame<'_> {
    fn as_ref(&self) -> &[u8] {
        self.payload
    }
}

/// What [`Decoder::next_event`](crate::Decoder::next_event) returns: a whole frame if it fits the
/// store, else `Begin`, any number of `Data`, and `End`.
// Exhaustive: a caller must handle each of them, or loses bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Event<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// A frame larger than the store begins. Its payload follows in pieces.
    /// [`discard`](crate::Decoder::discard) skips it.
    Begin {
        /// The whole header.
        header: &'a [u8],
        /// Length of the payload that follows, in bytes.
        payload: u64,
    },
    /// The next piece of its payload, never empty.
    Data(&'a [u8]),
    /// Its payload is complete, and its trailer is right.
    End,
}

/// What [`Decoder::poll`](crate::Decoder::poll) returns.
// Exhaustive: either there is something or there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Status {
    /// There is something to take.
    Ready,
    /// At least this many bytes are missing until there is. Never 0.
    Missing(usize),
}

/// What [`peek`](crate::peek) finds at the front of a buffer.
// Exhaustive: either the frame is whole or it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Peek<'a> {
    /// The frame is not whole.
    Incomplete {
        /// How many bytes are needed, counted from the first byte of the frame. More than there
        /// are. While the length is unknown: how many of them would tell.
        total: usize,
    },
    /// A whole frame. The bytes after it were not looked at.
    Frame(Frame<'a>),
}

/// Copies the payload into an owned vector, for a queue or another task.
///
/// The error is heapless's own, "too large". `heapless::Vec::try_from(frame.bytes())` copies the
/// whole frame.
#[cfg(feature = "heapless")]
impl<const N: usize> TryFrom<Frame<'_>> for heapless::Vec<u8, N> {
    type Error = heapless::CapacityError;

    fn try_from(frame: Frame<'_>) -> Result<Self, Self::Error> {
        Self::try_from(frame.payload())
    }
}
