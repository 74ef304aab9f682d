//! What the agent is told at start: environment variables and `conf.yml`.
//!
//! Two stages. What is written is read with its type, and then resolved into [`Settings`], where each value is checked, features
//! that this agent lacks are refused by name, and nothing is left to be looked up later. Keys and variables are listed once, in
//! [`KEYS`] and [`VARIABLES`], for the reader and for the reference.

mod change;
mod environment;
mod error;
mod file;
mod keys;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipam_core::Policy;
use ipam_k8s::iaas::ProviderSettings;
use ipam_k8s::parse_go_duration;

pub use self::change::Changed;
pub use self::environment::{Environment, ProcessEnvironment, VARIABLES, Variable, VariableKind};
pub use self::error::SettingsError;
pub use self::keys::{KEYS, Key, Use};

use self::environment as env;
use self::environment::Variables;
use self::file::Written;
use super::log::LogLevel;

/// Where `conf.yml` is mounted.
pub const CONFIG_PATH: &str = "/tmp/spiderpool/config-map/conf.yml";

/// An address rests no longer than this; a longer rest would be a reservation.
const COOLDOWN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that the agent goes by, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// What was built.
    pub build: Build,
    /// From which level on lines are logged.
    pub log_level: LogLevel,
    /// The agent's namespace.
    pub pod_namespace: String,
    /// The agent's pod.
    pub pod_name: String,
    /// The node that it serves.
    pub node_name: String,
    /// The socket of the API.
    pub socket: PathBuf,
    /// The port of the probes.
    pub health_port: u16,
    /// The port of the metrics; `None` when they are not served.
    pub metric_port: Option<u16>,
    /// Whether IPv4 is served.
    pub is_ipv4: bool,
    /// Whether IPv6 is served.
    pub is_ipv6: bool,
    /// Whether the host's sysctls are set at start.
    pub is_sysctl_tuned: bool,
    /// Whether virtual machines keep their addresses.
    pub is_kubevirt_static: bool,
    /// Whether annotations may name SpiderSubnets.
    pub is_subnet_enabled: bool,
    /// Whether conflicting addresses of a stateless pod may be released.
    pub is_conflict_release_allowed: bool,
    /// Most records in one pool.
    pub pool_records_max: u32,
    /// The time between two looks for an automatic pool.
    pub auto_pool_wait: Duration,
    /// Looks for an automatic pool.
    pub auto_pool_looks: u32,
    /// `namespace/name` of the network that Multus gives every pod.
    pub multus_network: Option<String>,
    /// The provider of addresses of a cloud.
    pub iaas: Option<ProviderSettings>,
    /// What may change while the agent runs.
    pub live: LiveSettings,
}

/// The settings that are read for each request: see [`Settings::adopt`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LiveSettings {
    /// Whether pods of StatefulSets keep their addresses.
    pub is_stateful_set_static: bool,
    /// Whether applications get pools of their own.
    pub is_auto_pool_enabled: bool,
    /// Whether answers tell the plugin to look for conflicts.
    pub is_conflict_detected: bool,
    /// Whether answers tell the plugin to look for the gateway.
    pub is_gateway_detected: bool,
    /// Which free address is taken.
    pub policy: Policy,
    /// How long a freed address is taken only when nothing else is free.
    pub cooldown: Duration,
}

/// What was built, as the image says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Build {
    /// The version.
    pub version: String,
    /// The commit.
    pub commit: String,
    /// The commit's time.
    pub commit_time: String,
}

/// Something that is accepted and has not the effect that its author may expect.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// A key of `conf.yml` that nothing here knows.
    UnknownKey {
        /// The key.
        key: String,
        /// What may have been meant.
        meant: Option<&'static str>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, meant: None } => write!(f, "unknown key {key} has no effect"),
            Self::UnknownKey { key, meant: Some(meant) } => {
                write!(f, "unknown key {key} has no effect, did you mean {meant}?")
            }
        }
    }
}

impl Settings {
    /// Reads the environment and the file at `path`.
    ///
    /// # Errors
    /// [`SettingsError`] for the first setting that cannot be used, variables first.
    pub fn load(
        environment: &(impl Environment + ?Sized),
        path: &Path,
    ) -> Result<(Self, Vec<Warning>), SettingsError> {
        Self::resolve(environment, || Written::load(path))
    }

    /// The same with the text of the file.
    ///
    /// # Errors
    /// As of [`Self::load`].
    pub fn parse(
        environment: &(impl Environment + ?Sized),
        text: &str,
    ) -> Result<(Self, Vec<Warning>), SettingsError> {
        Self::resolve(environment, || Written::read(text, Path::new("conf.yml")))
    }

    fn resolve(
        environment: &(impl Environment + ?Sized),
        read: impl FnOnce() -> Result<Written, SettingsError>,
    ) -> Result<(Self, Vec<Warning>), SettingsError> {
        let variables = Variables(environment);
        let level = variables.text(&env::LOG_LEVEL)?;
        let log_level = LogLevel::parse(&level).ok_or(SettingsError::Unknown {
            name: env::LOG_LEVEL.name,
            value: level,
            accepted: "debug, info, warn, error, fatal or panic",
        })?;
        let build = Build {
            version: variables.text(&env::VERSION)?,
            commit: variables.text(&env::GIT_COMMIT_VERSION)?,
            commit_time: variables.text(&env::GIT_COMMIT_TIME)?,
        };
        let is_metric_served = variables.truth(&env::ENABLED_METRIC)?;
        // Has no effect, but must be of its type.
        variables.truth(&env::ENABLED_DEBUG_METRIC)?;
        if variables.truth(&env::ENABLED_RDMA_METRIC)? {
            return Err(unsupported(env::ENABLED_RDMA_METRIC.name, "true", "false"));
        }
        let pod_namespace = variables.text(&env::POD_NAMESPACE)?;
        let pod_name = variables.text(&env::POD_NAME)?;
        let node_name = variables.text(&env::NODE_NAME)?;
        let health_port = variables.number(&env::HEALTH_PORT)?;
        let metric_port = variables.number(&env::METRIC_HTTP_PORT)?;
        if is_metric_served && health_port == metric_port {
            return Err(SettingsError::SamePort { port: health_port });
        }
        let profiles = variables.text(&env::PYROSCOPE)?;
        if !profiles.is_empty() {
            return Err(unsupported(env::PYROSCOPE.name, &profiles, "an empty value"));
        }
        let is_conflict_release_allowed = variables.truth(&env::ENABLED_RELEASE_CONFLICT_IPS)?;
        let pool_records_max = variables.number(&env::IPPOOL_MAX_ALLOCATED_IPS)?;
        let auto_pool_wait = Duration::from_secs(variables.number(&env::WAIT_SUBNET_POOL_TIME)?);
        let auto_pool_looks = variables.number(&env::WAIT_SUBNET_POOL_MAX_RETRIES)?;
        let multus_network = Some(variables.text(&env::MULTUS_CLUSTER_NETWORK)?);
        let written = read()?;
        if !written.ipv4 && !written.ipv6 {
            return Err(SettingsError::NoFamily);
        }
        if written.is_plugin_enabled {
            return Err(unsupported("agent.networkResourcePlugin.enabled", "true", "false"));
        }
        let iaas = ProviderSettings::new(&written.iaas)?;
        let live = live(&written)?;
        let socket = written.socket.filter(|path| !path.is_empty());
        let warnings = written.unknown.into_iter().map(|(key, meant)| Warning::UnknownKey { key, meant });
        let settings = Self {
            build,
            log_level,
            pod_namespace,
            pod_name,
            node_name,
            socket: socket.unwrap_or(keys::SOCKET.absent.to_owned()).into(),
            health_port,
            metric_port: is_metric_served.then_some(metric_port),
            is_ipv4: written.ipv4,
            is_ipv6: written.ipv6,
            is_sysctl_tuned: written.tune_sysctl,
            is_kubevirt_static: written.kubevirt,
            is_subnet_enabled: written.subnet,
            is_conflict_release_allowed,
            pool_records_max,
            auto_pool_wait,
            auto_pool_looks,
            multus_network: multus_network.filter(|network| !network.is_empty()),
            iaas,
            live,
        };
        Ok((settings, warnings.collect()))
    }
}

impl Settings {
    /// All of it in one line, for the log, without passwords.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{self:?}")
    }
}

fn unsupported(name: &'static str, value: &str, accepted: &'static str) -> SettingsError {
    SettingsError::Unsupported { name, value: value.to_owned(), accepted }
}

fn live(written: &Written) -> Result<LiveSettings, SettingsError> {
    let policy = match written.policy.as_deref() {
        None | Some("" | "lowest") => Policy::Lowest,
        Some("spread") => Policy::Spread,
        Some(other) => {
            let (name, value) = (keys::POLICY.name, other.to_owned());
            return Err(SettingsError::Unknown { name, value, accepted: "lowest or spread" });
        }
    };
    let cooldown = match written.cooldown.as_deref() {
        None | Some("") => Duration::ZERO,
        Some(text) => {
            parse_go_duration(text).filter(|cooldown| *cooldown <= COOLDOWN_MAX).ok_or_else(|| {
                let (name, value) = (keys::COOLDOWN.name, text.to_owned());
                SettingsError::Unknown { name, value, accepted: "a duration such as 30s or 5m, at most 24h" }
            })?
        }
    };
    Ok(LiveSettings {
        is_stateful_set_static: written.stateful_set,
        is_auto_pool_enabled: written.auto_pool,
        is_conflict_detected: written.conflict_detection,
        is_gateway_detected: written.gateway_detection,
        policy,
        cooldown,
    })
}
