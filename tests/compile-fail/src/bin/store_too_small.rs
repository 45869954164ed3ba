//! A header of 4 bytes does not fit in a store of 3.
fn main() {
    let _ = ringframe::Decoder::new(ringframe::formats::U32_BE, [0; 3]);
}
