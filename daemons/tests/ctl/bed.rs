//! A folder with a store, and the binary to run on it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bed that cannot be made fails its test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ipam_core::{
    Addr, Allocate, Allocation, AllocationRequest, NicRequest, Owner, Stamp, Store as _, Time, run,
};
use ipam_local::{BootClock, LocalStore, OpenMode, TimeSource};

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

/// One test's folder.
pub(crate) struct Bed {
    folder: tempfile::TempDir,
}

/// How a run ended, with the folder's path replaced by `DIR`.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The output of a run that did what it should.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The output as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// The error text of a run that ended with this code and printed no answer.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "an error goes to standard error alone");
        self.err
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a store that has these pools.
    pub(crate) fn with(pools: &[&str]) -> Self {
        let bed = Self::new();
        bed.apply(&pools.join("---\n")).done();
        bed
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("ipam.db")
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn ctl(&self, args: &[&str]) -> Run {
        self.ctl_with(args, "")
    }

    /// Runs the tool with this on its standard input.
    pub(crate) fn ctl_with(&self, args: &[&str], input: &str) -> Run {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A program that refuses its arguments reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let folder = self.folder.path().to_string_lossy().into_owned();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&folder, "DIR");
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spiderpoolctl"));
        command
            .arg("--store")
            .arg(self.store())
            .args(args)
            .env_remove("NO_COLOR")
            .env_remove("SPIDERPOOL_STORE")
            .env_remove("KUBECONFIG");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `apply -f -`.
    pub(crate) fn apply(&self, text: &str) -> Run {
        self.ctl_with(&["apply", "-f", "-"], text)
    }

    pub(crate) fn open(&self) -> LocalStore {
        LocalStore::open(self.store(), OpenMode::MustExist, LONG).unwrap()
    }

    /// Has a container take an address, as the plugin does.
    pub(crate) fn take(&self, network: &str, id: &str, pool: &str) -> String {
        self.take_in(self.open(), network, id, pool, &[])
    }

    /// Has it take this address.
    pub(crate) fn take_at(&self, network: &str, id: &str, pool: &str, address: &str) -> String {
        self.take_in(self.open(), network, id, pool, &[address.parse().unwrap()])
    }

    /// Has it take one in an earlier run of the machine.
    pub(crate) fn take_before_boot(&self, network: &str, id: &str, pool: &str) -> String {
        let stamp = Stamp { boot: "00000000-earlier".to_owned(), at: Time::from_millis(1_000) };
        let store = self.open().with_clock(TimeSource::Fixed(stamp));
        self.take_in(store, network, id, pool, &[])
    }

    fn take_in(&self, mut store: LocalStore, network: &str, id: &str, pool: &str, asks: &[Addr]) -> String {
        let mut session = store.session(LONG).unwrap();
        let mut nic = NicRequest::new("eth0".parse().unwrap());
        nic.asks = asks.to_vec();
        let pool: ipam_core::PoolName = pool.parse().unwrap();
        let spec = session.pool(&pool).unwrap().unwrap().spec;
        match spec.family() {
            ipam_core::Family::V4 => nic.v4.push(pool),
            ipam_core::Family::V6 => nic.v6.push(pool),
        }
        let deadline = Time::from_millis(u64::MAX);
        let mut request = AllocationRequest::new(Owner::container(network, id).unwrap(), deadline).nic(nic);
        request.stamp = Some(session.stamp());
        let allocate = Allocate::new(request, session.is_atomic());
        let allocation: Allocation = run(allocate, &mut session, &mut BootClock).unwrap().unwrap();
        allocation.attachments[0].assignments[0].address.to_string()
    }
}

/// A pool as YAML.
pub(crate) fn pool(name: &str, subnet: &str, ips: &str, more: &str) -> String {
    format!(
        "apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderIPPool\nmetadata:\n  name: {name}\nspec:\n  subnet: {subnet}\n  ips: [\"{ips}\"]\n{more}"
    )
}

/// Reserved ranges as YAML.
pub(crate) fn reserved(name: &str, ips: &str) -> String {
    format!(
        "apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderReservedIP\nmetadata:\n  name: {name}\nspec:\n  ips: [\"{ips}\"]\n"
    )
}

/// The folder of the team's manifests.
pub(crate) fn manifests() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests"))
}
