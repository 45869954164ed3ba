//! `put`, `get`, `ls` against servers of another make: a device, and some that know no better.

use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::files::{Raw, Service, client, folder, names, noise, offers, sha256};
use crate::support::{Peer, frame, read_frame, ringframe, until};
use crate::terminal::Terminal;

/// A device: 512 bytes of header at most, no memory of what came before, and a refusal of a put is its last word.
#[test]
fn a_device() {
    let here = folder();
    let name = "x".repeat(255);
    let content = noise(100_000);
    fs::write(here.path().join("a"), &content).unwrap();
    let (expected, kept) = (content.clone(), name.clone());
    let device = Peer::start(move |stream| {
        let mut raw = Raw(stream);
        let hear = |raw: &mut Raw| -> Value {
            let request = read_frame(&mut raw.0);
            assert!(request.len() + 4 <= 512, "{}", request.len());
            serde_json::from_slice(&request).unwrap()
        };
        let request = hear(&mut raw);
        assert_eq!((&request["name"], &request["size"]), (&json!(kept), &json!(100_000)));
        assert_eq!((&request["resume"], &request["overwrite"]), (&json!(true), &json!(true)));
        raw.say(&json!({ "ok": true, "offset": 0, "sha256": sha256(b"") }));
        assert_eq!(hear(&mut raw), json!({ "offset": 0 }));
        assert!(raw.hear_content(100_000) == expected);
        let hash = sha256(&expected);
        assert_eq!(hear(&mut raw), json!({ "sha256": hash }));
        raw.say(&json!({ "ok": true, "size": 100_000, "sha256": hash }));
    });
    let args = ["put", "ADDR", "a", &name, "--resume", "--overwrite"];
    client(&device.address, here.path(), &args).finish(b"").fine();
    device.join();

    // A get that goes on begins at 0 there.
    let get = |peer: Peer, args: &[&str]| {
        let done =
            client(&peer.address, here.path(), &[&["get", "ADDR", "a", "b"], args].concat()).finish(b"");
        peer.join();
        done
    };
    get(offers(&content, 50_000), &[]).code(7).says(&["50000 of 100000"]);
    let sent = content.clone();
    let device = Peer::start(move |stream| {
        let mut raw = Raw(stream);
        let request = raw.hear();
        assert_eq!(
            (&request["offset"], &request["prefix_sha256"]),
            (&json!(50_000), &json!(sha256(&sent[..50_000])))
        );
        raw.say(&json!({ "ok": true, "size": sent.len(), "offset": 0 }));
        raw.send(&sent);
        raw.say(&json!({ "ok": true, "sha256": sha256(&sent) }));
    });
    get(device, &["--resume"]).fine();
    assert!(fs::read(here.path().join("b")).unwrap() == content);
}

/// A peer that takes something all the time, as a device that writes it to flash, makes progress.
#[test]
fn a_server_that_takes_content_slowly() {
    let here = folder();
    fs::write(here.path().join("a"), noise(16 << 20)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(64 << 10).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let put = client(&address, here.path(), &["put", "--timeout", "5s", "ADDR", "a"]);
    let mut peer = listener.accept().unwrap().0;
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(12) {
        peer.read_exact(&mut [0; 25_000]).unwrap();
        assert_eq!(put.stderr.text(), "");
        thread::sleep(Duration::from_millis(250));
    }
    drop(peer);
    put.finish(b"").code(4);
}

/// A refusal is read while megabytes are on their way, also where the peer then closes with a reset.
#[test]
fn a_refusal_during_an_upload() {
    let here = folder();
    fs::write(here.path().join("a"), noise(32 << 20)).unwrap();
    for received in [0, 1 << 20, 5 << 20] {
        let peer = Peer::start(move |stream| {
            let mut raw = Raw(stream);
            raw.hear();
            raw.hear_content(received);
            raw.say(&json!({ "ok": false, "kind": "no-space", "error": "917504 bytes are free\u{1b}[2J" }));
            // The client may have heard enough and be gone.
            let _ = raw.0.shutdown(Shutdown::Write);
            // Deaf for a while, then gone.
            thread::sleep(Duration::from_millis(300));
        });
        let done = client(&peer.address, here.path(), &["put", "ADDR", "a"]).finish(b"");
        done.code(1)
            .says(&["refused: no-space: 917504 bytes are free\\x1b[2J", "of 33554432 bytes were sent"]);
        peer.join();
    }
}

/// Every kind of failure has its exit code; one that nobody knows is a failure as well.
#[test]
fn what_a_refusal_means() {
    let here = folder();
    fs::write(here.path().join("a"), "content").unwrap();
    for (kind, code) in [
        ("not-found", 1),
        ("exists", 1),
        ("forbidden", 6),
        ("no-space", 1),
        ("integrity", 7),
        ("busy", 1),
        ("bad-request", 1),
        ("internal", 1),
        ("out-to-lunch", 1),
    ] {
        for args in [&["ls", "ADDR"][..], &["get", "ADDR", "x"], &["put", "ADDR", "a"]] {
            let peer = Peer::start(move |stream| {
                let mut raw = Raw(stream);
                raw.hear();
                raw.say(&json!({ "ok": false, "kind": kind, "error": "no, thank you" }));
                let _ = raw.0.read_to_end(&mut Vec::new());
            });
            client(&peer.address, here.path(), args)
                .finish(b"")
                .code(code)
                .says(&[&format!("refused: {kind}: no, thank you")]);
            peer.join();
        }
    }
    assert_eq!(names(here.path()), ["a"]);
}

#[test]
fn servers_that_break_the_protocol() {
    let here = folder();
    fs::write(here.path().join("a"), "content").unwrap();
    let ok = r#"{"ok":true"#;
    let long = noise(70_000);
    let cases: Vec<(&[&str], Vec<u8>, i32, &str)> = vec![
        (&["ls"], vec![], 4, "closed the connection before its reply"),
        (&["ls"], b"\0\0".to_vec(), 5, "inside a frame"),
        (&["ls"], frame(&long), 5, "70004 bytes is declared"),
        (&["ls"], frame(b"hello"), 5, "is no header of a file service: not a JSON object"),
        (&["ls"], frame(b"{}"), 5, "neither that it is `ok`"),
        (&["ls"], frame(b"{\"ok\":\"\x1b\"}"), 5, "is no header of a file service"),
        (&["ls"], frame(format!("{ok}}}").as_bytes()), 5, "lacks `files`"),
        (&["ls"], frame(format!(r#"{ok},"files":[],"more":true}}"#).as_bytes()), 5, "lists none behind"),
        (
            &["ls"],
            frame(format!(r#"{ok},"files":[{{"name":"b","size":1}}],"more":true}}"#).as_bytes()).repeat(2),
            5,
            "lists none behind",
        ),
        (&["get"], frame(format!("{ok}}}").as_bytes()), 5, "lacks `size`"),
        (&["get"], frame(format!(r#"{ok},"size":5,"offset":3}}"#).as_bytes()), 5, "at byte 3"),
        (
            &["get"],
            [frame(format!(r#"{ok},"size":5}}"#).as_bytes()), b"hell".to_vec()].concat(),
            7,
            "4 of 5 bytes came",
        ),
        (
            &["get"],
            [frame(format!(r#"{ok},"size":5}}"#).as_bytes()), b"hello".to_vec()].concat(),
            7,
            "before the content's SHA-256",
        ),
        (
            &["get"],
            [frame(format!(r#"{ok},"size":5}}"#).as_bytes()), b"hello".to_vec(), frame(b"{\"ok\":true}")]
                .concat(),
            5,
            "lacks `sha256`",
        ),
        (
            &["get"],
            [
                frame(format!(r#"{ok},"size":5}}"#).as_bytes()),
                b"hello".to_vec(),
                frame(format!(r#"{ok},"sha256":"{}"}}"#, sha256(b"jello")).as_bytes()),
            ]
            .concat(),
            7,
            "what was sent",
        ),
        (
            &["get"],
            [
                frame(format!(r#"{ok},"size":5}}"#).as_bytes()),
                b"hello".to_vec(),
                frame(br#"{"ok":false,"kind":"integrity","error":"it changed"}"#),
            ]
            .concat(),
            7,
            "it changed",
        ),
        (&["put"], vec![], 4, "closed the connection"),
        (&["put"], frame(format!("{ok}}}").as_bytes()), 5, "lacks `size` or `sha256`"),
        (
            &["put"],
            frame(format!(r#"{ok},"size":7,"sha256":"{}"}}"#, sha256(b"contend")).as_bytes()),
            7,
            "received something else",
        ),
        (&["put", "--resume"], frame(format!(r#"{ok},"offset":3}}"#).as_bytes()), 4, "closed the connection"),
    ];
    for (args, reply, code, words) in cases {
        let sent = reply.clone();
        let upload = args == ["put"];
        let peer = Peer::start(move |stream| {
            let mut raw = Raw(stream);
            raw.hear();
            if upload {
                raw.hear_content(7);
                raw.hear();
            }
            raw.send(&sent);
            // The client may have heard enough and be gone.
            let _ = raw.0.shutdown(Shutdown::Write);
            let _ = raw.0.read_to_end(&mut Vec::new());
        });
        let all: Vec<_> = match args {
            ["ls"] => vec!["ls", "ADDR"],
            ["get"] => vec!["get", "ADDR", "a", "b"],
            _ => [&["put", "ADDR", "a"], &args[1..]].concat(),
        };
        let done = client(&peer.address, here.path(), &all).finish(b"");
        assert!(!done.stderr.contains('\x1b'), "{}", done.stderr);
        done.code(code).says(&[words]);
        peer.join();
        // Nothing appears that was not checked; what may be gone on with is hidden.
        for name in names(here.path()).iter().filter(|name| *name != "a") {
            assert!(name.starts_with(".ringframe-"), "{name}");
            fs::remove_file(here.path().join(name)).unwrap();
        }
    }
    // A reply that can't be: nothing was sent yet.
    fs::write(here.path().join("a"), noise(32 << 20)).unwrap();
    let peer = Peer::start(|stream| {
        let mut raw = Raw(stream);
        raw.hear();
        raw.say(&json!({ "ok": true, "size": 32 << 20, "sha256": sha256(&noise(32 << 20)) }));
        raw.ends_after_all();
    });
    let done = client(&peer.address, here.path(), &["put", "ADDR", "a"]).finish(b"");
    done.code(5).says(&["replied before it had everything"]);
    peer.join();
}

#[test]
fn silent_servers() {
    let here = folder();
    fs::write(here.path().join("a"), noise(32 << 20)).unwrap();
    type Converse = fn(&mut Raw);
    let cases: [(&[&str], &str, Converse); 5] = [
        (&["ls", "ADDR"], "did not reply within 1s", |_| {}),
        (&["get", "ADDR", "x"], "did not reply within 1s", |_| {}),
        (&["get", "ADDR", "x"], "sent no byte for 1s: 2 of 5 bytes came", |raw| {
            raw.say(&json!({ "ok": true, "size": 5 }));
            raw.send(b"he");
        }),
        (&["get", "ADDR", "x"], "did not send the content's SHA-256", |raw| {
            raw.say(&json!({ "ok": true, "size": 0 }));
        }),
        (&["put", "ADDR", "a"], "took no byte within 1s", |_| {}),
    ];
    thread::scope(|scope| {
        for (args, words, converse) in cases {
            let here = here.path();
            scope.spawn(move || {
                let peer = Peer::start(move |stream| {
                    let mut raw = Raw(stream);
                    raw.hear();
                    converse(&mut raw);
                    // Until the client has had enough.
                    thread::sleep(Duration::from_millis(3500));
                    raw.ends_after_all();
                });
                // Each has a file of its own.
                let name = words.replace(' ', "-");
                let more: &[&str] = if args[0] == "get" { &[&name] } else { &[] };
                let args = [args, more, &["--timeout", "1s"]].concat();
                client(&peer.address, here, &args).finish(b"").code(4).says(&[words]);
                peer.join();
            });
        }
    });
}

#[test]
fn a_progress_bar_where_somebody_sees_it() {
    let here = folder();
    let slowly = || {
        Peer::start(|stream| {
            let mut raw = Raw(stream);
            raw.hear();
            raw.say(&json!({ "ok": true, "size": 10 << 20 }));
            for piece in vec![0; 10 << 20].chunks(1 << 20) {
                raw.send(piece);
                thread::sleep(Duration::from_millis(100));
            }
            raw.say(&json!({ "ok": true, "sha256": sha256(&vec![0; 10 << 20]) }));
        })
    };
    let shown = |args: &[&str], set: &[(&str, &str)], name: &str| {
        let peer = slowly();
        let terminal = Terminal::new();
        let mut command = ringframe([&["get", &peer.address, "x", name], args].concat());
        command.current_dir(here.path()).envs(set.iter().copied());
        terminal.run(command).finish(b"").code(0);
        peer.join();
        let hash = sha256(&vec![0; 10 << 20]);
        let text = terminal.screen.wait_for(1, &[&hash[..20]]);
        (text.contains("MiB/s") && text.contains("/10.00 MiB") && text.contains("left"), text)
    };
    assert!(shown(&[], &[], "a").0, "{}", shown(&[], &[], "b").1);
    assert!(!shown(&["-q"], &[], "c").0);
    assert!(!shown(&[], &[("TERM", "dumb")], "d").0);
    // Elsewhere nothing is said.
    let peer = slowly();
    client(&peer.address, here.path(), &["get", "ADDR", "x", "e"]).finish(b"").fine();
    peer.join();
}

/// ^C ends a transfer, and it can go on.
#[test]
fn interrupted_by_its_user() {
    let service = Service::start(&[]);
    let content = noise(1_000_000);
    fs::write(service.there("a"), &content).unwrap();
    let sent = content.clone();
    let peer = Peer::start(move |stream| {
        let mut raw = Raw(stream);
        raw.hear();
        raw.say(&json!({ "ok": true, "size": sent.len() }));
        raw.send(&sent[..300_000]);
        raw.ends();
    });
    let get = client(&peer.address, service.here.path(), &["get", "ADDR", "a", "b"]);
    until("most of it to come", || {
        let name = names(service.here.path()).pop()?;
        (fs::metadata(service.here.path().join(name)).ok()?.len() == 300_000).then_some(())
    });
    get.signal(Signal::INT);
    get.finish(b"").code(130);
    peer.join();
    let done = service.run(&["get", "ADDR", "a", "b", "--resume", "--json"]).fine().json();
    assert_eq!(done[0]["offset"], 300_000);
    assert!(fs::read(service.here.path().join("b")).unwrap() == content);
    service.stop_with(&["a"]);
}
