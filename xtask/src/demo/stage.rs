//! The private network the demo plays in, and the three kinds of program it calls there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cni::{self, Answer};
use crate::artifacts::Artifacts;
use crate::workspace::stdout_of;

/// The plugin that makes the network card; it calls ours for the address.
pub(super) const MAIN_PLUGIN: &str = "bridge";

/// The pool's name.
pub(super) const POOL: &str = "demo";

/// The network card's name inside each container.
pub(super) const NIC: &str = "eth0";

/// A memory file system is mounted here, so that the host's own folder stays as it is.
const RUN: &str = "/run";

/// Store and log live here.
const FOLDER: &str = "/run/spiderpool-demo";
const STORE: &str = "/run/spiderpool-demo/ipam.db";

/// The network config, as a person would write it.
pub(super) const CONFIG: &str = r#"{
  "cniVersion": "1.0.0",
  "name": "demo",
  "type": "bridge", "bridge": "demo0", "isGateway": true,
  "ipam": {
    "type": "spiderpool",
    "store": { "path": "/run/spiderpool-demo/ipam.db" },
    "log_file_path": "/run/spiderpool-demo/spiderpool.log",
    "default_ipv4_ippool": ["demo"],
    "pools": [
      { "name": "demo", "subnet": "10.6.0.0/24", "ips": ["10.6.0.10-10.6.0.41"], "gateway": "10.6.0.1" }
    ]
  }
}"#;

/// The demo's place, its programs and its network config.
#[derive(Debug)]
pub(super) struct Stage {
    artifacts: Artifacts,
    main_plugins: PathBuf,
    cni_path: OsString,
}

impl Stage {
    /// Furnishes the namespaces that `unshare` has made for this process.
    pub(super) fn enter(artifacts: Artifacts, main_plugins: PathBuf) -> Result<Self> {
        run("mount", &["-t", "tmpfs", "-o", "mode=755", "demo", RUN])?;
        run("ip", &["link", "set", "lo", "up"])?;
        fs::create_dir(FOLDER).with_context(|| format!("{FOLDER}: cannot be made"))?;
        let cni_path = std::env::join_paths([&artifacts.plugin_folder, &main_plugins])
            .context("CNI_PATH: a folder's name contains a colon")?;
        Ok(Self { artifacts, main_plugins, cni_path })
    }

    /// Does what a container runtime does: starts the main plugin with the config on its standard input.
    pub(super) fn cni(&self, command: &str, container: &str, wish: Option<&str>) -> Result<Answer> {
        let mut call = Command::new(self.main_plugins.join(MAIN_PLUGIN));
        call.env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", container)
            .env("CNI_NETNS", namespace(container))
            .env("CNI_IFNAME", NIC)
            .env("CNI_PATH", &self.cni_path);
        if let Some(address) = wish {
            // The main plugin does not know `IP` and would stumble over it.
            call.env("CNI_ARGS", format!("IgnoreUnknown=1;IP={address}"));
        }
        cni::call(call, CONFIG)
    }

    /// Asks `spiderpoolctl`, which answers on the terminal itself.
    pub(super) fn ctl(&self, args: &[&str]) -> Result<()> {
        println!("   $ spiderpoolctl {}", args.join(" "));
        let status = self.ctl_command(args).status().context("spiderpoolctl: cannot be started")?;
        if !status.success() {
            bail!("spiderpoolctl {}: {status}", args.join(" "));
        }
        Ok(())
    }

    /// Asks `spiderpoolctl` for JSON.
    pub(super) fn ctl_json(&self, args: &[&str]) -> Result<Value> {
        let args = [args, &["-o", "json"]].concat();
        let output = self.ctl_command(&args).stderr(Stdio::inherit()).output();
        let output = output.context("spiderpoolctl: cannot be started")?;
        if !output.status.success() {
            bail!("spiderpoolctl {}: {}", args.join(" "), output.status);
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("spiderpoolctl {}: not JSON", args.join(" ")))
    }

    fn ctl_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.artifacts.ctl);
        command.arg("--store").arg(STORE).args(args);
        command
    }
}

/// Makes an empty container: a network namespace with nothing in it.
pub(super) fn make_container(name: &str) -> Result<()> {
    run("ip", &["netns", "add", name])
}

/// Runs a program in a container and shows what it prints.
pub(super) fn inside(container: &str, command: &[&str]) -> Result<()> {
    println!("   {container}$ {}", command.join(" "));
    let mut call = Command::new("ip");
    let text = stdout_of(call.args(["netns", "exec", container]).args(command).stdin(Stdio::null()))?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        println!("   {}", line.trim_end());
    }
    Ok(())
}

fn namespace(container: &str) -> PathBuf {
    Path::new(RUN).join("netns").join(container)
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program).args(args).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("{program}: cannot be started"))?;
    if !status.success() {
        bail!("{program} {}: {status}", args.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{CONFIG, MAIN_PLUGIN, POOL, STORE};

    #[test]
    fn the_config_names_what_the_demo_uses() {
        let config: Value = serde_json::from_str(CONFIG).unwrap();
        let text = |path: &str| config.pointer(path).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(text("/type"), MAIN_PLUGIN);
        assert_eq!(text("/ipam/store/path"), STORE);
        assert_eq!(text("/ipam/pools/0/name"), POOL);
        assert_eq!(text("/ipam/default_ipv4_ippool/0"), POOL);
    }
}
