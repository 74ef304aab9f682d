//! `spiderpoolctl`: the operator's tool for the store of one host.
//!
//! It does nothing that a program could not do through `ipam-local`. Each command is one turn on the store, so what it shows
//! is one state, and what it changes is stored together or not at all.
//!
//! Answers go to standard output as a table, JSON or YAML, notes and errors to standard error. The exit code says what kind of
//! end it was; see [`exit`].

mod apply;
mod args;
mod delete;
pub mod exit;
mod explain;
mod fsck;
mod gc;
mod get;
mod ip;
mod manifest;
mod map;
mod output;
mod pool;
mod span;
mod transfer;
mod view;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use ipam_local::{LocalStore, OpenMode};

use self::args::{Cli, Command};
use self::exit::{End, Verdict};
pub use self::manifest::examine as examine_manifest;
use self::output::{Output, Terminal};

/// What every command has at hand.
struct Context<'w> {
    store: PathBuf,
    timeout: Duration,
    output: Output<'w>,
}

impl Context<'_> {
    /// The store, as it is found or, for commands that fill it, as it is made.
    fn open(&self, mode: OpenMode) -> Result<LocalStore, ipam_local::Error> {
        LocalStore::open(&self.store, mode, self.timeout)
    }
}

/// Runs the tool with these arguments, the program's name first, on the streams of this process.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. Where the stream is closed nobody can be told.
            let _ = error.print();
            return exit::usage(&error);
        }
    };
    let stdout = io::stdout();
    let stderr = io::stderr();
    let mut out = io::BufWriter::new(stdout.lock());
    let mut err = stderr.lock();
    let output = Output::new(&mut out, &mut err, cli.format, Terminal::detect());
    let result = run(cli, output);
    let end = End::of(result);
    if let Some(text) = end.message() {
        let _ = writeln!(err, "error: {text}");
    }
    end.code()
}

fn run(cli: Cli, output: Output<'_>) -> anyhow::Result<Verdict> {
    let Cli { store, timeout, format: _, command } = cli;
    let mut context = Context { store, timeout, output };
    let verdict = match command {
        Command::Apply(args) => apply::run(&args, &mut context),
        Command::Get(args) => get::run(&args, &mut context),
        Command::Delete(args) => delete::run(&args, &mut context),
        Command::Pool(command) => pool::run(&command, &mut context),
        Command::Ip(command) => ip::run(&command, &mut context),
        Command::Explain(args) => explain::run(&args, &mut context),
        Command::Fsck(args) => fsck::run(&args, &mut context),
        Command::Gc(args) => gc::run(&args, &mut context),
        Command::Export(args) => transfer::export(&args, &mut context),
        Command::Import(args) => transfer::import(&args, &mut context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "spiderpoolctl", &mut script);
            context.output.raw(&String::from_utf8_lossy(&script)).map(|()| Verdict::Fine)
        }
    }?;
    context.output.flush()?;
    Ok(verdict)
}
