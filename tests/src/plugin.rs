//! One plugin process, called as a runtime calls it: parameters in the environment, the configuration on stdin, the answer on stdout.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::binaries;
use crate::command::{Outcome, pause, run_with};
use crate::network::Network;

/// An attachment: what the plugin calls the owner of an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attachment {
    /// The container's id.
    pub container: String,
    /// The interface's name in it.
    pub interface: String,
}

impl Attachment {
    /// `eth0` of a container.
    #[must_use]
    pub fn eth0(container: impl Into<String>) -> Self {
        Self { container: container.into(), interface: "eth0".to_owned() }
    }
}

/// A refusal in the protocol's form.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The protocol's error code.
    pub code: u64,
    /// The message and the details, as one text.
    pub text: String,
}

/// The plugin of one network.
#[derive(Debug, Clone)]
pub struct Plugin {
    binary: PathBuf,
    config: String,
}

impl Plugin {
    /// Our plugin with a network's configuration.
    ///
    /// # Errors
    /// The plugin is not there and cannot be built.
    pub fn of(network: &Network) -> Result<Self> {
        Self::with_config(&network.config())
    }

    /// Our plugin with a configuration.
    ///
    /// # Errors
    /// The plugin is not there and cannot be built.
    pub fn with_config(config: &Value) -> Result<Self> {
        Ok(Self { binary: binaries::plugin_dir()?.join("spiderpool"), config: config.to_string() })
    }

    /// Runs one command to its end.
    ///
    /// # Errors
    /// The process could not be started.
    pub fn call(&self, command: &str, attachment: &Attachment) -> Result<Outcome> {
        run_with(&mut self.process(command, attachment, ""), &self.config)
    }

    /// ADD with `CNI_ARGS`.
    ///
    /// # Errors
    /// The process could not be started.
    pub fn call_with_args(&self, command: &str, attachment: &Attachment, args: &str) -> Result<Outcome> {
        run_with(&mut self.process(command, attachment, args), &self.config)
    }

    /// ADD that succeeds: the address it gave.
    ///
    /// # Errors
    /// The plugin refused or answered nonsense.
    pub fn add(&self, attachment: &Attachment) -> Result<IpAddr> {
        address_of(&self.call("ADD", attachment)?.success()?)
    }

    /// DEL that succeeds.
    ///
    /// # Errors
    /// The plugin refused.
    pub fn del(&self, attachment: &Attachment) -> Result<()> {
        self.call("DEL", attachment)?.success().map(drop)
    }

    /// Runs a command that must be refused.
    ///
    /// # Errors
    /// It succeeded, or its answer is not an error in the protocol's form.
    pub fn refusal(&self, command: &str, attachment: &Attachment) -> Result<Refusal> {
        refusal_of(&self.call(command, attachment)?)
    }

    /// Starts a command and kills it after `span` with SIGKILL, unless it has ended by then.
    ///
    /// # Errors
    /// The process could not be started or waited for.
    pub fn call_and_kill(&self, command: &str, attachment: &Attachment, span: Duration) -> Result<Outcome> {
        let mut child = self.start(command, attachment)?;
        pause(span);
        child.kill().context("kill the plugin")?;
        let output = child.wait_with_output().context("wait for the plugin")?;
        Ok(Outcome {
            line: format!("{command} {} {}", attachment.container, attachment.interface),
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn start(&self, command: &str, attachment: &Attachment) -> Result<Child> {
        let mut child = self
            .process(command, attachment, "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // The configuration is smaller than a pipe's buffer, so this does not wait for the plugin; one that ends without reading
            // it says why by itself.
            let _ = stdin.write_all(self.config.as_bytes());
        }
        Ok(child)
    }

    fn process(&self, command: &str, attachment: &Attachment, args: &str) -> Command {
        let mut process = Command::new(&self.binary);
        process
            .env_clear()
            .env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", &attachment.container)
            .env("CNI_IFNAME", &attachment.interface)
            // An IPAM plugin does not enter the namespace; the plugin's own would be refused.
            .env("CNI_NETNS", "/run/netns/of-a-test")
            .env("CNI_PATH", self.binary.parent().unwrap_or(&self.binary))
            .env("CNI_ARGS", args);
        process
    }
}

/// The first address of a result.
///
/// # Errors
/// The text is not a result with an address.
pub fn address_of(result: &str) -> Result<IpAddr> {
    let value: Value = serde_json::from_str(result).with_context(|| format!("not a CNI result: {result}"))?;
    let text = value.pointer("/ips/0/address").and_then(Value::as_str);
    let text = text.with_context(|| format!("no ips[0].address in {result}"))?;
    let (address, _) = text.split_once('/').with_context(|| format!("ips[0].address {text}: want A/N"))?;
    address.parse().with_context(|| format!("ips[0].address {text}"))
}

/// The error that a failed plugin printed.
///
/// # Errors
/// It succeeded, was killed, or printed no error in the protocol's form.
pub fn refusal_of(outcome: &Outcome) -> Result<Refusal> {
    if outcome.status.code().is_none_or(|code| code == 0) {
        bail!("should have been refused: {outcome}");
    }
    let value: Value =
        serde_json::from_str(&outcome.stdout).with_context(|| format!("not a CNI error: {outcome}"))?;
    let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let code = value.get("code").and_then(Value::as_u64).with_context(|| format!("no code in {outcome}"))?;
    if text("msg").is_empty() {
        bail!("no msg in {outcome}");
    }
    Ok(Refusal { code, text: format!("{}: {}", text("msg"), text("details")) })
}
