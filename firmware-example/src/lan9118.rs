//! Driver of the LAN9118: an Ethernet chip that is read and written through FIFOs, a word at a time.
//!
//! ```text
//! receive:   status FIFO: a word a frame (its length, what is wrong with it)
//!            data FIFO:   the frame and its CRC, padded to words
//! transmit:  data FIFO:   two command words, the frame padded to words
//!            status FIFO: a word a frame
//! ```
//! The interrupt only says "there are frames", once: the handler turns it off, and [`Lan9118::watch`] on again.
//!
//! Names and numbers are those of Microchip's data sheet of the LAN9118, DS00002266.

use core::ptr;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

/// The longest frame: an Ethernet header and 1,500 bytes, without the CRC.
pub const MAX_FRAME: usize = 1514;

const BASE: usize = 0x4020_0000;

/// Where the chip's interrupt is wired to.
const IRQ: u16 = 13;

/// Length of the CRC behind each received frame, bytes.
const CRC: usize = 4;

/// The shortest frame: an Ethernet header. On a wire they are longer, but not in an emulator.
const MIN_FRAME: usize = 14;

/// What the receive FIFO holds beside [`FIFOS`], bytes: a length that is larger is none.
const RECEIVE_FIFO: usize = 10_560;

/// How often a register is looked at before the chip counts as dead. The longest wait is for the PHY, some
/// microseconds for each access.
const PATIENCE: u32 = 1_000_000;

/// The registers, by their offset.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Register {
    ReceiveData = 0x00,
    TransmitData = 0x20,
    ReceiveStatus = 0x40,
    TransmitStatus = 0x48,
    IdAndRevision = 0x50,
    InterruptConfig = 0x54,
    InterruptStatus = 0x58,
    InterruptEnable = 0x5C,
    ByteOrder = 0x64,
    FifoLevels = 0x68,
    ReceiveConfig = 0x6C,
    TransmitConfig = 0x70,
    HardwareConfig = 0x74,
    ReceiveFifo = 0x7C,
    TransmitFifo = 0x80,
    Power = 0x84,
    MacCommand = 0xA4,
    MacData = 0xA8,
}

/// Registers of the MAC, by their index behind `MacCommand`.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Mac {
    Control = 1,
    AddressHigh = 2,
    AddressLow = 3,
    PhyAccess = 6,
    PhyData = 7,
}

/// `InterruptConfig`: the pin is driven (bit 0), high when active (4), enabled (8). As it is after a reset,
/// active low, the interrupt would never end.
const PIN: u32 = 1 << 8 | 1 << 4 | 1;
/// `InterruptStatus`, `InterruptEnable`: frames were received.
const FRAMES: u32 = 1 << 3;
/// `Power`: the chip is ready.
const READY: u32 = 1;
/// `HardwareConfig`: soft reset, until it is done.
const RESET: u32 = 1;
/// `HardwareConfig`: whole frames only (20), 5 KB of the memory for sending (19:16).
const FIFOS: u32 = 1 << 20 | 5 << 16;
/// `TransmitConfig`: on (1), also while nobody reads the status (2).
const TRANSMITTER: u32 = 1 << 2 | 1 << 1;
/// `ReceiveConfig`: empty the FIFOs, until it is done.
const DUMP: u32 = 1 << 15;
/// `MacCommand`: under way.
const BUSY: u32 = 1 << 31;
/// `MacCommand`: read.
const READ: u32 = 1 << 30;
/// `Mac::Control`: full duplex (20), transmitter on (3).
const DUPLEX: u32 = 1 << 20 | 1 << 3;
/// `Mac::Control`: receiver on.
const RECEIVER: u32 = 1 << 2;
/// `Mac::PhyAccess`: register 0 of the internal PHY (address 1), write, under way.
const PHY_CONTROL_WRITE: u32 = 1 << 11 | 1 << 1 | 1;
/// Register 0 of the PHY: negotiate the speed, now.
const NEGOTIATE: u32 = 1 << 12 | 1 << 9;
/// Status of a frame, both ways: something was wrong with it.
const FAULTY: u32 = 1 << 15;

/// The chip.
pub struct Lan9118 {
    address: [u8; 6],
    dropped: u32,
    unsent: u32,
}

/// Why there is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, defmt::Format)]
pub enum StartError {
    /// The board was started before.
    Twice,
    /// The chip does not become ready.
    NotReady,
    /// The words of another chip, or of this one in another byte order.
    Unknown {
        /// `ID_REV`.
        id: u32,
        /// `BYTE_TEST`.
        byte_order: u32,
    },
    /// A soft reset does not end.
    Reset,
    /// The MAC or the PHY does not answer.
    Mac,
}

/// Starting it.
impl Lan9118 {
    pub(crate) fn start() -> Result<Self, StartError> {
        Register::InterruptEnable.write(0);
        Register::InterruptConfig.write(PIN);
        wait_until(|| Register::Power.read() & READY != 0).ok_or(StartError::NotReady)?;
        let (id, byte_order) = (Register::IdAndRevision.read(), Register::ByteOrder.read());
        if id >> 16 != 0x0118 || byte_order != 0x8765_4321 {
            return Err(StartError::Unknown { id, byte_order });
        }

        Register::HardwareConfig.write(RESET);
        wait_until(|| Register::HardwareConfig.read() & RESET == 0).ok_or(StartError::Reset)?;
        Register::HardwareConfig.write(FIFOS);
        // The reset has taken the pin back.
        Register::InterruptConfig.write(PIN);
        Register::InterruptStatus.write(u32::MAX);
        // The first frame is worth an interrupt.
        Register::FifoLevels.write(0);

        wait_until(|| Mac::PhyAccess.read().is_some_and(|access| access & 1 == 0)).ok_or(StartError::Mac)?;
        Mac::PhyData.write(NEGOTIATE).ok_or(StartError::Mac)?;
        Mac::PhyAccess.write(PHY_CONTROL_WRITE).ok_or(StartError::Mac)?;
        wait_until(|| Mac::PhyAccess.read().is_some_and(|access| access & 1 == 0)).ok_or(StartError::Mac)?;

        let low = Mac::AddressLow.read().ok_or(StartError::Mac)?.to_le_bytes();
        let high = Mac::AddressHigh.read().ok_or(StartError::Mac)?.to_le_bytes();
        let address = [low[0], low[1], low[2], low[3], high[0], high[1]];

        Register::TransmitConfig.write(TRANSMITTER);
        Register::ReceiveConfig.write(0);
        Mac::Control.write(DUPLEX | RECEIVER).ok_or(StartError::Mac)?;

        // SAFETY: the handler is there, and shares nothing but a register.
        unsafe { NVIC::unmask(Interrupt) };
        Ok(Self { address, dropped: 0, unsent: 0 })
    }

    /// The address that the chip was given: by an EEPROM, or by QEMU.
    pub const fn address(&self) -> [u8; 6] {
        self.address
    }
}

/// Receiving.
impl Lan9118 {
    /// Moves the next good frame, without its CRC, to the front of `buffer`. Others are dropped and counted:
    /// those that arrived broken, and those larger than `buffer`.
    pub fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        while has_frames() {
            let status = Register::ReceiveStatus.read();
            let with_crc = (status >> 16) as usize & 0x3FFF;
            if with_crc > RECEIVE_FIFO {
                // That was no status, so the FIFOs are out of step.
                self.dropped = self.dropped.wrapping_add(1);
                self.restart_receiver();
                return None;
            }
            let len = with_crc.saturating_sub(CRC);
            if status & FAULTY == 0 && (MIN_FRAME..=buffer.len()).contains(&len) {
                let (frame, _) = buffer.split_at_mut(len);
                for bytes in frame.chunks_mut(4) {
                    let word = Register::ReceiveData.read().to_le_bytes();
                    bytes.copy_from_slice(&word[..bytes.len()]);
                }
                skip(with_crc.div_ceil(4) - len.div_ceil(4));
                return Some(frame);
            }
            self.dropped = self.dropped.wrapping_add(1);
            skip(with_crc.div_ceil(4));
        }
        None
    }

    /// How many frames arrived and were dropped.
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Whether a frame is there. If not, the next one interrupts, once.
    pub fn watch(&mut self) -> bool {
        Register::InterruptStatus.write(FRAMES);
        Register::InterruptEnable.write(FRAMES);
        // One that came before the line above was cleared with it.
        has_frames()
    }

    fn restart_receiver(&mut self) {
        // If the MAC does not answer any more, nothing else will help either.
        let _ = Mac::Control.write(DUPLEX);
        Register::ReceiveConfig.write(DUMP);
        let _ = wait_until(|| Register::ReceiveConfig.read() & DUMP == 0);
        let _ = Mac::Control.write(DUPLEX | RECEIVER);
    }
}

/// Sending.
impl Lan9118 {
    /// Whether there is room for a frame of any length. At 100 Mbit/s there is within 0.5 ms.
    pub fn has_room(&mut self) -> bool {
        let mut fifo = Register::TransmitFifo.read();
        for _ in 0..fifo >> 16 & 0xFF {
            if Register::TransmitStatus.read() & FAULTY != 0 {
                self.unsent = self.unsent.wrapping_add(1);
            }
            fifo = Register::TransmitFifo.read();
        }
        (fifo & 0xFFFF) as usize >= 8 + MAX_FRAME.next_multiple_of(4)
    }

    /// Sends a frame, for which [`has_room`](Self::has_room) has found room. One longer than [`MAX_FRAME`] is not
    /// sent, but counted.
    pub fn transmit(&mut self, frame: &[u8]) {
        if frame.len() > MAX_FRAME {
            self.unsent = self.unsent.wrapping_add(1);
            return;
        }
        let len = frame.len() as u32;
        // It is the first and the last part of a frame of that length.
        Register::TransmitData.write(1 << 13 | 1 << 12 | len);
        // The upper half is a tag, which comes back with the status.
        Register::TransmitData.write(len << 16 | len);
        for bytes in frame.chunks(4) {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            Register::TransmitData.write(u32::from_le_bytes(word));
        }
    }

    /// How many frames were not sent although they should have been.
    pub const fn unsent(&self) -> u32 {
        self.unsent
    }
}

/// Asks until the answer is yes; `None`: it has not become that.
fn wait_until(mut done: impl FnMut() -> bool) -> Option<()> {
    (0..PATIENCE).any(|_| done()).then_some(())
}

fn has_frames() -> bool {
    Register::ReceiveFifo.read() >> 16 & 0xFF != 0
}

/// Drops words of the receive FIFO. The chip could do it itself, but QEMU's does it wrongly.
fn skip(words: usize) {
    for _ in 0..words {
        Register::ReceiveData.read();
    }
}

impl Register {
    const fn pointer(self) -> *mut u32 {
        ptr::without_provenance_mut(BASE + self as usize)
    }

    fn read(self) -> u32 {
        // SAFETY: every value of the enum is a register of 32 bits, always there. What reading one does happens in
        // the chip, which does not touch memory.
        unsafe { self.pointer().read_volatile() }
    }

    fn write(self, value: u32) {
        // SAFETY: as for `read`.
        unsafe { self.pointer().write_volatile(value) }
    }
}

/// `None`: the MAC does not answer.
impl Mac {
    fn read(self) -> Option<u32> {
        self.command(READ)?;
        Some(Register::MacData.read())
    }

    fn write(self, value: u32) -> Option<()> {
        Register::MacData.write(value);
        self.command(0)
    }

    fn command(self, direction: u32) -> Option<()> {
        Register::MacCommand.write(BUSY | direction | self as u32);
        wait_until(|| Register::MacCommand.read() & BUSY == 0)
    }
}

#[derive(Clone, Copy)]
struct Interrupt;

// SAFETY: it is always the same number, and within the 240 that a Cortex-M3 can have.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        IRQ
    }
}

/// All interrupts, of which one is expected.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    assert!(number == IRQ as i16, "nobody expects interrupt {number}");
    Register::InterruptEnable.write(0);
    #[cfg(feature = "embassy")]
    crate::embassy::frame_is_there();
}
