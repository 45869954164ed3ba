//! `keygen` and `--key-file`: a key is made once, for its owner alone, and what others can get at is no key.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::files::{folder, names};
use crate::support::{Server, nobody, ringframe, run};

/// A folder with keys, for a test.
pub(crate) struct Keys {
    pub(crate) folder: TempDir,
}

impl Keys {
    pub(crate) fn new(names: &[&str]) -> Self {
        let keys = Self { folder: folder() };
        for name in names {
            let path = keys.path(name);
            run(["keygen", &path], b"").fine().prints(&format!("a new key is in {path}\n"));
        }
        keys
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The bytes of a key.
    pub(crate) fn bytes(&self, name: &str) -> [u8; 32] {
        let line = fs::read_to_string(self.path(name)).unwrap();
        Base64::decode_vec(line.trim_end()).unwrap().try_into().unwrap()
    }
}

#[test]
fn a_new_key_is_its_owners_alone() {
    let keys = Keys::new(&["a", "b"]);
    for name in ["a", "b"] {
        let metadata = fs::metadata(keys.path(name)).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.len()), (0o600, 45));
        assert!(fs::read(keys.path(name)).unwrap().ends_with(b"=\n"));
    }
    assert_ne!(keys.bytes("a"), keys.bytes("b"));
    assert_eq!(names(keys.folder.path()), ["a", "b"]);
    let path = keys.path("c");
    let done = run(["keygen", &path, "--json"], b"").fine();
    assert_eq!(done.json(), [serde_json::json!({ "key_file": path })]);
    // In the current folder, and whatever the mask says.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "umask 0; exec \"$0\" keygen d", env!("CARGO_BIN_EXE_ringframe")]);
    assert!(command.current_dir(keys.folder.path()).output().unwrap().status.success());
    assert_eq!(fs::metadata(keys.path("d")).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn no_key_is_written_over() {
    let keys = Keys::new(&["key"]);
    let before = keys.bytes("key");
    symlink(keys.path("key"), keys.path("link")).unwrap();
    symlink(keys.path("nothing"), keys.path("dangling")).unwrap();
    fs::create_dir(keys.path("folder")).unwrap();
    fs::write(keys.path("other"), "mine").unwrap();
    for name in ["key", "link", "dangling", "folder", "other"] {
        run(["keygen", &keys.path(name)], b"").code(1).says(&[name, "exists already"]).prints("");
    }
    assert_eq!(keys.bytes("key"), before);
    assert_eq!(fs::read(keys.path("other")).unwrap(), b"mine");
    run(["keygen", &keys.path("no/folder")], b"").code(1).says(&["No such file"]).prints("");
    run(["keygen", "/proc/key"], b"").code(1).says(&["/proc/key"]).prints("");
    run(["keygen", "-"], b"").code(2).says(&["say a FILE"]).prints("");
    assert_eq!(names(keys.folder.path()), ["dangling", "folder", "key", "link", "other"]);
}

/// A file that is no key, or is not its user's alone: what is wrong, the exit code, and words of the sentence.
fn bad_files(keys: &Keys) -> Vec<(PathBuf, i32, Vec<&'static str>)> {
    let key = fs::read_to_string(keys.path("key")).unwrap();
    let line = key.trim_end();
    let mut cases = Vec::new();
    let mut file = |name: &str, content: &[u8], mode, code, words: &[&'static str]| {
        let path = keys.folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        cases.push((path, code, words.to_vec()));
    };
    for (i, mode) in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666, 0o777].into_iter().enumerate() {
        file(&format!("mode {i}"), key.as_bytes(), mode, 6, &["is refused", "(mode ", "chmod 600"]);
    }
    let form = "one line of 44 characters of base64, 32 bytes";
    let other = |n: usize| Base64::encode_string(&vec![7; n]) + "\n";
    file("empty", b"", 0o600, 1, &["it is empty", "keygen"]);
    file("a line end", b"\n", 0o600, 1, &[form]);
    file("31 bytes", other(31).as_bytes(), 0o600, 1, &[form]);
    file("33 bytes", other(33).as_bytes(), 0o600, 1, &[form]);
    file("raw", &[7; 32], 0o600, 1, &[form]);
    file("hex", hex::encode([7; 32]).as_bytes(), 0o600, 1, &[form]);
    file("without padding", &line.as_bytes()[..43], 0o600, 1, &[form]);
    file("two lines", key.repeat(2).as_bytes(), 0o600, 1, &[form]);
    file("a space", format!("{line} \n").as_bytes(), 0o600, 1, &[form]);
    file("a mark in front", format!("\u{feff}{line}\n").as_bytes(), 0o600, 1, &[form]);
    file("a wrong character", line.replacen('=', "*", 1).as_bytes(), 0o600, 1, &[form]);
    // Bits that no byte has.
    file("not canonical", format!("{}B=\n", &other(32)[..42]).as_bytes(), 0o600, 1, &[form]);
    file("large", &vec![b'A'; 1 << 20], 0o600, 1, &[form]);

    let fifo = keys.folder.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    cases.push((fifo, 1, vec!["is not an ordinary file"]));
    cases.push((keys.folder.path().into(), 1, vec!["is not an ordinary file"]));
    cases.push(("/dev/null".into(), 1, vec!["is not an ordinary file"]));
    cases.push((keys.folder.path().join("missing"), 1, vec!["No such file", "keygen"]));
    let dangling = keys.folder.path().join("dangling");
    symlink("missing", &dangling).unwrap();
    cases.push((dangling, 1, vec!["No such file"]));
    let link = keys.folder.path().join("link to an open one");
    symlink("mode 0", &link).unwrap();
    cases.push((link, 6, vec!["(mode 640)"]));
    if rustix::process::geteuid().is_root() {
        let path = keys.folder.path().join("another's");
        fs::copy(keys.path("key"), &path).unwrap();
        chown(&path, Some(65_534), None).unwrap();
        cases.push((path, 6, vec!["belongs to another user"]));
    }
    cases
}

/// Nothing is begun with such a file, by no command, and nothing of what is in it is shown.
#[test]
fn what_is_no_key() {
    let keys = Keys::new(&["key"]);
    let nobody = nobody();
    let root = folder();
    let line = fs::read_to_string(keys.path("key")).unwrap();
    let check = |args: &[&str], path: &Path, code, words: &[&str]| {
        let done = run(args.iter().chain(&["--key-file", path.to_str().unwrap()]), b"");
        let done = done.code(code).says(words).prints("");
        assert!(done.stderr.contains(path.to_str().unwrap()), "{}", done.stderr);
        for secret in [&line[..8], "BwcHBw", "AAAAAA"] {
            assert!(!done.stderr.contains(secret), "{}", done.stderr);
        }
    };
    for (path, code, words) in bad_files(&keys) {
        check(&["call", &nobody, "x"], &path, code, &words);
        check(&["serve", "upper", "--listen", "127.0.0.1:0"], &path, code, &words);
    }
    // Every command looks.
    let (open, empty) = (keys.folder.path().join("mode 0"), keys.folder.path().join("empty"));
    let root = root.path().to_str().unwrap();
    let a_file = keys.path("key");
    for args in [
        &["serve", "echo", "--listen", "127.0.0.1:0"][..],
        &["serve", "reply", "x", "--listen", "127.0.0.1:0"],
        &["serve", "files", "--root", root, "--listen", "127.0.0.1:0"],
        &["serve", "exec", "--allow", "true=/bin/true", "--listen", "127.0.0.1:0"],
        &["put", &nobody, &a_file],
        &["get", &nobody, "x", "-"],
        &["ls", &nobody],
        &["bench", &nobody],
    ] {
        check(args, &open, 6, &["(mode 640)"]);
        check(args, &empty, 1, &["it is empty"]);
    }
    for path in [&open, &empty] {
        let args = ["exec", &nobody, "--key-file", path.to_str().unwrap(), "--", "x"];
        run(args, b"").code(255).says(&[path.to_str().unwrap()]).prints("");
    }
    assert_eq!(names(Path::new(root)), [""; 0]);
}

/// A link to a key is one, and the end of its line is that of any system, or none.
#[test]
fn what_is_a_key() {
    let keys = Keys::new(&["key"]);
    let server = Server::start(&["upper", "--key-file", &keys.path("key")]);
    let line = fs::read_to_string(keys.path("key")).unwrap();
    symlink("key", keys.path("link")).unwrap();
    for (name, content, mode) in
        [("crlf", line.replace('\n', "\r\n"), 0o600), ("bare", line.trim_end().into(), 0o400)]
    {
        fs::write(keys.path(name), content).unwrap();
        fs::set_permissions(keys.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["key", "link", "crlf", "bare"] {
        run(["call", &server.address, "--key-file", &keys.path(name), name], b"")
            .fine()
            .prints(&format!("{}\n", name.to_uppercase()));
    }
    server.stop();
}

#[test]
fn what_can_not_be_said_of_keys() {
    let keys = Keys::new(&["key"]);
    let key = &*keys.path("key");
    let twice = ["--key-file", key, "--key-file", key];
    let five = [&twice[..], &twice, &twice[..2]].concat();
    for (args, words) in [
        ([&["serve", "upper"][..], &five].concat(), &["up to 4 keys", "5"][..]),
        ([&["call", "127.0.0.1:9", "x"][..], &twice].concat(), &["--key-file", "multiple times"]),
        (vec!["call", "--udp", "127.0.0.1:9", "x", "--key-file", key], &["--udp", "--key-file"]),
        (vec!["serve", "upper", "--udp", "--key-file", key], &["--udp", "--key-file"]),
        (vec!["serve", "upper", "--udp", "--handshake-time", "1s"], &["--udp", "--handshake-time"]),
        (vec!["serve", "upper", "--handshake-time", "1s"], &["--key-file"]),
        (vec!["serve", "upper", "--handshake-time", "0s", "--key-file", key], &["more than nothing"]),
        (vec!["encode", "--key-file", key], &["--key-file"]),
        (vec!["keygen"], &["FILE"]),
    ] {
        run(args, b"").code(2).says(words).prints("");
    }
    let mut command = ringframe(["call", "127.0.0.1:9", "x", "--key-file", "key"]);
    command.current_dir(keys.folder.path());
    let done = crate::support::Process::spawn(command).finish(b"");
    done.code(4).says(&["refused the connection"]);
}
