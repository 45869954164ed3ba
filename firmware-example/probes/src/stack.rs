//! How deep the stack gets. It is painted first, and looked at afterwards.

use core::arch::asm;

use semihosting::println;

const PAINT: u32 = 0xA5C3_5A3C;

/// What is painted, words: more than any probe needs.
const WORDS: usize = 16 * 1024;

/// Prints how many bytes of the stack `work` takes.
#[inline(never)]
pub fn report(name: &str, work: &mut dyn FnMut()) {
    println!("stack.{name} {} bytes", depth(work));
}

#[inline(never)]
fn depth(work: &mut dyn FnMut()) -> usize {
    let top: *mut u32;
    // SAFETY: this reads the stack pointer, and nothing else.
    unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack, preserves_flags)) };
    let bottom = top.wrapping_sub(WORDS);
    for word in 0..WORDS {
        // SAFETY: it is RAM of the stack, below all that is in use; no interrupt is enabled.
        unsafe { bottom.add(word).write_volatile(PAINT) };
    }
    work();
    // SAFETY: as above.
    let is_paint = |&word: &usize| unsafe { bottom.add(word).read_volatile() } == PAINT;
    (WORDS - (0..WORDS).take_while(is_paint).count()) * 4
}
