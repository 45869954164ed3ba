//! `widht` is no key.
fn main() {
    let _ = ringframe::length_field!(widht: U16);
}
