//! The key of authenticated links, from the file `example.key`, which holds what `ringframe keygen` writes.
//!
//! That key is published with this example, so everybody has it. Replace the file before you use the firmware for
//! anything, or read the key from a part of the flash that is written when the device is made.

use ringframe_io::noise::Key;

/// The keys that peers may have.
pub static KEYS: [Key; 1] = [Key::new(decode(include_str!("../example.key").as_bytes()))];

/// Decodes a line of base64. One of another length, or with another character, does not compile.
const fn decode(line: &[u8]) -> [u8; Key::LEN] {
    /// What 32 bytes are in base64, without the padding.
    const DIGITS: usize = 43;
    assert!(line.len() > DIGITS && line[DIGITS] == b'=', "a key is one line of 44 characters of base64");
    let mut key = [0; Key::LEN];
    let (mut bits, mut count, mut at, mut i) = (0_u32, 0, 0, 0);
    while i < DIGITS {
        bits = bits << 6 | digit(line[i]);
        count += 6;
        if count >= 8 {
            count -= 8;
            key[at] = (bits >> count) as u8;
            at += 1;
        }
        i += 1;
    }
    key
}

const fn digit(character: u8) -> u32 {
    let digit = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("a key is one line of 44 characters of base64"),
    };
    digit as u32
}
