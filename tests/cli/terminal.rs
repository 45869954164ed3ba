//! On a terminal: a line to edit, replies as they come, colours.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::support::{self, Done, Peer, Process, Server, Stream, frame, read_frame, reset, ringframe, until};

/// A pseudo-terminal of 80 columns and 24 rows: what is typed there, and what is shown.
pub(crate) struct Terminal {
    keyboard: File,
    pub(crate) screen: Stream,
    name: String,
    /// What an emulator makes of the screen's bytes, and of how many.
    emulator: RefCell<(vt100::Parser, usize)>,
}

impl Terminal {
    /// The side of the user, and the name of the other one.
    fn open() -> (File, String) {
        // No child of another test keeps it open.
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        (File::from(master), name)
    }

    pub(crate) fn new() -> Self {
        let (keyboard, name) = Self::open();
        let screen = Stream::collect(keyboard.try_clone().unwrap());
        let [rows, columns] = [24, 80].map(|size| NonZero::new(size).unwrap());
        let emulator = RefCell::new((vt100::Parser::new(rows, columns, 0), 0));
        let terminal = Self { keyboard, screen, name, emulator };
        terminal.resize(80);
        terminal
    }

    fn resize(&self, columns: u16) {
        let size = Winsize { ws_col: columns, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).unwrap();
    }

    /// How it is set, all of it.
    pub(crate) fn settings(&self) -> String {
        format!("{:?}", tcgetattr(&self.keyboard).unwrap())
    }

    /// What is to be seen, without the spaces behind it; the cursor's row and column.
    pub(crate) fn shown(&self) -> (String, (u16, u16)) {
        let (parser, done) = &mut *self.emulator.borrow_mut();
        let new = self.screen.since(*done);
        *done += new.len();
        parser.process(&new);
        let screen = parser.screen();
        (screen.contents().trim_end().to_owned(), screen.cursor_position())
    }

    fn rows(&self) -> Vec<String> {
        self.emulator.borrow().0.screen().rows(0, 80).collect()
    }

    /// What was to be seen in the end, once no program has the terminal any more.
    pub(crate) fn last_shown(&self) -> String {
        self.screen.end();
        self.shown().0
    }

    /// Waits until exactly that is to be seen; `|` is where the cursor stands.
    #[track_caller]
    pub(crate) fn shows(&self, wanted: &str) {
        let cursor = wanted.find('|').expect("a cursor");
        let before = &wanted[..cursor];
        let row = before.matches('\n').count() as u16;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u16;
        let wanted = wanted.replacen('|', "", 1);
        let mut last = None;
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until("the screen", || {
                let shown = self.shown();
                let right = shown.0 == wanted.trim_end() && shown.1 == (row, column);
                last = Some(shown);
                right.then_some(())
            });
        }));
        assert!(found.is_ok(), "wanted, with the cursor at {:?}:\n{wanted}\ngot: {last:?}", (row, column));
    }

    fn end(name: &str) -> Stdio {
        File::options().read(true).write(true).open(name).unwrap().into()
    }

    fn run_on(name: &str, mut command: Command) -> Process {
        command.stdin(Self::end(name)).stdout(Self::end(name)).stderr(Self::end(name));
        Process::spawn_as_is(command)
    }

    pub(crate) fn run(&self, command: Command) -> Process {
        Self::run_on(&self.name, command)
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }
}

/// The same command in a session of its own, whose terminal is the one that it runs on: so that keys are signals.
fn in_session(command: &Command) -> Command {
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(command.get_program()).args(command.get_args());
    support::set_environment(&mut session, command);
    session
}

/// A `call` on a terminal, with a peer that does what it is told.
struct Conversation {
    terminal: Terminal,
    before: String,
    call: Process,
    peer: Peer,
    orders: Option<mpsc::Sender<Order>>,
    /// What the peer received.
    heard: mpsc::Receiver<Vec<u8>>,
}

type Order = Box<dyn FnOnce(&mut TcpStream) + Send>;

impl Conversation {
    fn start(args: &[&str]) -> Self {
        let (orders, ordered) = mpsc::channel::<Order>();
        let (hears, heard) = mpsc::channel();
        let peer = Peer::start(move |mut stream| {
            let mut reader = stream.try_clone().unwrap();
            let reading = thread::spawn(move || {
                let mut length = [0; 4];
                while reader.read_exact(&mut length).is_ok() {
                    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
                    if reader.read_exact(&mut payload).is_err() || hears.send(payload).is_err() {
                        return;
                    }
                }
            });
            for order in ordered {
                order(&mut stream);
            }
            // The connection ends here and not where the other thread lets go of it.
            let _ = stream.shutdown(Shutdown::Read);
            reading.join().unwrap();
        });
        let terminal = Terminal::new();
        let before = terminal.settings();
        // A peer that gives no answers has all the time that the test takes.
        let args = [&["call", &peer.address, "--timeout", "1h"], args].concat();
        let call = terminal.run(in_session(&ringframe(args)));
        terminal.screen.wait_for(1, &["> "]);
        Self { terminal, before, call, peer, orders: Some(orders), heard }
    }

    fn types(&mut self, keys: &str) {
        self.terminal.types(keys);
    }

    fn order(&self, order: impl FnOnce(&mut TcpStream) + Send + 'static) {
        self.orders.as_ref().expect("no end was ordered").send(Box::new(order)).expect("the peer is there");
    }

    /// The peer sends a frame.
    fn says(&self, payload: &[u8]) {
        let frame = frame(payload);
        self.order(move |stream| stream.write_all(&frame).unwrap());
    }

    /// The peer closes the connection after all that.
    fn closes(&mut self) {
        self.orders = None;
    }

    #[track_caller]
    fn hears(&self, message: &str) {
        let heard = self.heard.recv_timeout(support::DEADLINE).expect("a message");
        assert_eq!(String::from_utf8_lossy(&heard), message);
    }

    /// Waits for the end, after which the terminal is as it was, and answers what is to be seen.
    #[track_caller]
    fn ends(self, code: i32) -> String {
        let Self { terminal, before, call, peer, mut orders, .. } = self;
        let Done { code: ended, .. } = call.finish(b"");
        let shown = terminal.last_shown();
        assert_eq!(ended, code, "{shown}");
        assert_eq!(terminal.settings(), before);
        drop(orders.take());
        peer.join();
        shown
    }
}

#[test]
fn a_conversation() {
    let server = Server::start(&["upper"]);
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    let call = terminal.run(ringframe(["call", &server.address]));
    terminal.shows("> |");
    terminal.types("hello\r");
    terminal.shows("> hello\nHELLO\n> |");
    // An empty line is an empty message, with an empty reply.
    terminal.types("\r");
    terminal.shows("> hello\nHELLO\n> \n\n> |");
    // What is pasted is as many messages as it has lines.
    terminal.types("one\rtwo\rthr");
    terminal.screen.wait_for(1, &["TWO"]);
    // The end of the line stands for itself while there is one.
    terminal.types("\x04ee\r");
    terminal.screen.wait_for(1, &["THREE"]);
    assert_ne!(terminal.settings(), before);
    // The end of input, as a terminal says it.
    terminal.types("\x04");
    call.finish(b"").code(0);
    let shown = terminal.last_shown();
    assert!(shown.ends_with("THREE"), "{shown}");
    assert_eq!(terminal.settings(), before);
    server.stop();
}

#[test]
fn keys_edit_the_line() {
    let mut talk = Conversation::start(&[]);
    for (keys, message) in [
        ("helo\x1b[Dl\r", "hello"),
        ("xx\x7f\x7fok\r", "ok"),
        ("bc\x01a\x05d\r", "abcd"),
        ("one two three\x17\x17four\r", "one four"),
        // History.
        ("\x1b[A\x1b[A!\r", "abcd!"),
        ("\x1b[A\x1b[B\r", ""),
        ("wide 日本\x1b[D\x7f語 grüß\r", "wide 語 grüß本"),
        ("a\tb\r", "a\tb"),
    ] {
        talk.types(keys);
        talk.hears(message);
    }
    talk.types("\x15日本x\x1b[D\x1b[D");
    until("the cursor between wide characters", || (talk.terminal.shown().1.1 == 4).then_some(()));
    talk.types("\x15\x0b");
    // The end, where nobody answers: what is missing is said.
    talk.closes();
    let shown = talk.ends(4);
    assert!(shown.contains("0 of 8 replies came"), "{shown}");
}

#[test]
fn a_reply_leaves_the_line_intact() {
    let mut talk = Conversation::start(&["--replies", "1"]);
    talk.types("half\x1b[D\x1b[D");
    talk.terminal.shows("> ha|lf");
    // Nobody asked for it.
    talk.says(b"news\x1b[2J");
    talk.terminal.shows("news\\x1b[2J\n> ha|lf");
    talk.types("!");
    talk.says("grüß 日本".as_bytes());
    let wide = "news\\x1b[2J\ngrüß 日本\n> ha!|lf";
    talk.terminal.shows(wide);
    talk.types("\r");
    talk.hears("ha!lf");
    talk.types("\x04");
    talk.closes();
    talk.ends(0);
}

/// In pieces and larger than the screen, with a line that is edited meanwhile.
#[test]
fn a_large_reply_while_a_line_is_typed() {
    let mut talk = Conversation::start(&[]);
    talk.types("be");
    talk.terminal.shows("> be|");
    let (go, gone) = mpsc::channel::<()>();
    let mut payload = frame(&b"0123456789abcdef".repeat((8 << 20) / 16 - 1));
    payload.extend_from_slice(&frame(b"and more"));
    talk.order(move |stream| {
        let (first, rest) = payload.split_at(300_000);
        stream.write_all(first).unwrap();
        gone.recv().unwrap();
        stream.write_all(rest).unwrap();
    });
    // Rows of the reply that are there are shown, and the line below them.
    until("some of the reply", || {
        let (shown, cursor) = talk.terminal.shown();
        (shown.ends_with("\n> be") && shown.contains("0123456789abcdef") && cursor == (23, 4)).then_some(())
    });
    talk.types("for");
    until("what is typed meanwhile", || talk.terminal.shown().0.ends_with("\n> befor").then_some(()));
    go.send(()).unwrap();
    talk.types("e");
    until("the rest", || talk.terminal.shown().0.ends_with("\nand more\n> before").then_some(()));
    // No byte more or less, and no row broken, whatever was drawn meanwhile.
    let rows = talk.terminal.rows();
    assert!(rows[..21].iter().all(|row| row.len() == 80), "{rows:?}");
    assert!(rows[21].len() <= 80 && rows[21].ends_with("abcdef"), "{rows:?}");
    let digits = talk.terminal.screen.text().bytes().filter(u8::is_ascii_hexdigit).count();
    assert!(digits >= (8 << 20) - 16, "{digits}");
    talk.types("\r");
    talk.hears("before");
    talk.closes();
    // Two replies to one message.
    let shown = talk.ends(0);
    assert!(shown.ends_with("closed the connection"), "{shown}");
}

#[test]
fn a_long_line_and_another_width() {
    let mut talk = Conversation::start(&[]);
    let line = "0123456789".repeat(20);
    talk.types(&line);
    until("three rows", || (talk.terminal.shown().1 == (2, 42)).then_some(()));
    talk.says(b"hi");
    until("a reply above them", || {
        let (shown, cursor) = talk.terminal.shown();
        (shown == format!("hi\n> {line}") && cursor == (3, 42)).then_some(())
    });
    talk.types("\x01");
    until("the cursor at the beginning", || (talk.terminal.shown().1 == (1, 2)).then_some(()));
    talk.terminal.resize(100);
    talk.call.signal(Signal::WINCH);
    // Drawn with a width that the screen of this test does not have: the end of the second row shows it.
    talk.types("\x05");
    talk.terminal.screen.wait_for(1, &["\x1b[2C"]);
    talk.terminal.resize(80);
    talk.call.signal(Signal::WINCH);
    talk.types("\r");
    talk.hears(&line);
    talk.types("\x04");
    talk.says(b"bye");
    talk.closes();
    talk.ends(0);
}

#[test]
fn how_replies_are_shown() {
    let mut talk = Conversation::start(&["--hex", "--send-hex"]);
    talk.types("6869\r");
    talk.hears("hi");
    talk.says(b"ok");
    talk.terminal.shows("> 6869\n6f6b\n> |");
    // A mistake is not sent, and can be mended.
    talk.types("6z\r");
    talk.terminal.screen.wait_for(1, &["not sent", "not hexadecimal"]);
    until("the line again", || talk.terminal.shown().0.ends_with("\n> 6z").then_some(()));
    talk.types("\x7f1\r");
    talk.hears("a");
    talk.says(b"");
    talk.types("\x04");
    talk.closes();
    talk.ends(0);

    let mut talk = Conversation::start(&["--json", "--wire", "u32be", "--max-frame", "8"]);
    talk.types("12345\r");
    talk.terminal.screen.wait_for(1, &["not sent", "9 bytes", "is 8"]);
    talk.types("\x7f\r");
    talk.hears("1234");
    talk.says(b"x");
    talk.terminal.screen.wait_for(1, &[r#"{"header_length":4,"#, r#""text":"x"}"#]);
    talk.types("\x04");
    talk.closes();
    talk.ends(0);

    // As they are, each on lines of its own.
    let mut talk = Conversation::start(&["--raw"]);
    talk.says(b"two\nlines");
    talk.says(b"\x1b[1mbold\x1b[m\n");
    talk.terminal.shows("two\nlines\nbold\n> |");
    assert!(talk.terminal.screen.text().contains("\x1b[1mbold"));
    talk.types("\x04");
    talk.closes();
    talk.ends(0);
}

/// The prompt is gone at once, and what happened is said below what was being typed.
#[test]
fn a_peer_that_ends_while_a_line_is_typed() {
    let ends = |keys: &str, code: i32, words: &[&str], order: fn(&mut TcpStream)| {
        let mut talk = Conversation::start(&[]);
        talk.types(keys);
        let line = format!("> {keys}");
        until("the line", || talk.terminal.shown().0.ends_with(line.trim_end()).then_some(()));
        talk.order(order);
        talk.closes();
        let shown = talk.ends(code);
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
        assert!(shown.starts_with(&line) || keys.is_empty() && !shown.contains('>'), "{shown}");
    };
    ends(
        "half",
        4,
        &["error:", "closed the connection: 0 of 0 replies came, and not every message was sent"],
        |_| {},
    );
    // Nothing is missing.
    ends("", 0, &["closed the connection"], |_| {});
    ends("half", 4, &["error:", "reset"], |stream| {
        reset(stream.try_clone().unwrap());
    });
    ends("", 4, &["error:", "reset"], |stream| {
        reset(stream.try_clone().unwrap());
    });
    ends("half", 5, &["error:", "inside a frame", "3 bytes of at least 4"], |stream| {
        stream.write_all(b"\0\0\0").unwrap();
    });
    ends("half", 5, &["error:", "4294967299 bytes"], |stream| {
        stream.write_all(b"\xff\xff\xff\xff").unwrap();
    });
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for (signal, key, code) in [
        (None, "\x03", 130),
        (None, "\x1c", 131),
        (Some(Signal::INT), "", 130),
        (Some(Signal::TERM), "", 143),
        (Some(Signal::HUP), "", 129),
    ] {
        let mut talk = Conversation::start(&[]);
        talk.types("half");
        talk.terminal.shows("> half|");
        assert_ne!(talk.terminal.settings(), talk.before);
        talk.types(key);
        if let Some(signal) = signal {
            talk.call.signal(signal);
        }
        assert_eq!(talk.ends(code), "> half");
    }
}

/// Also once the input has ended, while replies are waited for.
#[test]
fn signals_after_the_end_of_the_input() {
    for (key, signal, code) in [("\x03", None, 130), ("", Some(Signal::TERM), 143)] {
        let mut talk = Conversation::start(&[]);
        talk.types("hello\r\x04");
        talk.hears("hello");
        until("the terminal as it was", || (talk.terminal.settings() == talk.before).then_some(()));
        talk.types(key);
        if let Some(signal) = signal {
            talk.call.signal(signal);
        }
        talk.ends(code);
    }
}

/// A stopped session leaves the terminal to others, and goes on where it was.
#[test]
fn a_session_that_is_stopped_for_a_while() {
    let mut talk = Conversation::start(&[]);
    talk.types("half");
    talk.terminal.shows("> half|");
    talk.types("\x1a");
    until("the terminal as it was", || (talk.terminal.settings() == talk.before).then_some(()));
    talk.terminal.shows("|");
    talk.call.wait_until_stopped();
    talk.call.signal(Signal::CONT);
    until("the terminal for a line", || (talk.terminal.settings() != talk.before).then_some(()));
    talk.terminal.shows("> half|");
    talk.types("!\r");
    talk.hears("half!");
    talk.call.signal(Signal::TERM);
    talk.ends(143);
}

/// A window that is closed ends what runs in it.
#[test]
fn a_terminal_that_is_gone() {
    let (done, finished) = mpsc::channel::<()>();
    let peer = Peer::start(move |_peer| {
        let _ = finished.recv();
    });
    // Nobody else has this one.
    let (mut window, name) = Terminal::open();
    let command = in_session(&ringframe(["call", &peer.address]));
    let call = Terminal::run_on(&name, command);
    let mut shown = Vec::new();
    while !shown.ends_with(b"> \r\x1b[2C") {
        let mut byte = [0];
        window.read_exact(&mut byte).expect("a prompt");
        shown.push(byte[0]);
    }
    drop(window);
    call.finish(b"").code(129);
    drop(done);
    peer.join();
}

/// Nothing moves where the terminal can't do that, and what is typed is the terminal's own affair.
#[test]
fn a_dumb_terminal() {
    let server = Server::start(&["upper"]);
    for term in ["dumb", ""] {
        let mut terminal = Terminal::new();
        let before = terminal.settings();
        let mut command = ringframe(["call", &server.address]);
        command.env("TERM", term);
        let call = terminal.run(command);
        terminal.screen.wait_for(1, &["> "]);
        assert_eq!(terminal.settings(), before);
        terminal.types("hello\n");
        let text = terminal.screen.wait_for(1, &["HELLO"]);
        assert!(!text.contains('\x1b'), "{text}");
        terminal.types("\x04");
        call.finish(b"").code(0);
    }
    server.stop();
}

/// No colour is in a session, whatever is said of colours; an error is red where it may be.
#[test]
fn colours_of_a_session() {
    for (color, set, red) in
        [("auto", "", true), ("never", "", false), ("auto", "1", false), ("always", "1", true)]
    {
        let terminal = Terminal::new();
        let peer = Peer::start(|mut peer| {
            read_frame(&mut peer);
        });
        let mut command = ringframe(["call", &peer.address, "--color", color]);
        if !set.is_empty() {
            command.env("NO_COLOR", set);
        }
        let mut terminal = terminal;
        let call = terminal.run(command);
        terminal.shows("> |");
        assert!(!terminal.screen.text().contains("\x1b[1m"), "{color}");
        terminal.types("hello\r");
        let _done = call.finish(b"");
        let text = terminal.screen.wait_for(1, &["0 of 1 replies came"]);
        assert_eq!(text.contains("\x1b[1m"), red, "{color} {set}: {text}");
        peer.join();
    }
}

#[test]
fn no_prompt_where_nobody_sees_it() {
    let server = Server::start(&["upper"]);
    let mut terminal = Terminal::new();
    let mut command = ringframe(["call", &server.address]);
    command.stdin(Terminal::end(&terminal.name)).stdout(Stdio::piped()).stderr(Stdio::piped());
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
        let args = ["bench", &server.address, "--time", "1500ms", "--warmup", "1s"];
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
    command.stdin(Stdio::piped()).stdout(Terminal::end(&terminal.name)).stderr(Terminal::end(&terminal.name));
    let mut inspect = Process::spawn_as_is(command);
    inspect.write(&frame(b"the first of many"));
    terminal.screen.wait_for(1, &["21 B", "B/s"]);
    inspect.finish(&frame(b"the last")).code(0);
    terminal.screen.wait_for(1, &["2 frames, 33 bytes"]);

    for more in [&[][..], &["--stats", "-q"]] {
        let terminal = Terminal::new();
        let mut command = ringframe([&["inspect"], more].concat());
        command
            .stdin(Stdio::piped())
            .stdout(Terminal::end(&terminal.name))
            .stderr(Terminal::end(&terminal.name));
        Process::spawn_as_is(command).finish(&frame(b"the only one")).code(0);
        let screen = terminal.screen.wait_for(1, &[if more.is_empty() { "the only one" } else { "1 frame" }]);
        assert!(!screen.contains("B/s"), "{screen}");
    }
}
