//! `--udp`: every datagram answered by one, with no state for who sent it.
//!
//! Nobody proves the address that he sends from. So to other machines goes no answer that is larger than its
//! request, which a forger could aim at a third, and none to a port where services answer: two that answer
//! each other's answers never end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::Signals;
use super::mirror::Answer;
use crate::args::Server;
use crate::failure::{Code, Failure, is_connection};
use crate::net::{self, DATAGRAM};
use crate::output::{Output, Verbosity};
use crate::text::count;

pub(super) async fn serve(answer: Answer, server: &Server, output: Output) -> Result<(), Failure> {
    let socket = net::listen_udp(&server.listen, server.expose).await?;
    let mut signals = Signals::new()?;
    let cannot = |error| Failure::new(Code::Other, format!("can't listen: {error}"));
    let address = socket.local_addr().map_err(cannot)?;
    let largest = net::largest_message(address.ip());
    if let Answer::Text(text) = &answer
        && text.len() > largest
    {
        let length = text.len();
        let why = format!("the reply has {length} bytes, more than the {largest} that a datagram holds");
        return Err(Failure::new(Code::Usage, why));
    }
    // From here on the socket is known to take datagrams, until it says otherwise.
    socket.writable().await.map_err(cannot)?;
    output.result(&format!("listening on {address}"), || json!({ "listening": address.to_string() }))?;

    let mut mirror = Mirror { socket, address, answer, largest, counts: Counts::default(), output };
    let mut buffer = vec![0; DATAGRAM];
    loop {
        tokio::select! {
            biased;
            () = signals.next() => break,
            received = mirror.socket.recv_from(&mut buffer) => match received {
                Ok((n, peer)) => mirror.take(&mut buffer[..n], peer),
                // About an answer before, whose receiver is gone: nobody's matter here.
                Err(error) if is_connection(&error) => {}
                Err(error) => {
                    output.say(Verbosity::Normal, || format!("can't receive: {error}"));
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    mirror.goodbye()
}

struct Mirror {
    socket: UdpSocket,
    address: SocketAddr,
    answer: Answer,
    /// The largest message, bytes.
    largest: usize,
    counts: Counts,
    output: Output,
}

/// All that is kept, however many clients there are.
#[derive(Default)]
struct Counts {
    datagrams: u64,
    bytes: u64,
    answered: u64,
    too_large: u64,
    amplifying: u64,
    looping: u64,
    unsent: u64,
}

/// Why a datagram has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    TooLarge,
    Amplifying,
    Looping,
}

/// Whether a request of `request` bytes from `peer` may have an answer of `answer` bytes from `own`.
fn examine(
    request: usize,
    answer: usize,
    largest: usize,
    peer: SocketAddr,
    own: SocketAddr,
) -> Result<(), Refusal> {
    let (local, port) = (peer.ip().to_canonical().is_loopback(), peer.port());
    // Below 1024 are servers, among them echo, chargen, DNS and NTP, and 0 is nobody. And who would ask himself?
    if port == 0 || (!local && port < 1024) || peer == own {
        Err(Refusal::Looping)
    } else if request > largest {
        Err(Refusal::TooLarge)
    } else if !local && answer > request {
        Err(Refusal::Amplifying)
    } else {
        Ok(())
    }
}

impl Mirror {
    fn take(&mut self, request: &mut [u8], peer: SocketAddr) {
        self.counts.datagrams += 1;
        self.counts.bytes += request.len() as u64;
        let length = request.len();
        let answer = match &self.answer {
            Answer::Upper => {
                request.make_ascii_uppercase();
                &*request
            }
            Answer::Echo => &*request,
            Answer::Text(text) => text,
        };
        let allowed = examine(length, answer.len(), self.largest, peer, self.address);
        // Never waiting: whoever makes the system queue answers to where nobody is must not hold up the others.
        let sent = allowed.map(|()| self.socket.try_send_to(answer, peer));
        self.count(&sent);
        self.output.say(Verbosity::Debug, || format!("{peer}: {length} bytes, {}", self.describe(&sent)));
    }

    fn count(&mut self, sent: &Result<io::Result<usize>, Refusal>) {
        let counts = &mut self.counts;
        *match sent {
            Ok(Ok(_)) => &mut counts.answered,
            Ok(Err(_)) => &mut counts.unsent,
            Err(Refusal::TooLarge) => &mut counts.too_large,
            Err(Refusal::Amplifying) => &mut counts.amplifying,
            Err(Refusal::Looping) => &mut counts.looping,
        } += 1;
    }

    fn describe(&self, sent: &Result<io::Result<usize>, Refusal>) -> String {
        match sent {
            Ok(Ok(_)) => "answered".into(),
            Ok(Err(error)) => format!("the answer was not sent: {error}"),
            Err(Refusal::TooLarge) => format!("not answered: more than {} bytes", self.largest),
            Err(Refusal::Amplifying) => "not answered: the answer would be larger".into(),
            Err(Refusal::Looping) => "not answered: from a port of servers".into(),
        }
    }

    /// With `-v`, what there was.
    fn goodbye(&self) -> Result<(), Failure> {
        let Counts { datagrams, bytes, answered, too_large, amplifying, looping, unsent } = self.counts;
        let words = || {
            let mut text = format!("{}, {bytes} bytes, {answered} answered", count(datagrams, "datagram"));
            for (count, why) in [
                (too_large, format!("of more than {} bytes", self.largest)),
                (amplifying, "smaller than their answer".into()),
                (looping, "from a port of servers".into()),
                (unsent, "whose answer was not sent".into()),
            ] {
                if count > 0 {
                    text += &format!(", {count} {why}");
                }
            }
            text
        };
        self.output.event(Verbosity::Verbose, words, || {
            json!({
                "datagrams": datagrams, "bytes": bytes, "answered": answered, "too_large": too_large,
                "amplifying": amplifying, "looping": looping, "unsent": unsent,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, examine};

    #[test]
    fn nobody_is_made_to_attack_another() {
        let own = "0.0.0.0:7878".parse().unwrap();
        for (request, answer, peer, expected) in [
            (5, 5, "192.0.2.1:40000", Ok(())),
            (0, 0, "192.0.2.1:40000", Ok(())),
            (5, 4, "192.0.2.1:1024", Ok(())),
            (1472, 1472, "[2001:db8::1]:40000", Ok(())),
            // Larger than what was asked with: only to this machine.
            (5, 6, "192.0.2.1:40000", Err(Refusal::Amplifying)),
            (0, 1, "[2001:db8::1]:40000", Err(Refusal::Amplifying)),
            (5, 6, "127.0.0.1:40000", Ok(())),
            (5, 6, "[::1]:40000", Ok(())),
            (5, 6, "[::ffff:127.0.0.1]:40000", Ok(())),
            (5, 6, "[::ffff:192.0.2.1]:40000", Err(Refusal::Amplifying)),
            // Echo, chargen, DNS, and whoever has no port.
            (5, 5, "192.0.2.1:7", Err(Refusal::Looping)),
            (5, 5, "192.0.2.1:19", Err(Refusal::Looping)),
            (5, 5, "192.0.2.1:53", Err(Refusal::Looping)),
            (5, 5, "192.0.2.1:1023", Err(Refusal::Looping)),
            (5, 5, "127.0.0.1:53", Ok(())),
            (5, 5, "127.0.0.1:0", Err(Refusal::Looping)),
            (5, 5, "0.0.0.0:7878", Err(Refusal::Looping)),
            // A firmware that sends from the port it knows.
            (5, 5, "192.0.2.1:7878", Ok(())),
            (1473, 1473, "127.0.0.1:40000", Err(Refusal::TooLarge)),
        ] {
            assert_eq!(examine(request, answer, 1472, peer.parse().unwrap(), own), expected, "{peer}");
        }
    }
}
