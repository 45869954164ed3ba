//! What the programs take of the chip, compared with what they took: a growth of more than 5 % fails.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use object::{Object, ObjectSection, SectionFlags, elf};
use ringframe_device::build;

/// Bytes of flash, and of RAM without the stack.
fn sizes(program: &Path) -> (u64, u64) {
    let elf = fs::read(program).unwrap();
    let elf = object::File::parse(&*elf).unwrap();
    let (mut flash, mut ram) = (0, 0);
    for section in elf.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { unreachable!("it is an ELF file") };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        // What is in RAM and not zero in the beginning is in flash as well.
        let writable = sh_flags & u64::from(elf::SHF_WRITE) != 0;
        let zero = section.kind() == object::SectionKind::UninitializedData;
        flash += if zero { 0 } else { section.size() };
        ram += if writable { section.size() } else { 0 };
    }
    (flash, ram)
}

#[test]
fn the_programs_are_as_small_as_they_were() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/figures.txt");
    let mut now = String::from("# Bytes; BLESS=1 writes this anew.\n");
    for program in ["firmware", "embassy"] {
        let (flash, ram) = sizes(&build().unwrap().join(program));
        writeln!(now, "{program} flash {flash}\n{program} ram {ram}").unwrap();
    }
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let before = fs::read_to_string(&file).unwrap();
    assert_eq!(before.lines().count(), now.lines().count(), "{}", file.display());
    for (before, now) in before.lines().zip(now.lines()).skip(1) {
        println!("{now}");
        let (name, bytes) = now.rsplit_once(' ').unwrap();
        let (same, allowed) = before.rsplit_once(' ').unwrap();
        let (bytes, allowed): (u64, u64) = (bytes.parse().unwrap(), allowed.parse().unwrap());
        assert_eq!(name, same);
        assert!(bytes * 100 <= allowed * 105, "{name} grew from {allowed} to {bytes} bytes");
    }
}
