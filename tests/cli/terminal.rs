//! On a terminal: a prompt, replies as they come, colours.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Process, Server, Stream, frame, ringframe};

/// A pseudo-terminal: what is typed there, and what is shown.
pub(crate) struct Terminal {
    keyboard: File,
    pub(crate) screen: Stream,
    name: String,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let keyboard = File::from(master);
        let screen = Stream::collect(keyboard.try_clone().unwrap());
        Self { keyboard, screen, name }
    }

    fn end(&self) -> Stdio {
        File::options().read(true).write(true).open(&self.name).unwrap().into()
    }

    pub(crate) fn run(&self, mut command: Command) -> Process {
        command.stdin(self.end()).stdout(self.end()).stderr(self.end());
        Process::spawn_as_is(command)
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn a_conversation() {
    let server = Server::start(&["upper"]);
    let mut terminal = Terminal::new();
    let call = terminal.run(ringframe(["call", &server.address]));
    terminal.screen.wait_for(1, &["> "]);
    for (line, reply) in [("hello\n", "HELLO"), ("how are you\n", "HOW ARE YOU")] {
        terminal.types(line);
        terminal.screen.wait_for(1, &[reply]);
    }
    // The end of input, as a terminal says it.
    terminal.types("\x04");
    call.finish(b"").code(0);
    server.stop();
}

#[test]
fn no_prompt_where_nobody_sees_it() {
    let server = Server::start(&["upper"]);
    let mut terminal = Terminal::new();
    let mut command = ringframe(["call", &server.address]);
    command.stdin(terminal.end()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let call = Process::spawn_as_is(command);
    terminal.types("hello\n");
    call.stdout.wait_for(1, &["HELLO"]);
    terminal.types("\x04");
    call.finish(b"").fine().prints("HELLO\n");
    server.stop();
}

#[test]
fn colours_on_a_terminal() {
    let shown = |args: &[&str], set: &[(&str, &str)], last: &str| {
        let terminal = Terminal::new();
        let mut command = ringframe(args);
        command.envs(set.iter().copied());
        let _done = terminal.run(command).finish(b"");
        terminal.screen.wait_for(1, &[last]).contains('\x1b')
    };
    let last = "call 127.0.0.1:7878";
    assert!(shown(&["demo"], &[], last));
    assert!(!shown(&["demo"], &[("NO_COLOR", "1")], last));
    assert!(!shown(&["demo"], &[("TERM", "dumb")], last));
    assert!(!shown(&["demo", "--color", "never"], &[], last));
    assert!(shown(&["demo", "--color", "always"], &[("NO_COLOR", "1")], last));
    let (refused, says) = (["call", "127.0.0.1:x"], "is not an address");
    assert!(shown(&refused, &[], says));
    assert!(!shown(&refused, &[("NO_COLOR", "1")], says));
    assert!(!shown(&refused, &[("TERM", "dumb")], says));
}

/// The line that moves is on a terminal only, and the histogram is drawn there unasked.
#[test]
fn a_benchmark_on_a_terminal() {
    let server = Server::start(&["echo"]);
    let shown = |more: &[&str], term: &str| {
        let terminal = Terminal::new();
        let args = ["bench", &server.address, "--time", "600ms", "--warmup", "300ms"];
        let mut command = ringframe(args.iter().chain(more));
        command.env("TERM", term);
        terminal.run(command).finish(b"").code(0);
        // The longest bar is as long as this.
        terminal.screen.wait_for(1, &["█".repeat(40).as_str()])
    };
    let screen = shown(&[], "xterm");
    assert!(screen.contains("warming up") && screen.contains("round trips/s") && screen.contains("p99.9"));
    for (more, term) in [(&["-q"][..], "xterm"), (&[], "dumb")] {
        let screen = shown(more, term);
        assert!(!screen.contains("warming up") && !screen.contains('\x1b'), "{screen}");
        assert!(screen.contains("p99.9"), "{screen}");
    }
    server.stop();
}

/// Progress is shown where nothing else is.
#[test]
fn a_long_stream_on_a_terminal() {
    let terminal = Terminal::new();
    let mut command = ringframe(["inspect", "--stats"]);
    command.stdin(Stdio::piped()).stdout(terminal.end()).stderr(terminal.end());
    let mut inspect = Process::spawn_as_is(command);
    inspect.write(&frame(b"the first of many"));
    terminal.screen.wait_for(1, &["21 B", "B/s"]);
    inspect.finish(&frame(b"the last")).code(0);
    terminal.screen.wait_for(1, &["2 frames, 33 bytes"]);

    for more in [&[][..], &["--stats", "-q"]] {
        let terminal = Terminal::new();
        let mut command = ringframe([&["inspect"], more].concat());
        command.stdin(Stdio::piped()).stdout(terminal.end()).stderr(terminal.end());
        Process::spawn_as_is(command).finish(&frame(b"the only one")).code(0);
        let screen = terminal.screen.wait_for(1, &[if more.is_empty() { "the only one" } else { "1 frame" }]);
        assert!(!screen.contains("B/s"), "{screen}");
    }
}
