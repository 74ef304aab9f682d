//! `spiderpoolctl`: the operator's tool for the store of one host, and for a cluster.
//!
//! It does nothing that a program could not do through `ipam-local` or `ipam-k8s`. On a host each command is one turn on the store, so
//! what it shows is one state, and what it changes is stored together or not at all. Which of the two it is about `target` says; a
//! view asks both the same questions (`ledger`).
//!
//! Answers go to standard output as a table, JSON or YAML, notes and errors to standard error. The exit code says what kind of
//! end it was; see [`exit`].

mod apply;
mod args;
mod cluster;
mod delete;
pub mod exit;
mod explain;
mod fsck;
mod gc;
mod get;
mod ip;
mod ledger;
mod manifest;
mod map;
mod output;
mod pool;
mod span;
mod target;
mod transfer;
mod view;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use ipam_local::{LocalStore, OpenMode};

use self::args::{Cli, Command};
use self::cluster::{Books, Connection};
use self::exit::{End, Usage, Verdict};
use self::ledger::Ledger;
pub use self::manifest::examine as examine_manifest;
use self::output::{Output, Terminal};
use self::target::{Place, Target};

/// What every command has at hand.
struct Context<'w> {
    target: Target,
    timeout: Duration,
    output: Output<'w>,
}

impl Context<'_> {
    /// The store, as it is found or, for commands that fill it, as it is made.
    fn open(&self, mode: OpenMode) -> anyhow::Result<LocalStore> {
        match &self.target.place {
            Place::Store(path) => Ok(LocalStore::open(path, mode, self.timeout)?),
            // No command comes here that was not let through before.
            Place::Cluster(_) => Err(Usage(format!("{} is no store", self.target)).into()),
        }
    }

    /// Has a view ask its questions, wherever that is.
    fn look<T>(&mut self, view: impl FnOnce(&mut dyn Ledger) -> anyhow::Result<T>) -> anyhow::Result<T> {
        match &self.target.place {
            Place::Store(_) => view(&mut self.open(OpenMode::MustExist)?.session(self.timeout)?),
            Place::Cluster(access) => {
                let connection = Connection::open(access, self.timeout)?;
                let mut books = Books::read(&connection)?;
                let seen = view(&mut books);
                for note in books.into_notes() {
                    self.output.note(note);
                }
                seen
            }
        }
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
    let Cli { target, timeout, format: _, command } = cli;
    let (target, result) = match Target::choose(target, |name| std::env::var_os(name)) {
        Ok(target) => (Some(target.clone()), run(&command, target, timeout, output)),
        Err(error) => (None, Err(error.into())),
    };
    let end = End::of(result);
    if let Some(text) = end.message() {
        let _ = writeln!(err, "error: {text}");
    }
    if let (Some(target), End::Failed(error)) = (target, &end)
        && exit::is_elsewhere(error)
        && !target.is_explicit()
    {
        let _ = writeln!(err, "note: {}", target.hint());
    }
    end.code()
}

fn run(command: &Command, target: Target, timeout: Duration, output: Output<'_>) -> anyhow::Result<Verdict> {
    target.admit(command)?;
    let mut context = Context { target, timeout, output };
    let verdict = match command {
        Command::Apply(args) => apply::run(args, &mut context),
        Command::Get(args) => get::run(args, &mut context),
        Command::Delete(args) => delete::run(args, &mut context),
        Command::Pool(command) => pool::run(command, &mut context),
        Command::Ip(command) => ip::run(command, &mut context),
        Command::Explain(args) => explain::run(args, &mut context),
        Command::Fsck(args) => fsck::run(args, &mut context),
        Command::Gc(args) => gc::run(args, &mut context),
        Command::Export(args) => transfer::export(args, &mut context),
        Command::Import(args) => transfer::import(args, &mut context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "spiderpoolctl", &mut script);
            context.output.raw(&String::from_utf8_lossy(&script)).map(|()| Verdict::Fine)
        }
    }?;
    context.output.flush()?;
    Ok(verdict)
}
