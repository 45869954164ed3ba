//! Somebody between a client and its server, who changes or cuts what passes, or keeps it for another time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use crate::support::{DEADLINE, connect};

/// What is done to one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    /// Another value of one bit of the byte at that place.
    Flip {
        at: usize,
        bit: u8,
    },
    /// The end of the stream at that place.
    Cut {
        at: usize,
    },
}

/// Passes one connection on.
pub(crate) struct Middle {
    pub(crate) address: String,
    thread: JoinHandle<[Vec<u8>; 2]>,
}

impl Middle {
    pub(crate) fn start(server: &str, to_server: Fault, to_client: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = server.parse().unwrap();
        let thread = thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            let server = connect(server);
            let [from_client, from_server] = [&client, &server].map(|stream| stream.try_clone().unwrap());
            let there = thread::spawn(move || pass(from_client, server, to_server));
            let back = pass(from_server, client, to_client);
            [there.join().unwrap(), back]
        });
        Self { address, thread }
    }

    /// What the client and what the server sent, once both have closed.
    #[track_caller]
    pub(crate) fn join(self) -> [Vec<u8>; 2] {
        self.thread.join().expect("both are there")
    }
}

/// Passes a direction on to its end, and answers all that was sent.
fn pass(mut from: TcpStream, mut to: TcpStream, fault: Fault) -> Vec<u8> {
    let mut sent = Vec::new();
    let mut chunk = vec![0; 65536];
    let mut open = true;
    // Who was reset has ended as well.
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let begin = sent.len();
        sent.extend_from_slice(&chunk[..n]);
        let mut passed = &mut chunk[..n];
        match fault {
            Fault::Flip { at, bit } if (begin..sent.len()).contains(&at) => passed[at - begin] ^= 1 << bit,
            Fault::Cut { at } if at <= sent.len() => passed = &mut passed[..at.saturating_sub(begin)],
            _ => {}
        }
        // What nobody takes any more is still read, so that no reset overtakes what goes the other way.
        open = open && to.write_all(passed).is_ok();
        if matches!(fault, Fault::Cut { at } if at <= sent.len()) && open {
            let _ = to.shutdown(Shutdown::Write);
            open = false;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    sent
}
