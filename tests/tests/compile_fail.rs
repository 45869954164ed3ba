//! What must not compile, and that the message says why in words that its reader understands.

use std::process::Command;

/// Programs of `tests/compile-fail`, and what the compiler must say of each.
const PROGRAMS: [(&str, &str); 9] = [
    ("misspelt_key", "has no field named `widht`"),
    ("key_given_twice", "field `width` specified more than once"),
    ("unknown_width", "cannot find value `U12` in this scope"),
    ("equals_sign", "expected `key: value, …` as in a literal of `LengthField`, not `width = 2`"),
    (
        "missing_comma",
        "expected `key: value, …` as in a literal of `LengthField`, not `offset: 1 width: U16`",
    ),
    ("header_too_short", "length field: `header` ends before the length field does"),
    ("impossible_adjustment", "length field: `adjust` leaves no frame that holds its own header"),
    ("store_too_small", "the store is smaller than a header and a trailer"),
    ("run_time_format", "use `try_new`"),
];

/// Builds a program and returns what the compiler said.
fn build(program: &str) -> (bool, String) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/compile-fail/Cargo.toml");
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/compile-fail");
    let output = Command::new(env!("CARGO"))
        .args(["build", "-q", "--offline", "--manifest-path", manifest, "--bin", program])
        .args(["--target-dir", target])
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn each_is_refused_for_its_reason() {
    for (program, reason) in PROGRAMS {
        let (compiled, said) = build(program);
        assert!(!compiled, "{program} compiles");
        assert!(said.contains(reason), "{program} is refused without {reason:?}:\n{said}");
    }
}

/// The messages of `length_field!` point at the user's own words, not into the macro.
#[test]
fn messages_point_at_the_users_words() {
    for program in ["misspelt_key", "key_given_twice", "unknown_width"] {
        let (_, said) = build(program);
        let place = format!("--> src/bin/{program}.rs:3:");
        assert!(said.contains(&place), "{said}");
        assert!(!said.contains("$crate"), "{said}");
    }
}

/// A missing semicolon after a named format is no error.
#[test]
fn the_last_semicolon_is_optional() {
    ringframe::length_field! { struct Without(width: U16) }
    ringframe::length_field! { struct With(width: U16); }
    assert_eq!(Without::FIELD, With::FIELD);
}
