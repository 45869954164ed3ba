//! The longest header of a format chosen at run time is not known at compile time.
fn main() {
    let format = ringframe::LengthField::DEFAULT.check().unwrap();
    let _ = ringframe::Decoder::new(format, [0; 64]);
}
