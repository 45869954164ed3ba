//! `serve files`, `put`, `get`, `ls`: files arrive whole or not at all, and everything that is forbidden or
//! impossible is said, exits as documented and leaves the folder and the server as they were.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::python::script;
use crate::serve::peak_memory;
use crate::support::{Done, Peer, Process, Server, frame, read_frame, reset, ringframe, run, until};

/// What no side may have in memory, whatever the size of a file.
const MEMORY: u64 = 20 << 20;

pub(crate) fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The names in a folder, hidden ones as well.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

pub(crate) fn noise(n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    fastrand::Rng::with_seed(n as u64).fill(&mut bytes);
    bytes
}

/// A server of files, a folder of its own and one for the client.
pub(crate) struct Service {
    pub(crate) server: Server,
    root: TempDir,
    pub(crate) here: TempDir,
}

impl Service {
    pub(crate) fn start(args: &[&str]) -> Self {
        let root = folder();
        let server = serve(root.path(), args);
        Self { server, root, here: folder() }
    }

    pub(crate) fn writable() -> Self {
        Self::start(&["--allow-write", "-v"])
    }

    /// Runs a client's command in the client's folder; `ADDR` in it is the server's.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.begin(args).finish(b"")
    }

    pub(crate) fn begin(&self, args: &[&str]) -> Process {
        client(&self.server.address, self.here.path(), args)
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw(self.server.connect())
    }

    /// Writes a file into the client's folder.
    pub(crate) fn here(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.here.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn there(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Checks that the server still serves, and what is in its folder.
    #[track_caller]
    pub(crate) fn stop_with(self, expected: &[&str]) -> Done {
        let listed = self.run(&["ls", "ADDR", "--json"]).fine().json();
        let listed: Vec<_> = listed.iter().map(|file| file["name"].as_str().unwrap()).collect();
        assert_eq!(listed, expected);
        assert_eq!(names(self.root.path()), expected);
        self.server.stop()
    }
}

fn serve(root: &Path, args: &[&str]) -> Server {
    Server::start(&[&["files", "--root", root.to_str().unwrap()], args].concat())
}

pub(crate) fn client(address: &str, folder: &Path, args: &[&str]) -> Process {
    let mut command = ringframe(args.iter().map(|arg| if *arg == "ADDR" { address } else { arg }));
    command.current_dir(folder);
    Process::spawn(command)
}

/// A client, or a server, of another make.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn say(&mut self, header: &Value) {
        self.0.write_all(&frame(header.to_string().as_bytes())).unwrap();
    }

    pub(crate) fn send(&mut self, content: &[u8]) {
        self.0.write_all(content).unwrap();
    }

    pub(crate) fn hear(&mut self) -> Value {
        let payload = read_frame(&mut self.0);
        serde_json::from_slice(&payload).unwrap()
    }

    pub(crate) fn hear_content(&mut self, n: usize) -> Vec<u8> {
        let mut content = vec![0; n];
        self.0.read_exact(&mut content).unwrap();
        content
    }

    /// Checks that a refusal comes, and answers its sentence.
    #[track_caller]
    pub(crate) fn refused(&mut self, kind: &str) -> String {
        let reply = self.hear();
        assert_eq!((&reply["ok"], &reply["kind"]), (&json!(false), &json!(kind)), "{reply}");
        reply["error"].as_str().unwrap().to_owned()
    }

    /// Takes all that comes.
    pub(crate) fn ends_after_all(&mut self) {
        let _ = std::io::copy(&mut self.0, &mut std::io::sink());
    }

    /// Checks that the server closes.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        assert_eq!(self.0.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn there_and_back() {
    let service = Service::writable();
    let sizes = [0, 1, 2, 65_000, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 524_288, 3_000_000];
    for n in sizes {
        let (name, content) = (format!("{n}.bin"), noise(n));
        service.here(&name, &content);
        let hash = sha256(&content);
        service.run(&["put", "ADDR", &name]).fine().prints(&format!("{hash}  {name}\n"));
        assert!(fs::read(service.there(&name)).unwrap() == content, "{n}");
        service.run(&["get", "ADDR", &name, "copy"]).fine().prints(&format!("{hash}  copy\n"));
        assert!(fs::read(service.here.path().join("copy")).unwrap() == content, "{n}");
        fs::remove_file(service.here.path().join("copy")).unwrap();
        assert!(service.run(&["get", "ADDR", &name, "-"]).fine().stdout == content, "{n}");
    }
    let done = service.run(&["put", "ADDR", "1.bin", "grüße 日本", "--json"]).fine().json();
    let hash = sha256(&noise(1));
    assert_eq!(done, [json!({ "name": "grüße 日本", "size": 1, "offset": 0, "sha256": hash })]);
    let done = service.run(&["get", "ADDR", "grüße 日本", "--json"]).fine().json();
    assert_eq!(done, [json!({ "name": "grüße 日本", "size": 1, "offset": 0, "sha256": hash })]);
    let text = service.run(&["ls", "ADDR"]).fine().text();
    assert!(text.contains("\n       3000000  3000000.bin\n"), "{text}");
    assert_eq!(text.lines().count(), sizes.len() + 1);
    let done = service.server.stop();
    assert!(!done.stderr.contains("refused"), "{}", done.stderr);
}

#[test]
fn any_wire_format() {
    for wire in ["u16be", "u32le", "u64le", "varint", "offset=1,adjust=-4,header=7"] {
        let service = Service::start(&["--allow-write", "--wire", wire]);
        let content = noise(100_000);
        service.here("a", &content);
        service.run(&["put", "ADDR", "a", "--wire", wire]).fine();
        service.run(&["put", "ADDR", "a", "b", "--resume", "--wire", wire]).fine();
        assert!(service.run(&["get", "ADDR", "b", "-", "--wire", wire]).fine().stdout == content, "{wire}");
        let list = service.run(&["ls", "ADDR", "--wire", wire]).fine().text();
        assert_eq!(list.lines().count(), 2);
        service.server.stop();
    }
}

#[test]
fn a_python_client() {
    let service = Service::writable();
    let (host, port) = service.server.address.split_once(':').unwrap();
    let ask = |args: &[&str]| script("files_client.py", &[&[host, port], args].concat()).finish(b"");
    let content = noise(1_000_000);
    let path = service.here("a.bin", &content);
    let path = path.to_str().unwrap();
    ask(&["put", path]).fine().prints(&format!("{}\n", sha256(&content)));
    assert!(fs::read(service.there("a.bin")).unwrap() == content);
    let copy = service.here.path().join("copy");
    ask(&["get", "a.bin", copy.to_str().unwrap()]).fine();
    assert!(fs::read(copy).unwrap() == content);
    ask(&["ls"]).fine().prints("1000000 a.bin\n");
    let refused = ask(&["put", path]).code(1);
    assert!(refused.stderr.starts_with("exists: "), "{}", refused.stderr);
    service.stop_with(&["a.bin"]);
}

/// Moves a file there and back and answers the most memory that the server, the sender and the receiver had.
fn memory_for(service: &Service, name: &str) -> [u64; 3] {
    let watched = |args: &[&str]| {
        let process = service.begin(args);
        let pid = process.pid();
        let watch = thread::spawn(move || {
            let mut peak = 0;
            while let Some(memory) = peak_memory(pid) {
                peak = memory.max(peak);
                thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        process.finish(b"").fine();
        watch.join().unwrap()
    };
    let sender = watched(&["put", "ADDR", name]);
    let receiver = watched(&["get", "ADDR", name, "copy"]);
    [peak_memory(service.server.process.pid()).unwrap(), sender, receiver]
}

#[test]
fn sixty_four_mebibytes_at_constant_memory() {
    let service = Service::writable();
    let content = noise(64 << 20);
    service.here("large", &content);
    let memory = memory_for(&service, "large");
    assert!(memory.iter().all(|memory| (1..MEMORY).contains(memory)), "{memory:?}");
    assert!(fs::read(service.here.path().join("copy")).unwrap() == content);
    service.stop_with(&["large"]);
}

#[test]
#[ignore = "long: tests/run deep"]
fn two_gibibytes_at_constant_memory() {
    let service = Service::writable();
    let size = (2 << 30) + 4097;
    let sparse = File::create(service.here.path().join("sparse")).unwrap();
    sparse.set_len(size).unwrap();
    for at in [0, 1 << 30, (1 << 31) - 3, 1 << 31, size - 5] {
        sparse.write_all_at(b"right", at).unwrap();
    }
    let memory = memory_for(&service, "sparse");
    println!("resident memory of the server, put and get, bytes: {memory:?}");
    assert!(memory.iter().all(|memory| (1..MEMORY).contains(memory)), "{memory:?}");
    let copy = File::open(service.here.path().join("copy")).unwrap();
    let sparse = File::open(service.here.path().join("sparse")).unwrap();
    assert_eq!(copy.metadata().unwrap().len(), size);
    let (mut one, mut other) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    for at in (0..size).step_by(1 << 20) {
        let n = (size - at).min(1 << 20) as usize;
        sparse.read_exact_at(&mut one[..n], at).unwrap();
        copy.read_exact_at(&mut other[..n], at).unwrap();
        assert!(one[..n] == other[..n], "at {at}");
    }
    service.stop_with(&["sparse"]);
}

/// The best of three of each, in turn, beside netcat, which neither hashes nor checks anything: half as fast is what
/// is to be reached. Shown, not asserted: other work on the machine would fail it.
#[test]
#[ignore = "long: tests/run deep, in release"]
fn speed_beside_netcat() {
    const SIZE: usize = 1 << 30;
    if !Command::new("nc")
        .arg("-h")
        .output()
        .is_ok_and(|nc| String::from_utf8_lossy(&nc.stderr).contains("OpenBSD"))
    {
        eprintln!(
            "NOT TESTED: speed against netcat, which needs netcat-openbsd: sudo apt-get install netcat-openbsd"
        );
        return;
    }
    // In memory where that is possible: a disk would be what is measured.
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() { TempDir::new_in(shared).unwrap() } else { folder() };
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let mut source = File::create(folder.path().join("source")).unwrap();
    for _ in 0..SIZE >> 20 {
        source.write_all(&noise(1 << 20)).unwrap();
    }
    let server = serve(&root, &["--allow-write", "--overwrite"]);
    let shell = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(folder.path());
        command.env("ringframe", env!("CARGO_BIN_EXE_ringframe")).env("server", &server.address);
        let since = Instant::now();
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
        SIZE as f64 / since.elapsed().as_secs_f64() / 1e6
    };
    let netcat = |n: u16| {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let receiver = format!("exec nc -l 127.0.0.1 {port} > netcat.{n}");
        let mut receiver =
            Command::new("bash").args(["-c", &receiver]).current_dir(folder.path()).spawn().unwrap();
        // A connection to see whether it listens would be the one that it takes.
        let listening = format!(":{port:04X} 00000000:0000 0A");
        until("netcat to listen", || {
            fs::read_to_string("/proc/net/tcp").unwrap().contains(&listening).then_some(())
        });
        let rate = shell(&format!("cat source | nc -N 127.0.0.1 {port}"));
        assert!(receiver.wait().unwrap().success());
        fs::remove_file(folder.path().join(format!("netcat.{n}"))).unwrap();
        rate
    };
    let mut best = [0_f64; 4];
    for n in 0..3 {
        let rates = [
            netcat(n),
            shell("\"$ringframe\" put $server source --overwrite"),
            shell("rm -f copy && \"$ringframe\" get $server source copy"),
            shell("\"$ringframe\" get $server source - | cat"),
        ];
        best = std::array::from_fn(|i| best[i].max(rates[i]));
    }
    let [netcat, put, get, pipe] = best;
    let rest = [put, get, pipe];
    println!("MB/s: cat | nc to a file {netcat:.0}; put, get to a file, get to a pipe {rest:.0?}");
    println!("ratios, 0.5 is to be reached: {:.2?}", rest.map(|rate| rate / netcat));
    server.stop();
}

#[test]
fn standard_input_and_what_has_no_size() {
    let service = Service::writable();
    let content = noise(300_000);
    client(&service.server.address, service.here.path(), &["put", "ADDR", "-", "piped"])
        .finish(&content)
        .fine()
        .prints(&format!("{}  piped\n", sha256(&content)));
    assert!(fs::read(service.there("piped")).unwrap() == content);
    client(&service.server.address, service.here.path(), &["put", "ADDR", "/dev/stdin", "from a pipe"])
        .finish(&content)
        .fine();
    assert!(fs::read(service.there("from a pipe")).unwrap() == content);
    run(["put", &service.server.address, "-"], b"").code(2).says(&["NAME"]);
    service.stop_with(&["from a pipe", "piped"]);
}

#[test]
fn a_closed_standard_output_ends_a_get_quietly() {
    let service = Service::start(&[]);
    fs::write(service.there("a"), noise(8 << 20)).unwrap();
    let mut command = ringframe(["get", &service.server.address, "a", "-"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    command.stdout(writer).stderr(Stdio::piped());
    let get = Process::spawn_as_is(command);
    let mut beginning = vec![0; 1000];
    reader.read_exact(&mut beginning).unwrap();
    drop(reader);
    get.finish(b"").fine();
    assert!(beginning == noise(8 << 20)[..1000]);
    service.stop_with(&["a"]);
}

#[test]
fn lists_come_in_pages() {
    let service = Service::start(&[]);
    let mut all: Vec<_> = (0..3000).map(|i| format!("a file with a rather long name, number {i}")).collect();
    for name in &all {
        fs::write(service.there(name), &name[39..]).unwrap();
    }
    fs::create_dir(service.there("folder")).unwrap();
    symlink(service.there(&all[0]), service.there("link")).unwrap();
    all.sort();
    let done = service.run(&["ls", "ADDR", "--json"]).fine().json();
    let listed: Vec<_> = done.iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(listed, all);
    assert!(done.iter().zip(&all).all(|(file, name)| file["size"] == name.len() - 39));

    let mut raw = service.raw();
    raw.say(&json!({ "op": "ls" }));
    let page = raw.hear();
    assert_eq!((&page["ok"], &page["more"]), (&json!(true), &json!(true)));
    raw.say(&json!({ "op": "ls", "after": "z" }));
    assert_eq!(raw.hear(), json!({ "ok": true, "files": [], "more": false }));
    service.server.stop();
}

/// A page is no larger than a frame of the wire format, however small that is.
#[test]
fn lists_come_in_small_pages() {
    let service = Service::start(&["--wire", "u8"]);
    for i in 0..50 {
        fs::write(service.there(&format!("file {i}")), "").unwrap();
    }
    assert_eq!(service.run(&["ls", "ADDR", "--wire", "u8"]).fine().text().lines().count(), 50);
    fs::write(service.there(&"x".repeat(200)), "").unwrap();
    service.run(&["ls", "ADDR", "--wire", "u8"]).code(1).says(&["internal", "does not fit a frame"]);
    service.server.stop();
}

#[test]
fn what_exists_is_replaced_only_where_both_sides_say_so() {
    let service = Service::writable();
    service.here("a", b"old");
    service.run(&["put", "ADDR", "a"]).fine();
    service.here("a", &noise(10_000_000));
    service.run(&["put", "ADDR", "a"]).code(1).says(&["exists", "a file has that name already"]);
    service.run(&["put", "ADDR", "a", "--overwrite"]).code(6).says(&["forbidden", "without --overwrite"]);
    assert_eq!(fs::read(service.there("a")).unwrap(), b"old");

    let generous = serve(service.root.path(), &["--allow-write", "--overwrite"]);
    let put = |args: &[&str]| client(&generous.address, service.here.path(), args).finish(b"");
    put(&["put", "ADDR", "a"]).code(1).says(&["exists", "`overwrite` replaces it"]);
    assert_eq!(fs::read(service.there("a")).unwrap(), b"old");
    put(&["put", "ADDR", "a", "--overwrite"]).fine();
    assert!(fs::read(service.there("a")).unwrap() == noise(10_000_000));
    // Nothing but an ordinary file is.
    fs::create_dir(service.there("folder")).unwrap();
    symlink("a", service.there("link")).unwrap();
    for odd in ["folder", "link"] {
        put(&["put", "ADDR", "a", odd, "--overwrite"]).code(6).says(&["forbidden", "not an ordinary file"]);
    }
    assert_eq!(names(service.root.path()), ["a", "folder", "link"]);
    generous.stop();
    fs::remove_dir(service.there("folder")).unwrap();
    fs::remove_file(service.there("link")).unwrap();

    // A get replaces nothing here.
    service.run(&["get", "ADDR", "a"]).code(1).says(&["a: it exists already", "another FILE"]);
    service.stop_with(&["a"]);
}

/// Two that put the same new name: one gets it, whoever was first.
#[test]
fn a_name_has_one_writer() {
    let service = Service::writable();
    service.here("a", b"second");
    let mut first = service.raw();
    first.say(&json!({ "op": "put", "name": "a", "size": 5 }));
    first.send(b"fi");
    until("the first to begin", || (!names(service.root.path()).is_empty()).then_some(()));
    service.run(&["put", "ADDR", "a"]).code(1).says(&["busy", "is being received"]);
    service.run(&["put", "ADDR", "a", "--resume"]).code(1).says(&["busy"]);
    service.run(&["put", "ADDR", "a", "b"]).fine();
    first.send(b"rst");
    assert_eq!(first.hear(), json!({ "ok": true, "size": 5, "sha256": sha256(b"first") }));
    assert_eq!(fs::read(service.there("a")).unwrap(), b"first");

    // A file that came from elsewhere meanwhile is not replaced either.
    first.say(&json!({ "op": "put", "name": "c", "size": 5 }));
    first.send(b"th");
    until("the third to begin", || (names(service.root.path()).len() > 2).then_some(()));
    fs::write(service.there("c"), "by hand").unwrap();
    first.send(b"ird");
    first.refused("exists");
    assert_eq!(fs::read(service.there("c")).unwrap(), b"by hand");
    service.stop_with(&["a", "b", "c"]);
}

#[test]
fn forbidden_names() {
    let service = Service::writable();
    let here = service.here("a", b"content");
    fs::write(service.root.path().parent().unwrap().join("outside"), "secret").unwrap();
    symlink("../outside", service.there("link")).unwrap();
    fs::create_dir(service.there("folder")).unwrap();
    let long = "x".repeat(256);
    let partial = format!(".ringframe-{}.part", "0".repeat(32));
    let wrong = [
        "",
        ".",
        "..",
        "/",
        "../outside",
        "/etc/passwd",
        "folder/a",
        "a/",
        "./a",
        "..\\outside",
        "a\nb",
        "\u{1b}[2J",
        "\u{9b}2J",
        "a\u{7f}",
        &long,
        &partial,
    ];
    for name in wrong {
        let mut raw = service.raw();
        raw.say(&json!({ "op": "get", "name": name }));
        raw.refused("forbidden");
        // It is still in step.
        raw.say(&json!({ "op": "put", "name": name, "size": 3 }));
        raw.send(b"bad");
        raw.refused("forbidden");
        raw.ends();
        service.run(&["put", "ADDR", here.to_str().unwrap(), name]).code(6).says(&["forbidden: "]);
        service.run(&["get", "ADDR", name, "copy"]).code(6).says(&["forbidden: "]);
        service.run(&["get", "ADDR", name]).code(6).says(&["can't be the name of a file here"]);
    }
    let mut raw = service.raw();
    raw.say(&json!({ "op": "get", "name": "a\0b" }));
    raw.refused("forbidden");
    for (name, words) in [("link", "symbolic link"), ("folder", "not an ordinary file")] {
        service.run(&["get", "ADDR", name, "copy"]).code(6).says(&["forbidden", words]);
        service.run(&["put", "ADDR", "a", name]).code(1).says(&["exists"]);
    }
    assert_eq!(names(service.here.path()), ["a"]);
    assert_eq!(names(service.root.path()), ["folder", "link"]);
    fs::remove_file(service.there("link")).unwrap();
    fs::remove_dir(service.there("folder")).unwrap();
    service.stop_with(&[]);
}

#[test]
fn a_server_that_takes_no_files() {
    let service = Service::start(&[]);
    service.here("a", &noise(10_000_000));
    service.run(&["put", "ADDR", "a"]).code(6).says(&["forbidden", "without --allow-write"]);
    service.run(&["put", "ADDR", "a", "--resume"]).code(6).says(&["forbidden", "without --allow-write"]);
    service.stop_with(&[]);
}

#[test]
fn a_server_for_writing_is_not_exposed_without_a_key() {
    let root = folder();
    let root = root.path().to_str().unwrap();
    let serve = ["serve", "files", "--root", root, "--listen", "0.0.0.0:0"];
    let writable = [&serve[..], &["--allow-write"]].concat();
    run(&writable, b"").code(6).says(&["0.0.0.0:0 is refused", "--allow-write", "no key"]);
    run(writable.iter().chain(&["--expose"]), b"").code(6).says(&["--allow-write", "no key"]);
    run(serve, b"").code(6).says(&["say --expose"]);
    // For reading, that is enough.
    let server = Server::listen("0.0.0.0:0", &["files", "--root", root, "--expose"]);
    server.stop();
}

#[test]
fn what_can_be_wrong_before_anything_is_sent() {
    let service = Service::writable();
    fs::create_dir(service.here.path().join("folder")).unwrap();
    service.run(&["put", "ADDR", "nowhere"]).code(1).says(&["can't read nowhere", "No such file"]);
    service.run(&["put", "ADDR", "folder"]).code(1).says(&["folder is a folder"]);
    service.run(&["put", "ADDR", ".."]).code(2).says(&["NAME"]);
    service.run(&["get", "ADDR", "a", "nowhere/a"]).code(1).says(&["nowhere/a", "can't be opened"]);
    service.run(&["get", "ADDR", "a", "folder"]).code(1).says(&["folder: it exists already"]);
    service.run(&["get", "ADDR", "a", "-", "--resume"]).code(2).says(&["can't be resumed"]);
    service.run(&["get", "ADDR", "nothing"]).code(1).says(&["not-found", "no file has that name"]);
    assert_eq!(names(service.here.path()), ["folder"]);
    run(["serve", "files", "--root", "/nowhere"], b"").code(1).says(&["can't open the folder /nowhere"]);
    run(["serve", "files", "--root", "/", "--overwrite"], b"").code(2).says(&["--allow-write"]);
    run(["serve", "files"], b"").code(2).says(&["--root"]);
    let address = service.server.address.clone();
    service.stop_with(&[]);
    let path = file_here("put-nobody");
    run(["put", &address, path.to_str().unwrap()], b"").code(4).says(&["refused the connection"]);
    run(["ls", &address], b"").code(4).says(&["refused the connection"]);
    assert_eq!(run(["get", &address, "a", "/tmp/nobody/a"], b"").code(1).text(), "");
}

fn file_here(name: &str) -> PathBuf {
    crate::support::file(name, b"content")
}

// Resuming.

/// The end of a put that was cut off is sent later, after a look at what is there.
#[test]
fn an_interrupted_put_goes_on() {
    let service = Service::writable();
    let content = noise(1_000_000);
    service.here("a", &content);
    let mut raw = service.raw();
    raw.say(&json!({ "op": "put", "name": "a", "size": content.len() }));
    raw.send(&content[..400_000]);
    drop(raw);
    let text = service.server.wait_for_end(1, "closed inside a frame");
    assert!(text.contains("600000 of 1000000 bytes of a file's content are missing"), "{text}");
    // What came is hidden, and not to be had.
    assert_eq!(service.run(&["ls", "ADDR"]).fine().text(), "");
    let [hidden] = &names(service.root.path())[..] else { panic!("one partial file") };
    assert!(hidden.starts_with('.'), "{hidden}");
    service.run(&["get", "ADDR", hidden, "copy"]).code(6).says(&["forbidden"]);

    let done = service.run(&["put", "ADDR", "a", "--resume", "--json"]).fine().json();
    assert_eq!(done[0]["offset"], 400_000);
    assert_eq!(done[0]["sha256"], sha256(&content));
    assert!(fs::read(service.there("a")).unwrap() == content);
    service.stop_with(&["a"]);
}

#[test]
fn what_is_there_is_checked_before_a_put_goes_on() {
    let service = Service::writable();
    for (there, content) in [
        // Other bytes, a longer file, and the whole of it.
        (noise(5_000), noise(100_000)),
        (noise(100_000), noise(100_000)[..5_000].to_vec()),
        (noise(100_000), noise(5_000)),
        (noise(100_000), vec![]),
        (noise(100_000), noise(100_000)),
    ] {
        let mut raw = service.raw();
        raw.say(&json!({ "op": "put", "name": "a", "size": there.len() + 1 }));
        raw.send(&there);
        drop(raw);
        until("the partial file", || {
            let [hidden] = &names(service.root.path())[..] else { return None };
            (fs::metadata(service.there(hidden)).unwrap().len() == there.len() as u64).then_some(())
        });
        service.here("a", &content);
        let same = there.starts_with(&content) && !content.is_empty();
        let process = until("the first put to let go", || {
            let done = service.run(&["put", "ADDR", "a", "--resume", "--json", "-v"]);
            (!done.stderr.contains("busy")).then_some(done)
        });
        let done = process.code(0);
        let offset = if same { content.len() } else { 0 };
        assert_eq!(done.json()[0]["offset"], offset, "{}", done.stderr);
        assert!(fs::read(service.there("a")).unwrap() == content);
        fs::remove_file(service.there("a")).unwrap();
    }
    service.stop_with(&[]);
}

/// A put without --resume begins anew, whatever is there.
#[test]
fn a_put_that_does_not_go_on() {
    let service = Service::writable();
    let mut raw = service.raw();
    raw.say(&json!({ "op": "put", "name": "a", "size": 100 }));
    raw.send(b"something longer than the file");
    drop(raw);
    service.server.wait_for_end(1, "closed inside a frame");
    service.here("a", b"short");
    service.run(&["put", "ADDR", "a"]).fine();
    assert_eq!(fs::read(service.there("a")).unwrap(), b"short");
    service.stop_with(&["a"]);
}

#[test]
fn the_server_dies_and_a_put_goes_on() {
    let root = folder();
    let here = folder();
    let sparse = File::create(here.path().join("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let server = serve(root.path(), &["--allow-write"]);
    let put = client(&server.address, here.path(), &["put", "ADDR", "sparse"]);
    let came = || {
        let name = names(root.path()).pop()?;
        fs::metadata(root.path().join(name)).ok().map(|metadata| metadata.len())
    };
    until("some megabytes", || came().filter(|len| *len > 4 << 20));
    server.process.signal(Signal::KILL);
    put.finish(b"").code(4).says(&["bytes were sent"]);
    drop(server);
    let there = came().unwrap();
    // All of it would take long here.
    sparse.set_len(there + 1000).unwrap();
    let server = serve(root.path(), &["--allow-write"]);
    let done = client(&server.address, here.path(), &["put", "ADDR", "sparse", "--resume", "--json"]);
    assert_eq!(done.finish(b"").fine().json()[0]["offset"], there);
    assert_eq!(fs::metadata(root.path().join("sparse")).unwrap().len(), there + 1000);
    assert_eq!(names(root.path()), ["sparse"]);
    server.stop();
}

/// Offers `content` to one get and sends the first `n` bytes of it.
pub(crate) fn offers(content: &[u8], n: usize) -> Peer {
    let (size, beginning) = (content.len(), content[..n].to_vec());
    Peer::start(move |stream| {
        let mut raw = Raw(stream);
        assert_eq!(raw.hear()["op"], "get");
        raw.say(&json!({ "ok": true, "size": size }));
        raw.send(&beginning);
    })
}

#[test]
fn an_interrupted_get_goes_on() {
    let service = Service::start(&["-v"]);
    let content = noise(1_000_000);
    let get = |address: &str, args: &[&str]| {
        let all = [&["get", "ADDR", "a", "b"], args].concat();
        client(address, service.here.path(), &all).finish(b"")
    };
    let peer = offers(&content, 400_000);
    get(&peer.address, &[]).code(7).says(&["ended the content early", "400000 of 1000000", "get --resume"]);
    peer.join();
    assert_eq!(names(service.here.path()).len(), 1);

    fs::write(service.there("a"), &content).unwrap();
    let done = get(&service.server.address, &["--resume", "--json"]).fine().json();
    assert_eq!((&done[0]["offset"], &done[0]["sha256"]), (&json!(400_000), &json!(sha256(&content))));
    assert!(fs::read(service.here.path().join("b")).unwrap() == content);
    assert_eq!(names(service.here.path()), ["b"]);
    service.server.wait_for_end(1, "closed");

    // What is there is another file by now, or a shorter one; or nobody asks to go on.
    for (there, resume) in [(noise(1_000_001), true), (noise(10), true), (content.clone(), false)] {
        fs::remove_file(service.here.path().join("b")).unwrap();
        let peer = offers(&content, 400_000);
        get(&peer.address, &[]).code(7).says(&["400000"]);
        peer.join();
        fs::write(service.there("a"), &there).unwrap();
        let args: &[&str] = if resume { &["--resume", "--json"] } else { &["--json"] };
        assert_eq!(get(&service.server.address, args).fine().json()[0]["offset"], 0);
        assert!(fs::read(service.here.path().join("b")).unwrap() == there);
        assert_eq!(names(service.here.path()), ["b"]);
    }
    // Two that write the same file.
    fs::remove_file(service.here.path().join("b")).unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |stream| {
        let mut raw = Raw(stream);
        raw.hear();
        raw.say(&json!({ "ok": true, "size": 3 }));
        raw.send(b"ab");
        wait.recv().unwrap();
        raw.send(b"c");
        raw.say(&json!({ "ok": true, "sha256": sha256(b"abc") }));
    });
    let first = client(&peer.address, service.here.path(), &["get", "ADDR", "a", "b"]);
    until("the first to begin", || (!names(service.here.path()).is_empty()).then_some(()));
    get(&service.server.address, &[]).code(1).says(&["b: a file of that name is being received"]);
    go.send(()).unwrap();
    first.finish(b"").fine();
    peer.join();
    assert_eq!(fs::read(service.here.path().join("b")).unwrap(), b"abc");
    service.stop_with(&["a"]);
}

#[test]
fn partial_files_are_removed_after_a_day() {
    let root = folder();
    let part = |digit: &str| root.path().join(format!(".ringframe-{}.part", digit.repeat(32)));
    for (digit, hours) in [("1", 25), ("2", 23)] {
        fs::write(part(digit), "some").unwrap();
        let then = SystemTime::now() - Duration::from_secs(hours * 3600);
        File::open(part(digit)).unwrap().set_modified(then).unwrap();
    }
    // Not where nothing is to be changed.
    let server = serve(root.path(), &["-v"]);
    run(["ls", &server.address], b"").fine();
    server.stop();
    assert!(part("1").exists());
    let server = serve(root.path(), &["-v", "--allow-write"]);
    server.process.stderr.wait_for(1, &["a partial file was removed"]);
    assert!(!part("1").exists() && part("2").exists());
    server.stop();
}

// What a client of another make may get wrong.

#[test]
fn what_is_no_request() {
    let service = Service::writable();
    let requests: &[(&[u8], &str)] = &[
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{", "EOF"),
        (b"hello", "not a JSON object"),
        (br#"{"op":"put","name":"a"}"#, "a put has a size"),
        (br#"{"op":"put","name":"a","size":-1}"#, "integer `-1`"),
        (br#"{"op":"put","name":"a","size":1,"sha256":"x"}"#, "64 hexadecimal digits"),
        (br#"{"op":"put","size":1}"#, "has a name"),
        (br#"{"op":"get"}"#, "has a name"),
        (br#"{"op":"rm","name":"a"}"#, "there are put, get and ls"),
        (b"{}", "there are put, get and ls"),
        (b"{\"op\":\"\xff\"}", "invalid unicode"),
    ];
    for (request, words) in requests {
        let mut raw = service.raw();
        raw.send(&frame(request));
        let why = raw.refused("bad-request");
        assert!(why.contains(words), "{why}");
        raw.ends();
    }
    // A header that is larger than any may be.
    let mut raw = service.raw();
    raw.send(&frame(&[b' '; 65_533])[..4]);
    let why = raw.refused("bad-request");
    assert!(why.contains("65536") && why.contains("65537"), "{why}");
    raw.ends();
    let deep = "[".repeat(60_000);
    let mut raw = service.raw();
    raw.send(&frame(format!("{{\"x\":{deep}").as_bytes()));
    raw.refused("bad-request");
    service.server.wait_for_end(requests.len() + 2, "broke the protocol");
    service.stop_with(&[]);
}

#[test]
fn content_that_is_not_what_was_promised() {
    let service = Service::writable();
    let put = json!({ "op": "put", "name": "a", "size": 5 });
    let with = |more: Value| {
        let mut header = put.clone();
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        header
    };
    let mut raw = service.raw();
    for (header, trailer) in [
        (with(json!({ "sha256": sha256(b"other") })), None),
        (with(json!({ "trailer": true })), Some(json!({ "sha256": sha256(b"other") }))),
    ] {
        raw.say(&header);
        raw.send(b"hello");
        if let Some(trailer) = trailer {
            raw.say(&trailer);
        }
        let why = raw.refused("integrity");
        assert!(why.contains(&sha256(b"hello")), "{why}");
    }
    // All of it came, so both are still in step. Nothing of it stays.
    assert_eq!(names(service.root.path()), [""; 0]);
    raw.say(&with(json!({ "sha256": sha256(b"hello").to_uppercase() })));
    raw.send(b"hello");
    assert_eq!(raw.hear()["sha256"], sha256(b"hello"));
    fs::remove_file(service.there("a")).unwrap();

    // A trailer without a hash, none at all, fewer bytes than promised.
    raw.say(&with(json!({ "trailer": true })));
    raw.send(b"hello");
    raw.say(&json!({}));
    raw.refused("bad-request");
    raw.ends();
    for end in [&b"hello"[..], b"hell", b""] {
        let mut raw = service.raw();
        raw.say(&with(json!({ "trailer": true })));
        raw.send(end);
        raw.0.shutdown(Shutdown::Write).unwrap();
        raw.ends();
    }
    let text = service.server.wait_for_end(3, "closed inside a frame");
    assert!(text.contains("the frame behind a file's content is missing"), "{text}");
    assert!(text.contains("1 of 5 bytes of a file's content are missing"), "{text}");
    // And a reset.
    let mut raw = service.raw();
    raw.say(&put);
    raw.send(b"hell");
    until("it to begin", || (names(service.root.path()).len() == 1).then_some(()));
    reset(raw.0);
    service.server.wait_for_end(1, "reset");

    // An offset that was not offered.
    let mut raw = service.raw();
    raw.say(&with(json!({ "resume": true })));
    assert_eq!(raw.hear()["offset"], 4);
    raw.say(&json!({ "offset": 3 }));
    let why = raw.refused("bad-request");
    assert!(why.contains("4 or 0"), "{why}");

    assert_eq!(service.run(&["ls", "ADDR"]).fine().text(), "");
    for name in names(service.root.path()) {
        fs::remove_file(service.there(&name)).unwrap();
    }
    service.stop_with(&[]);
}

/// Nobody waits for a silent client for ever, and nobody else waits for it at all.
#[test]
fn silent_clients() {
    let service = Service::start(&["--allow-write", "-v", "--content-time", "3s"]);
    let silent: Vec<_> = (0..100)
        .map(|i| {
            let mut raw = service.raw();
            raw.say(&json!({ "op": "put", "name": format!("silent {i}"), "size": 100 }));
            raw.send(b"some");
            raw
        })
        .collect();
    service.here("a", &noise(1_000_000));
    service.run(&["put", "ADDR", "a"]).fine();
    let text = service.server.wait_for_end(100, "silent");
    assert!(text.contains("no byte of a file's content came within 3s"), "{text}");
    for mut raw in silent {
        raw.ends();
    }
    assert!(names(service.root.path()).len() == 101);
    service.run(&["ls", "ADDR"]).fine();
    assert!(peak_memory(service.server.process.pid()).unwrap() < 128 * (1 << 20));
    service.server.stop();
}

/// What is under way is finished before a server stops.
#[test]
fn a_server_that_stops_finishes_a_transfer() {
    let service = Service::writable();
    let mut raw = service.raw();
    raw.say(&json!({ "op": "put", "name": "a", "size": 5 }));
    raw.send(b"he");
    until("it to begin", || (!names(service.root.path()).is_empty()).then_some(()));
    service.server.process.signal(Signal::TERM);
    service.server.process.stderr.wait_for(1, &["stopping: 1 connection"]);
    raw.send(b"llo");
    assert_eq!(raw.hear()["ok"], true);
    raw.ends();
    assert_eq!(fs::read(service.there("a")).unwrap(), b"hello");
    service.server.process.finish(b"").code(0);
}

// Disks and files that change.

#[test]
fn what_does_not_fit() {
    let service = Service::writable();
    let sparse = File::create(service.here.path().join("sparse")).unwrap();
    sparse.set_len(1 << 42).unwrap();
    // Before a byte of it is written.
    service.run(&["put", "ADDR", "sparse"]).code(1).says(&[
        "no-space",
        "4398046511104 bytes don't fit",
        "are free",
    ]);
    let mut raw = service.raw();
    raw.say(&json!({ "op": "put", "name": "a", "size": u64::MAX }));
    raw.refused("no-space");
    let peer = Peer::start(|stream| {
        let mut raw = Raw(stream);
        raw.hear();
        raw.say(&json!({ "ok": true, "size": u64::MAX }));
        raw.ends();
    });
    client(&peer.address, service.here.path(), &["get", "ADDR", "a"]).finish(b"").code(1).says(&[
        "a: ",
        "bytes don't fit",
        "are free",
    ]);
    peer.join();
    assert_eq!(names(service.here.path()), ["sparse"]);
    service.stop_with(&[]);
}

/// A server whose shell did `before` it began.
fn serve_after(before: &str, root: &Path, more: &[&str]) -> Server {
    let args = [&["files", "--root", root.to_str().unwrap(), "--allow-write"], more].concat();
    let script = format!("{before} && exec \"$0\" \"$@\"");
    Server::start_by(&["sh", "-c", &script], &args)
}

/// Writing fails in the middle of a file: here because the system lets the process have none that large.
#[test]
fn a_file_that_becomes_too_large() {
    let (root, here) = (folder(), folder());
    // More than the sockets' buffers hold: else all may be sent before the server's answer is there.
    File::create(here.path().join("a")).and_then(|file| file.set_len(256 << 20)).unwrap();
    fs::write(here.path().join("b"), noise(1 << 20)).unwrap();
    // In blocks of 512 bytes. The signal would end the process before the error comes.
    let server = serve_after("trap '' XFSZ && ulimit -f 4096", root.path(), &["-v"]);
    let put = |name| client(&server.address, here.path(), &["put", "ADDR", name]).finish(b"");
    put("a").code(1).says(&["no-space", "can't be written", "bytes were sent"]);
    assert_eq!(names(root.path()), [""; 0]);
    put("b").fine();
    assert_eq!(names(root.path()), ["b"]);
    server.stop();
}

/// A disk of 4 MiB that two uploads of 3 MiB each fill, both of which would have fitted alone.
#[test]
fn a_disk_that_becomes_full() {
    let (root, here) = (folder(), folder());
    let allowed = Command::new("unshare").args(["-Urm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "NOT TESTED: a disk that becomes full, which needs `unshare -Urm` to make a small one; \
             a_file_that_becomes_too_large tests the same path with another error"
        );
        return;
    }
    let path = root.path().to_str().unwrap();
    let mount = format!("mount -t tmpfs -o size=4m tmpfs '{path}'");
    let script = format!("{mount} && exec \"$0\" \"$@\"");
    let args = ["files", "--root", path, "--allow-write", "-v"];
    let server = Server::start_by(&["unshare", "-Urm", "sh", "-c", &script], &args);
    // Both begin while it is empty, which they know by their offers.
    let [mut first, mut second] = ["first", "second"].map(|name| {
        let mut raw = Raw(server.connect());
        raw.say(&json!({ "op": "put", "name": name, "size": 3 << 20, "resume": true }));
        assert_eq!(raw.hear()["offset"], 0);
        raw.say(&json!({ "offset": 0 }));
        raw
    });
    first.send(&noise(3 << 20));
    assert_eq!(first.hear()["ok"], true);
    // It is refused while it sends.
    let _ = second.0.write_all(&noise(3 << 20));
    let why = second.refused("no-space");
    assert!(why.contains("can't be written"), "{why}");
    drop(second);
    // What was no use makes room again.
    fs::write(here.path().join("third"), noise(600_000)).unwrap();
    client(&server.address, here.path(), &["put", "ADDR", "third"]).finish(b"").fine();
    let done = client(&server.address, here.path(), &["put", "ADDR", "third", "fourth"]).finish(b"");
    done.code(1).says(&["no-space"]);
    let list = client(&server.address, here.path(), &["ls", "ADDR", "--json"]).finish(b"").fine().json();
    assert_eq!(list.len(), 2);
    server.stop();
}

type Change = fn(&File);

/// A source that changes while it is sent: nothing of it appears.
#[test]
fn a_file_that_changes_while_it_is_put() {
    let here = folder();
    let path = here.path().join("a");
    let cases: [(&str, Change); 3] = [
        ("shrank from 16777216 to 1000000 bytes", |file| file.set_len(1_000_000).unwrap()),
        ("grew from 16777216 to 16777217 bytes", |file| file.set_len((16 << 20) + 1).unwrap()),
        ("was changed", |file| file.write_all_at(b"x", 5).unwrap()),
    ];
    for (words, change) in cases {
        let file = File::create(&path).unwrap();
        file.set_len(16 << 20).unwrap();
        // A change at the same time as the last one before would go unnoticed.
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        let peer = Peer::start(move |stream| {
            let mut raw = Raw(stream);
            raw.hear();
            raw.hear_content(1 << 18);
            change(&file);
            // Until it gives up; there is no hash of what is neither this nor that.
            let mut rest = Vec::new();
            let _ = raw.0.read_to_end(&mut rest);
            assert!(rest.len() <= (16 << 20) - (1 << 18), "{}", rest.len());
        });
        let done = client(&peer.address, here.path(), &["put", "ADDR", "a"]).finish(b"");
        done.code(7).says(&["a ", words, "nothing is kept"]);
        peer.join();
    }
}

/// The same at the server, where the client is told, or the connection ends.
#[test]
fn a_file_that_changes_while_it_is_got() {
    let cases: [(&str, Change); 3] = [
        ("ended the content early", |file| file.set_len(1_000_000).unwrap()),
        ("integrity: the file grew", |file| file.set_len((32 << 20) + 1).unwrap()),
        ("integrity: the file was changed", |file| file.write_all_at(b"x", 5).unwrap()),
    ];
    for (words, change) in cases {
        let service = Service::start(&["-v"]);
        let file = File::create(service.there("a")).unwrap();
        file.set_len(32 << 20).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        // Between the two, so that it is known when it happens: the server can't be far ahead.
        let address = service.server.address.clone();
        let peer = Peer::start(move |mut stream| {
            let mut server = crate::support::connect(address.parse().unwrap());
            let request = read_frame(&mut stream);
            server.write_all(&frame(&request)).unwrap();
            let mut beginning = [0; 1000];
            server.read_exact(&mut beginning).unwrap();
            stream.write_all(&beginning).unwrap();
            change(&file);
            std::io::copy(&mut server, &mut stream).unwrap();
        });
        let get = client(&peer.address, service.here.path(), &["get", "ADDR", "a", "b"]);
        // The server waits for another request after it has told.
        let done = get.finish(b"");
        done.code(7).says(&[words]);
        drop(peer);
        assert!(!service.here.path().join("b").exists());
        if words.starts_with("ended") {
            service.server.wait_for_end(1, "failed: a file shrank from 33554432 to 1000000 bytes");
        }
        service.stop_with(&["a"]);
    }
}
