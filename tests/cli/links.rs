//! How links end, and that each end is told as what it was: by clients and servers, in words and exit codes.
//!
//! That a dead peer is found needs a link that can be cut: two network namespaces with a cable between them, which
//! takes iproute2, util-linux and a kernel that lets users have namespaces.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::sync::mpsc;

use rustix::process::Signal;

use crate::support::{
    Peer, Process, Server, frame, read_frame, reset, ringframe, run, set_environment, until,
};
use crate::terminal::Terminal;

/// Found after three seconds.
const KEEPALIVE: [&str; 2] = ["--keepalive", "1s/1s/2"];

/// A cable between two network namespaces, each the only way out of it.
struct Cable {
    /// Processes that keep the namespaces, while their standard input is open.
    ends: [Process; 2],
}

impl Cable {
    const ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];

    /// Lays it; where that can't be, says so on standard error, whose test then has to do without.
    fn lay() -> Option<Self> {
        let laid = Self::try_lay();
        if let Err(why) = &laid {
            // Past the test harness, which shows nothing of tests that pass.
            let _ = writeln!(
                io::stderr(),
                "NOT TESTED: links that are cut, since there are no network namespaces here: {why}; \
                 instead, a peer that is stopped"
            );
        }
        laid.ok()
    }

    fn try_lay() -> Result<Self, String> {
        let keeper = |mut command: Command| {
            command.args(["sh", "-c", "echo kept; exec cat"]);
            let missing = |error: io::Error| format!("{command:?}: {error}");
            Command::new(command.get_program()).arg("--version").output().map_err(missing)?;
            let process = Process::spawn(command);
            let came = until("a namespace, or a refusal", || {
                let (out, err) = (process.stdout.text(), process.stderr.text());
                (!out.is_empty() || !err.is_empty()).then_some((out, err))
            });
            if came.0.is_empty() { Err(came.1.trim().to_owned()) } else { Ok(process) }
        };
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net"]);
        let near = keeper(unshare)?;
        let mut unshare = Self::at(&near, "unshare");
        unshare.arg("--net");
        let far = keeper(unshare)?;
        let cable = Self { ends: [near, far] };
        let far = cable.ends[1].pid().to_string();
        cable.ip(0, &["link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", &far])?;
        for (end, address) in Self::ADDRESSES.into_iter().enumerate() {
            cable.ip(end, &["address", "add", &format!("{address}/24"), "dev", "cable"])?;
            cable.ip(end, &["link", "set", "cable", "up"])?;
        }
        Ok(cable)
    }

    /// Runs a program in the namespaces of a process.
    fn at(process: &Process, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--preserve-credentials", "--user", "--net", "--target", &process.pid().to_string()]);
        command.arg(program);
        command
    }

    fn ip(&self, end: usize, args: &[&str]) -> Result<(), String> {
        let done = Self::at(&self.ends[end], "ip").args(args).output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(format!("ip {}: {said}", args.join(" "))) }
    }

    /// The command under test at one end.
    fn ringframe(&self, end: usize, args: &[&str]) -> Command {
        let plain = ringframe([""; 0]);
        let mut command = Self::at(&self.ends[end], env!("CARGO_BIN_EXE_ringframe"));
        command.args(args);
        set_environment(&mut command, &plain);
        command
    }

    /// A server at one end, with its address.
    fn serve(&self, end: usize, args: &[&str]) -> Server {
        let address = format!("{}:0", Self::ADDRESSES[end]);
        Server::run(
            self.ringframe(end, &[&["serve"], args, &["--expose", "-v", "--listen", &address]].concat()),
        )
    }

    /// Cuts it at the far end, of which the near one is not told.
    fn cut(&self) {
        self.ip(1, &["link", "set", "cable", "down"]).unwrap();
    }
}

/// Neither side says anything, and nothing is owed.
#[test]
fn a_server_finds_a_dead_client() {
    let Some(cable) = Cable::lay() else { return };
    let server = cable.serve(0, &[&["upper", "--idle", "1h"], &KEEPALIVE[..]].concat());
    let mut call = Process::spawn(cable.ringframe(1, &["call", &server.address]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["A"]);
    cable.cut();
    let said = server.wait_for_end(1, "silent: no answer");
    assert!(said.contains(": 1 frame, 5 bytes, silent: "), "{said}");
    server.stop();
}

#[test]
fn a_client_finds_a_dead_server() {
    let Some(cable) = Cable::lay() else { return };
    let server = cable.serve(1, &["upper"]);
    let args = [&["call", "-v", &server.address, "--timeout", "1h"], &KEEPALIVE[..]].concat();
    let mut call = Process::spawn(cable.ringframe(0, &args));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["A"]);
    cable.cut();
    // There may be more to say, but there is nobody to hear it.
    let stdin = call.stdin.take();
    let done = call.finish(b"").code(4).says(&["1 of 1 replies came", "the peer or the way to it is gone"]);
    done.says(&[": 1 frame, 5 bytes, silent: no answer"]).prints("A\n");
    drop(stdin);
}

/// The same on a terminal, where a line is being typed.
#[test]
fn a_session_finds_a_dead_server() {
    let Some(cable) = Cable::lay() else { return };
    let server = cable.serve(1, &["upper"]);
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    let args = [&["call", "-v", &server.address], &KEEPALIVE[..]].concat();
    let call = terminal.run(cable.ringframe(0, &args));
    let connected = format!("connected to {}", server.address);
    terminal.shows(&format!("{connected}\n> |"));
    terminal.types("a\rhal");
    terminal.shows(&format!("{connected}\n> a\nA\n> hal|"));
    cable.cut();
    terminal.types("f");
    let _ended = call.finish(b"").code(4);
    let shown = terminal.last_shown();
    let ended =
        format!("{connected}\n> a\nA\n> half\n{}: 1 frame, 5 bytes, silent: no answer", server.address);
    assert!(shown.starts_with(&ended), "{shown}");
    assert!(shown.contains("the peer or the way to it is gone"), "{shown}");
    assert_eq!(terminal.settings(), before);
}

/// While something that was sent is not acknowledged there are no probes: the user time-out counts.
#[test]
fn a_message_that_nobody_takes() {
    let Some(cable) = Cable::lay() else { return };
    let server = cable.serve(1, &["upper"]);
    // It is not set where the peer is given more time than that.
    let args = ["call", &server.address, "--replies", "0", "--keepalive", "1s/2s/2", "--timeout", "5s"];
    let mut call = Process::spawn(cable.ringframe(0, &args));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["A"]);
    cable.cut();
    call.write(b"lost\n");
    let stdin = call.stdin.take();
    call.finish(b"").code(4).says(&["the peer or the way to it is gone"]).prints("A\n");
    drop(stdin);
}

/// A peer whose machine lives answers probes, however dead it is itself: for that there are other limits.
#[test]
fn a_stopped_peer_is_silent() {
    let server = Server::start(&["upper", "-v", "--idle", "5s"]);
    let mut call = Process::spawn(ringframe(["call", &server.address]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["A"]);
    call.pause();
    let said = server.wait_for_end(1, "silent");
    assert!(said.contains("silent: no frame began within 5s"), "{said}");
    call.signal(Signal::CONT);
    let stdin = call.stdin.take();
    call.finish(b"").code(4).says(&["closed the connection", "1 of 1"]);
    drop(stdin);

    let mut call = Process::spawn(ringframe(["call", &server.address, "--timeout", "5s"]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["A"]);
    server.process.pause();
    call.write(b"b\n");
    let stdin = call.stdin.take();
    call.finish(b"").code(4).says(&["no progress for 5s", "1 of 2"]);
    drop(stdin);
    server.process.signal(Signal::CONT);
    server.stop();
}

/// The client's line for each end, in the server's words.
#[test]
fn a_client_says_how_its_link_ended() {
    for (line, code, after) in [
        ("closed\n", 0, &b""[..]),
        ("closed inside a frame: the stream ended inside a frame: 2 bytes", 5, b"\0\0"),
        ("broke the protocol: a frame of 4294967299 bytes", 5, &[0xff; 4]),
    ] {
        let peer = Peer::start(move |mut peer| {
            read_frame(&mut peer);
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
            peer.write_all(&[&frame(b"A"), after].concat()).unwrap();
        });
        let done = run(["call", "-v", "--half-close", &peer.address, "a"], b"").code(code);
        let line = format!("{}: 1 frame, 5 bytes, {line}", peer.address);
        assert!(done.stderr.contains(&line), "{line}: {}", done.stderr);
        peer.join();
    }
    // A reset, only once the reply is printed, which it may overtake.
    let (printed, go) = mpsc::channel::<()>();
    let peer = Peer::start(move |mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"A")).unwrap();
        go.recv().unwrap();
        reset(peer);
    });
    let call = Process::spawn(ringframe(["call", "-v", &peer.address, "--replies", "2", "a"]));
    call.stdout.wait_for(1, &["A"]);
    printed.send(()).unwrap();
    call.finish(b"").code(4).says(&["1 of 2", ": 1 frame, 5 bytes, reset: reading failed"]);
    peer.join();
    // One that leaves its side open is left.
    let (stop, stopped) = mpsc::channel::<()>();
    let peer = Peer::start(move |mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"A")).unwrap();
        let _ = stopped.recv();
    });
    let done = run(["call", "-v", &peer.address, "a"], b"").code(0);
    assert!(done.stderr.contains(": 1 frame, 5 bytes, open, and left\n"), "{}", done.stderr);
    drop(stop);
    peer.join();
}

/// A peer that says nothing more may still listen: what is there to be sent goes to it.
#[test]
fn a_peer_that_half_closes() {
    let peer = Peer::start(|mut peer| {
        peer.shutdown(Shutdown::Write).unwrap();
        for _ in 0..50_000 {
            assert_eq!(read_frame(&mut peer), b"x");
        }
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    let lines = "x\n".repeat(50_000);
    let call = Process::spawn(ringframe(["call", "-v", &peer.address, "--replies", "0"]));
    call.stderr.wait_for(1, &["says nothing more, sending goes on"]);
    let done = call.finish(lines.as_bytes()).code(0);
    assert!(done.stderr.contains(": 0 frames, 0 bytes, half-closed\n"), "{}", done.stderr);
    peer.join();
    // One that is gone altogether does not.
    let peer = Peer::start(drop);
    let done = run(["call", "-v", &peer.address, "--replies", "0"], lines.repeat(100).as_bytes()).code(4);
    done.says(&[&peer.address, ": 0 frames, 0 bytes, reset: "]);
    peer.join();
    // Replies that are missing can't come any more.
    let peer = Peer::start(|mut peer| {
        peer.shutdown(Shutdown::Write).unwrap();
        let _ = peer.read_to_end(&mut Vec::new());
    });
    run(["call", &peer.address, "a"], b"").code(4).says(&["closed the connection", "0 of 1"]);
    peer.join();
}

/// A client that has said everything gets its replies, and the server's line is that of a clean end.
#[test]
fn a_client_that_half_closes() {
    let server = Server::start(&["upper", "-v"]);
    let done = run(["call", "-v", "--half-close", &server.address, "a", "b"], b"").code(0).prints("A\nB\n");
    assert!(done.stderr.contains("half-closed after 2 messages\n"), "{}", done.stderr);
    server.wait_for_end(1, "closed");
    server.stop();
}

#[test]
fn keepalive_of_a_client() {
    let server = Server::start(&["upper"]);
    for keepalive in ["off", "1s/1s/1", "9223372036s/9223372036s/127"] {
        let done = run(["call", &server.address, "--keepalive", keepalive, "a"], b"").fine();
        done.prints("A\n");
    }
    run(["call", &server.address, "--keepalive", "1/2", "a"], b"").code(2).says(&["IDLE/INTERVAL/COUNT"]);
    run(["call", "--udp", &server.address, "--keepalive", "off", "a"], b"").code(2).says(&["--udp"]);
    server.stop();
}
