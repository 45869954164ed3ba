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
    /// Lines of standard input or a file to frames on standard output
    Encode(Encode),
    /// Frames of standard input or a file to lines on standard output
    Decode(Decode),
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

    /// The largest frame, header included: 4096, 64KiB, 8MiB [default: 8MiB; none for encode and decode]
    #[arg(long, value_parser = wire::bytes, value_name = "BYTES")]
    pub(crate) max_frame: Option<u64>,
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
    Upper(Server),
    /// Answer every message with itself
    Echo(Server),
    /// Answer every message with the same text
    Reply {
        /// The text
        text: String,
        #[command(flatten)]
        server: Server,
    },
}

/// What all servers have in common.
#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    /// Where to listen; IPv6 as [::1]:PORT, port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "HOST:PORT")]
    pub(crate) listen: String,

    /// Allow an address that other machines can reach
    #[arg(long)]
    pub(crate) expose: bool,

    #[command(flatten)]
    pub(crate) wire: WireArgs,

    #[command(flatten)]
    pub(crate) limits: Limits,
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
    #[arg(long, default_value = "30s/10s/3", value_name = "IDLE/INTERVAL/COUNT")]
    pub(crate) keepalive: Keepalive,

    /// Connections that wait to be accepted
    #[arg(long, default_value_t = ringframe_io::tcp::DEFAULT_BACKLOG, value_name = "N")]
    pub(crate) backlog: u32,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples: ringframe call 127.0.0.1:7878 hello,server
          seq 1 10000 | ringframe call 127.0.0.1:7878
          ringframe call 127.0.0.1:7878 @photo.jpg --raw > answer")]
pub(crate) struct Call {
    /// The server
    #[arg(value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// Messages to send; @FILE sends a file's bytes as one message. Without any, each line of standard input
    #[arg(value_name = "MESSAGE", value_hint = ValueHint::FilePath)]
    pub(crate) messages: Vec<String>,

    /// Wait for that many replies [default: as many as messages]
    #[arg(long, value_name = "N")]
    pub(crate) replies: Option<u64>,

    /// End the sending direction as soon as everything is sent, not only when the replies have come
    #[arg(long)]
    pub(crate) half_close: bool,

    /// Give up after so long without progress
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Duration,

    /// Messages are hexadecimal
    #[arg(long)]
    pub(crate) send_hex: bool,

    #[command(flatten)]
    pub(crate) show: Show,

    /// Header bytes beside the length field, hexadecimal, in order [default: zeros]
    #[arg(long, value_name = "HEX")]
    pub(crate) header: Option<Hex>,

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

/// A century.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be more than nothing".into()),
        // A clock that counts to the end of all times would overflow.
        Ok(duration) => Ok(duration.min(LONGEST)),
        Err(error) => Err(format!("{error}; say 500ms, 10s, 5min")),
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
