//! Vectors and checks that the tests of all crates share.
#![no_std]
