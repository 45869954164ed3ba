//! A header of 5 bytes can't hold a length field that ends at byte 6.
fn main() {
    let _ = ringframe::length_field!(offset: 2, width: U32, header: Some(5));
}
