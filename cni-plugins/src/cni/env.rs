//! Parameters: the `CNI_*` variables (specification, section 2, "Parameters").

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::{Error, Malformed};
use super::names::{Attachment, ContainerId, IfName};

const COMMAND: &str = "CNI_COMMAND";
const CONTAINER_ID: &str = "CNI_CONTAINERID";
const NETNS: &str = "CNI_NETNS";
const IF_NAME: &str = "CNI_IFNAME";
const ARGS: &str = "CNI_ARGS";
const PATH: &str = "CNI_PATH";
const NETNS_OVERRIDE: &str = "CNI_NETNS_OVERRIDE";

/// Where variables are read from; a map in tests, so that they need no process of their own.
pub trait Environment {
    /// The value of `name`, if it is set.
    fn var(&self, name: &str) -> Option<OsString>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }
}

impl<K: std::borrow::Borrow<str> + Ord, V: AsRef<OsStr>> Environment for BTreeMap<K, V> {
    fn var(&self, name: &str) -> Option<OsString> {
        self.get(name).map(|value| value.as_ref().to_owned())
    }
}

/// An operation (specification, section 2, "CNI operations").
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Command {
    /// Attach.
    Add,
    /// Detach; may be repeated.
    Del,
    /// Is the attachment as ADD left it?
    Check,
    /// Free what belongs to none of the attachments that are listed.
    Gc,
    /// Could an ADD be served?
    Status,
    /// Which versions?
    Version,
}

impl Command {
    /// Every operation.
    pub const ALL: &'static [Self] =
        &[Self::Add, Self::Del, Self::Check, Self::Gc, Self::Status, Self::Version];

    /// The text of `CNI_COMMAND`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// The parameters without which the operation has no meaning, from the specification's lists.
    ///
    /// `CNI_PATH` is needed by GC alone there (the reference implementation asks for it always but for VERSION); a plugin
    /// that delegates will want it elsewhere and says so itself.
    pub fn required(self) -> &'static [&'static str] {
        match self {
            Self::Add | Self::Check => &[CONTAINER_ID, NETNS, IF_NAME],
            Self::Del => &[CONTAINER_ID, IF_NAME],
            Self::Gc => &[PATH],
            Self::Status | Self::Version => &[],
        }
    }

    pub(super) fn names() -> String {
        Self::ALL.iter().map(|command| command.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Command {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .iter()
            .copied()
            .find(|command| command.as_str() == text)
            .ok_or_else(|| Error::UnknownCommand { value: text.to_owned() })
    }
}

/// An operation with the parameters that it cannot be without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Invocation {
    /// Attach.
    Add {
        /// What.
        attachment: Attachment,
        /// The container's network namespace.
        netns: PathBuf,
    },
    /// Detach.
    Del {
        /// What.
        attachment: Attachment,
        /// The container's network namespace; often gone by now.
        netns: Option<PathBuf>,
    },
    /// Compare.
    Check {
        /// What.
        attachment: Attachment,
        /// The container's network namespace.
        netns: PathBuf,
    },
    /// Free the rest.
    Gc,
    /// Ready?
    Status,
    /// Which versions?
    Version,
}

impl Invocation {
    /// The operation alone.
    pub fn command(&self) -> Command {
        match self {
            Self::Add { .. } => Command::Add,
            Self::Del { .. } => Command::Del,
            Self::Check { .. } => Command::Check,
            Self::Gc => Command::Gc,
            Self::Status => Command::Status,
            Self::Version => Command::Version,
        }
    }
}

/// All that the environment says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameters {
    /// The operation and what it is about.
    pub invocation: Invocation,
    /// `CNI_ARGS` as it stands; see [`super::CniArgs`].
    pub args: String,
    /// `CNI_PATH` as it stands: folders with plugins, separated by `:`.
    pub path: Option<OsString>,
    /// `CNI_NETNS_OVERRIDE`: the container's namespace may be the plugin's own (reference implementation).
    pub netns_override: bool,
}

impl Parameters {
    /// Whether there is a `CNI_COMMAND` at all; without one, a person has typed the plugin's name.
    pub fn is_invoked(env: &dyn Environment) -> bool {
        env.var(COMMAND).is_some_and(|value| !value.is_empty())
    }

    /// Reads and checks the parameters.
    ///
    /// # Errors
    /// [`Error::MissingParameters`] with all that are missing, [`Error::UnknownCommand`], [`Error::InvalidParameter`].
    pub fn from_env(env: &dyn Environment) -> Result<Self, Error> {
        let source = Source(env);
        let command: Command = source.require(COMMAND)?.parse()?;
        let missing: Vec<&'static str> =
            command.required().iter().copied().filter(|name| source.raw(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(Error::MissingParameters { names: missing });
        }
        let invocation = match command {
            Command::Add => Invocation::Add { attachment: source.attachment()?, netns: source.netns()? },
            Command::Check => Invocation::Check { attachment: source.attachment()?, netns: source.netns()? },
            Command::Del => Invocation::Del {
                attachment: source.attachment()?,
                netns: source.raw(NETNS).map(PathBuf::from),
            },
            Command::Gc => Invocation::Gc,
            Command::Status => Invocation::Status,
            Command::Version => Invocation::Version,
        };
        let args = source.text(ARGS)?.unwrap_or_default();
        let netns_override = source
            .text(NETNS_OVERRIDE)?
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        Ok(Self { invocation, args, path: source.raw(PATH), netns_override })
    }
}

/// An environment in which an empty value counts as none, as the reference implementation has it.
struct Source<'a>(&'a dyn Environment);

impl Source<'_> {
    fn raw(&self, name: &str) -> Option<OsString> {
        self.0.var(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        value.into_string().map(Some).map_err(|value| Error::InvalidParameter {
            name,
            value: value.to_string_lossy().into_owned(),
            problem: "it is not UTF-8",
            accepted: "UTF-8 text",
        })
    }

    fn require(&self, name: &'static str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| Error::MissingParameters { names: vec![name] })
    }

    fn name<T: FromStr<Err = Malformed>>(&self, name: &'static str) -> Result<T, Error> {
        let value = self.require(name)?;
        value.parse().map_err(|Malformed { problem, accepted }| Error::InvalidParameter {
            name,
            value,
            problem,
            accepted,
        })
    }

    fn attachment(&self) -> Result<Attachment, Error> {
        let container_id: ContainerId = self.name(CONTAINER_ID)?;
        let if_name: IfName = self.name(IF_NAME)?;
        Ok(Attachment { container_id, if_name })
    }

    /// A path, so any bytes.
    fn netns(&self) -> Result<PathBuf, Error> {
        self.raw(NETNS).map(PathBuf::from).ok_or_else(|| Error::MissingParameters { names: vec![NETNS] })
    }
}
