//! QEMU as a child process that ends with its parent.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, io};

use defmt_decoder::Table;

use crate::error::Error;
use crate::log::Log;

const QEMU: &str = "qemu-system-arm";

/// The device's address in QEMU's network.
const DEVICE: &str = "10.0.2.15";

/// How long a program may take to its first line. If it has not logged by then, it runs, silently.
const FIRST_LINE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Qemu {
    process: Child,
    log: Arc<Log>,
    /// Reads the log, and started the process.
    reader: Option<JoinHandle<()>>,
    complaints: Option<JoinHandle<String>>,
    ended: Option<Ended>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The program's exit code.
    Code(i32),
    /// QEMU's own words, or that it was stopped.
    Otherwise(String),
}

impl Qemu {
    /// Starts a program, with its ports forwarded, and waits for its first line, or its end.
    pub(crate) fn start(
        program: &Path,
        forwards: &[(u16, u16)],
        table: &'static Table,
    ) -> Result<Self, Error> {
        let mut command = command(program, forwards)?;
        let log = Arc::new(Log::default());
        let (started, process) = mpsc::channel();
        // The kernel ends the child when the thread that started it ends: so that is the one which lives as long
        // as the child has something to say.
        let reader = thread::spawn({
            let log = Arc::clone(&log);
            move || {
                let mut result = command.spawn();
                let output = result.as_mut().ok().and_then(|process| process.stdout.take());
                let _ = started.send(result);
                if let Some(output) = output {
                    log.read(output, table);
                }
            }
        });
        let process = process.recv().unwrap_or_else(|_| Err(io::Error::other("the thread is gone")));
        let mut process = process.map_err(|error| Error::Qemu(error.to_string()))?;
        let complaints = process.stderr.take().map(|mut stderr| {
            thread::spawn(move || {
                let mut text = Vec::new();
                // What was read before an error is as good as nothing.
                let _ = stderr.read_to_end(&mut text);
                String::from_utf8_lossy(&text).trim().to_owned()
            })
        });
        let qemu = Self { process, log, reader: Some(reader), complaints, ended: None };
        qemu.log.wait_until(Instant::now() + FIRST_LINE, |lines| (!lines.is_empty()).then_some(()));
        Ok(qemu)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Whether it ended because a port was taken.
    pub(crate) fn failed_to_listen(&mut self) -> bool {
        // The end of the log comes before that of the process.
        let time = if self.log.is_complete() { FIRST_LINE } else { Duration::ZERO };
        let ended = self.wait(Instant::now() + time);
        matches!(ended, Some(Ended::Otherwise(why)) if why.contains("host forwarding"))
    }

    /// How it ended, if it has by then.
    pub(crate) fn wait(&mut self, until: Instant) -> Option<&Ended> {
        while self.ended.is_none() {
            // Fails only for a process that was waited for already.
            if let Ok(Some(status)) = self.process.try_wait() {
                self.ended = Some(self.end(status));
            } else if Instant::now() >= until {
                break;
            } else {
                thread::sleep(Duration::from_millis(5));
            }
        }
        self.ended.as_ref()
    }

    /// Ends it, if it runs; the log is complete then.
    pub(crate) fn stop(&mut self) {
        if self.ended.is_none() {
            // Fails only for a process that was waited for already.
            let _ = self.process.kill();
            if let Ok(status) = self.process.wait() {
                self.ended = Some(self.end(status));
            }
        }
    }

    fn end(&mut self, status: ExitStatus) -> Ended {
        let _ = self.reader.take().map(JoinHandle::join);
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        match status.code() {
            // It uses 1 where it can't start, and 0 after a signal; so may programs, but silently.
            Some(code) if code > 1 || complaints.is_empty() => Ended::Code(code),
            None if complaints.is_empty() => Ended::Otherwise(status.to_string()),
            _ => Ended::Otherwise(complaints),
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(program: &Path, forwards: &[(u16, u16)]) -> Result<Command, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|folder| folder.join(QEMU).is_file()) {
        return Err(Error::NoQemu);
    }
    let mut network = "user,restrict=on".to_owned();
    for (host, device) in forwards {
        network += &format!(",hostfwd=tcp:127.0.0.1:{host}-{DEVICE}:{device}");
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", QEMU, "-M", "mps2-an385"]);
    command.args(["-display", "none", "-monitor", "none", "-serial", "none"]);
    command
        .args(["-semihosting-config", "enable=on,target=native", "-nic", &network, "-kernel"])
        .arg(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}
