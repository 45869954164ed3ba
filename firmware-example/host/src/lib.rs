//! The firmware example as a device: built, started under QEMU, its log read and decoded, and stopped again.
//!
//! ```no_run
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! use ringframe_device::{ANY, Device, build};
//!
//! let device = Device::start(&build()?.join("firmware"), &[(ANY, 7878)])?;
//! device.wait_for("ready", Duration::from_secs(10))?;
//! let peer = TcpStream::connect(device.addr(7878))?;
//! # drop(peer);
//! for line in device.stop() {
//!     println!("{line}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod log;
mod qemu;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, io};

use defmt_decoder::Table;

pub use error::Error;
pub use log::{Level, Line};
use qemu::{Ended, Qemu};

/// A host port that is free: the system chooses.
pub const ANY: u16 = 0;

/// How often ports are chosen anew: between the choice and QEMU's use of it, others can take one.
const TRIES: usize = 20;

/// Builds all the firmware, if that was not done yet, and answers the folder of the programs: `firmware`,
/// `embassy` and those that crash.
///
/// # Errors
/// [`Error::Build`].
pub fn build() -> Result<&'static Path, Error> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build");
        let output = Command::new(script).stderr(Stdio::inherit()).output().ok()?;
        let folder = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| PathBuf::from(folder.trim_end()))
    });
    folder.as_deref().ok_or(Error::Build)
}

/// A running device. Dropped, it is stopped; and it does not outlive this process, however that ends.
#[derive(Debug)]
pub struct Device {
    qemu: Qemu,
    /// The host's port, the device's port.
    forwards: Vec<(u16, u16)>,
}

impl Device {
    /// Starts a program under QEMU, with ports of the device, the second of each pair, made reachable at
    /// ports of 127.0.0.1, the first ones, each [`ANY`] or a number. Answers when it runs; a service is there
    /// when the log says so.
    ///
    /// # Errors
    /// [`Error`]. That a program ends at once is none: see [`wait_for_exit`](Self::wait_for_exit).
    pub fn start(program: &Path, forwards: &[(u16, u16)]) -> Result<Self, Error> {
        let elf = fs::read(program).map_err(|error| Error::Program(program.to_owned(), error.to_string()))?;
        let table = match Table::parse(&elf) {
            Ok(Some(table)) => Box::leak(Box::new(table)),
            Ok(None) => return Err(Error::Program(program.to_owned(), "it has no log".to_owned())),
            Err(error) => return Err(Error::Program(program.to_owned(), error.to_string())),
        };
        for _ in 0..TRIES {
            let forwards = choose(forwards)?;
            let mut qemu = Qemu::start(program, &forwards, table)?;
            if !qemu.failed_to_listen() {
                return Ok(Self { qemu, forwards });
            }
        }
        Err(Error::NoPorts)
    }

    /// Where a port of the device is reached.
    ///
    /// # Panics
    /// If it is not one of those that were given to `start`.
    pub fn addr(&self, port: u16) -> SocketAddr {
        let forward = self.forwards.iter().find(|forward| forward.1 == port);
        let (host, _) = forward.unwrap_or_else(|| panic!("port {port} is not forwarded"));
        (Ipv4Addr::LOCALHOST, *host).into()
    }

    /// QEMU's process identifier.
    pub fn pid(&self) -> u32 {
        self.qemu.pid()
    }

    /// The log so far.
    pub fn log(&self) -> Vec<Line> {
        self.qemu.log().lines()
    }

    /// The lines of the log as they come, from the first, until the program ends.
    pub fn follow(&self) -> impl Iterator<Item = Line> {
        (0..).map_while(|index| self.qemu.log().line(index))
    }

    /// Waits for a line that contains `text`, or finds it in the log so far.
    ///
    /// # Errors
    /// [`Error::NotLogged`], with the log, if the time is over or the program ended.
    pub fn wait_for(&self, text: &str, time: Duration) -> Result<Line, Error> {
        self.wait_until(text, time, |lines| lines.iter().find(|line| line.message.contains(text)).cloned())
    }

    /// Waits until `check` finds what it wants in the log so far; `what` is said where it does not.
    ///
    /// # Errors
    /// [`Error::NotLogged`], with the log, if the time is over or the program ended.
    pub fn wait_until<T>(
        &self,
        what: &str,
        time: Duration,
        check: impl Fn(&[Line]) -> Option<T>,
    ) -> Result<T, Error> {
        let found = self.qemu.log().wait_until(Instant::now() + time, check);
        found.ok_or_else(|| Error::NotLogged { what: what.to_owned(), log: self.log() })
    }

    /// Waits for the program to end by itself, and answers its exit code: 101 after a panic, 102 after a hard
    /// fault.
    ///
    /// # Errors
    /// [`Error::StillRunning`]; [`Error::Qemu`] if it was not the program's code.
    pub fn wait_for_exit(&mut self, time: Duration) -> Result<i32, Error> {
        match self.qemu.wait(Instant::now() + time) {
            Some(Ended::Code(code)) => Ok(*code),
            Some(Ended::Otherwise(why)) => Err(Error::Qemu(why.clone())),
            None => Err(Error::StillRunning),
        }
    }

    /// Whether the program runs.
    pub fn is_running(&mut self) -> bool {
        self.qemu.wait(Instant::now()).is_none()
    }

    /// Stops it, if it runs, and answers the whole log.
    pub fn stop(mut self) -> Vec<Line> {
        self.qemu.stop();
        self.log()
    }
}

/// Fills in host ports that are free now.
fn choose(forwards: &[(u16, u16)]) -> Result<Vec<(u16, u16)>, Error> {
    let listen = |&(host, _): &(u16, u16)| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, host)).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Error::PortInUse(host),
            _ => Error::Port(host, error),
        })
    };
    // All of them at once: so they differ.
    let listeners = forwards.iter().map(listen).collect::<Result<Vec<_>, _>>()?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    listeners
        .iter()
        .zip(forwards)
        .map(|(listener, &(host, device))| Ok((port(listener).map_err(|e| Error::Port(host, e))?, device)))
        .collect()
}
