//! Runs a program of the firmware under QEMU and prints its log: `ringframe-device PROGRAM [NAME=HOST:DEVICE …]`
//! with a name and two ports for each service. `../run` calls it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, error};

use ringframe_device::{Device, Error};

/// The end of the log and the end of the process are the same, nearly.
const SOON: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let hint = match error.downcast_ref() {
                Some(Error::PortInUse(_) | Error::Port(..)) => "; choose others: run --base PORT",
                _ => "",
            };
            eprintln!("{error}{hint}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<u8, Box<dyn error::Error>> {
    let (program, services) = arguments.split_first().ok_or("which program?")?;
    let services = services.iter().map(|text| service(text)).collect::<Option<Vec<_>>>();
    let services = services.ok_or("a service is NAME=HOST:DEVICE, with two port numbers")?;
    let forwards: Vec<_> = services.iter().map(|&(_, forward)| forward).collect();
    let mut device = Device::start(Path::new(program), &forwards)?;

    let mut out = io::stdout().lock();
    for (name, (_, port)) in services {
        writeln!(out, "{name:6} at {}", device.addr(port))?;
    }
    writeln!(out, "Ctrl-C ends it; its log:")?;
    for line in device.follow() {
        writeln!(out, "{line}")?;
    }
    let code = device.wait_for_exit(SOON)?;
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

fn service(text: &str) -> Option<(&str, (u16, u16))> {
    let (name, ports) = text.split_once('=')?;
    let (host, device) = ports.split_once(':')?;
    Some((name, (host.parse().ok()?, device.parse().ok()?)))
}
