//! A named format with a comma left out.
ringframe::length_field! {
    struct Wire(offset: 1 width: U16);
}

fn main() {
    let _ = Wire;
}
