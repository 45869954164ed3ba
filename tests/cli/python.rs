//! A peer in another language is ten lines: `client.py` against our server, our client against `server.py`.

use std::process::Command;

use crate::support::{Process, Server, run, seq};

/// The formats, as we and as Python's `struct` call them.
const FORMATS: [(&str, &str); 4] = [("u32be", "!I"), ("u32le", "<i"), ("u16be", "!H"), ("u64le", "<Q")];

/// Runs one of the peers in this folder.
pub(crate) fn script(name: &str, args: &[&str]) -> Process {
    python(&format!("{}/../tests/cli/{name}", env!("CARGO_MANIFEST_DIR")), args)
}

pub(crate) fn python(first: &str, args: &[&str]) -> Process {
    let found = Command::new("python3").arg("--version").output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "these tests need Python: install python3 so that `python3 --version` works"
    );
    let mut command = Command::new("python3");
    command.arg(first).args(args);
    Process::spawn(command)
}

#[test]
fn a_python_client() {
    for (wire, format) in FORMATS {
        let server = Server::start(&["upper", "--wire", wire]);
        let (host, port) = server.address.split_once(':').unwrap();
        let long = "long ".repeat(10_000);
        let client = script("client.py", &[host, port, format, "hello,server", "", &long]);
        let done = client.finish(b"").fine();
        assert!(done.text() == format!("HELLO,SERVER\n\n{long}\n").to_uppercase(), "{wire}");
        server.stop();
    }
}

#[test]
fn a_python_server() {
    for (wire, format) in FORMATS {
        let server = script("server.py", &[format]);
        let port = server.stdout.wait_for(1, &[""]);
        let lines = seq(1000).replace('\n', " lines\n") + "\n" + &"long ".repeat(10_000) + "\n";
        let address = format!("127.0.0.1:{}", port.trim());
        let done = run(["call", &address, "--wire", wire], lines.as_bytes()).fine();
        assert!(done.text() == lines.to_uppercase(), "{wire}");
        server.finish(b"").fine();
    }
}

#[test]
fn a_python_client_of_datagrams() {
    let server = Server::start(&["upper", "--udp"]);
    let (host, port) = server.address.split_once(':').unwrap();
    let long = "x".repeat(1472);
    let client = script("udp_client.py", &[host, port, "hello,server", "", &long]);
    let done = client.finish(b"").fine();
    assert_eq!(done.text(), format!("HELLO,SERVER\n\n{}\n", long.to_uppercase()));
    server.stop();
}

#[test]
fn a_benchmark_of_a_python_server() {
    let server = script("server.py", &["!H"]);
    let port = server.stdout.wait_for(1, &[""]);
    let address = format!("127.0.0.1:{}", port.trim());
    let args = ["bench", &address, "--wire", "u16be", "--count", "200", "--depth", "10", "--json"];
    let done = run(args, b"").fine();
    assert_eq!(done.json()[0]["round_trips"], 200);
    server.finish(b"").fine();
}

/// What the pages show is what is tested here.
#[test]
fn the_readme_has_these_clients() {
    let (front, page) = (include_str!("../../README.md"), include_str!("../../peers/README.md"));
    for (readme, client) in [
        (front, include_str!("client.py")),
        (page, include_str!("udp_client.py")),
        (page, include_str!("files_client.py")),
        (page, include_str!("exec.py")),
    ] {
        assert!(readme.contains(&format!("```python\n{client}```\n")), "{client}");
    }
}
