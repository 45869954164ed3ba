//! `completions` and `man`: generated from the same description as `--help`.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::Args;
use crate::failure::{Code, Failure};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ringframe", &mut script);
    print(&script)
}

pub(crate) fn man(name: Option<&str>) -> Result<(), Failure> {
    let mut command = Args::command();
    command.build();
    let command = match name {
        None => command,
        Some(name) => command
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Failure::new(Code::Usage, format!("there is no command `{name}`")))?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::stdout)?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::stdout)
}
