use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Name, Store, link_new};
use crate::file_wire::{Kind, Refusal};

/// A folder for one test, and its store.
fn folder() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn name(name: &str) -> Name {
    Name::from_peer(name).unwrap()
}

/// What is in a folder, hidden or not.
fn all(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn kind<T>(result: Result<T, Refusal>) -> Kind {
    match result {
        Ok(_) => panic!("it was done"),
        Err(refusal) => refusal.kind,
    }
}

#[test]
fn names_are_one_path_component() {
    let long = "x".repeat(256);
    let partial = name("a").partial();
    for wrong in [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "a/b",
        "../a",
        "a/",
        "./a",
        "a\\b",
        "..\\a",
        "a\nb",
        "a\0",
        "\x1b[2J",
        "a\x7f",
        "a\u{9b}",
        &long,
        &partial,
    ] {
        assert_eq!(kind(Name::from_peer(wrong)), Kind::Forbidden, "{wrong:?}");
    }
    for fine in ["a", "...", ".profile", "a b", "ü", "-", "~", "C:", ".ringframe-notes", &long[1..]] {
        name(fine);
    }
}

#[test]
fn nothing_but_ordinary_files_is_read() {
    let (dir, store) = folder();
    let path = dir.path();
    fs::write(path.join("file"), "content").unwrap();
    fs::create_dir(path.join("folder")).unwrap();
    symlink("file", path.join("inside")).unwrap();
    symlink("/etc/hostname", path.join("outside")).unwrap();
    symlink("nowhere", path.join("dangling")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(store.read(&name("file")).unwrap().metadata().unwrap().len(), 7);
    assert_eq!(kind(store.read(&name("none"))), Kind::NotFound);
    // Nor is a pipe waited for.
    for odd in ["folder", "inside", "outside", "dangling", "pipe"] {
        assert_eq!(kind(store.read(&name(odd))), Kind::Forbidden, "{odd}");
        assert_eq!(kind(store.check_vacant(&name(odd), false)), Kind::Exists, "{odd}");
        assert_eq!(kind(store.check_vacant(&name(odd), true)), Kind::Forbidden, "{odd}");
    }
    assert_eq!(store.check_vacant(&name("file"), true), Ok(()));
    assert_eq!(store.check_vacant(&name("none"), false), Ok(()));
}

#[test]
fn a_file_appears_whole_and_replaces_none() {
    let (dir, store) = folder();
    let partial = store.partial(&name("a")).unwrap();
    partial.file().unwrap().write_all(b"first").unwrap();
    assert!(!dir.path().join("a").exists());
    partial.commit(false).unwrap();
    assert_eq!(all(dir.path()), ["a"]);

    for (replace, content) in [(false, "first"), (true, "second")] {
        let partial = store.partial(&name("a")).unwrap();
        partial.file().unwrap().write_all(b"second").unwrap();
        assert_eq!(
            partial.commit(replace).map_err(|refusal| refusal.kind).err(),
            (!replace).then_some(Kind::Exists)
        );
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), content);
        assert_eq!(all(dir.path()), ["a"]);
    }
}

/// As on a file system that has no rename without replacing.
#[test]
fn a_link_replaces_none_either() {
    let (dir, store) = folder();
    fs::write(dir.path().join("from"), "new").unwrap();
    link_new(&store.dir, "from", "to".as_ref()).unwrap();
    assert_eq!(all(dir.path()), ["to"]);
    fs::write(dir.path().join("from"), "newer").unwrap();
    assert_eq!(link_new(&store.dir, "from", "to".as_ref()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(dir.path().join("to")).unwrap(), "new");
}

#[test]
fn a_name_has_one_writer() {
    let (dir, store) = folder();
    let first = store.partial(&name("a")).unwrap();
    assert_eq!(kind(store.partial(&name("a"))), Kind::Busy);
    // Nor has it another by way of another server.
    assert_eq!(kind(Store::open(dir.path()).unwrap().partial(&name("a"))), Kind::Busy);
    let other = store.partial(&name("b")).unwrap();
    first.file().unwrap().write_all(b"some").unwrap();
    drop(first);
    // What came stays for who goes on.
    assert_eq!(store.partial(&name("a")).unwrap().file().unwrap().metadata().unwrap().len(), 4);
    assert_eq!(all(dir.path()).len(), 2);
    // Unless there is nothing to go on with.
    drop(other);
    assert_eq!(all(dir.path()), [name("a").partial()]);
    store.partial(&name("a")).unwrap().discard();
    assert_eq!(all(dir.path()), [""; 0]);
}

/// Who can write to the folder in other ways can't make us write to a file of ours elsewhere.
#[test]
fn traps_in_place_of_a_partial_file() {
    let (dir, store) = folder();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let trap = dir.path().join(name("a").partial());

    symlink(&victim, &trap).unwrap();
    assert_eq!(kind(store.partial(&name("a"))), Kind::Forbidden);
    fs::remove_file(&trap).unwrap();

    fs::hard_link(&victim, &trap).unwrap();
    let partial = store.partial(&name("a")).unwrap();
    partial.file().unwrap().write_all_at(b"x", 0).unwrap();
    partial.commit(false).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(all(dir.path()), ["a", "victim"]);
}

/// As after a crash between the two steps of a link.
#[test]
fn a_completion_that_was_cut_short() {
    let (dir, store) = folder();
    fs::write(dir.path().join("a"), "whole").unwrap();
    fs::hard_link(dir.path().join("a"), dir.path().join(name("a").partial())).unwrap();
    assert_eq!(kind(store.partial(&name("a")).unwrap().commit(false)), Kind::Exists);
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "whole");
    assert_eq!(all(dir.path()), ["a"]);
}

#[test]
fn lists_are_sorted_and_cut_where_there_is_no_more_room() {
    let (dir, store) = folder();
    let mut names: Vec<_> = (0..500).map(|i| format!("file {i}")).collect();
    for name in &names {
        fs::write(dir.path().join(name), name).unwrap();
    }
    for odd in ["new\nline", "back\\slash"] {
        fs::write(dir.path().join(odd), "").unwrap();
    }
    fs::create_dir(dir.path().join("folder")).unwrap();
    symlink("file 1", dir.path().join("link")).unwrap();
    let partial = store.partial(&name("file 1")).unwrap();
    partial.file().unwrap().write_all(b"some").unwrap();
    names.sort();

    let (mut after, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let (files, more) = store.list(&after, 1000).unwrap();
        assert!(serde_json::to_string(&files).unwrap().len() <= 1000);
        pages += 1;
        for file in &files {
            assert_eq!(file.size, file.name.len() as u64);
        }
        seen.extend(files.into_iter().map(|file| file.name));
        after.clone_from(seen.last().unwrap());
        if !more {
            break;
        }
    }
    assert_eq!(seen, names);
    assert!(pages > 10, "{pages}");
    assert_eq!(store.list("", 1 << 20).unwrap().0.len(), 500);
    assert_eq!(store.list("file 99", 1000).unwrap(), (vec![], false));
    assert_eq!(store.list("", 10).unwrap(), (vec![], true));
}

#[test]
fn partial_files_are_removed_after_a_day() {
    let (dir, store) = folder();
    let hours = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
    for (name, age) in [("old", 25), ("recent", 23), ("busy", 25)] {
        let partial = store.partial(&self::name(name)).unwrap();
        partial.file().unwrap().write_all(b"some").unwrap();
        partial.file().unwrap().set_modified(hours(age)).unwrap();
    }
    fs::write(dir.path().join(".ringframe-notes"), "").unwrap();
    fs::File::open(dir.path().join(".ringframe-notes")).unwrap().set_modified(hours(100)).unwrap();
    let _at_work = store.partial(&name("busy")).unwrap();
    assert_eq!(store.sweep().unwrap(), 1);
    let mut left = [name("recent").partial(), name("busy").partial(), ".ringframe-notes".into()];
    left.sort();
    assert_eq!(all(dir.path()), left);
}
