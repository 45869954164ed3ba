//! A device does not stay behind, and its death is not taken for the end of its program.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ringframe_device::{ANY, Device, Error, build};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_dropped_device_is_gone() {
    let mut device = Device::start(&build().unwrap().join("firmware"), &[(ANY, 7878)]).unwrap();
    device.wait_for("ready", SOON).unwrap();
    assert!(device.is_running());
    let process = Path::new("/proc").join(device.pid().to_string());
    assert!(process.exists());
    drop(device);
    assert!(!process.exists());
}

#[test]
fn a_device_does_not_outlive_who_started_it() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_ringframe-device"))
        .args([build().unwrap().join("firmware").as_os_str(), "upper=0:7878".as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address: SocketAddr = first.trim_end().strip_prefix("upper  at ").unwrap().parse().unwrap();
    TcpStream::connect(address).unwrap();
    // Killed, it can't clean up.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let start = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(start.elapsed() < SOON, "it is still there");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_device_is_no_program_that_ended() {
    let mut device = Device::start(&build().unwrap().join("firmware"), &[]).unwrap();
    Command::new("kill").arg(device.pid().to_string()).status().unwrap();
    let error = device.wait_for_exit(SOON).unwrap_err();
    assert!(matches!(&error, Error::Qemu(why) if why.contains("signal 15")), "{error}");
}
