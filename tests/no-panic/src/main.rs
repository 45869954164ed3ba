//! The proof that no panic is reachable from the codec: the panic handler calls a function that
//! does not exist, so the program links only if the optimiser found no call of it. `tests/run
//! target` links it at optimisation levels s, z, 2 and 3, and sees that the feature `can-fail` does
//! not link.
//!
//! It is never run: it calls every function of the codec with values that the compiler can't
//! predict. The custom formats here have no panic of their own, and one of them returns any value
//! whatever.

#![no_std]
#![no_main]

use core::hint::black_box;

use ringframe::{
    Decoder, DecoderParts, EncodeError, Encoder, Format, Frame, HeaderError, LengthField, Limited,
    MAX_HEADER, Parsed, RuntimeFormat, StaticFormat, Trailer, encode, encode_header, encode_with, formats,
    peek,
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

/// A format of which nothing is known but what it returns: it may contradict itself.
#[inline(never)]
fn unknown(format: &dyn Format<Trailer = ()>) -> &dyn Format<Trailer = ()> {
    black_box(format)
}

/// A length of two bytes, the payload, and the sum of all bytes before it.
#[derive(Clone, Copy)]
struct Summed;

#[derive(Clone, Copy, Default)]
struct Sum(u16);

impl Trailer for Sum {
    const MAX_LEN: usize = 2;

    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(u16::from(*byte));
        }
    }

    fn write(&self, out: &mut [u8]) {
        if let Some(slot) = out.first_chunk_mut() {
            *slot = self.0.to_be_bytes();
        }
    }

    fn matches(&self, received: &[u8]) -> bool {
        received.first_chunk() == Some(&self.0.to_be_bytes())
    }
}

impl Format for Summed {
    type Trailer = Sum;

    fn max_header(&self) -> usize {
        2
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        match prefix.first_chunk() {
            Some(&length) => Ok(Parsed::Frame { header: 2, payload: u16::from_be_bytes(length).into() }),
            None => Ok(Parsed::Incomplete { total: 2 }),
        }
    }

    fn header_len(&self, _: &[u8], payload: u64) -> Result<usize, EncodeError> {
        if payload <= 0xffff { Ok(2) } else { Err(EncodeError::Unrepresentable { payload }) }
    }

    fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
        if let Some(slot) = out.first_chunk_mut() {
            *slot = (payload as u16).to_be_bytes();
        }
    }
}

impl StaticFormat for Summed {
    const MAX_HEADER: usize = 2;
}

/// A format whose every answer is unknown, with a trailer of unknown length.
#[derive(Clone, Copy)]
struct Unknown;

impl Format for Unknown {
    type Trailer = Sum;

    fn max_header(&self) -> usize {
        any()
    }

    fn min_header(&self) -> usize {
        any()
    }

    fn trailer_len(&self) -> usize {
        any()
    }

    fn limit(&self) -> Option<u64> {
        black_box(Some(any() as u64))
    }

    fn min_payload(&self) -> u64 {
        any() as u64
    }

    fn parse(&self, _: &[u8]) -> Result<Parsed, HeaderError> {
        black_box(Ok(Parsed::Frame { header: any(), payload: any() as u64 }))
    }

    fn header_len(&self, _: &[u8], _: u64) -> Result<usize, EncodeError> {
        black_box(Ok(any()))
    }

    fn write(&self, _: &[u8], _: u64, out: &mut [u8]) {
        used(out);
    }
}

fn frame(frame: Frame<'_>) {
    used((frame.bytes(), frame.header(), frame.payload(), frame.len(), frame.is_empty()));
    let payload: &[u8] = frame.as_ref();
    used(payload);
}

fn decoder<F: Format + Copy>(format: F) {
    used(peek(&format, bytes()));
    let Ok(mut decoder) = Decoder::try_new(format, store()) else { return };
    let mut input = bytes();
    loop {
        match any() {
            0 => used(decoder.next_frame(&mut input).map(|found| found.map(frame))),
            1 => used(decoder.next_event(&mut input)),
            2 => used(decoder.take_frame().map(|found| found.map(frame))),
            3 => used(decoder.take_event()),
            4 => used(decoder.poll()),
            5 => used(decoder.unframed(&mut input, any())),
            6 => used(decoder.space()),
            7 => used(decoder.filled(any())),
            8 => used(decoder.discard()),
            9 => used(decoder.end_of_input()),
            10 => used((
                decoder.missing(),
                decoder.is_mid_frame(),
                decoder.has_large_frame(),
                decoder.buffered(),
            )),
            11 => used((decoder.capacity(), decoder.stats(), decoder.format().limit())),
            12 => decoder.reset(),
            13 => used(decoder.resync()),
            14 => used(decoder.replace_format(format)),
            15 => used(decoder.take_unframed(any())),
            16 => used(decoder.take_payload(any())),
            17 => {
                let mut frames = decoder.frames(&mut input);
                while let Ok(Some(found)) = frames.next() {
                    frame(found);
                }
            }
            18 => {
                let DecoderParts { format, store, buffered, frame_left } = decoder.into_parts();
                used((buffered, frame_left));
                let (buffered, frame_left) = (any()..any(), any() as u64);
                let parts = DecoderParts { format, store, buffered, frame_left };
                let Ok(again) = Decoder::from_parts(parts) else { return };
                decoder = again;
            }
            19 => used(decoder.__frame_by_rule(&mut input)),
            20 => used(decoder.__event_by_rule(&mut input)),
            21 => used(decoder.__poll_by_rule()),
            _ => break,
        }
    }
    used(decoder.into_parts().buffered);
}

fn encoder<F: Format + Copy>(format: F) {
    used(encode(&format, bytes(), store()));
    used(encode_with(&format, bytes(), black_box(&[bytes(), bytes()]), store()));
    used(encode_header(&format, bytes(), any() as u64, store()));
    let Ok(mut encoder) = Encoder::try_new(format, store()) else { return };
    loop {
        match any() {
            0 => used(encoder.push(bytes()).map_err(|error| error.fits_later())),
            1 => used(encoder.push_with(bytes(), black_box(&[bytes(), bytes()]))),
            2 => {
                let Ok(mut frame) = encoder.begin(bytes()) else { continue };
                used((frame.write(bytes()), frame.write(bytes()), frame.written(), frame.publish()));
            }
            3 => used(encoder.announce(bytes(), any() as u64)),
            4 => used((encoder.feed(bytes()), encoder.left())),
            5 => used(encoder.pending()),
            6 => encoder.advance(any()),
            7 => used(encoder.drain(store())),
            8 => used((encoder.free(), encoder.is_empty(), encoder.capacity())),
            9 => used((encoder.stats(), encoder.format().limit())),
            10 => encoder.reset(),
            11 => used(encoder.note_sent(bytes())),
            12 => used(encoder.push_unframed(bytes())),
            13 => used(encoder.replace_format(format)),
            _ => break,
        }
    }
    used(encoder.into_parts().pending);
}

/// What there is for a format with a limit alone.
fn limited<F: Format + Copy>(format: F) {
    let mut limited = Limited::new(format, any() as u64);
    decoder(limited);
    encoder(limited);
    limited.set_limit(any() as u64);
    if let Ok(mut decoder) = Decoder::try_new(limited, store()) {
        used((decoder.set_limit(any() as u64), decoder.format().get_ref().limit()));
        used(decoder.next_event(&mut bytes()));
    }
    if let Ok(mut encoder) = Encoder::try_new(limited, store()) {
        used((encoder.set_limit(any() as u64), encoder.announce(bytes(), any() as u64)));
    }
    used(limited.into_inner().limit());
}

/// Stores that are arrays, as most devices have them.
fn arrays<F: StaticFormat + Copy>(format: F) {
    let mut decoder = Decoder::new(format, black_box([0; 80]));
    used(decoder.next_event(&mut bytes()));
    used(decoder.clone().next_frame(&mut bytes()));
    let unsized_decoder: &mut Decoder<F, [u8]> = &mut decoder;
    used(unsized_decoder.next_frame(&mut bytes()));
    let mut encoder = Encoder::new(format, black_box([0; 80]));
    used(encoder.push(bytes()));
    used(encoder.clone().drain(store()));
    let unsized_encoder: &mut Encoder<F, [u8]> = &mut encoder;
    used(unsized_encoder.push(bytes()));
}

fn both<F: Format + Copy>(format: F) {
    decoder(format);
    encoder(format);
    limited(format);
}

fn described(format: RuntimeFormat) {
    both(format);
    used((format.field(), format.fields_len()));
    used(format.fields(bytes(), &mut [0; MAX_HEADER]));
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
    both(formats::VARINT64);
    both(Summed);
    both(Unknown);
    both(unknown(&formats::U16_BE));
    arrays(formats::U32_BE);
    arrays(formats::VARINT64);
    arrays(Summed);
    if let Ok(format) = black_box(LengthField::DEFAULT).check() {
        described(format);
    }
    if let Ok(format) = RuntimeFormat::try_from(black_box(LengthField::DEFAULT)) {
        used(format);
    }
    used(Frame::new(bytes(), any(), any()));
    used(formats::by_name(black_box("u8")));
    used(formats::document(black_box("u8")));
}
