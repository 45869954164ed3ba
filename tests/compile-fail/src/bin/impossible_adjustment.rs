//! No length of one byte holds its own header then.
fn main() {
    let _ = ringframe::length_field!(width: U8, adjust: -256);
}
