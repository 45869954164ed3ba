//! The proof that no panic is reachable from the codec: the panic handler calls a function that does not
//! exist, so the program links only if the optimiser found no call of it. `tests/run target` links it at
//! optimisation levels s, z, 2 and 3, and sees that the feature `can-fail` does not link.
//!
//! It is never run: it calls every function of the codec with values that the compiler can't predict.

#![no_std]
#![no_main]

use core::hint::black_box;

use ringframe::{
    Decoder, Encoder, Header, LengthField, MAX_HEADER, encode, encode_header, encode_parts, formats, peek,
};

unsafe extern "C" {
    /// Exists nowhere.
    fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: never called, or the program would not link.
    unsafe { a_panic_is_reachable() }
}

#[inline(never)]
fn any() -> usize {
    black_box(9)
}

#[inline(never)]
fn bytes() -> &'static [u8] {
    static BYTES: [u8; 100] = [0; 100];
    black_box(BYTES.get(..any()).unwrap_or_default())
}

/// Keeps the compiler from leaving out what nobody looks at.
fn used<T>(value: T) {
    let _ = black_box(value);
}

/// Memory of an unknown place and length.
#[inline(never)]
fn store() -> &'static mut [u8] {
    // SAFETY: never run.
    unsafe { core::slice::from_raw_parts_mut(black_box(0x2000_0000 as *mut u8), any()) }
}

fn decoder<H: Header>(format: H) {
    used(peek(&format, bytes()));
    let Ok(mut decoder) = Decoder::try_new(format, store()) else { return };
    let mut input = bytes();
    loop {
        match any() {
            0 => used(decoder.decode(&mut input).map(|found| found.map(|frame| frame.payload()))),
            1 => used(decoder.event(&mut input, any() as u64)),
            2 => used(decoder.next_frame().map(|found| found.map(|frame| frame.header()))),
            3 => used(decoder.next_event(any() as u64)),
            4 => used((decoder.poll(), decoder.poll_event(any() as u64))),
            5 => used(decoder.raw(&mut input, any())),
            6 => used(decoder.space()),
            7 => used(decoder.commit(any())),
            8 => used(decoder.discard()),
            9 => used(decoder.finish()),
            10 => used((decoder.need(), decoder.is_mid_frame(), decoder.buffered())),
            11 => used((decoder.capacity(), decoder.frames(), decoder.high_water())),
            12 => decoder.reset(),
            _ => break,
        }
    }
    used(decoder.into_parts().2);
}

fn encoder<H: Header>(format: H) {
    used(encode(&format, bytes(), store()));
    used(encode_parts(&format, bytes(), black_box(&[bytes(), bytes()]), store()));
    used(encode_header(&format, bytes(), any() as u64, store()));
    let Ok(mut encoder) = Encoder::try_new(format, store()) else { return };
    loop {
        match any() {
            0 => used(encoder.push(bytes())),
            1 => used(encoder.push_parts(bytes(), black_box(&[bytes(), bytes()]))),
            2 => {
                let Ok(mut frame) = encoder.begin(bytes()) else { continue };
                used((frame.write(bytes()), frame.write(bytes()), frame.finish()));
            }
            3 => used(encoder.start(bytes(), any() as u64)),
            4 => used((encoder.feed(bytes()), encoder.bypass(any()), encoder.raw(bytes()), encoder.left())),
            5 => used(encoder.pending()),
            6 => encoder.advance(any()),
            7 => used(encoder.drain(store())),
            8 => used((encoder.free(), encoder.is_empty(), encoder.capacity())),
            9 => used((encoder.frames(), encoder.high_water())),
            10 => encoder.reset(),
            _ => break,
        }
    }
    used(encoder.into_parts().2);
}

fn both<H: Header + Copy>(format: H) {
    decoder(format);
    encoder(format);
    decoder(format.with_limit(any() as u64));
    encoder(format.with_limit(any() as u64));
}

/// Where the linker begins.
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    #[cfg(feature = "can-fail")]
    black_box(bytes()[any()]);
    both(formats::U8);
    both(formats::U16_LE);
    both(formats::U24_BE);
    both(formats::U32_BE);
    both(formats::U64_LE);
    both(formats::VARINT);
    if let Ok(format) = black_box(LengthField::DEFAULT).check() {
        both(format);
        used(format.fields(bytes(), &mut [0; MAX_HEADER]));
    }
    used(formats::by_name(black_box("u8")));
    used(formats::document(black_box("u8")));
}
