//! What developers run: `cargo xtask COMMAND`. Each command sets up what it needs on a fresh machine.

#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these commands talk to a person or to a CI page"
)]

mod api;
mod artifacts;
mod bench;
mod control_plane;
mod crds;
mod demo;
mod golden;
mod packages;
mod process;
mod promtool;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, Value};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  demo                    see it work: two namespaces get addresses, ping, and give them back (root; leaves nothing behind)
       --kubernetes       see it work in a cluster: a control plane, two agents, pods that get addresses (leaves nothing behind)
       --keep             with --kubernetes: keep the cluster until Enter is pressed
  test                    every test of the project, as CI runs them (root)
       --only STEP        only this step; may be repeated
       --list             name the steps
  tidy                    only the rules of the house that no other tool checks
  api [--bless]           hold the public API of the libraries against their public-api.txt, or write those anew
  golden admission|agent FOLDER
                          replay recorded answers of the Go original, and print each difference
  bench [FILTER]          measure against named baselines; without FILTER, write benches/baseline.md
  control-plane up        start etcd, kube-apiserver and kube-controller-manager on loopback with our definitions in them, and print the
                          path of a kubeconfig; they stay
       down | status      end them; say how they are
  crds [DIR]              write the CustomResourceDefinitions that the types of ipam-k8s make; without DIR, to ipam-k8s/crds
       --check            only compare
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut parser = lexopt::Parser::from_env();
    match parser.next()? {
        Some(Value(command)) => match command.to_string_lossy().as_ref() {
            "demo" => demo::main(parser),
            "test" => test::main(parser),
            "tidy" => tidy::main(parser),
            "api" => api::main(parser),
            "golden" => golden::main(parser),
            "bench" => bench::main(parser),
            "control-plane" => control_plane::main(parser),
            "crds" => crds::main(parser),
            "help" => help(),
            unknown => bail!("{unknown}: no such command\n\n{USAGE}"),
        },
        Some(Short('h') | Long("help")) | None => help(),
        Some(other) => Err(other.unexpected().into()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one type for every command")]
fn help() -> Result<ExitCode> {
    print!("{USAGE}");
    Ok(ExitCode::SUCCESS)
}
