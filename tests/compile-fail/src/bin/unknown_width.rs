//! There is no width of 12 bits.
fn main() {
    let _ = ringframe::length_field!(width: U12);
}
