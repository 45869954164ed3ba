//! `call` on a terminal: a line to edit, replies above it as they come.
//!
//! The terminal is in raw mode from the first prompt to the end of the input, whatever ends it: [`Mode`] puts it back
//! when it is dropped, and the signals that would end the process without dropping it are waited for here. A thread
//! does nothing but read bytes, which can't be cancelled; so it has no part in what the terminal shows or how it is
//! set, and may be left behind.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, IsTerminal, Read, Write};
use std::rc::Rc;
use std::task::Poll;

use rustix::process::{self, Signal};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::mpsc;

use self::line::{Line, Typed};
use self::screen::Size;
use super::{Message, line_bytes};
use crate::failure::{Code, Failure};
use crate::output;
use crate::text::readable;
use crate::wire::RING;

mod line;
mod screen;

/// Whether a message can be sent.
type Check = dyn Fn(&[u8]) -> Result<(), Failure>;

type Screen = screen::Screen<io::Stdout, io::Stderr>;

/// How many bytes are read from the keyboard at a time, and how many of these chunks wait: enough for what is pasted.
const CHUNK: usize = 4096;
const CHUNKS: usize = 4;

/// Whether there is a terminal that a line can be edited on.
pub(super) fn is_possible() -> bool {
    // Those that rustyline, too, takes for unable to move the cursor.
    let able = std::env::var_os("TERM").is_some_and(|term| {
        !["", "dumb", "cons25", "emacs"].iter().any(|unable| term.eq_ignore_ascii_case(unable))
    });
    able && io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// A conversation on a terminal.
pub(super) struct Session {
    screen: Rc<RefCell<Screen>>,
    mode: Mode,
    line: Line,
    keys: mpsc::Receiver<Vec<u8>>,
    signals: Signals,
    /// Where messages go; `None` after the last.
    to: Option<mpsc::Sender<Vec<Message>>>,
    /// Whether there may be other lines.
    open: bool,
    /// Messages on their way there.
    ready: VecDeque<Vec<u8>>,
    hex: bool,
    check: Box<Check>,
}

impl Session {
    /// Begins one, whose messages go to the receiver: those that pass `check`.
    pub(super) fn start(
        hex: bool,
        check: impl Fn(&[u8]) -> Result<(), Failure> + 'static,
    ) -> Result<(Self, mpsc::Receiver<Vec<Message>>), Failure> {
        let cannot =
            |error: io::Error| Failure::new(Code::Other, format!("can't talk to the terminal: {error}"));
        let signals = Signals::new().map_err(cannot)?;
        let mode = Mode::raw().map_err(cannot)?;
        let (to, messages) = mpsc::channel(super::BATCHES);
        let (keyboard, keys) = mpsc::channel(CHUNKS);
        std::thread::spawn(move || read_keys(&keyboard));
        let screen = Screen::new(io::stdout(), io::stderr(), size());
        let session = Self {
            screen: Rc::new(RefCell::new(screen)),
            mode,
            line: Line::new(RING),
            keys,
            signals,
            to: Some(to),
            open: true,
            ready: VecDeque::new(),
            hex,
            check: Box::new(check),
        };
        session.screen.borrow_mut().draw().map_err(cannot)?;
        Ok((session, messages))
    }

    /// What prints above the prompt.
    pub(super) fn printer(&self) -> impl Write + 'static {
        Above(Rc::clone(&self.screen))
    }

    /// Whether something that was typed, or begun, was not handed over to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        !self.ready.is_empty() || !self.line.text().is_empty()
    }

    /// Whether there may be other lines.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes keys until the end of the input, and signals for ever.
    pub(super) async fn run(&mut self) -> Result<Infallible, Failure> {
        loop {
            if !self.open && self.ready.is_empty() {
                self.to = None;
            }
            let event = match &self.to {
                None => Event::Signal(self.signals.next().await),
                Some(to) => tokio::select! {
                    signal = self.signals.next() => Event::Signal(signal),
                    Ok(permit) = to.reserve(), if !self.ready.is_empty() => {
                        permit.send(self.ready.drain(..).map(Ok).collect());
                        continue;
                    }
                    // No more is read than can be sent.
                    chunk = self.keys.recv(), if self.open && self.ready.is_empty() => {
                        // Raw mode knows no end of the input: the terminal is gone, of which the signal tells as well.
                        chunk.map_or(Event::Signal(Signal::HUP), Event::Keys)
                    }
                },
            };
            let done = match event {
                Event::Keys(keys) => self.typed(&keys),
                Event::Signal(signal) => self.signalled(signal)?,
            };
            done.map_err(Failure::terminal)?;
        }
    }

    fn typed(&mut self, keys: &[u8]) -> io::Result<()> {
        let mut edited = false;
        for key in keys {
            match self.line.key(*key) {
                None => {}
                // What is pasted is drawn once.
                Some(Typed::Edit) => edited = true,
                Some(Typed::Bell) => self.screen.borrow_mut().bell()?,
                Some(Typed::Clear) => self.screen.borrow_mut().clear()?,
                Some(Typed::Enter) => {
                    self.show()?;
                    self.enter()?;
                    edited = false;
                }
                Some(Typed::End) => return self.end(),
            }
        }
        if edited { self.show() } else { Ok(()) }
    }

    fn show(&mut self) -> io::Result<()> {
        let (before, after) = self.line.text().split_at(self.line.cursor());
        let mut shown = readable(before.as_bytes());
        let cursor = shown.len();
        shown += &readable(after.as_bytes());
        self.screen.borrow_mut().show(shown, cursor)
    }

    /// The line becomes a message; one that can't be sent comes back, with a word on why.
    fn enter(&mut self) -> io::Result<()> {
        self.screen.borrow_mut().enter()?;
        let text = self.line.take();
        let message = line_bytes(text.clone().into_bytes(), self.hex, "it");
        match message.and_then(|message| (self.check)(&message).map(|()| message)) {
            Ok(message) => {
                self.ready.push_back(message);
                self.screen.borrow_mut().draw()
            }
            Err(failure) => {
                output::complain(&format!("not sent: {}", failure.message().unwrap_or_default()));
                self.line.put_back(&text);
                self.show()
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.open = false;
        self.screen.borrow_mut().close()?;
        self.mode.restore()
    }

    fn signalled(&mut self, signal: Signal) -> Result<io::Result<()>, Failure> {
        let Self { screen, mode, open, .. } = self;
        let mut screen = screen.borrow_mut();
        Ok(match signal {
            Signal::WINCH => screen.resize(size()),
            // What the key does by itself, but for the terminal, which is left as it was found.
            Signal::TSTP => {
                let left = screen.erase().and_then(|()| mode.restore());
                let _ = process::kill_process(process::getpid(), Signal::STOP);
                left
            }
            // Whoever had the terminal meanwhile may have set it.
            Signal::CONT if *open => mode.set_raw().and_then(|()| screen.redraw()),
            Signal::CONT => Ok(()),
            signal => return Err(Failure::signal(signal.as_raw())),
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Whatever ended it is told below the line; `mode` does the rest.
        let _ = self.screen.borrow_mut().close();
    }
}

enum Event {
    Keys(Vec<u8>),
    Signal(Signal),
}

/// Printing by way of the screen.
struct Above(Rc<RefCell<Screen>>);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// How the terminal is set.
struct Mode {
    before: Termios,
    raw: Termios,
    /// Whether it is to be put back. A process in the background that sets a terminal is stopped for it.
    is_raw: bool,
}

impl Mode {
    /// Each key as it is pressed, and nothing shown by the terminal itself. ^C, ^Z and ^\ still are signals, for times
    /// when nobody reads keys.
    fn raw() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
        raw.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR | InputModes::IXON;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        let mut mode = Self { before, raw, is_raw: false };
        mode.set_raw()?;
        Ok(mode)
    }

    fn set_raw(&mut self) -> io::Result<()> {
        self.is_raw = true;
        Ok(tcsetattr(io::stdin(), OptionalActions::Drain, &self.raw)?)
    }

    fn restore(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_raw) {
            tcsetattr(io::stdin(), OptionalActions::Drain, &self.before)?;
        }
        Ok(())
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = self.restore();
    }
}

/// What reaches the process beside keys.
struct Signals([(Signal, unix::Signal); 6]);

impl Signals {
    fn new() -> io::Result<Self> {
        let on = |signal: Signal| {
            Ok::<_, io::Error>((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?))
        };
        // Those that end it come first: a terminal that is gone also says that all may go on.
        Ok(Self([
            on(Signal::HUP)?,
            on(Signal::TERM)?,
            on(Signal::QUIT)?,
            on(Signal::TSTP)?,
            on(Signal::CONT)?,
            on(Signal::WINCH)?,
        ]))
    }

    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|cx| {
            let mut came = self.0.iter_mut().map(|(signal, stream)| stream.poll_recv(cx).map(|_| *signal));
            came.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }
}

/// The terminal's size, which it may not know.
fn size() -> Size {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
        }
        _ => Size::USUAL,
    }
}

/// Runs in a thread of its own, until the terminal is gone or nobody wants its keys.
fn read_keys(to: &mpsc::Sender<Vec<u8>>) {
    let mut keys = [0; CHUNK];
    loop {
        match io::stdin().read(&mut keys) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if to.blocking_send(keys[..n].to_vec()).is_err() {
                    return;
                }
            }
        }
    }
}
