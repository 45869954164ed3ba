//! The same as `noise_accept` by the asynchronous halves: the stack, and the future that the task holds.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embedded_io_async::{Read, Write};
use probes::noise::{Buffers, CLIENT_SAYS, Expected, KEY, Recorded, SERVER, SERVER_SAYS};
use probes::stack;
use ringframe_io::noise::embedded_io_async::accept;
use ringframe_io::noise::{Ephemeral, Key};
use semihosting::println;

/// Makes a link and exchanges so many records.
async fn serve(buffers: &mut Buffers, keys: &[Key], theirs: &[u8], ours: &[u8], records: usize) {
    let e = Ephemeral::new(SERVER);
    let link = accept(Recorded(theirs), Expected(ours), keys, e, buffers.lend());
    let Ok((mut read, mut write)) = black_box(link.await) else { panic!("no link") };
    for _ in 0..records {
        let mut buf = [0; 16];
        assert!(matches!(read.read(&mut buf).await, Ok(5)), "nothing was said");
        assert!(matches!(write.write(b"HELLO").await, Ok(5)) && write.flush().await.is_ok(), "other bytes");
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut BUFFERS: Buffers = Buffers::new();

    let keys = [Key::new(KEY)];
    // Outside the stack that is measured, as that of a task is.
    let mut future = pin!(serve(BUFFERS, &keys, black_box(&CLIENT_SAYS), &SERVER_SAYS, black_box(1)));
    println!("ram.accept_async_and_exchange.ours {} bytes", size_of_val(&*future));
    let mut context = Context::from_waker(Waker::noop());
    stack::report("accept_async_and_exchange.ours", &mut || {
        assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(())), "it waits");
    });
    semihosting::process::exit(0)
}
