//! The `spiderpool` IPAM plugin.
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

pub use code::Code;
pub use error::Error;

use self::local::Operation;
use crate::cni::{Attachment, Call, CniError, CniResult, Command, Plugin};
use crate::log::{LogSettings, Logger};

/// The plugin.
#[derive(Clone, Copy, Debug)]
pub struct Spiderpool {
    limit: Duration,
}

impl Default for Spiderpool {
    fn default() -> Self {
        Self { limit: local::LIMIT }
    }
}

impl Spiderpool {
    /// The same plugin with another limit on how long an operation may wait for the store and work on it; one minute if nobody says otherwise.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs an operation with the log that its configuration names, and notes there what is odd and what failed.
    fn run<T>(
        self,
        call: &Call,
        command: Command,
        attachment: Option<&Attachment>,
        work: impl FnOnce(Operation<'_>) -> Result<T, Error>,
    ) -> Result<T, CniError> {
        let ipam = call.config().ipam().map_err(Error::config)?;
        let settings = LogSettings::from_keys(&ipam).map_err(Error::config)?;
        // Its text says already at which step it failed.
        let mut log = Logger::open(&settings).map_err(|source| Error::Protocol { step: "", source })?;
        log = log.with("cni.command", command.as_str()).with("network", call.config().name().as_str());
        if let Some(Attachment { container_id, if_name }) = attachment {
            log = log.with("sandbox", container_id.as_str()).with("ifname", if_name.as_str());
        }
        for (path, meant) in config::misspelt(&ipam) {
            log.warn("unknown key is ignored", &[("key", path.into()), ("did_you_mean", meant.into())]);
        }
        work(Operation::new(call, &log, self.limit)).map_err(|error| {
            let code = error.code().number();
            log.error("operation failed", &[("code", code.into()), ("why", error.to_string().into())]);
            error.into()
        })
    }
}

impl Plugin for Spiderpool {
    fn about(&self) -> String {
        format!("CNI IPAM plugin spiderpool v{}", env!("CARGO_PKG_VERSION"))
    }

    fn add(&self, call: &Call, attachment: &Attachment, _netns: &Path) -> Result<CniResult, CniError> {
        self.run(call, Command::Add, Some(attachment), |operation| add::run(operation, attachment))
    }

    fn del(&self, call: &Call, attachment: &Attachment, _netns: Option<&Path>) -> Result<(), CniError> {
        self.run(call, Command::Del, Some(attachment), |operation| {
            // As the original: a DEL reads its parameters too, though it needs none of them.
            call.args().map_err(Error::args)?;
            release::del(operation, attachment)
        })
    }

    fn check(&self, call: &Call, attachment: &Attachment, _netns: &Path) -> Result<(), CniError> {
        self.run(call, Command::Check, Some(attachment), |operation| check::run(operation, attachment))
    }

    fn gc(&self, call: &Call, valid: Option<&[Attachment]>) -> Result<(), CniError> {
        self.run(call, Command::Gc, None, |operation| release::gc(operation, valid))
    }

    fn status(&self, call: &Call) -> Result<(), CniError> {
        self.run(call, Command::Status, None, status::run)
    }
}
