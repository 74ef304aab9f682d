//! Taking over from `host-local`: its folder of a network becomes records here, so that a host changes over without losing an address.
//!
//! `host-local` (containernetworking/plugins, `plugins/ipam/host-local/backend/disk`) keeps a file for each address, named as the address is
//! written. In it stand the container's id and, after a line break, the interface; old versions wrote the id alone. Beside them
//! lie `last_reserved_ip.N`, the address given last from range set N, and `lock`, on which it takes an exclusive `flock`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ipam_core::{Addr, Holding, Nic, Owner, PoolSpec, Record, Stamp};

use crate::answer::PoolRow;
use crate::error::{Error, Inner};
use crate::lock;
use crate::session::{Session, Tx};

const LAST_RESERVED: &str = "last_reserved_ip.";
const LOCK: &str = "lock";

/// What was taken over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HostLocalReport {
    /// Records that are new here.
    pub imported: Vec<Holding>,
    /// How many were here already, by an earlier import.
    pub known: usize,
    /// Addresses whose file is empty: a plugin was killed while it wrote. They are kept as reservations, which a person may release.
    pub without_owner: Vec<Addr>,
    /// Files that are not `host-local`'s, left out.
    pub foreign: Vec<PathBuf>,
}

/// An address of the folder.
struct Entry {
    address: Addr,
    owner: Owner,
    nic: Option<Nic>,
    has_owner: bool,
}

/// What the folder holds.
#[derive(Default)]
struct Folder {
    entries: Vec<Entry>,
    last: Vec<Addr>,
    foreign: Vec<PathBuf>,
    problems: Vec<String>,
}

impl Session<'_> {
    /// Takes over the folder of one network, such as `/var/lib/cni/networks/podman`: all of it or nothing. The pools must be here already, and
    /// have the addresses. The folder stays as it is; while it is read, `host-local` is kept waiting by its own lock. It can be repeated.
    ///
    /// Records bear the present boot, so that nothing is inferred about them before the next one; those of containers that are gone
    /// are found by a collection with the runtime's list.
    ///
    /// # Errors
    /// [`Error::Import`] with everything that stands against it: an address outside of all pools, one that another owner holds here, a file that
    /// cannot be understood. [`Error::Busy`] if `host-local` does not let go of its lock, and what any commit can fail with.
    pub fn import_host_local(&mut self, folder: &Path, network: &str) -> Result<HostLocalReport, Error> {
        let _lock = self.lock_folder(folder)?;
        let Folder { entries, last, foreign, mut problems } = read_folder(folder, network)?;
        let stamp = self.stamp();
        self.commit_inside(|tx| {
            let mut report = HostLocalReport { foreign, ..HostLocalReport::default() };
            let pools = tx.pools_with_specs()?;
            for entry in entries {
                match tx.take_over(&pools, &entry, &stamp)? {
                    Ok(Some(holding)) => report.imported.push(holding),
                    Ok(None) => report.known = report.known.saturating_add(1),
                    Err(problem) => problems.push(problem),
                }
                if !entry.has_owner {
                    report.without_owner.push(entry.address);
                }
            }
            if !problems.is_empty() {
                return Err(Error::Import { what: folder.display().to_string(), problems }.into());
            }
            for address in last {
                tx.go_on_after(address)?;
            }
            Ok(report)
        })
    }

    fn lock_folder(&self, folder: &Path) -> Result<Option<fs::File>, Error> {
        let path = folder.join(LOCK);
        if !path.exists() {
            return Ok(None);
        }
        match lock::acquire_plainly(&path, self.patience()) {
            Ok(Some(file)) => Ok(Some(file)),
            Ok(None) => Err(Error::Busy { path, waited: self.patience(), what: "it (host-local)" }),
            // Who cannot write the folder has nothing to keep waiting there.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(None),
            Err(source) => Err(Error::io("lock", &path, source)),
        }
    }
}

fn read_folder(folder: &Path, network: &str) -> Result<Folder, Error> {
    let failed = |source| Error::io("read", folder, source);
    let mut found = Folder::default();
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    for path in files {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name == LOCK {
            continue;
        }
        let read = || fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source));
        if name.starts_with(LAST_RESERVED) {
            // Only a hint where to go on; one that cannot be read costs nothing.
            found.last.extend(read()?.trim().parse::<Addr>());
            continue;
        }
        let Ok(address) = name.parse() else {
            found.foreign.push(path);
            continue;
        };
        match entry_of(address, &read()?, network) {
            Ok(entry) => found.entries.push(entry),
            Err(problem) => found.problems.push(format!("file {name}: {problem}")),
        }
    }
    Ok(found)
}

fn entry_of(address: Addr, text: &str, network: &str) -> Result<Entry, ipam_core::Error> {
    let mut lines = text.lines().map(str::trim);
    let id = lines.next().unwrap_or_default();
    if id.is_empty() {
        let owner = Owner::reservation(&format!("host-local.{address}"))?;
        return Ok(Entry { address, owner, nic: None, has_owner: false });
    }
    let nic = lines.next().filter(|nic| !nic.is_empty()).map(str::parse).transpose()?;
    Ok(Entry { address, owner: Owner::container(network, id)?, nic, has_owner: true })
}

/// A pool's row with its spec.
type Pool = (PoolRow, std::sync::Arc<PoolSpec>);

impl Tx<'_> {
    fn pools_with_specs(self) -> Inner<Vec<Pool>> {
        let rows = self.pool_rows(None)?;
        rows.into_iter().map(|row| self.spec(&row.name).map(|spec| (row, spec))).collect()
    }

    /// Stores one address. `None`: it was here.
    fn take_over(
        self,
        pools: &[Pool],
        entry: &Entry,
        stamp: &Stamp,
    ) -> Inner<Result<Option<Holding>, String>> {
        let Entry { address, owner, nic, .. } = entry;
        let Some((row, _)) = pools.iter().find(|(_, spec)| spec.allocatable().contains(*address)) else {
            let problem = format!("{address} of {owner} is in no IPPool; want one whose ips have it");
            return Ok(Err(problem));
        };
        // Read anew: the count grows with each address.
        let Some(row) = self.pool_row(&row.name)? else {
            return Ok(Err(format!("IPPool {} is gone", row.name)));
        };
        let record = Record { address: *address, owner: owner.clone(), stamp: Some(stamp.clone()) };
        let holding = Holding { pool: row.name.clone(), record, nic: nic.clone() };
        match self.keep_holding(&row, &holding)? {
            Ok(is_new) => Ok(Ok(is_new.then_some(holding))),
            Err(held) => Ok(Err(format!("{address} of {owner} is held here by {held}"))),
        }
    }

    /// Has the policy *rotate* go on where `host-local` stood, unless it has begun here.
    fn go_on_after(self, address: Addr) -> Inner<()> {
        for (row, spec) in self.pools_with_specs()? {
            if row.last.is_none() && spec.allocatable().contains(address) {
                self.store_pool(row.id, row.used, Some(address))?;
            }
        }
        Ok(())
    }
}
