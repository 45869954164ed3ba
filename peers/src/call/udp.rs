//! `call --udp`: a message a datagram, each sent when the one before it is answered.
//!
//! A datagram can be lost, doubled or late, and has no header that would tell. So there is only one message under
//! way, none is sent again, and what comes besides is printed as it comes but answers nothing.

use std::io;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Longest, Message, messages};
use crate::args::Call;
use crate::failure::{Code, Failure, is_connection};
use crate::filter::Printer;
use crate::net::{self, DATAGRAM};
use crate::output::{Output, Verbosity};

pub(super) async fn call(args: Call, output: Output) -> Result<(), Failure> {
    let planned = (!args.messages.is_empty()).then_some(args.messages.len() as u64);
    let (socket, peer) = net::connect_udp(&args.address, args.timeout).await?;
    let largest = net::largest_message(peer.ip());
    let messages = messages(args.messages, args.send_hex, Longest::Datagram(largest as u64), |message| {
        fits(message, largest)
    })?;
    output.say(Verbosity::Verbose, || format!("datagrams go to {peer}"));
    let mut exchange = Exchange {
        socket,
        address: args.address,
        patience: args.timeout,
        largest,
        printer: Printer::new(args.show, output),
        buffer: vec![0; DATAGRAM],
        planned,
        sent: 0,
        answered: 0,
        output,
    };
    let result = exchange.all(messages).await;
    // Whatever happened, what was good has been printed.
    exchange.printer.flush()?;
    result
}

fn fits(message: &[u8], largest: usize) -> Result<(), Failure> {
    if message.len() <= largest {
        return Ok(());
    }
    let why = format!("{} bytes are more than the {largest} that a datagram holds", message.len());
    Err(Failure::new(Code::Usage, why))
}

struct Exchange {
    socket: UdpSocket,
    address: String,
    patience: Duration,
    largest: usize,
    printer: Printer,
    buffer: Vec<u8>,
    /// How many messages there will be, if that is known.
    planned: Option<u64>,
    sent: u64,
    answered: u64,
    output: Output,
}

impl Exchange {
    async fn all(&mut self, mut messages: mpsc::Receiver<Vec<Message>>) -> Result<(), Failure> {
        while let Some(batch) = self.next(&mut messages).await? {
            for message in batch {
                let message = message?;
                fits(&message, self.largest)
                    .map_err(|failure| failure.of(&format!("message {}", self.sent + 1)))?;
                self.one(&message).await?;
            }
        }
        Ok(())
    }

    /// The next messages; what the peer says meanwhile is shown as it comes.
    async fn next(
        &mut self,
        messages: &mut mpsc::Receiver<Vec<Message>>,
    ) -> Result<Option<Vec<Message>>, Failure> {
        loop {
            if messages.is_empty() {
                self.printer.flush()?;
            }
            tokio::select! {
                biased;
                batch = messages.recv() => return Ok(batch),
                received = self.socket.recv(&mut self.buffer) => match received {
                    Ok(n) => self.unasked(n)?,
                    // It is about a message that has its answer.
                    Err(error) if is_connection(&error) => {}
                    Err(error) => return Err(self.failed(&error)),
                },
            }
        }
    }

    /// Sends a message and prints its answer.
    async fn one(&mut self, message: &[u8]) -> Result<(), Failure> {
        while let Ok(n) = self.socket.try_recv(&mut self.buffer) {
            self.unasked(n)?;
        }
        self.socket.send(message).await.map_err(|error| self.failed(&error))?;
        self.sent += 1;
        match timeout(self.patience, self.socket.recv(&mut self.buffer)).await {
            Ok(Ok(n)) => {
                self.answered += 1;
                self.print(n)
            }
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(Failure::new(
                Code::Connection,
                format!(
                    "{}: no answer within {}: {}; a datagram can be lost, and none is sent again",
                    self.address,
                    humantime::format_duration(self.patience),
                    self.k_of_n()
                ),
            )),
        }
    }

    fn unasked(&mut self, n: usize) -> Result<(), Failure> {
        self.output.say(Verbosity::Verbose, || {
            format!("{}: {n} bytes that answer nothing: late, or sent twice", self.address)
        });
        self.print(n)
    }

    fn print(&mut self, n: usize) -> Result<(), Failure> {
        if n == self.buffer.len() {
            let why = format!("{}: a datagram of {n} bytes or more, which can't be", self.address);
            return Err(Failure::new(Code::Protocol, why));
        }
        self.printer.datagram(&self.buffer[..n])
    }

    fn k_of_n(&self) -> String {
        format!("{} of {} replies came", self.answered, self.planned.unwrap_or(self.sent))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        let (address, k_of_n) = (&self.address, self.k_of_n());
        let (code, why) = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                (Code::Connection, "nobody receives there: is a server running, with --udp?".to_owned())
            }
            _ if is_connection(error) => (Code::Connection, error.to_string()),
            _ => (Code::Other, error.to_string()),
        };
        Failure::new(code, format!("{address}: {why} ({k_of_n})"))
    }
}
