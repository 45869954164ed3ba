//! Milliseconds since the start, and sleep.
//!
//! A counter of the board tells the time; the core's timer ticks only to end sleep. Its ticks are not counted: where
//! interrupts wait for more than a millisecond, as they do when QEMU is not given the processor, some get lost.

use core::cell::Cell;
use core::ptr;

use cortex_m::asm;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;

/// The clock of the core and of the counter, Hz.
const CLOCK: u32 = 25_000_000;

/// Clock cycles in a millisecond.
const MILLISECOND: u32 = CLOCK / 1000;

/// FPGAIO's `COUNTER`: 32 bits, up.
const COUNTER: *mut u32 = ptr::without_provenance_mut(0x4002_8018);

/// FPGAIO's `PRESCALE`: it counts every so many cycles, plus one.
const PRESCALE: *mut u32 = ptr::without_provenance_mut(0x4002_801C);

/// When the counter was last looked at.
static LAST: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

defmt::timestamp!("{=u64:ms}", now());

/// Starts the time, and ticking.
pub(crate) fn start(mut timer: SYST) {
    // SAFETY: registers of 32 bits that are always there, and written only here; that has no effect on memory.
    unsafe {
        PRESCALE.write_volatile(MILLISECOND - 1);
        COUNTER.write_volatile(0);
    }
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(MILLISECOND - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

/// Time since the start, ms. It does not wrap around: the counter does, after 49 days, but is looked at every tick.
pub fn now() -> u64 {
    critical_section::with(|cs| {
        // SAFETY: a register of 32 bits that is always there; reading it has no effect.
        let counter = unsafe { COUNTER.read_volatile() };
        let last = LAST.borrow(cs);
        let passed = counter.wrapping_sub(last.get() as u32);
        last.set(last.get() + u64::from(passed));
        last.get()
    })
}

/// Sleeps until the next interrupt, at the latest until the next tick; unless `awake` says that there is
/// something to do.
///
/// It is asked with interrupts held back, and one that is held back ends the sleep: so what happens between the
/// question and the sleep is not slept through.
pub fn sleep_unless(awake: impl FnOnce() -> bool) {
    cortex_m::interrupt::free(|_| {
        if !awake() {
            asm::wfi();
        }
    });
}

#[exception]
fn SysTick() {
    let _now = now();
    #[cfg(feature = "embassy")]
    crate::embassy::tick(_now);
}
