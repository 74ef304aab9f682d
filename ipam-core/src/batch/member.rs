//! One request's commit as a member of a batch, and many of them as one commit.

use std::collections::BTreeSet;

use crate::addr::Addr;
use crate::batch::batcher::Ticket;
use crate::owner::{Owner, OwnerKind};
use crate::pool::PoolName;
use crate::store::{AttachmentOp, Change, PoolOp, Version};

/// What an operation costs beside the texts in it: an address, a stamp, the syntax around them.
const OP_BYTES: usize = 64;

/// What a commit touches. Members that share a key never share a batch.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    /// A record, in whatever pool.
    Address(Addr),
    /// The attachments of an identity.
    Attachments(OwnerKind, String, String),
}

/// A commit that waits for its turn.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) ticket: Ticket,
    pub(super) changes: Vec<Change>,
    pub(super) keys: BTreeSet<Key>,
    pub(super) bytes: usize,
    /// Whether it can be merged with others: each pool once, then attachments. Anything else goes alone, as it is.
    pub(super) is_plain: bool,
}

impl Member {
    pub(super) fn new(ticket: Ticket, changes: Vec<Change>) -> Self {
        let is_plain = is_plain(&changes);
        let (mut keys, mut bytes) = (BTreeSet::new(), 0_usize);
        for change in &changes {
            match change {
                Change::Pool { ops, .. } => {
                    keys.extend(ops.iter().map(|op| Key::Address(op.address())));
                    bytes = ops.iter().map(op_bytes).fold(bytes, usize::saturating_add);
                }
                Change::Attachments { owner, ops, .. } => {
                    let (scope, name) = (owner.scope().to_owned(), owner.name().to_owned());
                    keys.insert(Key::Attachments(owner.kind(), scope, name));
                    keys.extend(ops.iter().flat_map(named).map(Key::Address));
                    bytes = ops.iter().map(attachment_bytes).fold(bytes, usize::saturating_add);
                    bytes = bytes.saturating_add(owner_bytes(owner));
                }
            }
        }
        Self { ticket, changes, keys, bytes, is_plain }
    }

    /// The addresses that it takes, by pool.
    pub(super) fn takes(&self) -> impl Iterator<Item = (&PoolName, Addr)> {
        self.changes.iter().flat_map(|change| {
            let (pool, ops) = match change {
                Change::Pool { pool, ops, .. } => (Some(pool), ops.as_slice()),
                Change::Attachments { .. } => (None, &[][..]),
            };
            ops.iter().filter_map(move |op| match op {
                PoolOp::Take(record) | PoolOp::TakeAgain(record) => Some((pool?, record.address)),
                PoolOp::Release { .. } | PoolOp::Rebind { .. } | PoolOp::Confirm { .. } => None,
            })
        })
    }
}

/// Each pool and each owner once, pools first: then the order of changes within the commit survives a merge.
fn is_plain(changes: &[Change]) -> bool {
    let (mut pools, mut owners) = (BTreeSet::new(), BTreeSet::new());
    let distinct = changes.iter().all(|change| match change {
        Change::Pool { pool, .. } => pools.insert(pool),
        Change::Attachments { owner, .. } => owners.insert((owner.kind(), owner.scope(), owner.name())),
    });
    let pools_first = changes.is_sorted_by_key(|change| matches!(change, Change::Attachments { .. }));
    distinct && pools_first && !changes.is_empty()
}

fn named(op: &AttachmentOp) -> Vec<Addr> {
    match op {
        AttachmentOp::Set(attachment) => attachment.assignments.iter().map(|one| one.address).collect(),
        AttachmentOp::Forget(address) => vec![*address],
        AttachmentOp::Clear | AttachmentOp::Remove(_) => Vec::new(),
    }
}

fn owner_bytes(owner: &Owner) -> usize {
    [owner.scope(), owner.name(), owner.uid()].iter().map(|part| part.len()).fold(0, usize::saturating_add)
}

fn op_bytes(op: &PoolOp) -> usize {
    let owners = match op {
        PoolOp::Take(record) | PoolOp::TakeAgain(record) => owner_bytes(&record.owner),
        PoolOp::Release { owner, .. } | PoolOp::Confirm { owner, .. } => owner_bytes(owner),
        PoolOp::Rebind { from, to, .. } => owner_bytes(from).saturating_add(owner_bytes(to)),
    };
    owners.saturating_add(OP_BYTES)
}

fn attachment_bytes(op: &AttachmentOp) -> usize {
    let texts = match op {
        AttachmentOp::Set(attachment) => {
            let assignments = &attachment.assignments;
            let pools = assignments.iter().map(|one| one.pool.as_str().len().saturating_add(OP_BYTES));
            pools.fold(attachment.nic.as_str().len(), usize::saturating_add)
        }
        AttachmentOp::Remove(nic) => nic.as_str().len(),
        AttachmentOp::Clear | AttachmentOp::Forget(_) => 0,
    };
    texts.saturating_add(OP_BYTES)
}

/// The members as one commit, and for each member where its changes are in it.
///
/// Pools come first, each once; what differs between members that cannot be told apart in one change is taken at its safest: the latest
/// time and the longest cooldown, so that nothing is given again sooner than anybody asked for.
pub(super) fn merge(members: &[Member]) -> (Vec<Change>, Vec<Vec<usize>>) {
    if let [alone] = members
        && !alone.is_plain
    {
        return (alone.changes.clone(), vec![(0..alone.changes.len()).collect()]);
    }
    let mut merged: Vec<Change> = Vec::new();
    for change in members.iter().flat_map(|member| &member.changes) {
        let Change::Pool { pool, ops, now, cooldown, .. } = change else { continue };
        let same = merged.iter_mut().find_map(|change| match change {
            Change::Pool { pool: other, ops, now, cooldown, .. } if other == pool => {
                Some((ops, now, cooldown))
            }
            Change::Pool { .. } | Change::Attachments { .. } => None,
        });
        match same {
            Some((all, latest, longest)) => {
                all.extend(ops.iter().cloned());
                *latest = (*latest).max(*now);
                *longest = (*longest).max(*cooldown);
            }
            None => merged.push(Change::Pool {
                pool: pool.clone(),
                version: Version::ANY,
                ops: ops.clone(),
                now: *now,
                cooldown: *cooldown,
            }),
        }
    }
    let mut places = Vec::new();
    for member in members {
        let mut own = Vec::new();
        for change in &member.changes {
            let place = match change {
                Change::Pool { pool, .. } => merged
                    .iter()
                    .position(|other| matches!(other, Change::Pool { pool: other, .. } if other == pool)),
                Change::Attachments { .. } => None,
            };
            own.push(place.unwrap_or(merged.len()));
            if place.is_none() {
                merged.push(change.clone());
            }
        }
        places.push(own);
    }
    (merged, places)
}
