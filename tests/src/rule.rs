//! The decoder's shortcuts against its rule.
//!
//! One method of the decoder decides what comes next. Code that exists for speed may only return
//! what that method would. [`compare`] holds both side by side, in any state and with any chunk.

use ringframe::{DecodeError, Decoder, Event, Format, Frame, Store};

/// A call that may take a shortcut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `next_frame` with a chunk.
    NextFrame,
    /// `frames` over a chunk, and so many calls of `next`.
    Frames(usize),
    /// `next_event` with a chunk.
    NextEvent,
    /// `take_frame`.
    TakeFrame,
    /// `take_event`.
    TakeEvent,
    /// `poll`.
    Poll,
}

/// Makes a call on one copy of a decoder, and the same by the rule alone on another.
///
/// Both must return the same and use the same part of the chunk. Then both must have the same bytes
/// in their stores, and the same to say about them. Inside a payload that is returned in pieces
/// there is one way to take events, so they are not compared.
///
/// # Errors
/// What differs.
pub fn compare<F: Format + Clone, S: Store + Clone>(
    decoder: &Decoder<F, S>,
    chunk: &[u8],
    call: Call,
) -> Result<(), &'static str> {
    let (mut quick, mut rule) = (decoder.clone(), decoder.clone());
    let (mut quick_chunk, mut rule_chunk) = (chunk, chunk);
    let mut nothing = &[][..];
    let same = match call {
        Call::NextFrame => {
            same_frame(&quick.next_frame(&mut quick_chunk), &rule.__frame_by_rule(&mut rule_chunk), chunk)
        }
        Call::Frames(count) => {
            let mut frames = quick.frames(&mut quick_chunk);
            (0..count).all(|_| same_frame(&frames.next(), &rule.__frame_by_rule(&mut rule_chunk), chunk))
        }
        Call::TakeFrame => {
            let taken = quick.take_frame();
            same_frame(&taken, &rule.__frame_by_rule(&mut nothing), chunk)
                && decoder.peek_frame() == taken.unwrap_or(None)
        }
        Call::NextEvent | Call::TakeEvent if is_mid_payload(decoder) => return Ok(()),
        Call::NextEvent => {
            same_event(&quick.next_event(&mut quick_chunk), &rule.__event_by_rule(&mut rule_chunk), chunk)
        }
        Call::TakeEvent => same_event(&quick.take_event(), &rule.__event_by_rule(&mut nothing), chunk),
        Call::Poll => quick.poll() == rule.__poll_by_rule(),
    };
    if !same {
        return Err("a shortcut returns something else than the rule");
    }
    if quick_chunk != rule_chunk {
        return Err("a shortcut uses another part of the chunk than the rule");
    }
    same_state(quick, rule)
}

fn is_mid_payload<F: Format + Clone, S: Store + Clone>(decoder: &Decoder<F, S>) -> bool {
    let result = decoder.clone().__frame_by_rule(&mut &[][..]).map(drop);
    matches!(result, Err(DecodeError::MidPayload { .. }))
}

type Found<T> = Result<Option<T>, DecodeError>;

/// Frames are the same if their bytes are, and if they are lent from the same place.
fn same_frame(quick: &Found<Frame<'_>>, rule: &Found<Frame<'_>>, chunk: &[u8]) -> bool {
    let lent = |found: &Found<Frame<'_>>| match found {
        Ok(Some(frame)) => chunk.as_ptr_range().contains(&frame.bytes().as_ptr()),
        _ => false,
    };
    quick == rule && lent(quick) == lent(rule)
}

fn same_event(quick: &Found<Event<'_>>, rule: &Found<Event<'_>>, chunk: &[u8]) -> bool {
    match (quick, rule) {
        (Ok(Some(Event::Frame(quick))), Ok(Some(Event::Frame(rule)))) => {
            same_frame(&Ok(Some(*quick)), &Ok(Some(*rule)), chunk)
        }
        _ => quick == rule,
    }
}

fn same_state<F: Format, S: Store>(quick: Decoder<F, S>, rule: Decoder<F, S>) -> Result<(), &'static str> {
    if quick.buffered() != rule.buffered() {
        return Err("a shortcut leaves another number of bytes buffered than the rule");
    }
    if (quick.missing(), quick.is_mid_frame()) != (rule.missing(), rule.is_mid_frame()) {
        return Err("after a shortcut, something else is missing than after the rule");
    }
    if quick.stats() != rule.stats() {
        return Err("a shortcut counts otherwise than the rule");
    }
    if quick.end_of_input() != rule.end_of_input() {
        return Err("after a shortcut, the input has another end than after the rule");
    }
    let (quick, rule) = (quick.into_parts(), rule.into_parts());
    let quick_bytes = quick.store.as_ref().get(quick.buffered);
    let rule_bytes = rule.store.as_ref().get(rule.buffered);
    if quick_bytes != rule_bytes || quick.frame_left != rule.frame_left {
        return Err("a shortcut leaves other bytes buffered than the rule");
    }
    Ok(())
}
