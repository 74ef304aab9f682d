//! One run of a plugin: from the environment and standard input to an answer and an exit code.
//!
//! Standard output carries the answer and nothing else, written at once at the end: a plugin that fails half-way has
//! written no half of a result.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::args::CniArgs;
use super::code::CniError;
use super::config::NetConf;
use super::env::{Command, Environment, Invocation, Parameters, ProcessEnvironment};
use super::error::Error;
use super::json::Json;
use super::names::Attachment;
use super::panics;
use super::result::CniResult;
use super::version::CniVersion;

/// The longest configuration that is read. The longest that is meant comes with a GC: about 150 bytes for each living
/// attachment, so that 100,000 containers on one host still fit. A stream without end must not fill the memory.
pub const STDIN_BYTES_MAX: u64 = 16 << 20;

/// What a plugin is asked, beside the operation's own parameters.
#[derive(Clone, Debug)]
pub struct Call {
    config: NetConf,
    version: CniVersion,
    args: String,
    path: Option<OsString>,
}

impl Call {
    /// The configuration on standard input.
    pub fn config(&self) -> &NetConf {
        &self.config
    }

    /// The protocol version in use: the configuration's, and one of the plugin's.
    pub fn version(&self) -> CniVersion {
        self.version
    }

    /// `CNI_ARGS`, read now: an operation that does not use them cannot fail by them.
    ///
    /// # Errors
    /// As [`CniArgs`]' `FromStr`.
    pub fn args(&self) -> Result<CniArgs, Error> {
        self.args.parse()
    }

    /// `CNI_PATH`, for a plugin that delegates: folders with plugins, separated by `:`.
    pub fn path(&self) -> Option<&OsString> {
        self.path.as_ref()
    }
}

/// A plugin: what is left when the protocol is taken care of.
///
/// Every operation may be called many times at once, by as many processes, for different containers.
pub trait Plugin {
    /// Name and version, for a person who has started the plugin by hand: `CNI IPAM plugin spiderpool v0.1.0`.
    fn about(&self) -> String;

    /// The versions it speaks, oldest first.
    fn versions(&self) -> &'static [CniVersion] {
        CniVersion::SINCE_0_3_0
    }

    /// Attach, and say what the attachment has got.
    ///
    /// # Errors
    /// Nothing is left behind then, or the DEL that follows takes it away.
    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<CniResult, CniError>;

    /// Detach. What is gone already is no error; the namespace may be gone too.
    ///
    /// # Errors
    /// The runtime will call again.
    fn del(&self, call: &Call, attachment: &Attachment, netns: Option<&Path>) -> Result<(), CniError>;

    /// Compare with `prevResult`.
    ///
    /// # Errors
    /// The attachment is not as ADD left it.
    fn check(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<(), CniError>;

    /// Free what belongs to none of the attachments in `valid`.
    ///
    /// `None`: the runtime has sent no list at all, which is no statement about anybody (see
    /// [`NetConf::valid_attachments`]).
    ///
    /// # Errors
    /// Whatever could not be freed, after all else was.
    fn gc(&self, call: &Call, valid: Option<&[Attachment]>) -> Result<(), CniError>;

    /// Could an ADD be served now?
    ///
    /// # Errors
    /// [`super::ErrorCode::NotAvailable`], [`super::ErrorCode::LimitedConnectivity`].
    fn status(&self, call: &Call) -> Result<(), CniError>;
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Exit {
    /// 0
    Success,
    /// 1, after an error on standard output.
    Failure,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
        }
    }
}

/// Runs `plugin` as this process: the whole `main` of a plugin.
///
/// A panic becomes an error on standard output and exit code 1, also where the build aborts on panics.
pub fn main(plugin: &dyn Plugin) -> ExitCode {
    panics::install();
    let stdin = io::stdin();
    // A person at a terminal would wait for a prompt that never comes.
    let mut stdin: Box<dyn Read> =
        if stdin.is_terminal() { Box::new(io::empty()) } else { Box::new(stdin.lock()) };
    // Not locked for the whole run: a thread of the plugin's may have something to say on standard error.
    run(plugin, &ProcessEnvironment, &mut stdin, &mut io::stdout(), &mut io::stderr()).into()
}

/// Runs `plugin` with an environment and streams of the caller's.
pub fn run(
    plugin: &dyn Plugin,
    env: &dyn Environment,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Exit {
    if !Parameters::is_invoked(env) {
        let versions: Vec<&str> = plugin.versions().iter().map(|version| version.as_str()).collect();
        let (about, versions) = (plugin.about(), versions.join(", "));
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(stderr, "{about}\nCNI protocol versions supported: {versions}");
        return Exit::Success;
    }
    let mut in_use = plugin.versions().last().copied().unwrap_or(CniVersion::NEWEST);
    let (answer, exit) = match answer(plugin, env, stdin, &mut in_use) {
        Ok(answer) => (answer, Exit::Success),
        Err(error) => (Some(error.to_json(in_use)), Exit::Failure),
    };
    let Some(mut answer) = answer else { return exit };
    answer.push('\n');
    match stdout.write_all(answer.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => exit,
        Err(error) => {
            let _ = writeln!(stderr, "cannot write the answer to stdout: {error}");
            Exit::Failure
        }
    }
}

/// The text for standard output, if there is any. `in_use` becomes the configuration's version as soon as it is known.
fn answer(
    plugin: &dyn Plugin,
    env: &dyn Environment,
    stdin: &mut dyn Read,
    in_use: &mut CniVersion,
) -> Result<Option<String>, CniError> {
    let Parameters { invocation, args, path, netns_override } = Parameters::from_env(env)?;
    let command = invocation.command();
    if command == Command::Version {
        return Ok(Some(version_reply(plugin, stdin)));
    }
    let config = NetConf::parse(&read_all(stdin)?)?;
    if let Ok(version) = config.version(CniVersion::ALL) {
        *in_use = version;
        // Before the plugin's own list: what the version lacks, no plugin can have.
        if !version.has(command) {
            return Err(Error::CommandNotInVersion { command, config: version }.into());
        }
    }
    let version = config.version(plugin.versions())?;
    let call = Call { config, version, args, path };
    match invocation {
        Invocation::Add { attachment, netns } => {
            if !netns_override && is_own_netns(&netns) {
                return Err(Error::OwnNetns { netns }.into());
            }
            let result = plugin.add(&call, &attachment, &netns)?;
            return Ok(Some(result.to_json(version)?));
        }
        Invocation::Del { attachment, netns } => plugin.del(&call, &attachment, netns.as_deref())?,
        Invocation::Check { attachment, netns } => plugin.check(&call, &attachment, &netns)?,
        Invocation::Gc => {
            let valid = call.config.valid_attachments()?;
            plugin.gc(&call, valid.as_deref())?;
        }
        Invocation::Status => plugin.status(&call)?,
        // Answered above.
        Invocation::Version => {}
    }
    Ok(None)
}

fn read_all(stdin: &mut dyn Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    stdin.take(STDIN_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::Stdin)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= STDIN_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(Error::StdinTooLong { bytes_max: STDIN_BYTES_MAX })
    }
}

/// Specification, section 5: `cniVersion` is the one on input. Input is not waited for to its end, and need not be there.
fn version_reply(plugin: &dyn Plugin, stdin: &mut dyn Read) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        cni_version: &'a str,
        supported_versions: Vec<&'a str>,
    }
    let supported = plugin.versions();
    let input = serde_json::Deserializer::from_reader(stdin.take(STDIN_BYTES_MAX)).into_iter::<Json>().next();
    let input = input.and_then(Result::ok);
    let asked = input.as_ref().and_then(|json| json.keys().ok()?.text("cniVersion").ok()?);
    let newest = supported.last().copied().unwrap_or(CniVersion::NEWEST).as_str();
    let wire = Wire {
        cni_version: asked.filter(|text| is_version(text)).unwrap_or(newest),
        supported_versions: supported.iter().map(|version| version.as_str()).collect(),
    };
    serde_json::to_string(&wire).unwrap_or_default()
}

/// Three numbers, released or not: a runtime newer than this plugin gets its own version back.
fn is_version(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u16>().is_ok())
}

/// Whether `netns` is the namespace that this thread runs in: it would give the host a container's address. The
/// reference implementation refuses it after ADD; here it is before, so that nothing was done.
fn is_own_netns(netns: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    identity(netns).is_some_and(|theirs| Some(theirs) == identity(Path::new("/proc/thread-self/ns/net")))
}
