//! An IPAM plugin for any CNI runtime: one range on a local store. The runtime starts it for each container with an environment and a
//! configuration on standard input; `cni_plugins::cni` reads both and writes the answer, a machine of `ipam-core` does the rest.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cni_plugins::cni::{self, Attachment, Call, CniError, CniResult, ErrorCode, IpConfig, Plugin};
use ipam_core::{
    Allocate, AllocationRequest, Clock as _, Nic, NicRequest, Owner, Policy, PoolFields, PoolName, Query,
    Release, ReleaseRequest, ReleaseScope, Store as _, View, run,
};
use ipam_local::{BootClock, LocalStore, Metadata, OpenMode, Source};

/// How long to wait for other containers that start at this moment. Runtimes give a plugin a minute or more.
const PATIENCE: Duration = Duration::from_secs(20);

struct OneRange;

/// Any failure here may be over at the next try; a configuration that is wrong is told by another number.
fn again(error: impl Display) -> CniError {
    CniError::new(ErrorCode::TryAgainLater, error.to_string())
}

fn wrong(error: impl Display) -> CniError {
    CniError::new(ErrorCode::InvalidConfig, error.to_string())
}

/// A key that must be there.
fn key<'a>(call: &'a Call, name: &str) -> Result<&'a str, CniError> {
    let text = call.config().ipam()?.text(name)?;
    text.ok_or_else(|| wrong(format!("ipam.{name} is missing; want a text")))
}

/// Who asks, and for which interface. One network's containers are not another's.
fn owner(call: &Call, attachment: &Attachment) -> Result<(Owner, Nic, PoolName), CniError> {
    let network = call.config().name().as_str();
    let owner = Owner::container(network, attachment.container_id.as_str()).map_err(wrong)?;
    let nic = attachment.if_name.as_str().parse().map_err(wrong)?;
    Ok((owner, nic, network.parse().map_err(wrong)?))
}

impl Plugin for OneRange {
    fn about(&self) -> String {
        "CNI IPAM plugin one-range: an example".to_owned()
    }

    fn add(&self, call: &Call, attachment: &Attachment, _netns: &Path) -> Result<CniResult, CniError> {
        let (owner, nic, pool) = owner(call, attachment)?;
        let mut store =
            LocalStore::open(key(call, "store")?, OpenMode::CreateIfMissing, PATIENCE).map_err(again)?;
        // From here until it is dropped, other processes wait.
        let mut session = store.session(PATIENCE).map_err(again)?;
        let fields = PoolFields {
            subnet: key(call, "subnet")?.to_owned(),
            ips: vec![key(call, "range")?.to_owned()],
            ..PoolFields::default()
        };
        // The first container makes the pool, the others find it as it is.
        session.apply_pool(&pool, &fields, &Metadata::default(), &Source::Applied).map_err(wrong)?;

        let wanted = NicRequest { v4: vec![pool], ..NicRequest::new(nic) };
        let mut request = AllocationRequest::new(owner, BootClock.now() + PATIENCE).nic(wanted);
        request.policy = Policy::Rotate;
        request.stamp = Some(session.stamp());
        let allocate = Allocate::new(request, session.is_atomic());
        let allocation = run(allocate, &mut session, &mut BootClock).map_err(again)?.map_err(again)?;

        let mut result = CniResult::default();
        for assignment in allocation.attachments.iter().flat_map(|attachment| &attachment.assignments) {
            let prefix = allocation.pool(&assignment.pool).map_or(32, |pool| pool.subnet_prefix());
            let address = format!("{}/{prefix}", assignment.address).parse().map_err(again)?;
            result.ips.push(IpConfig { address, gateway: None, interface: None });
        }
        Ok(result)
    }

    /// Nothing to free is success: a runtime may ask as often as it likes, also for an ADD that never was.
    fn del(&self, call: &Call, attachment: &Attachment, _netns: Option<&Path>) -> Result<(), CniError> {
        let (owner, nic, _) = owner(call, attachment)?;
        let Ok(mut store) = LocalStore::open(key(call, "store")?, OpenMode::MustExist, PATIENCE) else {
            return Ok(());
        };
        let request = ReleaseRequest::new(owner, ReleaseScope::Nic(nic), BootClock.now() + PATIENCE);
        let release = Release::new(request, store.is_atomic());
        run(release, &mut store, &mut BootClock).map_err(again)?;
        Ok(())
    }

    fn check(&self, call: &Call, attachment: &Attachment, _netns: &Path) -> Result<(), CniError> {
        let (owner, nic, _) = owner(call, attachment)?;
        let mut store =
            LocalStore::open(key(call, "store")?, OpenMode::MustExist, PATIENCE).map_err(again)?;
        let view = store.read(&Query::Holdings { owner, pools: Vec::new() }).map_err(again)?;
        if let View::Holdings(holdings) = view
            && holdings.attachments.iter().any(|one| one.nic == nic)
        {
            return Ok(());
        }
        Err(wrong("this interface has no address here; want an ADD before a CHECK"))
    }

    fn gc(&self, _call: &Call, _valid: Option<&[Attachment]>) -> Result<(), CniError> {
        // `Collect` with a `RuntimeList` would free what no valid attachment has.
        Ok(())
    }

    fn status(&self, _call: &Call) -> Result<(), CniError> {
        Ok(())
    }
}

fn main() -> ExitCode {
    cni::main(&OneRange)
}
