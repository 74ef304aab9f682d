//! The operator's tool. See [`spiderpool_daemons::ctl`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    spiderpool_daemons::ctl::main(std::env::args_os())
}
