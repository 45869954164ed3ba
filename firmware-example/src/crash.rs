//! The end after a panic or a hard fault: a line in the log, and an exit code. Nothing hangs.

use core::arch::naked_asm;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering};

use defmt::Display2Format;
use semihosting::process;

/// Exit code after a panic.
const PANIC: u8 = 101;

/// Exit code after a hard fault.
const HARD_FAULT: u8 = 102;

/// Ends QEMU. Where writing the log line crashes as well, it ends without.
fn end(code: u8, log: impl FnOnce()) -> ! {
    static CODE: AtomicU8 = AtomicU8::new(0);
    if let Err(first) = CODE.compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed) {
        process::exit(first.into());
    }
    log();
    process::exit(code.into())
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    end(PANIC, || defmt::error!("{}", Display2Format(info)))
}

/// `defmt::panic!` and the like have logged already.
#[defmt::panic_handler]
fn logged_panic() -> ! {
    end(PANIC, || {})
}

/// Where the core goes after a hard fault. If that was a stack too deep there is none left for what follows, so
/// that begins at the top again: what is there is not needed any more.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn HardFault() -> ! {
    naked_asm!(
        "mov r0, sp",
        "ldr r1, =_stack_end",
        "ldr r2, =_stack_start",
        "add r3, r1, {enough}",
        "cmp r0, r3",
        "it lo",
        "movlo sp, r2",
        "b {fault}",
        ".pool",
        enough = const 4096,
        fault = sym fault,
    )
}

/// With what the stack pointer was, and the bounds of the stack.
extern "C" fn fault(frame: *const [u32; 8], lowest: usize, behind: usize) -> ! {
    let at = frame.addr();
    end(HARD_FAULT, || {
        if at < lowest || at > behind - size_of::<[u32; 8]>() {
            return defmt::error!("hard fault: the stack is full");
        }
        // SAFETY: the core has put its registers there, on the stack, whose bounds were looked at.
        let [.., lr, pc, _] = unsafe { frame.read() };
        defmt::error!("hard fault at {=u32:#010x}, called from {=u32:#010x}", pc, lr);
    })
}
