//! The tool as its users meet it: real processes, real sockets, what they print and how they exit.
//!
//! Every wait is for a condition and ends at [`support::DEADLINE`]; nothing is measured in time but the
//! limits that are under test.

#![cfg(unix)]

mod bench;
mod call;
mod captures;
mod exec;
mod failures;
mod files;
mod filters;
mod hostile;
mod inspect;
mod keys;
mod languages;
mod limits;
mod links;
mod migration;
mod noise;
mod output;
mod proxy;
mod python;
mod serve;
mod support;
mod terminal;
mod transfer;
mod udp;
