//! The chip as a network device: one copy out of its FIFO, one into it.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::clock;
use crate::lan9118::{Lan9118, MAX_FRAME};

/// The network device.
pub struct Ethernet {
    chip: Lan9118,
    received: [u8; MAX_FRAME],
    outgoing: [u8; MAX_FRAME],
}

impl Ethernet {
    pub(crate) const fn new(chip: Lan9118) -> Self {
        Self { chip, received: [0; MAX_FRAME], outgoing: [0; MAX_FRAME] }
    }

    /// The chip.
    pub const fn chip(&self) -> &Lan9118 {
        &self.chip
    }

    /// Sleeps until a frame is there, at the latest until the next tick.
    pub fn sleep(&mut self) {
        clock::sleep_unless(|| self.watch());
    }

    /// Whether a frame is there. If not, the next one interrupts, once.
    pub(crate) fn watch(&mut self) -> bool {
        self.chip.watch()
    }

    /// A frame, and leave to answer it.
    pub(crate) fn take(&mut self) -> Option<(Received<'_>, Outgoing<'_>)> {
        if !self.chip.has_room() {
            return None;
        }
        let frame = self.chip.receive(&mut self.received)?;
        Some((Received { frame }, Outgoing { chip: &mut self.chip, buffer: &mut self.outgoing }))
    }

    /// Leave to send a frame.
    pub(crate) fn offer(&mut self) -> Option<Outgoing<'_>> {
        let room = self.chip.has_room();
        room.then_some(Outgoing { chip: &mut self.chip, buffer: &mut self.outgoing })
    }
}

/// A received frame.
pub struct Received<'a> {
    pub(crate) frame: &'a mut [u8],
}

/// Leave to send a frame, which the chip has room for.
pub struct Outgoing<'a> {
    chip: &'a mut Lan9118,
    buffer: &'a mut [u8; MAX_FRAME],
}

impl Outgoing<'_> {
    pub(crate) fn send<R>(self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        // No stack asks for more than the capabilities say.
        let frame = &mut self.buffer[..len];
        let result = write(frame);
        self.chip.transmit(frame);
        result
    }
}

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Outgoing<'_>)> {
        self.take()
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        self.offer()
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.frame)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.send(len, write)
    }
}
