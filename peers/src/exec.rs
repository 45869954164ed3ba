//! `exec`: a command at a server, its output and its exit code here.

use std::io::{self, IsTerminal, Write};

use ringframe::{Event, Limited, RuntimeFormat};
use ringframe_io::tokio::{Reader, Writer};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::args::Exec;
use crate::failure::{Code, Failure};
use crate::json;
use crate::output::{Output, Verbosity, json_line, payload_json};
use crate::text::{Escaper, readable};
use crate::transport::ReadHalf;
use crate::wire::{DEFAULT_MAX_FRAME, RING, whole_frames_only};
use crate::{net, runtime, transport};

pub(crate) fn run(args: Exec, output: Output) -> Result<(), Failure> {
    // Output is written where the reply is awaited, which holds up a server that is faster than we are. For ^C to be
    // heard meanwhile there is another thread.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1);
    let runtime = runtime::start(builder).map_err(Failure::without_a_code)?;
    runtime.spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(Code::Interrupted as i32);
        }
    });
    let result = runtime.block_on(exec(args, output));
    runtime.shutdown_background();
    match result {
        Ok(code) => Failure::remote(code),
        Err(failure) => Err(failure.without_a_code()),
    }
}

/// A server's first answer.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    error: String,
}

/// How the command ended.
#[derive(Deserialize)]
struct Ended {
    code: u8,
    signal: Option<u32>,
    #[serde(default)]
    timeout: bool,
}

async fn exec(args: Exec, output: Output) -> Result<u8, Failure> {
    let Exec { address, command, timeout: patience, key, wire } = args;
    let format = wire.format(DEFAULT_MAX_FRAME)?;
    let fields = wire.wire.fields(None).map_err(|error| Failure::new(Code::Usage, error))?;
    let Some((name, arguments)) = command.split_first() else {
        return Err(Failure::new(Code::Usage, "say what to run: ringframe exec HOST:PORT -- NAME [ARG …]"));
    };
    let request = json!({ "cmd": name, "args": arguments, "stream": true }).to_string();

    let key = key.read()?;
    let stream = net::connect(&address, patience).await?;
    // A command may be silent for long; a server that is gone should not be waited for.
    net::keep_alive(&stream, net::Keepalive::DEFAULT, patience);
    output.say(Verbosity::Verbose, || format!("connected to {address}"));
    // The sending side stays open until the reply has ended: its end would say that we are gone.
    let (read, write) = transport::begin(stream, key.as_ref(), &address, patience).await?;
    let mut client =
        Client { reader: Reader::with_capacity(read, format, RING)?, address, shown: Shown::new(output) };
    let mut writer = Writer::with_capacity(write, format, RING)?;
    let asking = async {
        let sent = match writer.push_with(&fields, &[request.as_bytes()]).await {
            Ok(()) => writer.flush().await,
            failed => failed,
        };
        // A server that did not take all of the request may have said why.
        match (client.begin().await, sent) {
            (Err(failure), Err(error)) if failure.is(Code::Connection) => {
                Err(Failure::write(&client.address, &error))
            }
            (begun, _) => begun,
        }
    };
    let Ok(begun) = timeout(patience, asking).await else {
        let why = format!(
            "{}: the command did not begin within {}",
            client.address,
            humantime::format_duration(patience)
        );
        return Err(Failure::new(Code::Connection, why));
    };
    let ended = match begun {
        Ok(()) => client.follow().await,
        Err(failure) => Err(failure),
    };
    transport::end(&mut writer).await;
    let ended = ended?;
    if ended.timeout {
        output.say(Verbosity::Normal, || "the command's time was up: the server killed it".into());
    }
    if let Some(signal) = ended.signal {
        output.say(Verbosity::Verbose, || format!("signal {signal} ended the command"));
    }
    Ok(ended.code)
}

struct Client {
    reader: Reader<ReadHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    address: String,
    shown: Shown,
}

impl Client {
    /// Whether the command has begun.
    async fn begin(&mut self) -> Result<(), Failure> {
        let address = &self.address;
        let frame = self.reader.next_frame().await.map_err(whole_frames_only);
        let frame = frame.map_err(|error| Failure::read(address, &error))?;
        let Some(frame) = frame else {
            return Err(lost(address, "before it answered"));
        };
        let answer: Answer = json::object(frame.payload())
            .map_err(|error| broke(address, &format!("its answer is not understood: {error}")))?;
        match answer {
            Answer { ok: true, stream: true, .. } => Ok(()),
            Answer { ok: true, .. } => Err(broke(address, "it does not stream, though it was asked to")),
            Answer { kind, error, .. } => {
                let code = if kind == "forbidden" { Code::Policy } else { Code::Other };
                let (kind, error) = (readable(kind.as_bytes()), readable(error.as_bytes()));
                Err(Failure::new(code, format!("{address}: {kind}: {error}")))
            }
        }
    }

    /// Shows the output until the end.
    async fn follow(&mut self) -> Result<Ended, Failure> {
        let Self { reader, address, shown } = self;
        // The type of the frame under way, from its first byte on.
        let mut kind = None;
        loop {
            let event = reader.next_event().await;
            let Some(event) = event.map_err(|error| Failure::read(address, &error))? else {
                return Err(lost(address, "before the command ended"));
            };
            let piece = match event {
                Event::Frame(frame) => match frame.payload().split_first() {
                    Some((0, end)) => {
                        let ended = json::object(end).map_err(|error| {
                            broke(address, &format!("its last frame is not understood: {error}"))
                        })?;
                        shown.end(end)?;
                        return Ok(ended);
                    }
                    _ => {
                        kind = None;
                        frame.payload()
                    }
                },
                Event::Begin { .. } => {
                    kind = None;
                    continue;
                }
                Event::Data(piece) => piece,
                Event::End => continue,
            };
            let (which, data) = match (kind, piece) {
                (Some(which), data) => (which, data),
                (None, [1, data @ ..]) => (0, data),
                (None, [2, data @ ..]) => (1, data),
                (None, [kind, ..]) => return Err(broke(address, &format!("a frame has the type {kind}"))),
                (None, []) => return Err(broke(address, "a frame has no type")),
            };
            kind = Some(which);
            shown.piece(which, data)?;
        }
    }
}

fn lost(address: &str, when: &str) -> Failure {
    Failure::new(Code::Connection, format!("{address} closed the connection {when}"))
}

fn broke(address: &str, why: &str) -> Failure {
    Failure::new(Code::Protocol, format!("{address}: {}", readable(why.as_bytes())))
}

/// The command's output as it is shown here.
struct Shown {
    output: Output,
    /// Whether what is written to standard output, and to standard error, is seen on a terminal, to which a peer's
    /// output must do nothing.
    terminal: [bool; 2],
    escapers: [Escaper; 2],
    /// For JSON, the beginning of a character that was cut in two.
    cut: [Vec<u8>; 2],
    line: String,
}

/// The two kinds of output, as JSON has them.
const NAMES: [&str; 2] = ["stdout", "stderr"];

impl Shown {
    fn new(output: Output) -> Self {
        let terminal = [io::stdout().is_terminal(), io::stderr().is_terminal()];
        Self { output, terminal, escapers: Default::default(), cut: Default::default(), line: String::new() }
    }

    fn piece(&mut self, which: usize, data: &[u8]) -> Result<(), Failure> {
        if self.output.json {
            let mut bytes = std::mem::take(&mut self.cut[which]);
            bytes.extend_from_slice(data);
            if let Err(error) = std::str::from_utf8(&bytes)
                && error.error_len().is_none()
            {
                self.cut[which] = bytes.split_off(error.valid_up_to());
            }
            return self.object(which, &bytes);
        }
        if !self.terminal[which] {
            return write(which, data);
        }
        self.line.clear();
        for line in data.split_inclusive(|byte| matches!(byte, b'\n' | b'\t')) {
            let (text, end) = match line {
                [text @ .., end @ (b'\n' | b'\t')] => (text, Some(*end)),
                text => (text, None),
            };
            self.escapers[which].push(text, &mut self.line);
            if let Some(end) = end {
                self.escapers[which].finish(&mut self.line);
                self.line.push(end.into());
            }
        }
        write(which, self.line.as_bytes())
    }

    fn object(&self, which: usize, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut object = Map::new();
        object.insert("stream".into(), NAMES[which].into());
        payload_json(&mut object, bytes);
        write(0, (json_line(&Value::Object(object)) + "\n").as_bytes())
    }

    /// What is left, and in JSON how the command ended.
    fn end(&mut self, ended: &[u8]) -> Result<(), Failure> {
        for which in 0..NAMES.len() {
            self.line.clear();
            self.escapers[which].finish(&mut self.line);
            write(which, self.line.as_bytes())?;
            self.object(which, &self.cut[which])?;
        }
        if self.output.json {
            let ended = serde_json::from_slice(ended).unwrap_or(Value::Null);
            write(0, (json_line(&ended) + "\n").as_bytes())?;
        }
        Ok(())
    }
}

/// Writes at once.
fn write(which: usize, bytes: &[u8]) -> Result<(), Failure> {
    if which == 0 {
        let mut out = io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::stdout);
    }
    match io::stderr().lock().write_all(bytes) {
        // Who closed standard error does not want it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result
            .map_err(|error| Failure::new(Code::Other, format!("can't write to standard error: {error}"))),
    }
}
