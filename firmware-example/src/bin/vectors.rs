//! The codec's table of vectors, the same that the host's tests run, on the device itself: its words have 32 bits.
//! Exit code 0 says that all of them passed.
#![no_std]
#![no_main]

use board as _;
use defmt::Display2Format;
use ringframe::formats::*;
use ringframe::{Format, LengthField};
use ringframe_tests::{Failure, VECTORS, check, check_as};

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut run = Run { passed: 0, failed: 0 };
    for vector in VECTORS {
        run.count(check(vector));
    }
    let described = run.passed + run.failed;
    run.named(U_8, U8::FIELD);
    run.named(U16_BE, U16Be::FIELD);
    run.named(U16_LE, U16Le::FIELD);
    run.named(U24_BE, U24Be::FIELD);
    run.named(U24_LE, U24Le::FIELD);
    run.named(U32_BE, U32Be::FIELD);
    run.named(U32_LE, U32Le::FIELD);
    run.named(U64_BE, U64Be::FIELD);
    run.named(U64_LE, U64Le::FIELD);
    run.named(VARINT64, Varint64::FIELD);
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

    /// Runs the vectors of a format that is a type of its own.
    fn named<F: Format + Copy>(&mut self, format: F, field: LengthField) {
        for vector in VECTORS.iter().filter(|vector| vector.field == field) {
            self.count(check_as(vector, format));
        }
    }
}
