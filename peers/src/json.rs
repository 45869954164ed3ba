//! JSON from a peer.

use serde::de::{DeserializeOwned, Error};

/// Reads an object; other JSON, which serde would take for one where it is a list, is an error.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    match bytes.trim_ascii_start().first() {
        None | Some(b'{') => serde_json::from_slice(bytes),
        Some(_) => Err(serde_json::Error::custom("expected an object, `{…}`")),
    }
}
