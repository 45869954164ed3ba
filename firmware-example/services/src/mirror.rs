//! Frames answered by their like, of any length: what is larger than the rings passes through in pieces.

use ringframe::Event;

use crate::{Fault, Receiver, Sender, log_frame};

/// Answers every frame with the same after `change`.
pub(crate) fn serve(
    receiver: &mut Receiver,
    sender: &mut Sender,
    input: &mut &[u8],
    name: &str,
    change: fn(&mut [u8]),
) -> Result<(), Fault> {
    loop {
        // No answer is longer than the bytes that it answers. So as long as no more of them are taken than there
        // is room for, every answer finds room.
        let room = sender.free().saturating_sub(receiver.buffered());
        let (mut now, later) = input.split_at_checked(room).unwrap_or((input, &[]));
        let before = now.len();
        let event = receiver.next_event(&mut now)?;
        let used = before - now.len();
        *input = input.get(used..).unwrap_or_default();
        match event {
            Some(Event::Frame(frame)) => {
                log_frame(name, frame.len() as u64);
                let mut answer = sender.begin(&[])?;
                changed(frame.payload(), change, |piece| answer.write(piece))?;
                answer.publish()?;
            }
            Some(Event::Begin { payload, .. }) => {
                log_frame(name, payload);
                sender.announce(&[], payload)?;
            }
            Some(Event::Data(piece)) => changed(piece, change, |piece| sender.feed(piece).map(drop))?,
            Some(Event::End) => {}
            // Either all input is used, or what is left has to wait for room.
            None if used == 0 || later.is_empty() => return Ok(()),
            None => {}
        }
    }
}

/// Passes `bytes` on, changed, in pieces that a small stack has room for.
fn changed<E>(
    bytes: &[u8],
    change: fn(&mut [u8]),
    mut pass: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = [0; 64];
    for piece in bytes.chunks(buffer.len()) {
        let piece_changed = &mut buffer[..piece.len()];
        piece_changed.copy_from_slice(piece);
        change(piece_changed);
        pass(piece_changed)?;
    }
    Ok(())
}

pub(crate) fn upper(bytes: &mut [u8]) {
    bytes.make_ascii_uppercase();
}

pub(crate) fn same(_: &mut [u8]) {}
