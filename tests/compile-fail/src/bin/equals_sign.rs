//! Keys are followed by a colon, as in a literal.
fn main() {
    let _ = ringframe::length_field!(width = 2);
}
