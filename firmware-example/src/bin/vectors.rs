//! The codec's table of vectors, the same that the host's tests run, on the device itself: its words have 32 bits.
//! Exit code 0 says that all of them passed.
#![no_std]
#![no_main]

use board as _;
use defmt::Display2Format;
use ringframe::{ConstLengthField, Header, formats};
use ringframe_tests::{Failure, VECTORS, check, check_as};

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut run = Run { passed: 0, failed: 0 };
    for vector in VECTORS {
        run.count(check(vector));
    }
    let described = run.passed + run.failed;
    run.named(formats::U_8);
    run.named(formats::U16_BE);
    run.named(formats::U16_LE);
    run.named(formats::U24_BE);
    run.named(formats::U24_LE);
    run.named(formats::U32_BE);
    run.named(formats::U32_LE);
    run.named(formats::U64_BE);
    run.named(formats::U64_LE);
    run.named(formats::VARINT);
    let named = run.passed + run.failed - described;
    defmt::info!("{=u32} vectors as descriptions, {=u32} as named formats", described, named);
    defmt::info!("{=u32} passed, {=u32} failed", run.passed, run.failed);
    semihosting::process::exit((run.failed > 0 || named == 0).into())
}

struct Run {
    passed: u32,
    failed: u32,
}

impl Run {
    fn count(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(failure) => {
                self.failed += 1;
                defmt::error!("{}", Display2Format(&failure));
            }
        }
    }

    /// The vectors of a format that is a type of its own.
    fn named<H: ConstLengthField + Header + Copy>(&mut self, format: H) {
        for vector in VECTORS.iter().filter(|vector| vector.field == H::FIELD) {
            self.count(check_as(vector, format));
        }
    }
}
