//! A peer in another language is ten lines: `client.py` against our server, our client against `server.py`.

use std::process::Command;

use crate::support::{Process, Server, run, seq};

/// The formats, as we and as Python's `struct` call them.
const FORMATS: [(&str, &str); 4] = [("u32be", "!I"), ("u32le", "<i"), ("u16be", "!H"), ("u64le", "<Q")];

fn python(script: &str, args: &[&str]) -> Process {
    let found = Command::new("python3").arg("--version").output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "these tests need Python: install python3 so that `python3 --version` works"
    );
    let mut command = Command::new("python3");
    command.arg(format!("{}/../tests/cli/{script}", env!("CARGO_MANIFEST_DIR"))).args(args);
    Process::spawn(command)
}

#[test]
fn a_python_client() {
    for (wire, format) in FORMATS {
        let server = Server::start(&["upper", "--wire", wire]);
        let (host, port) = server.address.split_once(':').unwrap();
        let long = "long ".repeat(10_000);
        let client = python("client.py", &[host, port, format, "hello,server", "", &long]);
        let done = client.finish(b"").fine();
        assert!(done.text() == format!("HELLO,SERVER\n\n{long}\n").to_uppercase(), "{wire}");
        server.stop();
    }
}

#[test]
fn a_python_server() {
    for (wire, format) in FORMATS {
        let server = python("server.py", &[format]);
        let port = server.stdout.wait_for(1, &[""]);
        let lines = seq(1000).replace('\n', " lines\n") + "\n" + &"long ".repeat(10_000) + "\n";
        let address = format!("127.0.0.1:{}", port.trim());
        let done = run(["call", &address, "--wire", wire], lines.as_bytes()).fine();
        assert!(done.text() == lines.to_uppercase(), "{wire}");
        server.finish(b"").fine();
    }
}
