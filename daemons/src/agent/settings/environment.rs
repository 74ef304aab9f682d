//! Environment variables: which there are, and how one is read.
//!
//! Unset is the default. Set is trimmed. Set and empty is an error where the variable is required, else the zero value of its kind
//! and *not* the default: this is how the chart turns things off.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::error::SettingsError;

/// Where variables come from, so that a test needs no process.
pub trait Environment {
    /// The value of a variable, if it is set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        // What is not UTF-8 is no valid value of any variable here, and is told as it comes out.
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

impl<K: Ord + std::borrow::Borrow<str>> Environment for BTreeMap<K, String> {
    fn get(&self, name: &str) -> Option<String> {
        Self::get(self, name).cloned()
    }
}

/// What a variable holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VariableKind {
    /// Any text.
    Text,
    /// A truth value in Go's spellings.
    Truth,
    /// A whole number of base 10 in these bounds.
    Number(RangeInclusive<i64>),
}

/// A variable that the agent knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: VariableKind,
    /// Its value when it is not set; empty for none.
    pub default: &'static str,
    /// Whether it must not be empty.
    pub is_required: bool,
    /// What it does, for the reference.
    pub effect: &'static str,
}

/// A port that can be listened on.
const PORT: RangeInclusive<i64> = 1..=65_535;
/// Of counts that nobody needs larger; the original does not bound them.
const COUNT_MAX: i64 = 1_000_000;

const fn variable(
    name: &'static str,
    kind: VariableKind,
    default: &'static str,
    is_required: bool,
    effect: &'static str,
) -> Variable {
    Variable { name, kind, default, is_required, effect }
}

macro_rules! variables {
    ($($id:ident = $name:literal, $kind:expr, $default:literal, $required:expr, $effect:literal;)+) => {
        $(pub(super) const $id: Variable = variable($name, $kind, $default, $required, $effect);)+
        /// Every variable, in the order of the reference.
        pub const VARIABLES: &[Variable] = &[$($id),+];
    };
}

use VariableKind::{Number, Text, Truth};

const OPTIONAL: bool = false;
const REQUIRED: bool = true;

variables! {
    GIT_COMMIT_VERSION = "GIT_COMMIT_VERSION", Text, "", OPTIONAL, "logged at start";
    GIT_COMMIT_TIME = "GIT_COMMIT_TIME", Text, "", OPTIONAL, "logged at start";
    VERSION = "VERSION", Text, "", OPTIONAL, "logged at start";
    LOG_LEVEL = "SPIDERPOOL_LOG_LEVEL", Text, "info", REQUIRED,
        "`debug`, `info`, `warn` or `error`, in any case; `fatal` and `panic` are taken for `error`";
    ENABLED_METRIC = "SPIDERPOOL_ENABLED_METRIC", Truth, "false", OPTIONAL, "serve metrics";
    ENABLED_DEBUG_METRIC = "SPIDERPOOL_ENABLED_DEBUG_METRIC", Truth, "false", OPTIONAL,
        "nothing: the agent has no metric that only debugging needs, and neither has the original's";
    ENABLED_RDMA_METRIC = "SPIDERPOOL_ENABLED_RDMA_METRIC", Truth, "false", OPTIONAL,
        "not supported: `true` is refused";
    POD_NAMESPACE = "SPIDERPOOL_POD_NAMESPACE", Text, "", REQUIRED, "the agent's namespace";
    POD_NAME = "SPIDERPOOL_POD_NAME", Text, "", REQUIRED, "the agent's pod";
    NODE_NAME = "SPIDERPOOL_NODE_NAME", Text, "", REQUIRED, "the node that it serves";
    HEALTH_PORT = "SPIDERPOOL_HEALTH_PORT", Number(PORT), "5710", REQUIRED, "probes, on all addresses";
    METRIC_HTTP_PORT = "SPIDERPOOL_METRIC_HTTP_PORT", Number(PORT), "5711", REQUIRED,
        "metrics, on all addresses, if they are served";
    GOPS_LISTEN_PORT = "SPIDERPOOL_GOPS_LISTEN_PORT", Text, "5712", OPTIONAL,
        "nothing: gops speaks to Go programs; taken so that the chart's value does no harm";
    PYROSCOPE = "SPIDERPOOL_PYROSCOPE_PUSH_SERVER_ADDRESS", Text, "", OPTIONAL,
        "not supported: any address is refused";
    ENABLED_RELEASE_CONFLICT_IPS = "SPIDERPOOL_ENABLED_RELEASE_CONFLICT_IPS", Truth, "true", REQUIRED,
        "whether conflicting addresses of a stateless pod may be released";
    IPPOOL_MAX_ALLOCATED_IPS = "SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS", Number(1..=COUNT_MAX), "5000", REQUIRED,
        "most records in one pool";
    WAIT_SUBNET_POOL_TIME = "SPIDERPOOL_WAIT_SUBNET_POOL_TIME_IN_SECOND", Number(1..=3600), "2", OPTIONAL,
        "seconds between two looks for an automatic pool";
    WAIT_SUBNET_POOL_MAX_RETRIES = "SPIDERPOOL_WAIT_SUBNET_POOL_MAX_RETRIES", Number(0..=COUNT_MAX), "25", OPTIONAL,
        "looks for an automatic pool";
    MULTUS_CLUSTER_NETWORK = "MULTUS_CLUSTER_NETWORK", Text, "", OPTIONAL,
        "`namespace/name` of the network that Multus gives every pod; empty for none";
}

/// Reads variables by their rules.
#[derive(Debug)]
pub(super) struct Variables<'e, E: ?Sized>(pub(super) &'e E);

impl<E: Environment + ?Sized> Variables<'_, E> {
    /// The text of a variable, trimmed; empty where it was set to that, or has no default.
    pub(super) fn text(&self, variable: &Variable) -> Result<String, SettingsError> {
        let text =
            self.0.get(variable.name).map_or(variable.default.to_owned(), |value| value.trim().to_owned());
        if text.is_empty() && variable.is_required {
            return Err(SettingsError::EmptyVariable { name: variable.name });
        }
        Ok(text)
    }

    /// As Go's `strconv.ParseBool` reads it.
    pub(super) fn truth(&self, variable: &Variable) -> Result<bool, SettingsError> {
        let text = self.text(variable)?;
        match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(SettingsError::NoTruth { name: variable.name, value: text }),
        }
    }

    /// A whole number within the bounds of its kind.
    pub(super) fn number<N: TryFrom<i64>>(&self, variable: &Variable) -> Result<N, SettingsError> {
        let text = self.text(variable)?;
        let number: i64 = match text.as_str() {
            "" => 0,
            digits => digits
                .parse()
                .map_err(|_| SettingsError::NoNumber { name: variable.name, value: text.clone() })?,
        };
        let bounds = match &variable.kind {
            Number(bounds) => bounds.clone(),
            Text | Truth => i64::MIN..=i64::MAX,
        };
        let within = Some(number).filter(|number| bounds.contains(number));
        within.and_then(|number| N::try_from(number).ok()).ok_or(SettingsError::OutOfBounds {
            name: variable.name,
            value: number,
            bounds,
        })
    }
}
