//! Typed requests: what arrives is a value, what leaves is a value.

use crate::messages::{Info, Reply, Request};
use crate::{Board, Fault, Node, Receiver, Sender, log_frame};

/// Room for the longest answer, bytes: the integers of [`Info`] as varints, and a version of some length.
const ANSWER: usize = 128;

pub(crate) fn serve<B: Board>(
    receiver: &mut Receiver,
    sender: &mut Sender,
    input: &mut &[u8],
    node: &mut Node<'_, B>,
) -> Result<(), Fault> {
    while sender.free() >= ANSWER {
        let Some(frame) = receiver.next_frame(input)? else { break };
        log_frame("typed", frame.len() as u64);
        let request = frame.message();
        let ring_free = receiver.capacity().saturating_sub(receiver.buffered());
        let reply = match request {
            Ok(Request::Ping) => Reply::Pong,
            Ok(Request::Info) => Reply::Info(Info {
                uptime: node.board.uptime(),
                version: node.version,
                ring_free: u32::try_from(ring_free).unwrap_or(u32::MAX),
                disk_free: node.disk.free(),
                counters: node.counters,
            }),
            Ok(Request::SetLed { index, .. }) if index >= B::LEDS => Reply::NoSuchLed { count: B::LEDS },
            Ok(Request::SetLed { index, on }) => {
                node.board.set_led(index, on);
                leds(&node.board)
            }
            Ok(Request::ReadLeds) => leds(&node.board),
            Err(_) => Reply::NotUnderstood,
        };
        sender.push_message(&reply)?;
    }
    Ok(())
}

fn leds<B: Board>(board: &B) -> Reply<'static> {
    Reply::Leds { lit: board.leds(), count: B::LEDS }
}
