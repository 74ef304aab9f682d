//! A pool as the store knows it: from the object, and back into the body of a status PUT.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_core::select::{ListedPool, Standing};
use ipam_core::status::{AllocatedIps, StatusError, Workload};
use ipam_core::{PoolFields, PoolName, PoolOp, PoolSpec, PoolState, RangeSet, Time};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::error::ClusterStoreError;
use crate::crd::{IPPoolSpec, SpiderIPPool};

const IPS: &str = "allocatedIPs";
const COUNT: &str = "allocatedIPCount";

/// A SpiderIPPool with its status as it stands there, so that what is not known is written back.
#[derive(Deserialize)]
pub(super) struct PoolObject {
    pub(super) metadata: ObjectMeta,
    spec: Option<IPPoolSpec>,
    status: Option<Map<String, Value>>,
}

impl PoolObject {
    /// The pool's spec, or what is wrong with it.
    pub(super) fn spec(&self, pool: &PoolName) -> Result<Arc<PoolSpec>, ClusterStoreError> {
        let fields = PoolFields::from(self.spec.as_ref().unwrap_or(&IPPoolSpec::default()));
        let listed = ListedPool::new(pool.clone(), &fields, Standing::default());
        listed.spec().cloned().ok_or_else(|| ClusterStoreError::FaultySpec {
            pool: pool.clone(),
            faults: listed.faults().to_vec(),
        })
    }
}

/// A version of a pool that was read, or that this process wrote.
#[derive(Debug)]
pub(super) struct KnownPool {
    pub(super) name: PoolName,
    pub(super) uid: String,
    pub(super) version: String,
    pub(super) spec: Arc<PoolSpec>,
    pub(super) ips: Arc<AllocatedIps>,
    /// Why the records cannot be read. Then those above are none.
    trouble: Option<StatusError>,
    state: Mutex<PoolState>,
    /// The fields of the status beside the records and their number.
    rest: Arc<Map<String, Value>>,
    /// Bytes of the object as the API server stores it, but for what its text saves in blanks.
    pub(super) bytes: u64,
    /// When this version was the present one.
    pub(super) at: Instant,
}

/// What a change makes of a pool.
pub(super) enum Planned {
    /// Nothing that would be written.
    Unchanged,
    /// This, once its status is stored.
    Changed { next: Box<KnownPool>, body: Vec<u8> },
}

impl KnownPool {
    /// Reads an object of so many bytes.
    pub(super) fn read(
        name: &PoolName,
        object: PoolObject,
        bytes: usize,
        reserved: Arc<RangeSet>,
        records_max: Option<u64>,
        earlier: Option<&Self>,
    ) -> Result<Self, ClusterStoreError> {
        let spec = object.spec(name)?;
        let mut rest = object.status.unwrap_or_default();
        let field = match rest.remove(IPS) {
            Some(Value::String(text)) => Some(text),
            // The schema lets nothing else through.
            Some(_) | None => None,
        };
        rest.remove(COUNT);
        let (ips, trouble) = match AllocatedIps::parse(spec.family(), field.as_deref()) {
            Ok(ips) => (ips, None),
            Err(error) => (AllocatedIps::new(spec.family()), Some(error)),
        };
        let mut state = ips.pool_state(Arc::clone(&spec), |_| Workload::Pod);
        state.limit_records(records_max);
        if !reserved.is_empty() {
            state.reshape(Arc::clone(&spec), reserved);
        }
        let uid = object.metadata.uid.unwrap_or_default();
        if let Some(earlier) = earlier.filter(|earlier| earlier.uid == uid) {
            state.inherit(&earlier.state());
        }
        Ok(Self {
            name: name.clone(),
            uid,
            version: object.metadata.resource_version.unwrap_or_default(),
            spec,
            ips: Arc::new(ips),
            trouble,
            state: Mutex::new(state),
            rest: Arc::new(rest),
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            at: Instant::now(),
        })
    }

    /// That its records can be read. If not, only a pick may be answered from it: whatever is picked, its commit is rejected, and the
    /// request goes on with its other candidates.
    pub(super) fn readable(&self) -> Result<(), ClusterStoreError> {
        match self.trouble.clone() {
            Some(source) => Err(ClusterStoreError::UnreadableRecords { pool: self.name.clone(), source }),
            None => Ok(()),
        }
    }

    /// The ledger. A pick changes it, but nothing that counts.
    pub(super) fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that these addresses are the reserved ones.
    pub(super) fn reserve(&self, reserved: &Arc<RangeSet>) {
        let mut state = self.state();
        if state.reserved() != reserved.as_ref() {
            state.reshape(Arc::clone(&self.spec), Arc::clone(reserved));
        }
    }

    /// The first record that makes no sense.
    pub(super) fn flaw(&self) -> Option<String> {
        self.ips.flaws().next().map(|flaw| flaw.to_string())
    }

    /// Applies operations to a copy. A record has no stamp here, so one that is to be noted is only tested.
    pub(super) fn plan(
        &self,
        ops: &[PoolOp],
        now: Time,
        cooldown: Duration,
    ) -> Result<Planned, ClusterStoreError> {
        let (mut writing, mut confirming) = (Vec::new(), Vec::new());
        for op in ops {
            if let PoolOp::Confirm { address, owner, .. } = op {
                confirming.push((*address, owner.clone()));
                continue;
            }
            let mut op = op.clone();
            if let PoolOp::Take(record) | PoolOp::TakeAgain(record) = &mut op {
                record.stamp = None;
            }
            if let PoolOp::Rebind { stamp, .. } = &mut op {
                *stamp = None;
            }
            writing.push(op);
        }
        let mut state = self.state().clone();
        state.apply(&writing, now, cooldown)?;
        for (address, owner) in confirming {
            let problem = match state.record(address) {
                Some(record) if record.owner.same_holder(&owner) => continue,
                Some(_) => "is held by another owner",
                None => "is not held any more",
            };
            let pool = self.name.clone();
            return Err(ipam_core::Error::ConditionFailed { pool, address, problem }.into());
        }
        let mut ips = AllocatedIps::clone(&self.ips);
        ips.update(&state)
            .map_err(|source| ClusterStoreError::Unwritable { pool: self.name.clone(), source })?;
        if ips == *self.ips {
            return Ok(Planned::Unchanged);
        }
        let (body, written) = self.body(&ips);
        let before = self.written_bytes();
        let bytes = self.bytes.saturating_sub(before).saturating_add(written);
        let next = Self {
            name: self.name.clone(),
            uid: self.uid.clone(),
            version: String::new(),
            spec: Arc::clone(&self.spec),
            ips: Arc::new(ips),
            trouble: None,
            state: Mutex::new(state),
            rest: Arc::clone(&self.rest),
            bytes,
            at: Instant::now(),
        };
        Ok(Planned::Changed { next: Box::new(next), body: body.into_bytes() })
    }

    /// The same pool, to be written once more.
    pub(super) fn again(&self) -> Self {
        Self {
            name: self.name.clone(),
            uid: self.uid.clone(),
            version: String::new(),
            spec: Arc::clone(&self.spec),
            ips: Arc::clone(&self.ips),
            trouble: None,
            state: Mutex::new(self.state().clone()),
            rest: Arc::clone(&self.rest),
            bytes: self.bytes,
            at: Instant::now(),
        }
    }

    /// The body of a PUT that stores it as it is.
    pub(super) fn body_now(&self) -> Vec<u8> {
        self.body(&self.ips).0.into_bytes()
    }

    /// This pool at the version that the API server gave it.
    pub(super) fn at_version(mut self, version: String) -> Self {
        self.version = version;
        self.at = Instant::now();
        self
    }

    /// The body of a status PUT, put together as text so that records are not escaped twice over, and the bytes of the records in it.
    fn body(&self, ips: &AllocatedIps) -> (String, u64) {
        let metadata =
            json!({ "name": self.name.as_str(), "uid": self.uid, "resourceVersion": self.version });
        let mut body = format!(
            r#"{{"apiVersion":{},"kind":"SpiderIPPool","metadata":{metadata},"status":{{"{COUNT}":{}"#,
            Value::from(SpiderIPPool::api_version()),
            ips.len(),
        );
        for (field, value) in self.rest.iter() {
            body.push(',');
            body.push_str(&Value::from(field.as_str()).to_string());
            body.push(':');
            body.push_str(&value.to_string());
        }
        let mut records = String::new();
        if ips.append_json(&mut records) {
            body.push_str(r#","allocatedIPs":"#);
            body.push_str(&records);
        }
        body.push_str("}}");
        (body, u64::try_from(records.len()).unwrap_or(u64::MAX))
    }

    fn written_bytes(&self) -> u64 {
        let mut text = String::new();
        self.ips.append_json(&mut text);
        u64::try_from(text.len()).unwrap_or(u64::MAX)
    }
}
