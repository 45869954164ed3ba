//! A peer in another language is ten lines: `client.py` against our server, our client against `server.py`.

use std::process::Command;

use crate::keys::Keys;
use crate::support::{Process, Server, run, seq};

/// The formats, as we and as Python's `struct` call them.
const FORMATS: [(&str, &str); 4] = [("u32be", "!I"), ("u32le", "<i"), ("u16be", "!H"), ("u64le", "<Q")];

/// Runs one of the peers in this folder.
pub(crate) fn script(name: &str, args: &[&str]) -> Process {
    python(&path(name), args)
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

/// The path of one of the peers in this folder.
fn path(name: &str) -> String {
    format!("{}/../tests/cli/{name}", env!("CARGO_MANIFEST_DIR"))
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

/// The description is enough: a client of another language, on a Noise library of its own.
#[test]
#[ignore = "needs the package noiseprotocol: tests/run deep, which installs it"]
fn a_python_client_of_an_authenticated_link() {
    let python = std::env::var_os("RINGFRAME_PYTHON").expect(
        "RINGFRAME_PYTHON names a Python that has the package noiseprotocol, as `tests/run deep` makes one",
    );
    let keys = Keys::new(&["key", "wrong"]);
    let server = Server::start(&["upper", "-v", "--key-file", &keys.path("key")]);
    let (host, port) = server.address.split_once(':').unwrap();
    let client = |key: &str, messages: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(path("noise_client.py")).args([host, port, &keys.path(key)]).args(messages);
        Process::spawn(command).finish(b"")
    };
    let long = "long ".repeat(20_000);
    let done = client("key", &["hello,server", "", &long]).fine();
    assert!(done.text() == format!("HELLO,SERVER\n\n{long}\n").to_uppercase());
    let log = server.wait_for_end(1, "closed");
    assert!(log.contains("3 frames"), "{log}");
    let done = client("wrong", &["hello,server"]).code(1);
    assert_eq!((done.text(), &*done.stderr), (String::new(), "the connection was cut off\n"));
    server.wait_for_end(1, "handshake failed");
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
        (page, include_str!("noise_client.py")),
    ] {
        assert!(readme.contains(&format!("```python\n{client}```\n")), "{client}");
    }
}
