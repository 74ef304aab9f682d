//! From what an owner holds and what it asks for to what is still missing, and from there to changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::addr::{Addr, Family};
use crate::machine::refusal::{Refusal, SlotRefusal, Verdict, Why};
use crate::machine::slot::{Place, Slot};
use crate::owner::{Nic, Owner};
use crate::pool::{PoolName, PoolSpec};
use crate::record::{Assignment, Attachment, Time};
use crate::request::{AllocationRequest, Follow, NicRequest};
use crate::store::{AttachmentOp, Change, Holding, Holdings, PickQuery, PickView, PoolOp, Version};

/// A plan in the making.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    slots: Vec<Slot>,
    holdings: Holdings,
    /// Attachments of another incarnation, whose addresses this one doesn't take over.
    clear: bool,
    /// Addresses of pools that are no candidates any more.
    outdated: Vec<Holding>,
    pools: BTreeMap<PoolName, Arc<PoolSpec>>,
}

impl Plan {
    /// Settles what can be settled from the owner's own records.
    pub(super) fn settle(request: &AllocationRequest, holdings: Holdings) -> Self {
        let pools = holdings.pools.iter().map(|pool| (pool.name().clone(), Arc::clone(pool))).collect();
        let same_holder = holdings.bound.as_ref().is_none_or(|bound| bound.same_holder(&request.owner));
        let usable = same_holder || request.follow != Follow::Never;
        let mut plan = Self { slots: Vec::new(), clear: !usable, outdated: Vec::new(), pools, holdings };
        for nic in &request.nics {
            let attachment =
                plan.holdings.attachments.iter().find(|attachment| usable && attachment.nic == nic.nic);
            match attachment.filter(|attachment| !attachment.assignments.is_empty()).cloned() {
                Some(attachment)
                    if request.follow == Follow::WhilePoolsMatch && !nic.matches(&attachment) =>
                {
                    plan.drop_outdated(&attachment);
                    plan.open(request, nic);
                }
                Some(attachment) => plan.keep(request, nic, &attachment),
                None => plan.open(request, nic),
            }
        }
        plan
    }

    fn drop_outdated(&mut self, attachment: &Attachment) {
        let stale = attachment.assignments.iter().filter_map(|assignment| self.record_of(assignment));
        let stale: Vec<Holding> = stale.cloned().collect();
        self.outdated.extend(stale);
    }

    fn record_of(&self, assignment: &Assignment) -> Option<&Holding> {
        self.holdings
            .records
            .iter()
            .find(|holding| holding.pool == assignment.pool && holding.record.address == assignment.address)
    }

    /// A NIC that has addresses keeps them: the answer to a repeated request is what is stored.
    fn keep(&mut self, request: &AllocationRequest, nic: &NicRequest, attachment: &Attachment) {
        for assignment in &attachment.assignments {
            let family = assignment.address.family();
            let ask = nic.ask(family);
            let place = match self.record_of(assignment) {
                _ if ask.is_some_and(|ask| ask != assignment.address) => {
                    let why = Why::HoldsOther(assignment.clone());
                    Place::Refused(vec![Verdict { pool: assignment.pool.clone(), why }])
                }
                Some(holding) if holding.record.owner.same_holder(&request.owner) => {
                    Place::Held(holding.clone())
                }
                Some(holding) => Place::Rebound(holding.clone()),
                None => Place::Again(assignment.clone()),
            };
            self.slots.push(Slot {
                nic: nic.nic.clone(),
                family,
                candidates: nic.pools(family).to_vec(),
                ask,
                place,
            });
        }
    }

    /// A NIC without addresses claims records of this owner that no attachment names, else looks for new ones.
    fn open(&mut self, request: &AllocationRequest, nic: &NicRequest) {
        for family in [Family::V4, Family::V6] {
            let candidates = nic.pools(family).to_vec();
            let ask = nic.ask(family);
            if candidates.is_empty() && ask.is_none() {
                continue;
            }
            let place = self
                .unclaimed(request, family, &candidates, ask)
                .map_or(Place::Open { next: 0, verdicts: Vec::new() }, Place::Held);
            self.slots.push(Slot { nic: nic.nic.clone(), family, candidates, ask, place });
        }
    }

    /// A record of this owner that no attachment names and no slot has claimed.
    fn unclaimed(
        &self,
        request: &AllocationRequest,
        family: Family,
        candidates: &[PoolName],
        ask: Option<Addr>,
    ) -> Option<Holding> {
        let claimed = |holding: &Holding| {
            let same =
                |held: &Holding| held.pool == holding.pool && held.record.address == holding.record.address;
            self.slots.iter().any(|slot| matches!(&slot.place, Place::Held(held) if same(held)))
        };
        let fits = |holding: &&Holding| {
            let address = holding.record.address;
            address.family() == family
                && holding.record.owner.same_holder(&request.owner)
                && candidates.contains(&holding.pool)
                && ask.is_none_or(|ask| ask == address)
                && !self.is_attached(address)
                && !claimed(holding)
        };
        self.holdings.records.iter().find(fits).cloned()
    }

    fn is_attached(&self, address: Addr) -> bool {
        !self.clear
            && self
                .holdings
                .attachments
                .iter()
                .flat_map(|attachment| &attachment.assignments)
                .any(|assignment| assignment.address == address)
    }

    /// The next question to the store, if a slot is still open.
    pub(super) fn question(
        &mut self,
        request: &AllocationRequest,
        banned: &BTreeSet<PoolName>,
        now: Time,
    ) -> Option<PickQuery> {
        let except: Vec<Addr> = self.slots.iter().filter_map(Slot::planned).collect();
        for slot in &mut self.slots {
            // A store would say that the address is free, and then refuse to give it twice, again and again.
            if slot.ask.is_some_and(|ask| except.contains(&ask)) {
                slot.refuse(&Why::AskedTwice);
            }
            if let Some((pool, want)) = slot.next_pool(request, banned) {
                return Some(PickQuery { pool, want, except, now, cooldown: request.cooldown });
            }
        }
        None
    }

    /// Takes note of the store's answer to the last question.
    pub(super) fn note(&mut self, request: &AllocationRequest, view: PickView) {
        let PickView { version, spec, outcome } = view;
        if let Some(spec) = &spec {
            self.pools.insert(spec.name().clone(), Arc::clone(spec));
        }
        let Some(slot) = self.slots.iter().find(|slot| slot.is_undecided()) else { return };
        let again = matches!(slot.place, Place::Again(_));
        // What a try whose answer was lost took in place of the old address.
        let spare = again.then(|| self.unclaimed(request, slot.family, &slot.candidates, slot.ask)).flatten();
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_undecided()) else { return };
        slot.note(version, spec.as_deref(), outcome.map_err(Why::Obstacle));
        if let (Place::Open { .. }, Some(spare)) = (&slot.place, spare) {
            slot.place = Place::Held(spare);
        }
    }

    /// The refusal, if a slot is refused.
    pub(super) fn refusal(&self, owner: &Owner) -> Option<Refusal> {
        let slots: Vec<SlotRefusal> = self
            .slots
            .iter()
            .filter_map(|slot| {
                let Place::Refused(verdicts) = &slot.place else { return None };
                let (nic, verdicts) = (slot.nic.clone(), verdicts.clone());
                Some(SlotRefusal { nic, family: slot.family, ask: slot.ask, verdicts })
            })
            .collect();
        (!slots.is_empty()).then(|| Refusal { owner: owner.clone(), slots })
    }

    /// The changes that make the plan true: pools first, then attachments. None: it is true already.
    pub(super) fn changes(&self, request: &AllocationRequest, now: Time) -> Vec<Change> {
        let mut pools: BTreeMap<PoolName, (Version, Vec<PoolOp>)> = BTreeMap::new();
        for Holding { pool, record, .. } in &self.outdated {
            let op = PoolOp::Release { address: record.address, owner: record.owner.clone(), seen: None };
            pools.entry(pool.clone()).or_default().1.push(op);
        }
        for slot in &self.slots {
            if let Some((pool, version, op)) = slot.op(request) {
                let entry = pools.entry(pool).or_default();
                if version != Version::ANY {
                    entry.0 = version;
                }
                entry.1.push(op);
            }
        }
        let cooldown = request.cooldown;
        let change = |(pool, (version, ops))| Change::Pool { pool, version, ops, now, cooldown };
        let mut changes: Vec<Change> = pools.into_iter().map(change).collect();
        let ops = self.attachment_ops(request);
        if !ops.is_empty() {
            let version = self.holdings.version.clone();
            changes.push(Change::Attachments { owner: request.owner.clone(), version, ops });
        }
        changes
    }

    fn attachment_ops(&self, request: &AllocationRequest) -> Vec<AttachmentOp> {
        let rebound = self.holdings.bound.as_ref().is_some_and(|bound| bound != &request.owner);
        let mut ops = Vec::new();
        if self.clear {
            ops.push(AttachmentOp::Clear);
        }
        let planned = self.attachments();
        ops.extend(self.corrections(&planned));
        for planned in planned {
            let stored = self.holdings.attachments.iter().find(|attachment| attachment.nic == planned.nic);
            // Whoever freed an address that is taken again may be about to let no NIC name it: written even where nothing
            // differs, the attachment is either still there or the version has moved on.
            if self.clear || rebound || stored != Some(&planned) || self.retakes(&planned) {
                ops.push(AttachmentOp::Set(planned));
            }
        }
        ops.extend(self.emptied(request));
        ops
    }

    fn retakes(&self, planned: &Attachment) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.nic == planned.nic && matches!(slot.place, Place::Picked { again: true, .. }))
    }

    /// NICs of the request that lose what they have and get nothing: their addresses are of pools that are no candidates any
    /// more, and they have no others.
    fn emptied(&self, request: &AllocationRequest) -> impl Iterator<Item = AttachmentOp> {
        let wanted = |nic: &Nic| request.nics.iter().any(|wanted| wanted.nic == *nic);
        let planned = |nic: &Nic| self.slots.iter().any(|slot| slot.nic == *nic);
        let names =
            self.holdings.attachments.iter().filter(|_| !self.clear).map(|attachment| &attachment.nic);
        names.filter(move |nic| wanted(nic) && !planned(nic)).cloned().map(AttachmentOp::Remove)
    }

    /// Takes planned addresses from other NICs that still name them: an attachment may outlive its records (a release cut
    /// short), and the address may come to another NIC of the same owner, perhaps from another pool, which has the address by now.
    /// Two NICs that name one address would let the release of either free it.
    fn corrections(&self, planned: &[Attachment]) -> Vec<AttachmentOp> {
        if self.clear {
            return Vec::new();
        }
        let is_planned = |assignment: &Assignment| {
            planned.iter().flat_map(|p| &p.assignments).any(|p| p.address == assignment.address)
        };
        let others =
            self.holdings.attachments.iter().filter(|stored| planned.iter().all(|p| p.nic != stored.nic));
        others
            .filter(|stored| stored.assignments.iter().any(is_planned))
            .map(|stored| {
                let mut rest = stored.clone();
                rest.assignments.retain(|assignment| !is_planned(assignment));
                if rest.assignments.is_empty() {
                    AttachmentOp::Remove(rest.nic)
                } else {
                    AttachmentOp::Set(rest)
                }
            })
            .collect()
    }

    /// The planned addresses by NIC, in the order of the request, v4 first.
    pub(super) fn attachments(&self) -> Vec<Attachment> {
        let mut attachments: Vec<Attachment> = Vec::new();
        for slot in &self.slots {
            let Some(assignment) = slot.assignment() else { continue };
            match attachments.iter_mut().find(|attachment| attachment.nic == slot.nic) {
                Some(attachment) => attachment.assignments.push(assignment),
                None => attachments.push(Attachment { nic: slot.nic.clone(), assignments: vec![assignment] }),
            }
        }
        attachments
    }

    /// The specs of the pools that the planned addresses are from.
    pub(super) fn pools(&self) -> Vec<Arc<PoolSpec>> {
        let used: BTreeSet<PoolName> =
            self.slots.iter().filter_map(Slot::assignment).map(|a| a.pool).collect();
        used.iter().filter_map(|pool| self.pools.get(pool)).cloned().collect()
    }

    /// Records of this owner that no attachment names: what a refused request has to give back.
    pub(super) fn unattached(&self, request: &AllocationRequest) -> BTreeSet<Assignment> {
        self.holdings
            .records
            .iter()
            .filter(|holding| holding.record.owner.same_holder(&request.owner))
            .filter(|holding| !self.is_attached(holding.record.address))
            .map(|holding| Assignment { pool: holding.pool.clone(), address: holding.record.address })
            .collect()
    }

    /// What of these no attachment names.
    pub(super) fn without_attached(&self, assignments: BTreeSet<Assignment>) -> BTreeSet<Assignment> {
        assignments.into_iter().filter(|assignment| !self.is_attached(assignment.address)).collect()
    }
}
