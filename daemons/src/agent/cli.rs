//! The command line of the agent.

use std::ffi::OsString;
use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use ipam_k8s::iaas::Provider;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::USER_AGENT;
use super::ipam::Ipam;
use super::listen::Peers;
use super::metrics::Metrics;
use super::serve::{Listeners, serve};
use super::settings::{CONFIG_PATH, Environment, LiveSettings, ProcessEnvironment, Settings, Warning};
use super::shutdown::Signals;
use super::{log, reload, sysctl};

/// Gives the pods of a node their addresses.
#[derive(Debug, Parser)]
#[command(name = "spiderpool-agent", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent
    Daemon {
        /// The configuration: `conf.yml` of the ConfigMap `spiderpool-conf`, as it is mounted
        #[arg(long, value_name = "FILE", default_value = CONFIG_PATH)]
        config_path: PathBuf,
        /// Read the configuration and the environment, say what is wrong with them, and end
        #[arg(long)]
        check_config: bool,
    },
    /// Write the help of each command as Markdown
    GenerateMarkdown {
        /// The folder to write to; it is made if it is not there
        #[arg(long, value_name = "DIR")]
        markdown_path: PathBuf,
    },
}

/// What an implementation of [`Ipam`] is made from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Start {
    /// The settings, as the agent started with them.
    pub settings: Arc<Settings>,
    /// What may change while it runs: to be looked at for each request.
    pub live: watch::Receiver<LiveSettings>,
    /// Where it records what only it can see.
    pub metrics: Arc<Metrics>,
}

/// Runs the agent with these arguments, the program's name first: `connect` makes what gives addresses, once the settings are
/// read, the log is open and the host's sysctls are set.
///
/// The exit code is 0 after SIGTERM or SIGINT, and 1 for anything that is wrong: the arguments, the configuration, a listener, or an
/// agent that dies; also where a second signal cuts the draining short.
pub fn main<I, C, F>(arguments: impl IntoIterator<Item = OsString>, connect: C) -> ExitCode
where
    I: Ipam,
    C: FnOnce(Start) -> F,
    F: Future<Output = anyhow::Result<Arc<I>>>,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. Where the stream is closed nobody can be told.
            let _ = error.print();
            return if error.exit_code() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    let result = match cli.command {
        Command::Daemon { config_path, check_config: true } => {
            check(&ProcessEnvironment, &config_path, &mut io::stdout())
        }
        Command::Daemon { config_path, check_config: false } => daemon(&config_path, connect),
        Command::GenerateMarkdown { markdown_path } => write_markdown(&markdown_path),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody can be told where standard error is gone.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether the agent would start with these settings.
fn check(environment: &impl Environment, path: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let (settings, warnings) = Settings::load(environment, path)?;
    if let Some(provider) = &settings.iaas {
        // Reads the file of certificates; nothing is sent.
        Provider::new(provider, USER_AGENT)?;
    }
    for warning in warnings {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(out, "the configuration can be used")?;
    Ok(())
}

fn daemon<I, C, F>(config_path: &Path, connect: C) -> anyhow::Result<()>
where
    I: Ipam,
    C: FnOnce(Start) -> F,
    F: Future<Output = anyhow::Result<Arc<I>>>,
{
    let (settings, warnings) = Settings::load(&ProcessEnvironment, config_path)?;
    log::install(settings.log_level);
    announce(&settings, &warnings);
    if settings.is_sysctl_tuned {
        sysctl::tune(&settings, Path::new(sysctl::SYSCTLS))?;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime can be made")?;
    let result = runtime.block_on(run(settings, config_path, connect));
    if let Err(error) = &result {
        error!(error = format!("{error:#}"), "the agent ends");
    }
    // Whatever is left of requests that were cut off is not waited for.
    runtime.shutdown_background();
    result
}

async fn run<I, C, F>(settings: Settings, config_path: &Path, connect: C) -> anyhow::Result<()>
where
    I: Ipam,
    C: FnOnce(Start) -> F,
    F: Future<Output = anyhow::Result<Arc<I>>>,
{
    let mut signals = Signals::listen().context("signals cannot be heard")?;
    let (changed, live) = watch::channel(settings.live.clone());
    // Ends with the runtime.
    tokio::spawn(reload::follow(ProcessEnvironment, config_path.to_owned(), settings.clone(), changed));
    let start = Start { settings: Arc::new(settings), live, metrics: Arc::new(Metrics::new()) };
    let connected = tokio::select! {
        connected = connect(start.clone()) => connected?,
        name = signals.next() => {
            info!(signal = name, "ended before it was ready");
            return Ok(());
        }
    };
    let (stop, mut stopped) = watch::channel(false);
    let listeners = Listeners::open(&start.settings, Peers::root_and_own()).await?;
    let serving = serve(listeners, connected, start.metrics, async {
        // A sender that is gone means the same.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let forced = async {
        let name = signals.next().await;
        info!(signal = name, "answering what is under way");
        let _ = stop.send(true);
        signals.next().await
    };
    tokio::select! {
        served = serving => Ok(served?),
        name = forced => anyhow::bail!("a second signal ({name}) came before all requests were answered"),
    }
}

/// The first lines of the log.
fn announce(settings: &Settings, warnings: &[Warning]) {
    let build = &settings.build;
    info!(version = build.version, commit = build.commit, time = build.commit_time, "spiderpool-agent");
    info!(settings = settings.told(), "settings");
    for warning in warnings {
        warn!("{warning}");
    }
}

/// A page for the program and one for each command.
fn write_markdown(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for (name, text) in pages() {
        let path = folder.join(format!("{name}.md"));
        fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    Ok(())
}

/// The help of the program and of each command, as pages of Markdown by name.
#[must_use]
pub fn pages() -> Vec<(String, String)> {
    let page = |name: String, command: &mut clap::Command| {
        let help = command.render_long_help().to_string();
        let help: String = help.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
        let title = name.replace('_', " ");
        (name, format!("## {title}\n\n```text\n{help}```\n"))
    };
    let mut program = Cli::command().term_width(100);
    program.build();
    let mut pages = vec![page("spiderpool-agent".to_owned(), &mut program)];
    for command in program.get_subcommands_mut() {
        pages.push(page(format!("spiderpool-agent_{}", command.get_name()), command));
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["spiderpool-agent", "daemon"]).unwrap();
        assert!(
            matches!(cli.command, Command::Daemon { config_path, .. } if config_path == Path::new(CONFIG_PATH))
        );
        Cli::try_parse_from(["spiderpool-agent", "status"]).unwrap_err();
        Cli::try_parse_from(["spiderpool-agent"]).unwrap_err();
    }
}
