//! The command line, as `--help` shows it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueHint};

use crate::net::Keepalive;
use crate::output::{Color, Verbosity};
use crate::wire::{self, Wire};

/// Messages over TCP: every message is a frame, its length in front.
///
/// TCP carries bytes, not messages: two sends can arrive as one read, one send as ten. See `ringframe demo`.
#[derive(Debug, Parser)]
#[command(name = "ringframe", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print results as JSON, one object a line
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// Say more on standard error; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "Output")]
    verbose: u8,

    /// Say nothing on standard error but errors
    #[arg(short, long, global = true, help_heading = "Output")]
    quiet: bool,

    /// When to use colours; NO_COLOR and TERM=dumb are respected
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: Color,
}

impl Args {
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show in ten seconds why TCP needs framing, with real bytes over loopback
    Demo,
    /// Answer every message of many clients at once
    Serve(Serve),
    /// Send messages to a server and print its replies
    Call(Call),
    // Its help is the struct's.
    Bench(Bench),
    /// Run an allowed command at a server: its output and its exit code here
    Exec(Exec),
    /// Send a file to a server of files
    Put(Put),
    /// Fetch a file from a server of files
    Get(Get),
    /// List the files of a server
    Ls(Ls),
    /// Lines of standard input or a file to frames on standard output
    Encode(Encode),
    /// Frames of standard input or a file to lines on standard output
    Decode(Decode),
    // Its help is the struct's.
    Inspect(Inspect),
    // Its help is the struct's.
    Proxy(Proxy),
    /// Make a key for authenticated links, for --key-file at both ends
    Keygen(Keygen),
    /// List the wire formats that --wire knows, and who else speaks them
    Formats,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page, in roff: `ringframe man | man -l -`
    Man {
        /// The command it is about; without it, `ringframe` itself
        command: Option<String>,
    },
}

/// The wire, for every command that speaks frames.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Wire")]
pub(crate) struct WireArgs {
    /// The wire format: a name (see `ringframe formats`) or a description such as
    /// offset=1,width=4,endian=be,adjust=-4,header=5
    #[arg(long, default_value = "u32be", value_name = "FORMAT")]
    pub(crate) wire: Wire,

    /// The largest frame, header included: 4096, 64KiB, 8MiB [default: 8MiB; none for encode, decode, inspect, proxy]
    #[arg(long, value_parser = wire::bytes, value_name = "BYTES")]
    pub(crate) max_frame: Option<u64>,
}

/// The key of a client, see `key`.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// Authenticate and encrypt the link by the key in this file, which the server has as well (see `ringframe keygen`)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Wire")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: ringframe serve upper --listen 127.0.0.1:7878
         ringframe call 127.0.0.1:7878 hello,server")]
pub(crate) struct Serve {
    #[command(subcommand)]
    pub(crate) service: Service,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Answer every message with its ASCII letters in upper case
    Upper(Mirror),
    /// Answer every message with itself
    Echo(Mirror),
    /// Answer every message with the same text
    Reply {
        /// The text
        text: String,
        #[command(flatten)]
        mirror: Mirror,
    },
    /// Hand out the files of a folder by get and ls, and take files in by put where that is allowed
    Files(Files),
    /// Run commands for clients: those that --allow names, and no other
    #[cfg(unix)]
    #[command(after_help = "\
Example: ringframe serve exec --allow date=/bin/date uptime=/usr/bin/uptime
         ringframe exec 127.0.0.1:7878 -- date -u")]
    Exec(ExecServer),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: ringframe serve files --root /srv/files --allow-write
         ringframe put 127.0.0.1:7878 report.pdf
         ringframe get 127.0.0.1:7878 report.pdf copy.pdf")]
pub(crate) struct Files {
    /// The folder: the files in it, not its subfolders, and no symbolic links
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) root: PathBuf,

    /// Let clients put files there
    #[arg(long)]
    pub(crate) allow_write: bool,

    /// Let clients replace files, where they ask for it
    #[arg(long, requires = "allow_write")]
    pub(crate) overwrite: bool,

    /// Close a connection on which no byte of a file's content came for so long
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration, help_heading = "Limits")]
    pub(crate) content_time: Duration,

    #[command(flatten)]
    pub(crate) server: Server,
}

/// A server of commands.
#[cfg(unix)]
#[derive(Debug, clap::Args)]
pub(crate) struct ExecServer {
    /// A command that clients may run, and its program
    #[arg(long, required = true, num_args = 1.., value_name = "NAME=/ABS/PATH", value_hint = ValueHint::FilePath)]
    pub(crate) allow: Vec<Allowed>,

    #[command(flatten)]
    pub(crate) server: Server,

    #[command(flatten)]
    pub(crate) limits: ExecLimits,
}

/// What keeps commands from taking too much.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct ExecLimits {
    /// Kill a command, and what it has started, after so long
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = duration)]
    pub(crate) command_time: Duration,

    /// Kill a command that has written more than that, where its output is not streamed
    #[arg(long, default_value = "16MiB", value_name = "BYTES", value_parser = wire::bytes)]
    pub(crate) max_output: u64,

    /// Commands at a time; one more is refused as busy
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_commands: u16,

    /// Arguments that a request may give to a command
    #[arg(long, default_value_t = 1024, value_name = "N")]
    pub(crate) max_args: usize,
}

/// A server that answers each message by itself, so that datagrams will do.
#[derive(Debug, clap::Args)]
pub(crate) struct Mirror {
    /// Datagrams instead of connections: one message each, up to 1472 bytes (IPv6 1452), without a header
    #[arg(
        long,
        conflicts_with_all = ["wire", "max_frame", "max_connections", "max_per_address", "idle", "frame_time",
            "write_time", "keepalive", "backlog", "key_file", "handshake_time"]
    )]
    pub(crate) udp: bool,

    #[command(flatten)]
    pub(crate) server: Server,
}

/// What all servers have in common.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Server {
    /// Where to listen; IPv6 as [::1]:PORT, port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "HOST:PORT")]
    pub(crate) listen: String,

    /// Allow an address that other machines can reach
    #[arg(long)]
    pub(crate) expose: bool,

    #[command(flatten)]
    pub(crate) keys: ServerKeys,

    #[command(flatten)]
    pub(crate) wire: WireArgs,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Whom a server lets in by a key; by default nobody is asked for one.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ServerKeys {
    /// Serve only who has the key in this file, over authenticated and encrypted links (see `ringframe keygen`); up
    /// to four times, for as many keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Wire")]
    pub(crate) key_file: Vec<PathBuf>,

    /// Time for the handshake of an authenticated link, from when it was accepted
    #[arg(
        long,
        default_value = "10s",
        requires = "key_file",
        value_name = "TIME",
        value_parser = duration,
        help_heading = "Limits"
    )]
    pub(crate) handshake_time: Duration,
}

/// What keeps a server usable whatever its clients do.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// Connections at a time; one more is closed at once
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,

    /// Connections at a time from one address; loopback is exempt
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_per_address: u32,

    /// Close a connection on which no message began for so long
    #[arg(long, default_value = "5min", value_name = "TIME", value_parser = duration)]
    pub(crate) idle: Duration,

    /// Time for a message, from its first byte; and 1 s more for each 64 KiB that it declares
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub(crate) frame_time: Duration,

    /// Close a connection that takes no byte of a reply for so long
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub(crate) write_time: Duration,

    /// TCP keep-alive: silence before the first probe / between probes / how many; or off
    #[arg(long, default_value_t = Keepalive::DEFAULT, value_name = "IDLE/INTERVAL/COUNT")]
    pub(crate) keepalive: Keepalive,

    /// Connections that wait to be accepted
    #[arg(long, default_value_t = ringframe_io::tcp::DEFAULT_BACKLOG, value_name = "N")]
    pub(crate) backlog: u32,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples: ringframe call 127.0.0.1:7878 hello,server
          seq 1 10000 | ringframe call 127.0.0.1:7878
          ringframe call 127.0.0.1:7878 @photo.jpg --raw > answer
          ringframe call --udp 127.0.0.1:7878 hello,server")]
pub(crate) struct Call {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// Messages to send; @FILE sends a file's bytes as one message. Without any, each line of standard input, which on
    /// a terminal can be edited, while replies come above it
    #[arg(value_name = "MESSAGE", value_hint = ValueHint::FilePath)]
    pub(crate) messages: Vec<String>,

    /// Datagrams instead of a connection: one message each, up to 1472 bytes (IPv6 1452), without a header, each
    /// sent when the one before it is answered, and none again
    #[arg(
        long,
        conflicts_with_all = ["wire", "max_frame", "header", "replies", "half_close", "keepalive", "key_file"]
    )]
    pub(crate) udp: bool,

    /// Wait for that many replies [default: as many as messages]
    #[arg(long, value_name = "N")]
    pub(crate) replies: Option<u64>,

    /// End the sending direction as soon as everything is sent, not only when the replies have come
    #[arg(long)]
    pub(crate) half_close: bool,

    /// Give up after so long without progress [default with --udp: 2s]
    #[arg(
        long,
        default_value = "10s",
        default_value_if("udp", "true", "2s"),
        value_name = "TIME",
        value_parser = duration
    )]
    pub(crate) timeout: Duration,

    /// TCP keep-alive: silence before the first probe / between probes / how many; or off
    #[arg(long, default_value_t = Keepalive::DEFAULT, value_name = "IDLE/INTERVAL/COUNT")]
    pub(crate) keepalive: Keepalive,

    /// Messages are hexadecimal
    #[arg(long)]
    pub(crate) send_hex: bool,

    #[command(flatten)]
    pub(crate) show: Show,

    /// Header bytes beside the length field, hexadecimal, in order [default: zeros]
    #[arg(long, value_name = "HEX")]
    pub(crate) header: Option<Hex>,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

/// Measure round trips a second and their latency against any peer that echoes.
///
/// Every reply is compared byte for byte with what was sent. Messages are of characters that upper-casing does not
/// change, so that `serve upper` will do as well as `serve echo`.
///
/// Latency is the time from when a frame is handed to the transport until the last byte of its reply has come back.
///
/// A connection sends its next frame once fewer than --depth are without a reply: a closed loop, in which less is
/// sent when the peer is slow. So a peer that stalls for a second makes --depth slow round trips a connection, where
/// clients that keep to a schedule would all have waited (coordinated omission). The percentiles are those of so many
/// clients in a closed loop; they are not those of requests that arrive at a given rate.
///
/// All round trips count that begin in the time of measuring: at its end the last replies are waited for, and rates
/// are per second until the last one. Warming up ends in the same way before measuring begins.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples: ringframe bench 127.0.0.1:7878
          ringframe bench 127.0.0.1:7878 --size 16 --depth 100 --connections 4
          ringframe bench 127.0.0.1:7878 --size 1MiB --count 1000 --json")]
pub(crate) struct Bench {
    /// The peer
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// Payload of a frame; its header comes on top: 16, 64KiB, 1MiB
    #[arg(long, default_value = "64", value_parser = wire::bytes, value_name = "BYTES")]
    pub(crate) size: u64,

    /// Connections at a time
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,

    /// Frames without a reply at a time, on each connection: the depth of the pipeline
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) depth: u32,

    /// How long to measure
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Duration,

    /// How many round trips to measure, all connections together, however long they take
    #[arg(
        long,
        conflicts_with = "time",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) count: Option<u64>,

    /// How long to run before measuring; 0s not to [default: 500ms, with --count 0s]
    #[arg(long, value_name = "TIME", value_parser = any_duration)]
    pub(crate) warmup: Option<Duration>,

    /// Give up when no byte has moved on a connection for so long
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Duration,

    /// Draw the histogram of latencies also where standard output is not a terminal
    #[arg(long)]
    pub(crate) histogram: bool,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with the command's code: 128+N where signal N ended it, 124 where its time was up.
255 where there is no code: refused, or the connection was lost.

Example: ringframe exec 127.0.0.1:7878 -- date -u")]
pub(crate) struct Exec {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// What to run there, one of the names that the server allows, and its arguments
    #[arg(last = true, required = true, value_names = ["NAME", "ARG"])]
    pub(crate) command: Vec<String>,

    /// Give up where the command did not begin within so long
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples: ringframe put 127.0.0.1:7878 report.pdf
          ringframe put 127.0.0.1:7878 disk.img --resume
          tar -c photos | ringframe put 127.0.0.1:7878 - photos.tar")]
pub(crate) struct Put {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// The file; - is standard input, which is kept on the disk until its size is known
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Its name there [default: that of FILE]
    #[arg(required_if_eq("file", "-"))]
    pub(crate) name: Option<String>,

    /// Replace a file of that name, if the server allows it
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Go on where an earlier put was interrupted, if what is there is the beginning of FILE
    #[arg(long)]
    pub(crate) resume: bool,

    #[command(flatten)]
    pub(crate) link: TransferArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples: ringframe get 127.0.0.1:7878 report.pdf
          ringframe get 127.0.0.1:7878 disk.img --resume
          ringframe get 127.0.0.1:7878 photos.tar - | tar -x")]
pub(crate) struct Get {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// The file's name there
    pub(crate) name: String,

    /// Where to write it, which must be a new file; - is standard output [default: NAME]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// Go on where an earlier get was interrupted, if what came is the beginning of the file there
    #[arg(long)]
    pub(crate) resume: bool,

    #[command(flatten)]
    pub(crate) link: TransferArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ringframe ls 127.0.0.1:7878")]
pub(crate) struct Ls {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    #[command(flatten)]
    pub(crate) link: TransferArgs,
}

/// What put, get and ls have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct TransferArgs {
    /// Give up after so long without progress; a server's work on the content has more
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

/// How payloads are printed.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Show {
    /// Print payloads as they are, with nothing added
    #[arg(long, conflicts_with_all = ["hex", "json"])]
    pub(crate) raw: bool,

    /// Print payloads in hexadecimal
    #[arg(long, conflicts_with = "json")]
    pub(crate) hex: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: printf 'hello\\n' | ringframe encode | nc 127.0.0.1 7878 | ringframe decode"
)]
pub(crate) struct Encode {
    /// Where the lines come from; - is standard input
    #[arg(default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Lines are hexadecimal
    #[arg(long)]
    pub(crate) hex: bool,

    /// Header bytes beside the length field, hexadecimal, in order [default: zeros]
    #[arg(long, value_name = "HEX")]
    pub(crate) header: Option<Hex>,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: printf 'hello\\n' | ringframe encode | ringframe decode")]
pub(crate) struct Decode {
    /// Where the frames come from; - is standard input
    #[arg(default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) show: Show,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: ringframe keygen link.key
         ringframe serve upper --key-file link.key
         ringframe call 127.0.0.1:7878 --key-file link.key hello,server")]
pub(crate) struct Keygen {
    /// The file, which must be a new one: a line of base64, for you alone to read
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Show the frames of a recorded stream, or of the TCP streams in a capture.
///
/// One line a frame: its number, where it begins in the stream, its header, the length of its payload, and how the
/// payload begins. At the first bytes that can't be, or an end inside a frame, it says where, and exits with 5.
///
/// A capture (pcap or pcapng) is recognised by its content. Each direction of each connection in it is a stream: segments
/// out of order, repeated or overlapping are put right, and bytes that the capture lacks are reported (exit code 1).
/// It knows Ethernet with VLANs, Linux's "any" device, loopback and raw IP, IPv4 and IPv6. It does not put IP fragments
/// together, check checksums, decrypt, look into tunnels, or find frames again behind a gap. Up to 8 MiB a stream wait for
/// a segment that is late.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples: ringframe inspect stream.bin --wire mqtt
          nc -l 7878 | tee record.bin | ringframe inspect - -x
          ringframe inspect capture.pcapng --wire http2 --to 8080 --skip 24
          tcpdump -i lo -U -s 0 -w - port 5432 | ringframe inspect - --wire postgres --from 5432")]
pub(crate) struct Inspect {
    /// The file; - is standard input
    #[arg(default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) view: ViewArgs,

    /// Print totals and a histogram of the frames' lengths, and no frames
    #[arg(long, conflicts_with = "hex")]
    pub(crate) stats: bool,

    /// Skip the first bytes of each stream, a preamble that is no frame; offsets count from the very start
    #[arg(long, default_value = "0", value_parser = wire::bytes, value_name = "BYTES", hide_default_value = true)]
    pub(crate) skip: u64,

    /// Of a capture, only the streams from this port (or, with --to, to that one)
    #[arg(long, value_name = "PORT")]
    pub(crate) from: Option<u16>,

    /// Of a capture, only the streams to this port (or, with --from, from that one)
    #[arg(long, value_name = "PORT")]
    pub(crate) to: Option<u16>,

    /// Take a capture's own bytes for the stream, as with --wire pcapng
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub(crate) raw: bool,

    #[command(flatten)]
    pub(crate) wire: WireArgs,
}

/// Pass connections on to a server and show their frames live, both ways.
///
/// Frames are shown as by `inspect`. Bytes go on unchanged, also those that are no frame, which is said once; so do ends of
/// one direction and resets. No more is read than the other side takes.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("frame_time", |arg| arg.hide(true)),
    mut_arg("idle", |arg| arg.help("Close a connection on which no byte moved for so long")),
    mut_arg("write_time", |arg| arg.help("Close a connection of which a side takes no byte for so long")),
    after_help = "\
Examples: ringframe proxy 127.0.0.1:1884 127.0.0.1:1883 --wire mqtt
          ringframe proxy 127.0.0.1:8081 127.0.0.1:8080 --wire http2 --skip 24
          ringframe proxy 127.0.0.1:0 127.0.0.1:7878 --chaos 42"
)]
pub(crate) struct Proxy {
    /// Where to listen; IPv6 as [::1]:PORT, port 0 picks a free one
    #[arg(value_name = "LISTEN")]
    pub(crate) listen: String,

    /// The server
    #[arg(value_name = "UPSTREAM")]
    pub(crate) upstream: String,

    /// Allow an address that other machines can reach
    #[arg(long)]
    pub(crate) expose: bool,

    /// Split, merge and delay what goes on, by chance that this number decides: the same number does the same
    #[arg(long, value_name = "SEED")]
    pub(crate) chaos: Option<u64>,

    #[command(flatten)]
    pub(crate) view: ViewArgs,

    /// Do not look for frames in the first bytes that a client sends, a preamble
    #[arg(long, default_value = "0", value_parser = wire::bytes, value_name = "BYTES", hide_default_value = true)]
    pub(crate) skip: u64,

    #[command(flatten)]
    pub(crate) wire: WireArgs,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// How frames are shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ViewArgs {
    /// Show payloads as a hex dump; with --json in hexadecimal, up to 64 KiB
    #[arg(short = 'x', long)]
    pub(crate) hex: bool,
}

/// A century.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn duration(text: &str) -> Result<Duration, String> {
    match any_duration(text) {
        Ok(Duration::ZERO) => Err("it must be more than nothing".into()),
        result => result,
    }
}

fn any_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        // A clock that counts to the end of all times would overflow.
        Ok(duration) => Ok(duration.min(LONGEST)),
        Err(error) => Err(format!("{error}; say 500ms, 10s, 5min")),
    }
}

/// `NAME=/ABS/PATH`.
#[cfg(unix)]
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
}

#[cfg(unix)]
impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, program)) = text.split_once('=') else {
            return Err("say NAME=/ABS/PATH, such as date=/bin/date".into());
        };
        let program = PathBuf::from(program);
        match () {
            () if name.is_empty() => Err("the name in front of `=` is missing".into()),
            () if !program.is_absolute() => {
                Err(format!("the program of `{name}` must be an absolute path, such as /bin/date"))
            }
            () => Ok(Self { name: name.into(), program }),
        }
    }
}

/// Bytes in hexadecimal.
#[derive(Clone, Debug)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl FromStr for Hex {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// An option that names another one, as a conflict or a need, is on no command that lacks it: only builds for
    /// debugging look, and only at the command that is run.
    #[test]
    fn every_command_is_sound() {
        super::Args::command().debug_assert();
    }
}
