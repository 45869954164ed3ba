//! The last one does not silently win.
fn main() {
    let _ = ringframe::length_field!(width: U16, adjust: -2, width: U32);
}
