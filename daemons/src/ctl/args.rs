//! What can be typed.

use std::time::Duration;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use super::exit::HELP;
use super::output::Format;
use super::target::TargetArgs;
use super::{apply, delete, explain, fsck, gc, get, ip, pool, span, transfer};

/// Looks into the address store of one host or of a cluster, and changes it: pools, reserved ranges, and who holds which address.
#[derive(Debug, Parser)]
#[command(name = "spiderpoolctl", version, after_help = HELP, max_term_width = 110)]
#[command(arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// How long to wait while another process works on the store, and in a cluster for each answer: 500ms, 10s, 2m.
    #[arg(long, global = true, help_heading = "For every command", value_name = "TIME", default_value = "10s", value_parser = span::parse)]
    pub(super) timeout: Duration,
    /// How to write the answer.
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        help_heading = "For every command",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub(super) format: Format,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Load pools and reserved ranges from SpiderIPPool and SpiderReservedIP manifests.
    Apply(apply::Args),
    /// List pools and reserved ranges, or show their manifests (-o yaml).
    Get(get::Args),
    /// Delete pools and reserved ranges.
    Delete(delete::Args),
    /// Look at pools.
    #[command(subcommand)]
    Pool(pool::Command),
    /// Look at addresses, and release them.
    #[command(subcommand)]
    Ip(ip::Command),
    /// Say what an ADD of a container or pod would get now, from which pool, and why not from the others. Nothing is changed.
    Explain(Box<explain::Args>),
    /// Check the store or the cluster, and repair what can be repaired.
    Fsck(fsck::Args),
    /// Free the addresses of containers that are gone.
    Gc(gc::Args),
    /// Write all pools, reserved ranges and records to a file.
    Export(transfer::ExportArgs),
    /// Read an export, or the data folder of the host-local plugin, all or nothing.
    Import(transfer::ImportArgs),
    /// Print a script that completes commands in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}
