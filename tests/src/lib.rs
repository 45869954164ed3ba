//! Vectors and checks that the tests of all crates share. It needs nothing but `core` and a few
//! kilobytes of stack, so that a device runs the same table as the host.
#![no_std]

pub mod rule;
pub mod vectors;

pub use vectors::{End, Failure, VECTORS, Vector, Way, check, check_as};

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// And those of the page for callers that come from another library.
#[cfg(doctest)]
#[doc = include_str!("../../codec/MIGRATION.md")]
struct Migration;
