//! A store whose names are those of the contract's suite, on a cluster where they are others: there pools are not to be shared between
//! trials, and every owner is a pod.
//!
//! Pools and pods have the trial's prefix, in front of which no other test's names sort. Containers, claims and reservations stand as pods in
//! namespaces that say what they are.

use ipam_core::{
    Assignment, AsyncStore, Attachment, AttachmentOp, Change, Holding, Holdings, Obstacle, Owner, OwnerKind,
    PageQuery, PageView, PickQuery, PickView, PoolFields, PoolName, PoolOp, PoolSpec, Query, Record, Store,
    Version, View,
};
use tokio::runtime::Handle;

/// The store under its names of the suite; calls wait for their answer.
#[derive(Debug)]
pub(crate) struct Renamed<S> {
    pub(crate) inner: S,
    pub(crate) prefix: String,
    pub(crate) runtime: Handle,
}

impl<S: AsyncStore> Store for Renamed<S> {
    type Error = S::Error;

    fn is_atomic(&self) -> bool {
        self.inner.is_atomic()
    }

    fn read(&mut self, query: &Query) -> Result<View, S::Error> {
        let asked = self.out(query);
        let view = self.runtime.block_on(self.inner.read(&asked))?;
        Ok(self.back(view))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Version>, S::Error> {
        let changes: Vec<Change> = changes.iter().map(|change| self.change(change)).collect();
        self.runtime.block_on(self.inner.commit(&changes))
    }
}

impl<S> Renamed<S> {
    pub(crate) fn pool(&self, pool: &PoolName) -> PoolName {
        format!("{}{pool}", self.prefix).parse().unwrap()
    }

    fn pool_back(&self, pool: &PoolName) -> Option<PoolName> {
        pool.as_str().strip_prefix(&self.prefix)?.parse().ok()
    }

    pub(crate) fn owner(&self, owner: &Owner) -> Owner {
        let name = format!("{}{}", self.prefix, owner.name());
        let (namespace, uid) = match owner.kind() {
            OwnerKind::Pod => (format!("p-{}", owner.scope()), format!("p.{}", owner.uid())),
            OwnerKind::Claim => (format!("k-{}", owner.scope()), format!("k.{}", owner.uid())),
            OwnerKind::Container => {
                (format!("c-{}", owner.scope()), format!("c.{}.{}", owner.scope(), owner.name()))
            }
            OwnerKind::Reservation => ("r".to_owned(), format!("r.{}", owner.name())),
            other => panic!("{other}"),
        };
        Owner::pod(&namespace, &name, &uid).unwrap()
    }

    fn owner_back(&self, owner: &Owner) -> Option<Owner> {
        let name = owner.name().strip_prefix(&self.prefix)?;
        let (kind, uid) = owner.uid().split_once('.')?;
        let scope = owner.scope().split_once('-').map(|(_, scope)| scope).unwrap_or_default();
        match kind {
            "p" => Owner::pod(scope, name, uid).ok(),
            "k" => Owner::claim(scope, name, uid).ok(),
            "c" => Owner::container(scope, name).ok(),
            _ => Owner::reservation(name).ok(),
        }
    }

    fn out(&self, query: &Query) -> Query {
        match query {
            Query::Holdings { owner, pools } => Query::Holdings {
                owner: self.owner(owner),
                pools: pools.iter().map(|pool| self.pool(pool)).collect(),
            },
            Query::Pick(query) => Query::Pick(PickQuery { pool: self.pool(&query.pool), ..query.clone() }),
            Query::Page(query) => {
                let scope = query.scope.as_ref().map(|(kind, scope)| {
                    let mark = if *kind == OwnerKind::Container { "c" } else { "p" };
                    (OwnerKind::Pod, format!("{mark}-{scope}"))
                });
                // No pool of another trial sorts behind this one's.
                let first = || {
                    let name = self.prefix.trim_end_matches('-').parse().ok()?;
                    Some((name, "0.0.0.0".parse().ok()?))
                };
                let after = query.after.as_ref().map(|(pool, address)| (self.pool(pool), *address));
                Query::Page(PageQuery {
                    scope,
                    pool: query.pool.as_ref().map(|pool| self.pool(pool)),
                    after: after.or_else(first),
                    limit: query.limit,
                })
            }
            other => panic!("{other:?}"),
        }
    }

    fn back(&self, view: View) -> View {
        match view {
            View::Holdings(holdings) => View::Holdings(Holdings {
                version: holdings.version,
                bound: holdings.bound.and_then(|bound| self.owner_back(&bound)),
                attachments: holdings.attachments.into_iter().map(|one| self.attachment_back(one)).collect(),
                records: holdings.records.into_iter().map(|one| self.holding_back(one).unwrap()).collect(),
                pools: holdings.pools.iter().map(|pool| self.spec_back(pool).into()).collect(),
            }),
            View::Pick(view) => View::Pick(PickView {
                version: view.version,
                spec: view.spec.map(|spec| self.spec_back(&spec).into()),
                outcome: view.outcome.map_err(|obstacle| match obstacle {
                    Obstacle::Held(holding) => Obstacle::Held(Box::new(self.holding_back(*holding).unwrap())),
                    other => other,
                }),
            }),
            View::Page(page) => {
                let next = page.next.and_then(|(pool, address)| Some((self.pool_back(&pool)?, address)));
                let records = page.records.into_iter().map_while(|one| self.holding_back(one)).collect();
                View::Page(PageView { records, next })
            }
            other => panic!("{other:?}"),
        }
    }

    fn holding_back(&self, holding: Holding) -> Option<Holding> {
        let Holding { pool, record: Record { address, owner, stamp }, nic } = holding;
        let record = Record { address, owner: self.owner_back(&owner)?, stamp };
        Some(Holding { pool: self.pool_back(&pool)?, record, nic })
    }

    fn attachment_back(&self, attachment: Attachment) -> Attachment {
        let back = |one: Assignment| Assignment { pool: self.pool_back(&one.pool).unwrap(), ..one };
        Attachment { assignments: attachment.assignments.into_iter().map(back).collect(), ..attachment }
    }

    fn spec_back(&self, spec: &PoolSpec) -> PoolSpec {
        let name = self.pool_back(spec.name()).unwrap();
        PoolSpec::new(&name, &PoolFields { ..spec.fields().clone() }).unwrap()
    }

    fn record(&self, record: &Record) -> Record {
        Record { owner: self.owner(&record.owner), ..record.clone() }
    }

    fn change(&self, change: &Change) -> Change {
        match change {
            Change::Pool { pool, version, ops, now, cooldown } => Change::Pool {
                pool: self.pool(pool),
                version: version.clone(),
                ops: ops.iter().map(|op| self.op(op)).collect(),
                now: *now,
                cooldown: *cooldown,
            },
            Change::Attachments { owner, version, ops } => Change::Attachments {
                owner: self.owner(owner),
                version: version.clone(),
                ops: ops.iter().map(|op| self.attachment_op(op)).collect(),
            },
            other => panic!("{other:?}"),
        }
    }

    fn op(&self, op: &PoolOp) -> PoolOp {
        match op.clone() {
            PoolOp::Take(record) => PoolOp::Take(self.record(&record)),
            PoolOp::TakeAgain(record) => PoolOp::TakeAgain(self.record(&record)),
            PoolOp::Release { address, owner, seen } => {
                PoolOp::Release { address, owner: self.owner(&owner), seen }
            }
            PoolOp::Rebind { address, from, to, stamp } => {
                PoolOp::Rebind { address, from: self.owner(&from), to: self.owner(&to), stamp }
            }
            PoolOp::Confirm { address, owner, stamp } => {
                PoolOp::Confirm { address, owner: self.owner(&owner), stamp }
            }
            other => panic!("{other:?}"),
        }
    }

    fn attachment_op(&self, op: &AttachmentOp) -> AttachmentOp {
        let AttachmentOp::Set(attachment) = op else { return op.clone() };
        let assign = |one: &Assignment| Assignment { pool: self.pool(&one.pool), ..one.clone() };
        let assignments = attachment.assignments.iter().map(assign).collect();
        AttachmentOp::Set(Attachment { assignments, ..attachment.clone() })
    }
}
