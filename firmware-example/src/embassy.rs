//! What embassy wants of a board: an executor that sleeps, the time, and a network driver.

use core::cell::RefCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Waker};

use critical_section::Mutex;
use embassy_executor::Spawner;
use embassy_executor::raw::Executor;
use embassy_net_driver::{Capabilities, HardwareAddress, LinkState};
use embassy_sync::waitqueue::AtomicWaker;
use embassy_time_queue_utils::Queue;
use static_cell::StaticCell;

use crate::clock;
use crate::ethernet::{Ethernet, Outgoing, Received};
use crate::lan9118::MAX_FRAME;

/// Whether a task is to be polled.
static WOKEN: AtomicBool = AtomicBool::new(false);

/// Runs tasks, first of all those that `start` spawns.
///
/// Embassy's own executor sleeps with WFE, which QEMU before 8 does not sleep in; this one with WFI.
///
/// # Panics
/// If it is called twice.
pub fn run(start: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let executor = EXECUTOR.init(Executor::new(ptr::null_mut()));
    start(executor.spawner());
    loop {
        // SAFETY: nobody else polls it, and no task can get here.
        unsafe { executor.poll() };
        clock::sleep_unless(|| WOKEN.swap(false, Ordering::Relaxed));
    }
}

/// Called when a task is woken, from tasks and from interrupts.
#[unsafe(export_name = "__pender")]
fn pender(_context: *mut ()) {
    WOKEN.store(true, Ordering::Relaxed);
}

struct Clock;

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock);

/// The tasks that wait for a time. It is looked at every tick.
static TIMERS: Mutex<RefCell<Queue>> = Mutex::new(RefCell::new(Queue::new()));

impl embassy_time_driver::Driver for Clock {
    fn now(&self) -> u64 {
        clock::now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| TIMERS.borrow_ref_mut(cs).schedule_wake(at, waker));
    }
}

/// Wakes the tasks whose time has come.
pub(crate) fn tick(now: u64) {
    critical_section::with(|cs| TIMERS.borrow_ref_mut(cs).next_expiration(now));
}

/// Who waits for a frame.
static FRAME: AtomicWaker = AtomicWaker::new();

/// Wakes who waits for one.
pub(crate) fn frame_is_there() {
    FRAME.wake();
}

impl embassy_net_driver::Driver for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Received<'_>, Outgoing<'_>)> {
        FRAME.register(context.waker());
        // The interrupt may have come before there was a waker for it: so it is enabled after that, and the chip
        // looked at after that.
        if !self.watch() {
            return None;
        }
        let taken = self.take();
        if taken.is_none() {
            // It was broken, or what is being sent leaves no room for its answer for some microseconds more.
            context.waker().wake_by_ref();
        }
        taken
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<Outgoing<'_>> {
        let offered = self.offer();
        if offered.is_none() {
            // There will be room in some microseconds.
            context.waker().wake_by_ref();
        }
        offered
    }

    fn link_state(&mut self, _context: &mut Context<'_>) -> LinkState {
        // QEMU's cable is always in. A device would ask the PHY.
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.chip().address())
    }
}

impl embassy_net_driver::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.frame)
    }
}

impl embassy_net_driver::TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.send(len, write)
    }
}
