//! The `spiderpool` IPAM plugin; see `cni_plugins::spiderpool`.

use std::process::ExitCode;

use cni_plugins::spiderpool::Spiderpool;

fn main() -> ExitCode {
    cni_plugins::cni::main(&Spiderpool::default())
}
