//! `serve exec` and `exec`: what comes of allowed commands, and that nothing comes of all else.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::python::{python, script};
use crate::serve::{descriptors, peak_memory};
use crate::support::{Done, Peer, Process, Server, frame, nobody, read_frame, reset, ringframe, run, until};
use crate::terminal::Terminal;

/// The most output of a simple reply.
const MOST: usize = 16 << 20;

/// A server that allows a shell, so that a test can say in place what a command does.
fn shell(args: &[&str]) -> Server {
    Server::start(&[&["exec", "--allow", "sh=/bin/sh"], args].concat())
}

/// The words of `exec` for a line of shell.
fn line<'a>(server: &'a Server, script: &'a str) -> [&'a str; 6] {
    ["exec", &server.address, "--", "sh", "-c", script]
}

fn exec(server: &Server, script: &str) -> Done {
    run(line(server, script), b"")
}

/// Sends a request for a line of shell.
fn ask(client: &mut TcpStream, script: &str, stream: bool) {
    send(client, &json!({ "cmd": "sh", "args": ["-c", script], "stream": stream }).to_string());
}

fn send(client: &mut TcpStream, request: &str) {
    client.write_all(&frame(request.as_bytes())).unwrap();
}

fn read_json(client: &mut impl Read) -> Value {
    serde_json::from_slice(&read_frame(client)).unwrap()
}

/// A simple reply: its header and both contents.
fn reply(client: &mut impl Read) -> (Value, Vec<u8>, Vec<u8>) {
    let header = read_json(client);
    let mut content = |key: &str| {
        let mut content = vec![0; header[key].as_u64().unwrap_or_default() as usize];
        client.read_exact(&mut content).unwrap();
        content
    };
    let (stdout, stderr) = (content("stdout"), content("stderr"));
    (header, stdout, stderr)
}

/// Checks that a connection still serves.
#[track_caller]
fn still_serves(client: &mut TcpStream) {
    ask(client, "echo served; echo as before >&2", false);
    let expected = json!({ "ok": true, "code": 0, "stdout": 7, "stderr": 10 });
    assert_eq!(reply(client), (expected, b"served\n".to_vec(), b"as before\n".to_vec()));
}

/// Whether a process has ended; one that nobody has reaped yet has.
pub(crate) fn is_gone(pid: &str) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

#[track_caller]
pub(crate) fn all_end(pids: &[String]) {
    for pid in pids {
        until("a process to be killed", || is_gone(pid).then_some(()));
    }
}

/// Shell that writes its own process and that of a child, neither of which a mild signal or a lost terminal ends.
const FAMILY: &str = "trap '' HUP INT TERM PIPE; sleep 300 & echo $$ $!; ";

/// Reads the processes of a `FAMILY`, which live.
#[track_caller]
fn family(output: impl Read) -> Vec<String> {
    let mut line = String::new();
    // Open until they were looked at: who has no reader any more is killed.
    let mut output = BufReader::new(output);
    output.read_line(&mut line).unwrap();
    let pids: Vec<_> = line.split_whitespace().map(String::from).collect();
    assert_eq!(pids.len(), 2, "{line}");
    assert!(!pids.iter().any(|pid| is_gone(pid)), "{line}");
    pids
}

/// Begins a streamed `FAMILY` that then waits, and answers its processes.
fn begin_family(client: &mut TcpStream, then: &str) -> Vec<String> {
    ask(client, &format!("{FAMILY}{then}"), true);
    assert_eq!(read_json(client), json!({ "ok": true, "stream": true }));
    let output = read_frame(client);
    assert_eq!(output[0], 1);
    family(&output[1..])
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn every_byte_of_both_kinds_and_the_code() {
    let server = shell(&[]);
    // Every byte, in an order in which no text is.
    let script = r"i=0; while [ $i -lt 256 ]; do o=$(printf %o $(( i * 181 % 256 )));
        printf \\$o; printf \\$o >&2; i=$((i + 1)); done; exit 7";
    let bytes: Vec<u8> = (0..256).map(|i| (i * 181 % 256) as u8).collect();

    let client = Process::spawn(ringframe(line(&server, script)));
    // Standard error is collected as text elsewhere; here every byte counts.
    let done = client.finish(b"").code(7);
    assert_eq!(done.stdout, bytes);
    assert_eq!(done.stderr, String::from_utf8_lossy(&bytes));

    let mut client = server.connect();
    ask(&mut client, script, false);
    let header = json!({ "ok": true, "code": 7, "stdout": 256, "stderr": 256 });
    assert_eq!(reply(&mut client), (header, bytes.clone(), bytes));
    still_serves(&mut client);

    // Nothing at all is a result as well.
    exec(&server, "").fine().prints("");
    exec(&server, "exit 255").code(255).prints("");
    server.stop();
}

/// Two threads of a command write 50 MiB each, as numbered lines of odd lengths.
#[test]
fn a_hundred_mebibytes_of_both_kinds_at_once() {
    const EACH: usize = 50 << 20;
    const SCRIPT: &str = "
import sys, threading
def lines(kind, size):
    out, line = [], 0
    while size > 0:
        text = b'%s %d %s\\n' % (kind, line, b'x' * (line * 7 % 4000))
        out.append(text[:size])
        size -= len(text)
        line += 1
    return b''.join(out)
def write(stream, kind):
    content = memoryview(lines(kind, int(sys.argv[1])))
    while content:
        content = content[stream.write(content[:99991]):]
writers = [threading.Thread(target=write, args=(open(fd, 'wb', 0), kind)) for fd, kind in ((1, b'out'), (2, b'err'))]
for writer in writers: writer.start()
for writer in writers: writer.join()
";
    fn lines(kind: &str, size: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 5000);
        for line in 0.. {
            if out.len() >= size {
                break;
            }
            writeln!(out, "{kind} {line} {}", "x".repeat(line * 7 % 4000)).unwrap();
        }
        out.truncate(size);
        out
    }
    // The program itself, not a script that finds it by an environment.
    let found = python("-c", &["import sys; print(sys.executable)"]).finish(b"").fine().text();
    let python = format!("python={}", found.trim());
    let server = Server::start(&["exec", "--allow", &python, "-v"]);
    let [stdout, stderr] = ["hundred.out", "hundred.err"].map(path);
    let size = EACH.to_string();
    let mut command = ringframe(["exec", &server.address, "--", "python", "-c", SCRIPT, &size]);
    command.stdin(Stdio::null());
    command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
    Process::spawn_as_is(command).finish(b"").fine();
    for (file, kind) in [(stdout, "out"), (stderr, "err")] {
        assert!(fs::read(&file).unwrap() == lines(kind, EACH), "{kind} differs");
        fs::remove_file(file).unwrap();
    }
    // And the simple reply, up to its limit.
    let mut client = server.connect();
    let size = (MOST / 2).to_string();
    send(&mut client, &json!({ "cmd": "python", "args": ["-c", SCRIPT, size] }).to_string());
    let (header, stdout, stderr) = reply(&mut client);
    assert_eq!(header, json!({ "ok": true, "code": 0, "stdout": MOST / 2, "stderr": MOST / 2 }));
    assert!(stdout == lines("out", MOST / 2) && stderr == lines("err", MOST / 2));
    let memory = peak_memory(server.process.pid()).expect("this system has /proc");
    assert!(memory < 40 << 20, "{memory} bytes");
    drop(client);
    server.stop();
}

#[test]
fn a_simple_reply_over_the_limit_kills_the_command() {
    let server = shell(&["--command-time", "1h"]);
    let mut client = server.connect();
    ask(&mut client, &format!("head -c {MOST} /dev/zero"), false);
    let (header, stdout, _) = reply(&mut client);
    assert_eq!(header, json!({ "ok": true, "code": 0, "stdout": MOST, "stderr": 0 }));
    assert!(stdout == vec![0; MOST]);

    ask(&mut client, &format!("{FAMILY} echo here >&2; exec cat /dev/zero"), false);
    let (header, stdout, stderr) = reply(&mut client);
    let (n, m) = (stdout.len(), stderr.len());
    let expected =
        json!({ "ok": true, "code": 137, "signal": 9, "stdout": n, "stderr": m, "truncated": true });
    assert_eq!(header, expected);
    assert_eq!(n + m, MOST);
    let pids: Vec<_> = String::from_utf8_lossy(&stdout[..40]).split_whitespace().map(String::from).collect();
    all_end(&pids[..2]);
    still_serves(&mut client);
    drop(client);
    server.stop();

    let server = shell(&["--max-output", "10"]);
    let mut client = server.connect();
    for (n, truncated) in [(10, false), (11, true)] {
        ask(
            &mut client,
            &format!("head -c {n} /dev/zero >&2; sleep {}", if truncated { 1000 } else { 0 }),
            false,
        );
        let (header, stdout, stderr) = reply(&mut client);
        assert_eq!((stdout.len(), stderr.len()), (0, 10));
        assert_eq!(header.get("truncated").is_some(), truncated);
    }
    still_serves_within(&mut client);
    server.stop();
}

/// As `still_serves`, where ten bytes are the limit.
#[track_caller]
fn still_serves_within(client: &mut TcpStream) {
    ask(client, "echo served", false);
    assert_eq!(reply(client).1, b"served\n");
}

/// The server has an environment, standard input and open files; the command has none of them.
#[test]
fn a_command_has_nothing_of_the_server() {
    let script = "exec \"$0\" serve exec --listen 127.0.0.1:0 --allow sh=/bin/sh ls=/bin/ls env=/usr/bin/env printf=/usr/bin/printf";
    let mut command = Command::new("/bin/sh");
    // Descriptors that a careless parent left open, which no flag closes.
    command.args([
        "-c",
        &format!("exec 5</dev/null 9>>/dev/null; {script}"),
        env!("CARGO_BIN_EXE_ringframe"),
    ]);
    command.env("SECRET", "of the server").env("LD_PRELOAD", "").env("HOME", "/root");
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    let process = Process::spawn(command);
    let address = process.stdout.wait_for(1, &["listening"]).trim().rsplit_once(' ').unwrap().1.to_owned();
    let mut server = Server { process, address };
    server.process.write(b"not for commands\n");

    let exec = |args: &[&str]| run(["exec", &server.address, "--"].iter().chain(args), b"not for commands\n");
    exec(&["env"]).fine().prints("PATH=/usr/bin:/bin\n");
    exec(&["sh", "-c", "pwd; cat; readlink /proc/$$/fd/0"]).fine().prints("/\n/dev/null\n");
    // The fourth is the folder that it reads.
    exec(&["ls", "/proc/self/fd"]).fine().prints("0\n1\n2\n3\n");
    // A group of its own: its leader.
    exec(&["sh", "-c", "set -- $(cat /proc/$$/stat); [ $1 = $5 ] && echo leader"]).fine().prints("leader\n");
    // No shell: nothing is expanded, split or taken for a command, not even an empty argument is lost.
    let args = ["$(id)", "*", "a b", "", ";", "`id`", "$PATH", "-v", "--json", "--", "grüß\n\u{202e}"];
    let all = [&["printf", "<%s>"], &args[..]].concat();
    exec(&all).fine().prints(&args.map(|arg| format!("<{arg}>")).concat());
    // Nor is a name more than a name.
    for name in ["/bin/sh", "sh ", "SH", "", "sh=/bin/sh", "../bin/sh", "sh -c id"] {
        exec(&[name]).code(255).says(&["forbidden", "does not allow this command"]).prints("");
    }
    server.stop();
}

#[test]
fn signals_have_codes() {
    let server = shell(&["-v"]);
    let mut client = server.connect();
    for (name, n) in [("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
        let script = format!("echo before; kill -{name} $$; echo after");
        exec(&server, &script).code(128 + n).prints("before\n");
        ask(&mut client, &script, false);
        let header = json!({ "ok": true, "code": 128 + n, "signal": n, "stdout": 7, "stderr": 0 });
        assert_eq!(reply(&mut client), (header, b"before\n".to_vec(), vec![]));
        ask(&mut client, &script, true);
        assert_eq!(read_json(&mut client), json!({ "ok": true, "stream": true }));
        assert_eq!(read_frame(&mut client), b"\x01before\n");
        let last = read_frame(&mut client);
        assert_eq!(last[0], 0);
        let last: Value = serde_json::from_slice(&last[1..]).unwrap();
        assert_eq!(last, json!({ "code": 128 + n, "signal": n }));
    }
    server.process.stderr.wait_for(9, &["sh: ", "\"signal\""]);
    drop(client);
    server.stop();
}

#[test]
fn the_time_limit_ends_all_of_the_group() {
    let server = shell(&["--command-time", "3s"]);
    let began = Instant::now();
    let mut client = server.connect();
    ask(&mut client, &format!("{FAMILY} echo error >&2; wait"), false);
    let (header, stdout, stderr) = reply(&mut client);
    assert_eq!(stderr, b"error\n");
    let expected =
        json!({ "ok": true, "code": 124, "timeout": true, "stdout": stdout.len(), "stderr": stderr.len() });
    assert_eq!(header, expected);
    assert!(began.elapsed() >= Duration::from_secs(3));
    let pids: Vec<_> = String::from_utf8_lossy(&stdout).split_whitespace().map(String::from).collect();
    assert_eq!(pids.len(), 2);
    all_end(&pids);

    let pids = begin_family(&mut client, "wait");
    let last = read_frame(&mut client);
    assert_eq!(last[0], 0);
    let last: Value = serde_json::from_slice(&last[1..]).unwrap();
    assert_eq!(last, json!({ "code": 124, "timeout": true }));
    all_end(&pids);

    // A command that has ended, but not its child, which writes where it wrote.
    let done = exec(&server, &format!("{FAMILY} exit 3")).code(124);
    assert!(done.stderr.contains("time was up"), "{}", done.stderr);
    let pids: Vec<_> = done.text().split_whitespace().map(String::from).collect();
    assert_eq!(pids.len(), 2);
    all_end(&pids);
    still_serves(&mut client);
    drop(client);
    server.stop();
}

/// A flood that never pauses is no way around the limit.
#[test]
fn the_time_limit_ends_a_flood() {
    let server = shell(&["--command-time", "1s"]);
    let mut command = ringframe(line(&server, "yes; yes >&2"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process::spawn_as_is(command).finish(b"").code(124);
    server.stop();
}

#[test]
fn what_a_command_leaves_running() {
    let server = shell(&["--command-time", "1h"]);
    // Its output is still the command's, whoever writes it.
    let began = Instant::now();
    exec(&server, "(sleep 0.3; echo late) & echo early").fine().prints("early\nlate\n");
    // Who writes nothing is not waited for, and does not live on.
    let done = exec(&server, "trap '' HUP; sleep 300 >/dev/null 2>&1 & echo $! $!").fine();
    assert!(began.elapsed() < Duration::from_secs(50));
    let (pid, _) = done.text().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    all_end(&[pid]);
    server.stop();

    // Who has left the group and holds its output is not waited for longer than the command may take.
    let server = shell(&["--command-time", "1s"]);
    let began = Instant::now();
    let mut client = server.connect();
    ask(&mut client, "setsid sleep 20 & echo $!", false);
    let (header, stdout, _) = reply(&mut client);
    assert_eq!(
        header,
        json!({ "ok": true, "code": 124, "timeout": true, "stdout": stdout.len(), "stderr": 0 })
    );
    assert!(began.elapsed() < Duration::from_secs(18));
    still_serves(&mut client);
    drop(client);
    server.stop();
}

/// However a client goes, the group is killed: the command, and what it started.
#[test]
fn a_client_that_goes() {
    let server = shell(&["-v", "--command-time", "1h"]);
    // By closing its sending side: nobody will hear the end.
    let mut client = server.connect();
    let pids = begin_family(&mut client, "wait");
    client.shutdown(Shutdown::Write).unwrap();
    all_end(&pids);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    server.wait_for_end(1, "closed");
    // By a reset, while the command writes.
    let mut client = server.connect();
    let pids = begin_family(&mut client, "while echo; do sleep 0.01; done");
    reset(client);
    all_end(&pids);
    server.wait_for_end(1, "reset");
    // While nothing is sent before the end.
    let pid = path("gone.pid");
    for stream in [false, true] {
        let _ = fs::remove_file(&pid);
        let mut client = server.connect();
        ask(&mut client, &format!("({FAMILY}) > {}; sleep 300", pid.display()), stream);
        let pids = until("the command", || {
            fs::read_to_string(&pid)
                .ok()
                .filter(|text| text.ends_with('\n'))
                .map(|text| family(text.as_bytes()))
        });
        drop(client);
        // The first was a subshell, which has `$$` of the command.
        all_end(&pids);
    }
    // By being killed.
    let client = Process::spawn(ringframe(line(&server, &format!("{FAMILY} wait"))));
    let pids = family(client.stdout.wait_for(1, &[" "]).as_bytes());
    client.signal(Signal::KILL);
    all_end(&pids);
    // By ^C.
    let client = Process::spawn(ringframe(line(&server, &format!("{FAMILY} wait"))));
    let pids = family(client.stdout.wait_for(1, &[" "]).as_bytes());
    client.signal(Signal::INT);
    client.finish(b"").code(130);
    all_end(&pids);
    // By not wanting more output.
    let mut command = ringframe(line(&server, &format!("{FAMILY} exec yes")));
    let (reader, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let client = Process::spawn_as_is(command);
    let pids = family(reader);
    client.finish(b"").fine();
    all_end(&pids);
    server.process.stderr.wait_for(7, &["sh killed"]);
    still_serves(&mut server.connect());
    server.stop();
}

/// Neither limit of a silent client counts while it waits for its command.
#[test]
fn a_command_may_take_longer_than_a_client_may_be_silent() {
    let server = shell(&["--idle", "2s", "--frame-time", "2s", "-v"]);
    let mut client = server.connect();
    for stream in [false, true] {
        ask(&mut client, "sleep 2.5; echo done", stream);
        if stream {
            assert_eq!(read_json(&mut client), json!({ "ok": true, "stream": true }));
            assert_eq!(read_frame(&mut client), b"\x01done\n");
            assert_eq!(read_frame(&mut client), b"\0{\"code\":0}");
        } else {
            assert_eq!(reply(&mut client).1, b"done\n");
        }
    }
    // Then it does.
    server.wait_for_end(1, "silent");
    drop(client);
    server.stop();
}

/// The output of a simple reply is in files that have no name, and that may not be possible.
#[test]
fn output_that_is_kept_until_the_end() {
    let start = |folder: &Path| {
        let mut command = ringframe(["serve", "exec", "--listen", "127.0.0.1:0", "--allow", "sh=/bin/sh"]);
        command.env("TMPDIR", folder);
        let process = Process::spawn(command);
        let address =
            process.stdout.wait_for(1, &["listening"]).trim().rsplit_once(' ').unwrap().1.to_owned();
        Server { process, address }
    };
    let folder = path("kept");
    fs::create_dir_all(&folder).unwrap();
    let server = start(&folder);
    let mut client = server.connect();
    let script = format!(
        "head -c 1000000 /dev/zero; sleep 0.2; ls -A {} >&2; ls -l /proc/$PPID/fd >&2",
        folder.display()
    );
    ask(&mut client, &script, false);
    let (_, stdout, stderr) = reply(&mut client);
    assert_eq!(stdout.len(), 1_000_000);
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(stderr.starts_with("total"), "a file has a name: {stderr}");
    let here = format!("{}/", folder.display());
    let kept = stderr.lines().filter(|line| line.contains(&here) && line.ends_with("(deleted)")).count();
    assert_eq!(kept, 2, "{stderr}");
    drop(client);
    server.stop();

    let server = start(Path::new("/no/such/folder"));
    let mut client = server.connect();
    let marker = path("kept.marker");
    let _ = fs::remove_file(&marker);
    ask(&mut client, &format!("echo > {}", marker.display()), false);
    let refusal = read_json(&mut client);
    assert_eq!(refusal["kind"], "internal");
    let error = refusal["error"].as_str().unwrap();
    assert!(error.starts_with("the server can't keep the command's output: No such file"), "{error}");
    assert!(!marker.exists());
    // What is not kept needs no place.
    exec(&server, "echo done").fine().prints("done\n");
    drop(client);
    server.stop();
}

/// Output that the client does not take stays with the command, which waits.
#[test]
fn back_pressure() {
    let server = shell(&["-v", "--write-time", "3s", "--command-time", "1h"]);
    let mut client = server.connect();
    let pids = begin_family(&mut client, "exec cat /dev/zero");
    server.wait_for_end(1, "too slow");
    all_end(&pids);
    drop(client);
    let memory = peak_memory(server.process.pid()).expect("this system has /proc");
    assert!(memory < 40 << 20, "{memory} bytes");

    // A simple reply is given up as well, its command having ended long ago.
    let mut client = server.connect();
    ask(&mut client, &format!("head -c {MOST} /dev/zero"), false);
    server.wait_for_end(2, "too slow");
    drop(client);

    // A client that is slow but takes all gets all. More than all buffers on the way hold.
    let mut client = server.connect();
    ask(&mut client, "head -c 20000000 /dev/zero; echo end >&2", true);
    let mut sizes = [0; 3];
    assert_eq!(read_json(&mut client), json!({ "ok": true, "stream": true }));
    thread::sleep(Duration::from_millis(700));
    loop {
        let output = read_frame(&mut client);
        sizes[usize::from(output[0])] += output.len() - 1;
        if output[0] == 0 {
            break;
        }
    }
    assert_eq!(sizes[1..], [20_000_000, 4]);
    still_serves(&mut client);
    drop(client);
    server.stop();
}

#[test]
fn four_at_once() {
    let server = shell(&["--command-time", "1h"]);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        begin_family(client, "wait");
    }
    let mut fifth = server.connect();
    let marker = path("busy.marker");
    let _ = fs::remove_file(&marker);
    let script = format!("echo > {}", marker.display());
    for stream in [false, true] {
        ask(&mut fifth, &script, stream);
        let why = "the server runs 4 commands already, its limit; try again later";
        assert_eq!(read_json(&mut fifth), json!({ "ok": false, "kind": "busy", "error": why }));
    }
    exec(&server, &script).code(255).says(&["busy", "4 commands"]).prints("");
    assert!(!marker.exists());
    // What is not allowed is not told to come back.
    send(&mut fifth, r#"{"cmd":"other"}"#);
    assert_eq!(read_json(&mut fifth)["kind"], "forbidden");
    drop(clients.pop());
    until("room", || {
        ask(&mut fifth, "exit 5", false);
        (reply(&mut fifth).0["code"] == 5).then_some(())
    });
    drop((clients, fifth));
    server.stop();

    let server = shell(&["--max-commands", "1"]);
    let mut client = server.connect();
    begin_family(&mut client, "wait");
    exec(&server, "exit 5").code(255).says(&["busy", "1 commands"]);
    drop(client);
    server.stop();
}

/// Requests that can't be: each is told why, nothing is run, and the connection serves on.
#[test]
fn requests_that_cannot_be() {
    let server = shell(&["-v", "--max-args", "100"]);
    let marker = path("forbidden.marker");
    let _ = fs::remove_file(&marker);
    let touch = format!("echo > {}", marker.display());
    let mut client = server.connect();
    let many = json!({ "cmd": "sh", "args": vec!["-c"; 101] }).to_string();
    let long = json!({ "cmd": "sh", "args": ["-c", touch, "x".repeat(70_000)] }).to_string();
    let larger = json!({ "cmd": "sh", "args": ["-c", touch, "x".repeat(7_000_000)] }).to_string();
    let quoted = json!({ "cmd": "sh", "args": ["-c", touch], "\u{1b}[2J".repeat(1000): 1 }).to_string();
    let cases: &[(&str, &str, &[&str])] = &[
        ("", "bad-request", &["EOF", "line 1 column 0"]),
        ("sh", "bad-request", &["expected an object", "{\"cmd\":\"NAME\",\"args\":[]}"]),
        ("{\"cmd\":\"sh\"", "bad-request", &["EOF"]),
        ("{cmd:\"sh\"}", "bad-request", &["key must be a string"]),
        ("{\"cmd\":\"sh\"} {}", "bad-request", &["trailing"]),
        ("[\"sh\"]", "bad-request", &["expected an object"]),
        ("null", "bad-request", &["expected an object"]),
        ("{}", "bad-request", &["missing field `cmd`"]),
        ("{\"args\":[]}", "bad-request", &["missing field `cmd`"]),
        ("{\"cmd\":5}", "bad-request", &["expected a string"]),
        ("{\"cmd\":\"sh\",\"args\":\"-c id\"}", "bad-request", &["expected a sequence"]),
        ("{\"cmd\":\"sh\",\"args\":[1]}", "bad-request", &["expected a string"]),
        ("{\"cmd\":\"sh\",\"stream\":1}", "bad-request", &["expected a boolean"]),
        ("{\"cmd\":\"sh\",\"cmd\":\"sh\"}", "bad-request", &["duplicate field `cmd`"]),
        ("{\"cmd\":\"sh\",\"env\":{\"PATH\":\"/tmp\"}}", "bad-request", &["unknown field `env`"]),
        (&quoted, "bad-request", &["unknown field"]),
        ("{\"cmd\":\"sh\",\"args\":[\"a\",\"b\\u0000c\"]}", "bad-request", &["argument 2", "NUL"]),
        ("{\"cmd\":\"sh\\u0000\"}", "forbidden", &["does not allow"]),
        (&many, "bad-request", &["at most 100 arguments", "gives 101"]),
        (&long, "bad-request", &["at most 65532 bytes", "this one has 70"]),
        (&larger, "bad-request", &["at most 65532 bytes", "this one has 7000"]),
        ("{\"cmd\":\"bash\"}", "forbidden", &["does not allow"]),
        ("{\"cmd\":\"/bin/sh\",\"args\":[\"-c\",\"id\"]}", "forbidden", &["does not allow"]),
    ];
    for (request, kind, words) in cases {
        let mut sender = client.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || send(&mut sender, request));
            let refusal = read_json(&mut client);
            let error = refusal["error"].as_str().unwrap();
            assert_eq!(refusal, json!({ "ok": false, "kind": kind, "error": error }), "{request:.100}");
            assert!(error.len() < 1000, "{error}");
            for word in *words {
                assert!(error.contains(word), "{request:.100}: {error}");
            }
        });
        still_serves(&mut client);
    }
    // Bytes that are no text.
    client.write_all(&frame(b"{\"cmd\":\"sh\xff\"}")).unwrap();
    assert_eq!(read_json(&mut client)["kind"], "bad-request");
    still_serves(&mut client);
    assert!(!marker.exists());
    let log = server.process.stderr.wait_for(cases.len() + 1, &["refused, "]);
    assert!(!log.contains('\x1b'), "{log}");
    // The same from our own client.
    let many = ["x"; 101];
    let args = ["exec", &server.address, "--", "sh"].into_iter().chain(many);
    run(args, b"").code(255).says(&["bad-request", "at most 100 arguments", &server.address]).prints("");
    let long = "x".repeat(100_000);
    run(["exec", &server.address, "--", "sh", &long], b"").code(255).says(&["bad-request", "65532"]);
    // A frame beyond the limit breaks the protocol; the server says so and serves others.
    client.write_all(b"\x7f\xff\xff\xff").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    server.wait_for_end(1, "broke the protocol");
    still_serves(&mut server.connect());
    server.stop();
}

/// Programs that could be run when the server began.
#[test]
fn programs_that_cannot_be_run_any_more() {
    let folder = path("programs");
    fs::create_dir_all(&folder).unwrap();
    let marker = folder.join("marker");
    let _ = fs::remove_file(&marker);
    let program = |name: &str, text: &str| {
        let program = folder.join(name);
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        program
    };
    // A shell would run it.
    let plain = program("plain", &format!("echo > {}\n", marker.display()));
    let lost = program("lost", "#!/no/such/interpreter\n");
    let gone = program("gone", "#!/bin/sh\n");
    let changed = program("changed", "#!/bin/sh\n");
    let allow = |name: &str, path: &Path| format!("{name}={}", path.display());
    let [a, b, c, d] =
        [allow("plain", &plain), allow("lost", &lost), allow("gone", &gone), allow("changed", &changed)];
    let server = Server::start(&["exec", "--allow", &a, &b, "--allow", &c, &d, "--allow", "sh=/bin/sh"]);
    fs::remove_file(&gone).unwrap();
    fs::set_permissions(&changed, PermissionsExt::from_mode(0o644)).unwrap();
    let mut client = server.connect();
    for (name, kind, words) in [
        ("plain", "internal", "Exec format error"),
        ("lost", "not-found", "not there any more"),
        ("gone", "not-found", "not there any more"),
        ("changed", "internal", "Permission denied"),
    ] {
        for stream in [false, true] {
            send(&mut client, &json!({ "cmd": name, "stream": stream }).to_string());
            let refusal = read_json(&mut client);
            assert_eq!(
                (&refusal["ok"], &refusal["kind"]),
                (&json!(false), &json!(kind)),
                "{name}: {refusal}"
            );
            assert!(refusal["error"].as_str().unwrap().contains(words), "{refusal}");
            still_serves(&mut client);
        }
        run(["exec", &server.address, "--", name], b"").code(255).says(&[kind, words]).prints("");
    }
    assert!(!marker.exists());
    drop(client);
    server.stop();
}

/// What is wrong with a server's command line is said before it listens.
#[test]
fn servers_that_do_not_start() {
    let text = path("no-program");
    fs::write(&text, "text").unwrap();
    let not_executable = format!("x={}", text.display());
    let folder = format!("x={}", env!("CARGO_TARGET_TMPDIR"));
    let (ok, free) = ("sh=/bin/sh", "127.0.0.1:0");
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["--allow", "sh"], 2, &["`sh`", "say NAME=/ABS/PATH"]),
        (&["--allow", "=/bin/sh"], 2, &["the name in front of `=` is missing"]),
        (&["--allow", "sh="], 2, &["`sh` must be an absolute path"]),
        (&["--allow", "sh=sh"], 2, &["`sh` must be an absolute path"]),
        (&["--allow", "sh=./sh"], 2, &["`sh` must be an absolute path"]),
        (&["--allow", ok, "--allow", "sh=/bin/ls"], 2, &["--allow names `sh` twice"]),
        (&["--allow", ok, ok], 2, &["--allow names `sh` twice"]),
        (&["--allow", "x=/no/such"], 1, &["can't allow `x`: /no/such can't be found", "No such file"]),
        (&["--allow", &folder], 1, &["can't allow `x`", "is not a file"]),
        (&["--allow", &not_executable], 1, &["can't allow `x`", "is not executable: Permission denied"]),
        (&["--allow", ok, "--wire", "u8"], 2, &["needs frames with 1024 bytes and more"]),
        (&["--allow", ok, "--max-frame", "1000"], 2, &["needs frames with 1024 bytes and more"]),
        (&["--allow", ok, "--command-time", "0s"], 2, &["more than nothing"]),
        (&["--allow", ok, "--max-commands", "0"], 2, &["0 is not in"]),
        (&["--allow", ok, "--max-output", "much"], 2, &["16"]),
    ];
    for (args, code, words) in cases {
        let args = [&["serve", "exec", "--listen", free], *args].concat();
        let done = run(args, b"").code(*code).prints("");
        // clap shows the value that it quarrels with in its own way.
        let stderr = done.stderr.replace('\'', "`");
        if words != &["16"] {
            assert!(words.iter().all(|word| stderr.contains(&word.replace('\'', "`"))), "{stderr}");
        }
    }
    // Nothing that other machines can reach, whatever is said.
    let only = "commands may be reached by other machines only over authenticated links";
    for (args, words) in [
        (&["--listen", "0.0.0.0:0"][..], &["0.0.0.0:0 is refused: ", only][..]),
        (&["--listen", "[::]:0"], &["[::]:0 is refused: ", only]),
        (&["--listen", "0.0.0.0:0", "--expose"], &["0.0.0.0:0 is refused: ", only]),
        (&["--listen", free, "--expose"], &["--expose is refused: ", only]),
    ] {
        let args = [&["serve", "exec", "--allow", ok], args].concat();
        run(args, b"").code(6).says(words).prints("");
    }
    let done = run(["serve", "exec"], b"").code(2).prints("");
    assert!(done.stderr.contains("--allow <NAME=/ABS/PATH>"), "{}", done.stderr);
}

#[test]
fn requests_behind_one_another() {
    let server = shell(&["-v", "--command-time", "1h"]);
    let mut client = server.connect();
    let requests: Vec<u8> = (0..20)
        .flat_map(|i| {
            let script = format!("sleep 0.0{i}; echo {i}; exit {i}");
            frame(json!({ "cmd": "sh", "args": ["-c", script] }).to_string().as_bytes())
        })
        .collect();
    client.write_all(&requests).unwrap();
    for i in 0..20 {
        let (header, stdout, _) = reply(&mut client);
        assert_eq!(header["code"], i);
        assert_eq!(stdout, format!("{i}\n").as_bytes());
    }
    // The one under way is killed even where its client is gone behind a request that waits, whole or not.
    for cut in [0, 5] {
        let pids = begin_family(&mut client, "wait");
        let waiting = frame(br#"{"cmd":"sh"}"#);
        client.write_all(&waiting[..waiting.len() - cut]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        all_end(&pids);
        client = server.connect();
    }
    // As many as fit the connection's memory may wait; one that sends more does not look at replies.
    let pids = begin_family(&mut client, "wait");
    let flood = frame(br#"{"cmd":"sh","args":["-c","exit 1"]}"#).repeat(5000);
    let _ = client.write_all(&flood);
    all_end(&pids);
    let text = server.wait_for_end(1, "broke the protocol");
    assert!(text.contains("65536 bytes of requests ahead of the reply"), "{text}");
    still_serves(&mut server.connect());
    server.stop();
}

#[test]
fn nothing_is_left_open_or_unreaped() {
    let server = shell(&[]);
    let mut client = server.connect();
    still_serves(&mut client);
    let pid = server.process.pid();
    let before = descriptors(pid);
    for i in 0..100 {
        ask(&mut client, "echo out; echo err >&2; kill -9 $$", i % 2 == 0);
        if i % 2 == 1 {
            assert_eq!(reply(&mut client).0["code"], 137);
        } else {
            while read_frame(&mut client)[0] != 0 {}
        }
    }
    until("all descriptors to be closed", || (descriptors(pid) <= before).then_some(()));
    let children = || -> String {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks
            .map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default())
            .collect()
    };
    until("all children to be reaped", || children().is_empty().then_some(()));
    drop(client);
    server.stop();
}

#[test]
fn a_server_that_stops_lets_a_command_finish() {
    let server = shell(&[]);
    let client = Process::spawn(ringframe(line(&server, "echo began; sleep 1; echo done; exit 3")));
    client.stdout.wait_for(1, &["began"]);
    let mut idle = server.connect();
    let mut pipelined = server.connect();
    let marker = path("stop.marker");
    let _ = fs::remove_file(&marker);
    let begun = path("stop.begun");
    let _ = fs::remove_file(&begun);
    ask(&mut pipelined, &format!("echo > {}; echo one; sleep 1; echo two", begun.display()), false);
    ask(&mut pipelined, &format!("echo > {}", marker.display()), false);
    // The second is there, and the first has begun.
    until("the first to begin", || begun.exists().then_some(()));
    let done = server.stop();
    assert_eq!(done.stderr, "");
    client.finish(b"").code(3).prints("began\ndone\n");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    // No command begins any more.
    assert_eq!(reply(&mut pipelined).1, b"one\ntwo\n");
    assert_eq!(pipelined.read(&mut [0]).unwrap_or(0), 0);
    assert!(!marker.exists());
}

/// `wait` says what the server is given to end by itself.
fn a_server_that_does_not_wait(signals: &[Signal], code: i32) {
    let server = shell(&["-v", "--command-time", "1h"]);
    let mut simple = server.connect();
    let pid = path(&format!("stop-{code}.pid"));
    let _ = fs::remove_file(&pid);
    ask(&mut simple, &format!("({FAMILY}) > {}; sleep 300", pid.display()), false);
    let mut pids = until("the command", || {
        fs::read_to_string(&pid).ok().filter(|text| text.ends_with('\n')).map(|text| family(text.as_bytes()))
    });
    let client = Process::spawn(ringframe(line(&server, &format!("{FAMILY} wait"))));
    pids.extend(family(client.stdout.wait_for(1, &[" "]).as_bytes()));
    for signal in signals {
        server.process.signal(*signal);
        server.process.stderr.wait_for(1, &["stopping"]);
    }
    server.process.finish(b"").code(code);
    all_end(&pids);
    client.finish(b"").code(255).says(&["before the command ended"]);
    assert_eq!(simple.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_second_signal_ends_the_server_and_its_commands() {
    a_server_that_does_not_wait(&[Signal::TERM, Signal::INT], 130);
}

#[test]
#[ignore = "long: tests/run deep"]
fn a_server_that_stops_kills_what_takes_longer_than_ten_seconds() {
    let began = Instant::now();
    a_server_that_does_not_wait(&[Signal::TERM], 0);
    assert!(began.elapsed() >= Duration::from_secs(10));
}

/// Servers that are not ours, or broken: 255, and why.
#[test]
fn answers_that_cannot_be_are_255() {
    let begun = frame(br#"{"ok":true,"stream":true}"#);
    let after = |bytes: &[u8]| [&begun[..], &frame(b"\x01some\n"), bytes].concat();
    let cases: &[(Vec<u8>, &[&str], &str)] = &[
        (vec![], &["closed the connection before it answered"], ""),
        (begun[..7].to_vec(), &["inside a frame", "7 bytes"], ""),
        (frame(b"hello"), &["its answer is not understood", "expected an object"], ""),
        (frame(b"{hello"), &["its answer is not understood", "line 1"], ""),
        (frame(b"{}"), &["missing field `ok`"], ""),
        (frame(br#"{"ok":true,"code":0,"stdout":0,"stderr":0}"#), &["does not stream"], ""),
        (frame(&[b'x'; 70_000]), &["70004"], ""),
        (frame(br#"{"ok":false}"#), &[], ""),
        (
            frame("{\"ok\":false,\"kind\":\"internal\",\"error\":\"\\u001b[2Jboo\u{202e}\"}".as_bytes()),
            &["internal: \\x1b[2Jboo\\u{202e}"],
            "",
        ),
        (begun.clone(), &["closed the connection before the command ended"], ""),
        (after(b""), &["closed the connection before the command ended"], "some\n"),
        (after(&frame(b"\x01more")[..6]), &["inside a frame", "6 bytes of at least 9"], "some\n"),
        (after(&frame(b"\x03more")), &["a frame has the type 3"], "some\n"),
        (after(&frame(b"")), &["a frame has no type"], "some\n"),
        (after(&frame(b"\0done")), &["its last frame is not understood"], "some\n"),
        (after(&frame(br#" {"code":0}"#)), &["a frame has the type 32"], "some\n"),
        (after(&frame(b"\0{\"code\":256}")), &["256"], "some\n"),
        (after(&frame(b"\0{}")), &["missing field `code`"], "some\n"),
        (after(b"\x7f\xff\xff\xff"), &["8388608"], "some\n"),
    ];
    for (stream, words, stdout) in cases {
        let stream = stream.clone();
        let peer = Peer::start(move |mut peer| {
            let request = read_json(&mut peer);
            assert_eq!(request, json!({ "cmd": "x", "args": ["-y"], "stream": true }));
            peer.write_all(&stream).unwrap();
            // It may have gone, having seen enough.
            let _ = peer.shutdown(Shutdown::Write);
            // The sending side stays open until the reply has ended, well or not.
            let _ = peer.read_to_end(&mut Vec::new());
        });
        let done = run(["exec", &peer.address, "--", "x", "-y"], b"").code(255).says(words).prints(stdout);
        assert!(done.stderr.contains(&peer.address), "{}", done.stderr);
        peer.join();
    }
    // Before anybody answers.
    let nobody = nobody();
    run(["exec", &nobody, "--", "x"], b"").code(255).says(&["refused the connection"]);
    let peer = Peer::start(|mut peer| drop(peer.read_to_end(&mut Vec::new())));
    let args = ["exec", &peer.address, "--timeout", "300ms", "--", "x"];
    run(args, b"").code(255).says(&["did not begin within 300ms"]);
    peer.join();
    let peer = Peer::start(reset);
    run(["exec", &peer.address, "--", "x"], b"").code(255).says(&[&peer.address]);
    peer.join();
    // What is wrong here is 2.
    for args in [
        &["exec", "127.0.0.1", "--", "x"][..],
        &["exec", "127.0.0.1:9"],
        &["exec", "127.0.0.1:9", "--"],
        &["exec", "127.0.0.1:9", "x"],
        &["exec", "--", "x"],
        &["exec", "127.0.0.1:9", "--wire", "u33be", "--", "x"],
    ] {
        run(args, b"").code(2).prints("");
    }
}

/// Frames of output larger than any memory, and silence longer than the time-out for the beginning.
#[test]
fn output_in_any_frames() {
    let peer = Peer::start(|mut peer| {
        read_json(&mut peer);
        peer.write_all(&frame(br#"{"ok":true,"stream":true,"more":1}"#)).unwrap();
        thread::sleep(Duration::from_millis(1200));
        for (kind, n) in [(1, 0), (2, 0), (1, 1_000_000), (2, 300_000), (1, 65_531), (1, 65_532), (1, 1)] {
            let output = [&[kind][..], &vec![b'0' + kind; n]].concat();
            for piece in frame(&output).chunks(10_007) {
                peer.write_all(piece).unwrap();
            }
        }
        peer.write_all(&frame(b"\0{\"code\":77,\"more\":[]}")).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    let done = run(["exec", &peer.address, "--timeout", "1s", "--", "x"], b"").code(77);
    assert!(done.stdout == vec![b'1'; 1_000_000 + 65_531 + 65_532 + 1], "{}", done.stdout.len());
    assert!(done.stderr == "2".repeat(300_000), "{}", done.stderr.len());
    peer.join();
}

#[test]
fn other_wires() {
    // The bytes around the length come back in every frame of the reply.
    for wire in ["u16be", "u24le", "varint", "offset=1,width=4,endian=le,adjust=-4,header=9"] {
        let server = shell(&["--wire", wire]);
        let script = "head -c 300000 /dev/zero; echo error >&2; exit 9";
        let done = run(["exec", &server.address, "--wire", wire, "--", "sh", "-c", script], b"").code(9);
        assert!(done.stdout == vec![0; 300_000], "{wire}: {}", done.stdout.len());
        assert_eq!(done.stderr, "error\n");
        if wire.starts_with("offset") {
            let mut client = server.connect();
            let request = br#"{"cmd":"sh","args":["-c","exit 4"]}"#;
            let mut bytes = vec![0xaa];
            bytes.extend_from_slice(&(request.len() as u32 + 8).to_le_bytes());
            bytes.extend_from_slice(b"head");
            bytes.extend_from_slice(request);
            client.write_all(&bytes).unwrap();
            let mut header = [0; 9];
            client.read_exact(&mut header).unwrap();
            assert_eq!((header[0], &header[5..]), (0xaa, &b"head"[..]));
        }
        server.stop();
    }
    let server = shell(&["--max-frame", "1100"]);
    let done = run(line(&server, "head -c 300000 /dev/zero"), b"").fine();
    assert!(done.stdout == vec![0; 300_000]);
    server.stop();
}

#[test]
fn as_json() {
    let server = shell(&[]);
    let objects = |script: &str, code| {
        let args = ["exec", &server.address, "--json", "--", "sh", "-c", script];
        run(args, b"").code(code).prints_nothing_else().json()
    };
    let out = json!({ "stream": "stdout", "text": "grüß\n" });
    assert_eq!(objects("echo grüß; exit 3", 3), [out, json!({ "code": 3 })]);
    let err = json!({ "stream": "stderr", "hex": "ff1b" });
    assert_eq!(objects(r"printf '\377\033' >&2", 0), [err, json!({ "code": 0 })]);
    assert_eq!(objects("kill -9 $$", 137), [json!({ "code": 137, "signal": 9 })]);
    server.stop();

    // Characters that are cut in two come whole, and what never was one in hexadecimal.
    let peer = Peer::start(|mut peer| {
        read_json(&mut peer);
        peer.write_all(&frame(br#"{"ok":true,"stream":true}"#)).unwrap();
        for piece in [
            &b"\x01gr\xc3"[..],
            b"\x02\x1b\xe2",
            b"\x01\xbc\xc3",
            b"\x01\x9f",
            b"\x02\x80",
            b"\x02\x8b",
            b"\x01a\xc3",
        ] {
            peer.write_all(&frame(piece)).unwrap();
        }
        peer.write_all(&frame(b"\0{\"code\":124,\"timeout\":true}")).unwrap();
    });
    let done = run(["exec", "--json", "-q", &peer.address, "--", "x"], b"").code(124).prints_nothing_else();
    assert!(!done.text().contains('\x1b'));
    let piece = |kind: &str, key: &str, value: &str| json!({ "stream": kind, key: value });
    let expected = [
        piece("stdout", "text", "gr"),
        piece("stderr", "text", "\u{1b}"),
        piece("stdout", "text", "ü"),
        piece("stdout", "text", "ß"),
        piece("stderr", "text", "\u{200b}"),
        piece("stdout", "text", "a"),
        piece("stdout", "hex", "c3"),
        json!({ "code": 124, "timeout": true }),
    ];
    assert_eq!(done.json(), expected);
    peer.join();
}

/// On a terminal a command's output is lines and nothing that moves the cursor or sets a title.
#[test]
fn output_on_a_terminal() {
    let server = shell(&[]);
    let shown = |script: &str| {
        let terminal = Terminal::new();
        let script = format!("{script}; printf end");
        terminal.run(ringframe(line(&server, &script))).finish(b"").code(0);
        let shown = terminal.screen.wait_for(1, &["end"]);
        assert!(!shown.contains('\x1b'), "{shown:?}");
        shown
    };
    let text = shown(r"printf 'a\tb\n\033]0;title\007 \302\233 gr\303'; sleep 0.1; printf '\274n\n\377'");
    assert_eq!(text, "a\tb\r\n\\x1b]0;title\\x07 \\u{9b} grün\r\n\\xffend");
    // The same of standard error; which of both is first is nobody's promise.
    let text = shown(r"printf '\033[2J\n' >&2");
    assert!(text.contains("\\x1b[2J\r\n"), "{text:?}");
    server.stop();
}

#[test]
fn a_python_client() {
    let server = shell(&[]);
    let (host, port) = server.address.split_once(':').unwrap();
    let client = |args: &[&str]| script("exec.py", &[&[host, port], args].concat()).finish(b"");
    let done = client(&["sh", "-c", "echo out $1; echo err >&2; exit 7", "sh", "grüß dich"]).code(7);
    assert_eq!((done.text(), &*done.stderr), ("out grüß dich\n".into(), "err\n"));
    let done = client(&["sh", "-c", &format!("head -c {MOST} /dev/zero")]).fine();
    assert!(done.stdout == vec![0; MOST]);
    let done = client(&["nope"]).code(1);
    assert_eq!(done.stderr, "forbidden: the server does not allow this command\n");
    server.stop();
}
