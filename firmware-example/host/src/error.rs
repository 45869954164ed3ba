//! What can go wrong around the device.

use std::path::PathBuf;
use std::{fmt, io};

use crate::Line;

/// What went wrong around the device.
#[derive(Debug)]
pub enum Error {
    /// The firmware was not built: the script's output says why.
    Build,
    /// That is no program of the firmware's.
    Program(PathBuf, String),
    /// There is no QEMU for ARM.
    NoQemu,
    /// Somebody uses that port of the host.
    PortInUse(u16),
    /// That port of the host can't be used.
    Port(u16, io::Error),
    /// Ports were chosen, and taken by others before QEMU had them, too often.
    NoPorts,
    /// QEMU did not start, or ended otherwise than by the program's exit.
    Qemu(String),
    /// That was not logged in time, or before the program ended.
    NotLogged {
        /// What was waited for.
        what: String,
        /// What was logged.
        log: Vec<Line>,
    },
    /// The program has not ended in time.
    StillRunning,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => f.write_str("the firmware was not built"),
            Self::Program(path, why) => write!(f, "{}: {why}", path.display()),
            Self::NoQemu => f.write_str(
                "qemu-system-arm is missing; on Debian or Ubuntu: sudo apt-get install qemu-system-arm",
            ),
            Self::PortInUse(port) => write!(f, "port {port} of 127.0.0.1 is in use"),
            Self::Port(port, error) => write!(f, "port {port} of 127.0.0.1 can't be used: {error}"),
            Self::NoPorts => f.write_str("others took every port before QEMU could"),
            Self::Qemu(why) => write!(f, "QEMU: {why}"),
            Self::NotLogged { what, log } => {
                write!(f, "not logged: {what}; but:")?;
                log.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::StillRunning => f.write_str("the program is still running"),
        }
    }
}

impl std::error::Error for Error {}
