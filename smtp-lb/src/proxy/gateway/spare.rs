//! The worker's output buffers.

use std::cell::RefCell;

use super::machine::Output;

/// Octets of room that are kept: what a message's chunk takes.
const KEPT: usize = 128 * 1024;

thread_local! {
    static SPARE: RefCell<Output> = RefCell::new(Output::default());
}

/// Gives a session that has none the worker's buffers.
pub(super) fn lend(out: &mut Output) {
    SPARE.with_borrow_mut(|spare| {
        if out.to_client.capacity() == 0 {
            out.to_client = std::mem::take(&mut spare.to_client);
        }
        if out.to_member.capacity() == 0 {
            out.to_member = std::mem::take(&mut spare.to_member);
        }
        if out.acts.capacity() == 0 {
            out.acts = std::mem::take(&mut spare.acts);
        }
    });
}

/// Takes back what the session does not need.
pub(super) fn give_back(out: &mut Output) {
    SPARE.with_borrow_mut(|spare| {
        keep(&mut out.to_client, &mut spare.to_client);
        keep(&mut out.to_member, &mut spare.to_member);
        if out.acts.is_empty() {
            spare.acts = std::mem::take(&mut out.acts);
        }
    });
}

fn keep(buffer: &mut Vec<u8>, spare: &mut Vec<u8>) {
    if buffer.is_empty() {
        let buffer = std::mem::take(buffer);
        if (spare.capacity()..=KEPT).contains(&buffer.capacity()) {
            *spare = buffer;
        }
    } else {
        buffer.shrink_to_fit();
    }
}
