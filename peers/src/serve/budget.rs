//! What a server takes of its machine at most: memory and open files, both known before the first client comes.

#[cfg(unix)]
use std::io;
use std::thread::available_parallelism;

use bytesize::ByteSize;

use super::Service;
use crate::args::Limits;
use crate::output::{Output, Verbosity};
use crate::text::plural;
use crate::wire::RING;

/// What the program itself has in memory, bytes: its code, and what it needs to start: 5 MiB, or 8 in a build for
/// debugging.
const PROGRAM: u64 = 12 << 20;

/// What each of tokio's threads, one for each core, may have in memory, bytes: of its stack, and of a request that
/// is being taken apart, which JSON can make of many small pieces.
const THREAD: u64 = 2 << 20;

/// What a thread that waits for the disk has in memory, bytes.
pub(super) const DISK_THREAD: usize = 64 << 10;

/// What tokio, the list of connections and the allocator add to the state of a connection's task, bytes.
const TASK: u64 = 8 << 10;

/// Open files that come and go: a connection that is turned away, a folder that is read, a signal.
#[cfg(unix)]
const SPARE: u64 = 4;

/// What a service needs, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Memory, bytes.
    pub(super) memory: usize,
    /// Open files.
    pub(super) files: usize,
}

impl Needs {
    pub(super) const NOTHING: Self = Self { memory: 0, files: 0 };
}

/// Where a system lists the open files of the process that looks.
#[cfg(unix)]
pub(super) const DESCRIPTORS: &str = "/dev/fd";

/// How much memory a server may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// Without a connection, bytes.
    base: u64,
    /// For each connection, bytes.
    each: u64,
    connections: u64,
}

impl Memory {
    /// `state` is the size of a connection's task, bytes.
    pub(super) fn of<S: Service>(service: &S, connections: u32, state: usize) -> Self {
        let threads = available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self {
            base: PROGRAM + threads * THREAD + service.needs().memory as u64,
            each: (2 * RING + S::EACH_NEEDS.memory + state) as u64 + TASK,
            connections: connections.into(),
        }
    }

    fn total(self) -> u64 {
        self.base.saturating_add(self.each.saturating_mul(self.connections))
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { base, each, connections } = *self;
        let [base, each, total] = [base, each, self.total()].map(ByteSize);
        write!(
            f,
            "at most {} with {each} of memory each and {base} for the server: {total} beside the system's buffers of \
             sockets",
            plural(connections, "connection")
        )
    }
}

/// How many connections at a time there may be: `--max-connections`, unless the system lets this process have fewer
/// files open even after it was asked for more. That is said here, and not found out connection by connection.
pub(super) fn connections<S: Service>(limits: &Limits, service: &S, output: Output) -> u32 {
    #[cfg(unix)]
    if let Ok(open) = descriptors() {
        let each = 1 + S::EACH_NEEDS.files as u64;
        let others = (open.len() + service.needs().files) as u64 + SPARE;
        let wanted = others + each * u64::from(limits.max_connections);
        if let Err(allowed) = allow_files(wanted) {
            let fit = (allowed.saturating_sub(others) / each).clamp(1, limits.max_connections.into()) as u32;
            output.say(Verbosity::Normal, || {
                let (fit, n) = (plural(fit.into(), "connection"), limits.max_connections);
                format!(
                    "at most {fit} at a time, not {n}: {n} need {wanted} open files, and the system allows this \
                     process {allowed} (ulimit -n)"
                )
            });
            return fit;
        }
    }
    #[cfg(not(unix))]
    let _ = (service, output, Verbosity::Normal);
    limits.max_connections
}

/// Sees to it that this process may have so many files open, and answers how many it may have where that is less. The
/// usual limit is low for the sake of programs that use `select`; each may raise it as far as its hard limit.
#[cfg(unix)]
fn allow_files(wanted: u64) -> Result<(), u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit.
    let Some(allowed) = current.filter(|current| *current < wanted) else { return Ok(()) };
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => allowed,
    };
    if allowed < wanted { Err(allowed) } else { Ok(()) }
}

/// The open files of this process. One that is listed and closed already is the list itself.
#[cfg(unix)]
pub(super) fn descriptors() -> io::Result<Vec<i32>> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir(DESCRIPTORS)? {
        open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(open)
}
