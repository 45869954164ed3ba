//! The messages of the typed service, in postcard's format, one a frame. The firmware and its peers both use
//! these.
#![no_std]
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// What a peer asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Whether somebody is there: [`Reply::Pong`].
    Ping,
    /// How it goes: [`Reply::Info`].
    Info,
    /// Switches an LED: [`Reply::Leds`], or [`Reply::NoSuchLed`].
    SetLed {
        /// Which, from 0.
        index: u8,
        /// Whether it shall light.
        on: bool,
    },
    /// Which LEDs light: [`Reply::Leds`].
    ReadLeds,
}

/// What it is answered. Each request is answered with exactly one, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// Somebody is there.
    Pong,
    /// How it goes.
    #[serde(borrow)]
    Info(Info<'a>),
    /// Which LEDs light, a bit each, and how many there are.
    Leds {
        /// The lowest bit is LED 0.
        lit: u8,
        /// How many there are.
        count: u8,
    },
    /// There is no LED of that index.
    NoSuchLed {
        /// How many there are.
        count: u8,
    },
    /// The frame was a good one, but no request. The link is still in step.
    NotUnderstood,
}

/// How the device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info<'a> {
    /// Time since the start, ms.
    pub uptime: u64,
    /// Version of the firmware.
    pub version: &'a str,
    /// Free bytes of this connection's receive ring.
    pub ring_free: u32,
    /// Free bytes of the RAM disk.
    pub disk_free: u32,
    /// What happened so far.
    pub counters: Counters,
}

/// What happened since the start, over all connections. They wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Connections opened.
    pub connections: u32,
    /// Frames received.
    pub frames: u32,
    /// Connections that did not end cleanly.
    pub faults: u32,
    /// Bytes received.
    pub received: u32,
    /// Bytes sent.
    pub sent: u32,
}

impl Counters {
    /// Counts what a connection did.
    pub fn add(&mut self, frames: u32, received: usize, sent: usize) {
        self.frames = self.frames.wrapping_add(frames);
        self.received = self.received.wrapping_add(received as u32);
        self.sent = self.sent.wrapping_add(sent as u32);
    }
}
