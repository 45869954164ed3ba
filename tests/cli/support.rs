//! Processes and peers that end with the test, whatever becomes of it.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};

/// When a test gives up: far longer than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// The command under test, in an environment that says nothing about colours.
pub(crate) fn ringframe<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringframe"));
    command.args(args).env("TERM", "xterm").env("RUST_BACKTRACE", "0");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    command
}

/// Gives a command, which runs another one, the environment of that.
pub(crate) fn set_environment(command: &mut Command, like: &Command) {
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Runs the command with these arguments and this standard input until it ends.
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, stdin: &[u8]) -> Done {
    Process::spawn(ringframe(args)).finish(stdin)
}

/// How a process ended, and what it wrote.
pub(crate) struct Done {
    /// The exit code, or minus the signal.
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    /// Checks the exit code, and that a failure was no accident.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        let Self { stderr, .. } = &self;
        assert_eq!(
            self.code,
            code,
            "exit code; standard output:\n{}\nstandard error:\n{stderr}",
            self.text()
        );
        self
    }

    /// Checks that standard error has all these words, and a sentence with them exactly once.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        assert_eq!(self.stderr.matches("error:").count(), 1, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is missing: {}", self.stderr);
        }
        self
    }

    /// Checks that it did what it should without a word.
    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        let done = self.code(0);
        assert_eq!(done.stderr, "");
        done
    }

    /// Checks that nothing is on standard error.
    #[track_caller]
    pub(crate) fn prints_nothing_else(self) -> Self {
        assert_eq!(self.stderr, "");
        self
    }

    /// Checks standard output.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert_eq!(self.text(), text);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as JSON, one object a line.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
            .collect()
    }
}

/// A running process; dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
}

impl Process {
    /// Starts it, with its standard streams connected to here.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::spawn_as_is(command)
    }

    /// Starts it, with its standard streams as they were set.
    pub(crate) fn spawn_as_is(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("can't run {command:?}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(Stream::collect).unwrap_or_default();
        let stderr = child.stderr.take().map(Stream::collect).unwrap_or_default();
        Self { child, stdin, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    /// Stops it, and waits until each of its threads has: one may still be at work when the signal is sent.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        self.wait_until_stopped();
    }

    /// Waits until something has stopped it. A signal to go on that came before would be lost.
    pub(crate) fn wait_until_stopped(&self) {
        until("every thread to stop", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the process is there");
            let stopped = |task: io::Result<fs::DirEntry>| {
                // The state comes behind the name, which is in parentheses. A thread that is gone does nothing.
                let stat = task.and_then(|task| fs::read_to_string(task.path().join("stat")));
                stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|state| state.starts_with('T')))
            };
            tasks.into_iter().all(stopped).then_some(())
        });
    }

    /// Writes to standard input at once.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the process reads");
    }

    /// Gives it the rest of its standard input and waits for its end.
    pub(crate) fn finish(mut self, rest: &[u8]) -> Done {
        let stdin = self.stdin.take();
        thread::scope(|scope| {
            // However long it has been there already.
            let give_up = Instant::now() + DEADLINE;
            // A process that has had enough closes its end, which is its right.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(rest)));
            let status = until("the process to end", || {
                let ended = self.child.try_wait().expect("it is our child");
                if ended.is_none() && Instant::now() > give_up {
                    let _ = self.child.kill();
                    panic!("it hangs; standard error:\n{}", self.stderr.text());
                }
                ended
            });
            let code = status.code().or_else(|| status.signal().map(|signal| -signal)).expect("it ended");
            let stdout = self.stdout.end();
            let stderr = String::from_utf8_lossy(&self.stderr.end()).into_owned();
            Done { code, stdout, stderr }
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process wrote so far.
pub(crate) struct Stream {
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Default for Stream {
    /// One that is not collected.
    fn default() -> Self {
        Self::collect(io::empty())
    }
}

impl Stream {
    pub(crate) fn collect(mut from: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let to = Arc::clone(&shared);
        thread::spawn(move || {
            let mut chunk = vec![0; 65536];
            loop {
                // The master side of a terminal answers with an error once nobody has the other.
                let n = from.read(&mut chunk).unwrap_or(0);
                let mut collected = to.0.lock().unwrap();
                collected.bytes.extend_from_slice(&chunk[..n]);
                collected.ended = n == 0;
                to.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Self { shared }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.since(0)).into_owned()
    }

    /// What came behind the first so many bytes.
    pub(crate) fn since(&self, offset: usize) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes[offset..].to_vec()
    }

    /// Waits until that many lines have all these words, or the text as a whole for one line, and answers
    /// everything so far.
    #[track_caller]
    pub(crate) fn wait_for(&self, times: usize, words: &[&str]) -> String {
        self.wait(|collected| {
            let text = String::from_utf8_lossy(&collected.bytes);
            let hits = text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
            hits >= times
        })
        .unwrap_or_else(|text| panic!("no {times} lines with {words:?} came:\n{text}"))
    }

    /// Waits for the end of the stream.
    pub(crate) fn end(&self) -> Vec<u8> {
        self.wait(|collected| collected.ended)
            .unwrap_or_else(|text| panic!("the stream did not end:\n{text}"));
        self.shared.0.lock().unwrap().bytes.clone()
    }

    fn wait(&self, enough: impl Fn(&Collected) -> bool) -> Result<String, String> {
        let give_up = Instant::now() + DEADLINE;
        let mut collected = self.shared.0.lock().unwrap();
        loop {
            let text = || String::from_utf8_lossy(&collected.bytes).into_owned();
            if enough(&collected) {
                return Ok(text());
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() || collected.ended {
                return Err(text());
            }
            collected = self.shared.1.wait_timeout(collected, left).unwrap().0;
        }
    }
}

/// Waits until there is something to answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut try_it: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + DEADLINE + Duration::from_secs(5);
    loop {
        if let Some(found) = try_it() {
            return found;
        }
        assert!(Instant::now() < give_up, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(3));
    }
}

/// A `ringframe serve` on a free port of loopback.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: String,
}

impl Server {
    /// Starts `serve` with these arguments, at least the name of a service.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::listen("127.0.0.1:0", args)
    }

    pub(crate) fn listen(address: &str, args: &[&str]) -> Self {
        Self::run(ringframe([&["serve"], args, &["--listen", address]].concat()))
    }

    /// Starts it by another program, which gets its command line.
    pub(crate) fn start_by(program: &[&str], args: &[&str]) -> Self {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(env!("CARGO_BIN_EXE_ringframe")).arg("serve").args(args);
        command.args(["--listen", "127.0.0.1:0"]).env("RUST_BACKTRACE", "0");
        Self::run(command)
    }

    /// Starts a `ringframe proxy` instead, in front of that address.
    pub(crate) fn proxy(upstream: &str, args: &[&str]) -> Self {
        Self::run(ringframe([&["proxy", "127.0.0.1:0", upstream], args].concat()))
    }

    pub(crate) fn run(command: Command) -> Self {
        let process = Process::spawn(command);
        let lines = process.stdout.wait_for(1, &["listening"]);
        let address = match serde_json::from_str::<serde_json::Value>(&lines) {
            Ok(object) => object["listening"].as_str().expect("an address").to_owned(),
            Err(_) => lines.trim_end().rsplit_once(' ').expect("`listening on HOST:PORT`").1.to_owned(),
        };
        Self { process, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address.parse().expect("an address"))
    }

    /// Waits until that many connections have ended for this reason.
    #[track_caller]
    pub(crate) fn wait_for_end(&self, times: usize, why: &str) -> String {
        self.process.stderr.wait_for(times, &[&format!(" bytes, {why}")])
    }

    /// Asks it to stop, and checks that it does.
    #[track_caller]
    pub(crate) fn stop(self) -> Done {
        self.process.signal(Signal::TERM);
        self.process.finish(b"").code(0)
    }
}

/// An address where nobody listens. The port is taken until the tests end, so that nobody else can begin to; and at no
/// time does its socket listen, also not in a child of another test, which for a moment has what is open here.
pub(crate) fn nobody() -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    address.to_string()
}

/// An address of this machine that others could have as well; `None`: it has no network.
pub(crate) fn own_address() -> Option<IpAddr> {
    // Connecting sends nothing; it tells which address this machine would send from.
    let outward = UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = outward.connect("192.0.2.1:9").and_then(|()| outward.local_addr()).ok()?.ip();
    (!own.is_loopback()).then_some(own)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    patient(TcpStream::connect(address).expect("somebody listens"))
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// A server for one connection, in this process, that does what it is told.
pub(crate) struct Peer {
    pub(crate) address: String,
    thread: JoinHandle<()>,
}

impl Peer {
    pub(crate) fn start(converse: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = thread::spawn(move || converse(patient(listener.accept().unwrap().0)));
        Self { address, thread }
    }

    /// Waits until it has done so.
    #[track_caller]
    pub(crate) fn join(self) {
        self.thread.join().expect("the peer found what it expected");
    }
}

/// A frame with a length of four bytes, big-endian.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// The payload of the next such frame.
pub(crate) fn read_frame(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("a length");
    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut payload).expect("a payload");
    payload
}

/// Closes a connection by a reset.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A file that exists for this test.
pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path
}

/// Lines with the numbers from 1.
pub(crate) fn seq(last: u32) -> String {
    (1..=last).map(|i| format!("{i}\n")).collect()
}
