//! A store of one's own: everything in one JSON file, written anew at each commit. The suite of `ipam-core` holds it to the contract.
//!
//! It is for one process at a time, and forgets cooldowns and the place of *rotate* when it is opened. `ipam-local` does all that.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipam_core::testkit::conformance::{self, Setup};
use ipam_core::{
    Addr, Assignment, Attachment, AttachmentOp, Change, Class, Holding, Holdings, Nic, Obstacle, Owner,
    PageQuery, PageView, PickQuery, PickView, PoolName, PoolOp, PoolState, Query, Record, Store, StoreError,
    Version, View,
};

/// The pools come from the program; who holds what, and for which NIC, is in the file.
#[derive(Clone, Debug)]
struct JsonStore {
    file: PathBuf,
    pools: BTreeMap<PoolName, PoolState>,
    nics: BTreeMap<(PoolName, Addr), Nic>,
    commits: u64,
}

#[derive(Debug, thiserror::Error)]
enum JsonError {
    #[error("the store has moved on")]
    Stale,
    #[error(transparent)]
    Condition(#[from] ipam_core::Error),
    #[error("{0} is not held by who wants to attach it")]
    NotHeld(Addr),
    #[error("cannot read or write the file")]
    Io(#[from] io::Error),
}

impl StoreError for JsonError {
    fn class(&self) -> Class {
        match self {
            // Planned on a state that is no more: read again.
            Self::Stale | Self::Condition(_) => Class::Conflict,
            Self::NotHeld(_) => Class::Rejected,
            // Stored or not, nobody knows until the file is read.
            Self::Io(_) => Class::Unavailable,
        }
    }
}

impl JsonStore {
    fn open(file: &Path, pools: impl IntoIterator<Item = PoolState>) -> Result<Self, JsonError> {
        let holdings: Vec<Holding> = match fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let (mut found, mut nics) = (BTreeMap::new(), BTreeMap::new());
        for empty in pools {
            let name = empty.spec().name();
            let mine = || holdings.iter().filter(|holding| holding.pool == *name);
            let records = mine().map(|holding| holding.record.clone());
            let mut pool = PoolState::with_records(Arc::clone(empty.spec()), records);
            pool.reshape(Arc::clone(empty.spec()), Arc::new(empty.reserved().clone()));
            let attached =
                |holding: &Holding| Some(((name.clone(), holding.record.address), holding.nic.clone()?));
            nics.extend(mine().filter_map(attached));
            found.insert(name.clone(), pool);
        }
        Ok(Self { file: file.to_owned(), pools: found, nics, commits: 0 })
    }

    /// The whole state, then the name: after a crash there is the old file or the new one.
    fn write(&self) -> io::Result<()> {
        let fresh = self.file.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&self.all().collect::<Vec<_>>())?)?;
        file.sync_all()?;
        fs::rename(fresh, &self.file)
    }

    fn all(&self) -> impl Iterator<Item = Holding> {
        let of = |(name, pool): (&PoolName, &PoolState)| -> Vec<Holding> {
            pool.records().map(|record| self.holding(name, record)).collect()
        };
        self.pools.iter().flat_map(of)
    }

    fn holding(&self, pool: &PoolName, record: &Record) -> Holding {
        let nic = self.nics.get(&(pool.clone(), record.address)).cloned();
        Holding { pool: pool.clone(), record: record.clone(), nic }
    }

    /// One mark for everything: a store may refuse more than it must.
    fn version(&self) -> Version {
        Version::new(self.commits.to_string())
    }

    fn holdings(&self, owner: &Owner) -> Holdings {
        let records: Vec<Holding> = self.all().filter(|one| one.record.owner.same_identity(owner)).collect();
        let (mut by_nic, mut bound) = (BTreeMap::<Nic, Vec<Assignment>>::new(), None);
        for Holding { pool, record, nic } in &records {
            let Some(nic) = nic else { continue };
            let assignment = Assignment { pool: pool.clone(), address: record.address };
            by_nic.entry(nic.clone()).or_default().push(assignment);
            bound = Some(record.owner.clone());
        }
        let attachments = by_nic.into_iter().map(|(nic, mut assignments)| {
            assignments.sort_by_key(|one| one.address);
            Attachment { nic, assignments }
        });
        let named = |(name, _): &(&PoolName, &PoolState)| records.iter().any(|one| one.pool == **name);
        let pools = self.pools.iter().filter(named).map(|(_, pool)| Arc::clone(pool.spec())).collect();
        Holdings { version: self.version(), bound, attachments: attachments.collect(), records, pools }
    }

    fn pick(&mut self, query: &PickQuery) -> PickView {
        let version = self.version();
        let Some(pool) = self.pools.get_mut(&query.pool) else {
            return PickView { version, spec: None, outcome: Err(Obstacle::NoPool) };
        };
        let (outcome, spec) = (pool.pick(query), Arc::clone(pool.spec()));
        let outcome = match outcome {
            // A pool does not know its neighbours of the same subnet, nor NICs.
            Ok(address) => self.elsewhere(&query.pool, address).map_or(Ok(address), Err),
            Err(Obstacle::Held(held)) => Err(self.holding(&held.pool, &held.record)),
            Err(other) => return PickView { version, spec: Some(spec), outcome: Err(other) },
        };
        let outcome = outcome.map_err(|holding| Obstacle::Held(Box::new(holding)));
        PickView { version, spec: Some(spec), outcome }
    }

    fn elsewhere(&self, pool: &PoolName, address: Addr) -> Option<Holding> {
        let subnet = self.pools.get(pool)?.spec().subnet();
        let peers = self.pools.iter().filter(|(name, peer)| *name != pool && peer.spec().subnet() == subnet);
        peers.filter_map(|(name, peer)| Some(self.holding(name, peer.record(address)?))).next()
    }

    fn page(&self, query: &PageQuery) -> PageView {
        let place = |one: &Holding| (one.pool.clone(), one.record.address);
        let mut found = self.all().filter(|one| {
            let owner = &one.record.owner;
            query.pool.as_ref().is_none_or(|pool| one.pool == *pool)
                && query
                    .scope
                    .as_ref()
                    .is_none_or(|(kind, scope)| owner.kind() == *kind && owner.scope() == scope)
                && query.after.as_ref().is_none_or(|after| place(one) > *after)
        });
        let records: Vec<Holding> = found.by_ref().take(query.limit).collect();
        let next = found.next().and(records.last().map(place));
        PageView { records, next }
    }

    fn apply(&mut self, change: &Change) -> Result<(), JsonError> {
        match change {
            Change::Pool { pool: name, ops, now, cooldown, .. } => {
                for op in ops {
                    if let PoolOp::Take(record) | PoolOp::TakeAgain(record) = op
                        && self.elsewhere(name, record.address).is_some()
                    {
                        return Err(JsonError::Stale);
                    }
                }
                let pool = self.pools.get_mut(name).ok_or(JsonError::Stale)?;
                pool.apply(ops, *now, *cooldown)?;
                // What nobody holds is attached to nothing.
                self.nics.retain(|(of, address), _| of != name || pool.record(*address).is_some());
            }
            Change::Attachments { owner, ops, .. } => {
                for op in ops {
                    self.attach(owner, op)?;
                }
            }
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        }
        Ok(())
    }

    fn attach(&mut self, owner: &Owner, op: &AttachmentOp) -> Result<(), JsonError> {
        let goes = |nic: &Nic| match op {
            AttachmentOp::Set(planned) => *nic == planned.nic,
            AttachmentOp::Remove(gone) => nic == gone,
            AttachmentOp::Clear => true,
            // Those without a record have gone with it.
            AttachmentOp::Forget(_) | _ => false,
        };
        let pools = &self.pools;
        self.nics.retain(|(pool, address), nic| {
            let record = pools.get(pool).and_then(|pool| pool.record(*address));
            !(goes(nic) && record.is_some_and(|record| record.owner.same_identity(owner)))
        });
        if let AttachmentOp::Set(Attachment { nic, assignments }) = op {
            for Assignment { pool, address } in assignments {
                let record = self.pools.get(pool).and_then(|pool| pool.record(*address));
                if !record.is_some_and(|record| record.owner.same_holder(owner)) {
                    return Err(JsonError::NotHeld(*address));
                }
                self.nics.insert((pool.clone(), *address), nic.clone());
            }
        }
        Ok(())
    }
}

impl Store for JsonStore {
    type Error = JsonError;

    fn is_atomic(&self) -> bool {
        true
    }

    fn read(&mut self, query: &Query) -> Result<View, JsonError> {
        Ok(match query {
            Query::Holdings { owner, .. } => View::Holdings(self.holdings(owner)),
            Query::Pick(query) => View::Pick(self.pick(query)),
            Query::Page(query) => View::Page(self.page(query)),
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        })
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, JsonError> {
        let mut next = self.clone();
        for change in changes {
            let (Change::Pool { version, .. } | Change::Attachments { version, .. }) = change else {
                return Err(io::Error::from(io::ErrorKind::Unsupported).into());
            };
            if !version.allows(&self.version()) {
                return Err(JsonError::Stale);
            }
            next.apply(change)?;
        }
        next.commits = next.commits.saturating_add(1);
        next.write()?;
        *self = next;
        Ok(changes.iter().map(|_| self.version()).collect())
    }
}

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut files = 0_u32;
    let report = conformance::check(|setup: &Setup| {
        files = files.saturating_add(1);
        let pools = setup.pools.iter().map(|spec| {
            let spec = Arc::new(spec.clone());
            let mut pool = PoolState::new(Arc::clone(&spec));
            pool.reshape(Arc::clone(&spec), Arc::new(setup.reserved(spec.family())));
            pool
        });
        let file = folder.path().join(format!("{files}.json"));
        JsonStore::open(&file, pools).unwrap_or_else(|error| unreachable!("there is no file yet: {error}"))
    })?;
    println!("{report}");
    Ok(())
}
