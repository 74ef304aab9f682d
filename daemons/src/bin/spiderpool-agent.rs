//! Gives the pods of a node their addresses.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use spiderpool_daemons::agent;

fn main() -> ExitCode {
    agent::main(std::env::args_os(), agent::connect)
}
