//! Asks the firmware example's typed service: how serde types travel in frames.
//!
//! ```sh
//! firmware-example/run &
//! cargo run --example device -- 127.0.0.1:7880 info
//! ```

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use ringframe::formats::{self, U32Be};
use ringframe_io::{Patience, std::Framed, tcp};
use ringframe_messages::{Counters, Info, Reply, Request};

/// The device's own ring is 512 bytes, so no message is longer.
const RING: usize = 512;

type Link = Framed<TcpStream, U32Be, Box<[u8]>>;

/// Asks the firmware example's typed service.
#[derive(Parser)]
struct Args {
    /// The service, such as 127.0.0.1:7880.
    address: SocketAddr,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Whether the device is there, and how long an answer takes
    Ping,
    /// How it does
    Info,
    /// Switches an LED
    Led {
        /// Which, from 0
        index: u8,
        /// on or off
        switch: Switch,
    },
    /// Which LEDs light
    Leds,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let timeout = Duration::from_secs(5);
    let stream = tcp::connect(args.address, &tcp::Options::default(), Some(timeout))
        .map_err(|error| format!("can't connect to {}: {error}; is the device running?", args.address))?;
    let mut link = Link::with_capacity(stream, formats::U32_BE, RING)?;
    link.set_patience(Patience::ENDLESS.with_idle(timeout).with_frame(timeout));

    let request = match args.command {
        Command::Ping => Request::Ping,
        Command::Info => Request::Info,
        Command::Led { index, switch } => Request::SetLed { index, on: switch == Switch::On },
        Command::Leds => Request::ReadLeds,
    };
    let asked = Instant::now();
    match ask(&mut link, &request)? {
        Reply::Pong => println!("pong after {:.1?}", asked.elapsed()),
        Reply::Info(Info { uptime, version, ring_free, disk_free, counters }) => {
            let Counters { connections, frames, faults, received, sent } = counters;
            println!("firmware     {}", version.escape_debug());
            println!("uptime       {:.3} s", Duration::from_millis(uptime).as_secs_f64());
            println!("free         {ring_free} bytes of this connection's ring, {disk_free} of the RAM disk");
            println!("connections  {connections}, {faults} of them not ended cleanly");
            println!("received     {frames} frames, {received} bytes; {sent} bytes sent");
        }
        Reply::Leds { lit, count } => {
            for index in 0..count {
                let on = lit.checked_shr(index.into()).is_some_and(|bit| bit & 1 == 1);
                println!("led {index} {}", if on { "on" } else { "off" });
            }
        }
        Reply::NoSuchLed { count } => return Err(format!("there are {count} LEDs, counted from 0").into()),
        Reply::NotUnderstood => return Err("the device does not know this request: is it older?".into()),
    }
    Ok(())
}

/// Sends a request and waits for its answer, which borrows the link's ring.
fn ask<'l>(link: &'l mut Link, request: &Request) -> Result<Reply<'l>, Box<dyn Error>> {
    link.push_message(request)?;
    link.flush()?;
    let frame = link.next_frame()?.ok_or("the device closed the connection")?;
    Ok(frame.message()?)
}
