//! The `spiderpool` IPAM plugin.
//!
//! In a cluster it asks the agent of its node, which knows pods and pools:
//!
//! ```json
//! {"type": "spiderpool", "ipam_unix_socket_path": "/var/run/spidernet/spiderpool.sock", "default_ipv4_ippool": ["v4"]}
//! ```
//!
//! With `ipam.store` it works on a local store (`ipam-local`), one host, without Kubernetes:
//!
//! ```json
//! {"type": "spiderpool", "store": {"path": "/var/lib/spiderpool/ipam.db"}, "pools": [{"name": "v4",
//!  "subnet": "10.6.0.0/16", "ips": ["10.6.0.10-10.6.255.250"], "gateway": "10.6.0.1"}]}
//! ```
//!
//! An attachment's addresses belong to (network name, container id) and its interface. An ADD is one session on the store: pools
//! of the configuration come in, candidates are chosen ([`ipam_core::select`]), an address of each family is taken in one
//! durable commit. The plugin does nothing in the container's network namespace, so it does not open it.
//!
//! Errors carry the specification's numbers where it has one, and [`Code`]s of the plugin's own from 100 on.

mod add;
mod agent;
mod asks;
mod check;
mod code;
mod config;
mod duration;
mod error;
mod inline;
mod local;
mod release;
mod resolv;
mod status;

use std::path::Path;
use std::time::Duration;

pub use agent::{AgentCall, AgentError, AgentStep};
pub use code::Code;
pub use error::Error;

use self::agent::Errand;
use self::local::Operation;
use crate::cni::{Attachment, Call, CniError, CniResult, Command, Plugin};
use crate::log::{LogSettings, Logger};

/// The plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spiderpool {
    limit: Option<Duration>,
}

impl Spiderpool {
    /// The same plugin with another limit on how long an operation may wait for the store and work on it, and on how long the agent may
    /// take to answer. If nobody says otherwise these are one minute for the store, and for the agent 30 s to say that it is well and
    /// 100 s for what it is asked then; a limit can only shorten these two.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    fn operation<'a>(&self, call: &'a Call, log: &'a Logger) -> Operation<'a> {
        Operation::new(call, log, self.limit.unwrap_or(local::LIMIT))
    }

    fn errand<'a>(&self, call: &'a Call, log: &'a Logger) -> Errand<'a> {
        Errand::new(call, log, self.limit)
    }
}

/// What an operation is about, beside its configuration.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    command: Command,
    attachment: Option<&'a Attachment>,
    /// A namespace that must be there; before the log, as the original looks at it.
    netns: Option<&'a Path>,
}

impl<'a> Subject<'a> {
    fn of(command: Command, attachment: &'a Attachment) -> Self {
        Self { command, attachment: Some(attachment), netns: None }
    }

    fn network(command: Command) -> Self {
        Self { command, attachment: None, netns: None }
    }
}

/// Runs an operation with the log that its configuration names, and notes there what is odd and what failed.
fn run<T>(
    call: &Call,
    subject: Subject<'_>,
    work: impl FnOnce(&Logger) -> Result<T, Error>,
) -> Result<T, CniError> {
    let ipam = call.config().ipam().map_err(Error::config)?;
    let settings = LogSettings::from_keys(&ipam).map_err(Error::config)?;
    if let Some(netns) = subject.netns {
        agent::check_netns(netns)?;
    }
    // Its text says already at which step it failed.
    let mut log = Logger::open(&settings).map_err(|source| Error::Protocol { step: "", source })?;
    log = log.with("cni.command", subject.command.as_str()).with("network", call.config().name().as_str());
    if let Some(Attachment { container_id, if_name }) = subject.attachment {
        log = log.with("sandbox", container_id.as_str()).with("ifname", if_name.as_str());
    }
    for (path, meant) in config::misspelt(&ipam) {
        log.warn("unknown key is ignored", &[("key", path.into()), ("did_you_mean", meant.into())]);
    }
    work(&log).map_err(|error| {
        let code = error.code().number();
        log.error("operation failed", &[("code", code.into()), ("why", error.to_string().into())]);
        error.into()
    })
}

/// Whether addresses come from a store on this host.
fn is_local(call: &Call) -> Result<bool, Error> {
    call.config().ipam().map(|ipam| config::has_store(&ipam)).map_err(Error::config)
}

impl Plugin for Spiderpool {
    fn about(&self) -> String {
        format!("CNI IPAM plugin spiderpool v{}", env!("CARGO_PKG_VERSION"))
    }

    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<CniResult, CniError> {
        let subject = Subject::of(Command::Add, attachment);
        if is_local(call)? {
            return run(call, subject, |log| add::run(self.operation(call, log), attachment));
        }
        let ipam = call.config().ipam().map_err(Error::config)?;
        let config = agent::AddConfig::read(&ipam)?;
        run(call, Subject { netns: Some(netns), ..subject }, |log| {
            agent::add(&self.errand(call, log), &config, attachment, netns)
        })
    }

    fn del(&self, call: &Call, attachment: &Attachment, netns: Option<&Path>) -> Result<(), CniError> {
        let is_local = is_local(call)?;
        run(call, Subject::of(Command::Del, attachment), |log| {
            if is_local {
                // As the original: a DEL reads its parameters too, though it needs none of them.
                call.args().map_err(Error::args)?;
                release::del(self.operation(call, log), attachment)
            } else {
                agent::del(&self.errand(call, log), attachment, netns)
            }
        })
    }

    fn check(&self, call: &Call, attachment: &Attachment, _netns: &Path) -> Result<(), CniError> {
        let is_local = is_local(call)?;
        run(call, Subject::of(Command::Check, attachment), |log| {
            if is_local {
                check::run(self.operation(call, log), attachment)
            } else {
                agent::check(&self.errand(call, log), attachment)
            }
        })
    }

    fn gc(&self, call: &Call, valid: Option<&[Attachment]>) -> Result<(), CniError> {
        let is_local = is_local(call)?;
        run(call, Subject::network(Command::Gc), |log| {
            if is_local {
                release::gc(self.operation(call, log), valid)
            } else {
                agent::gc(&self.errand(call, log))
            }
        })
    }

    fn status(&self, call: &Call) -> Result<(), CniError> {
        let is_local = is_local(call)?;
        run(call, Subject::network(Command::Status), |log| {
            if is_local {
                status::run(self.operation(call, log))
            } else {
                agent::status(&self.errand(call, log))
            }
        })
    }
}
