//! CHECK: is what the agent has for the NIC what `prevResult` says?
//!
//! The original answers success without a look.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::answer::parse;
use super::error::{AgentError, AgentStep};
use super::{Errand, Error};
use crate::cni::{Attachment, CniArgs, CniResult, Error as Wrong, Json};

/// Compares both ways, addresses with their prefix lengths.
pub(in super::super) fn run(errand: &Errand<'_>, attachment: &Attachment) -> Result<(), Error> {
    let (args, log) = errand.pod()?;
    let nic = attachment.if_name.as_str();
    let previous = errand.call.config().prev_result().map_err(Error::config)?.ok_or(Error::NoPrevResult)?;
    if args.pod_name.is_empty() || args.pod_namespace.is_empty() {
        return Err(Error::NoPod);
    }
    let agent = errand.healthy_agent(AgentStep::Health)?;
    let failed = |source| Error::agent(AgentStep::Endpoint, source);
    let body = agent.endpoint(&args.pod_namespace, &args.pod_name).map_err(failed)?;
    let endpoint = Endpoint::read(&body, nic).map_err(failed)?;
    compare(&endpoint, &expected(&previous, nic), nic, &args)?;
    log.debug("checked", &[("addresses", endpoint.addresses.len().into())]);
    Ok(())
}

/// What `WorkloadEndpointStatus` says of one NIC.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Endpoint {
    uid: String,
    addresses: BTreeSet<IpNet>,
}

impl Endpoint {
    fn read(body: &[u8], nic: &str) -> Result<Self, AgentError> {
        let refuse = |fault: String| AgentError::Schema { faults: vec![fault] };
        let json = parse(body).map_err(refuse)?;
        Self::from_json(&json, nic).map_err(|wrong| refuse(wrong.to_string()))
    }

    fn from_json(json: &Json, nic: &str) -> Result<Self, Wrong> {
        let keys = json.keys()?;
        let mut addresses = BTreeSet::new();
        for field in keys.list("interfaces")? {
            let interface = field.keys()?;
            if interface.text("interface")? != Some(nic) {
                continue;
            }
            for key in ["ipv4", "ipv6"] {
                let Some(field) = interface.get(key) else { continue };
                let text = field.text()?;
                if text.is_empty() {
                    continue;
                }
                let address = text.parse().map_err(|_| {
                    field.invalid("it is no address with a prefix length", "an address/prefix length")
                })?;
                addresses.insert(address);
            }
        }
        Ok(Self { uid: keys.text("podUID")?.unwrap_or_default().to_owned(), addresses })
    }
}

/// The addresses of the NIC. One without an interface is the NIC's too: an IPAM plugin names none, and some main plugins add none.
fn expected(previous: &CniResult, nic: &str) -> BTreeSet<IpNet> {
    let is_of_another = |index: u32| {
        let index = usize::try_from(index).ok();
        let interface = index.and_then(|index| previous.interfaces.get(index));
        interface.is_some_and(|interface| interface.name != nic)
    };
    let own = previous.ips.iter().filter(|ip| !ip.interface.is_some_and(is_of_another));
    own.map(|ip| ip.address).collect()
}

fn compare(endpoint: &Endpoint, expected: &BTreeSet<IpNet>, nic: &str, args: &CniArgs) -> Result<(), Error> {
    let pod = || format!("{}/{}", args.pod_namespace, args.pod_name);
    if !args.pod_uid.is_empty() && endpoint.uid != args.pod_uid {
        return Err(Error::OtherPod { pod: pod(), stored: endpoint.uid.clone(), uid: args.pod_uid.clone() });
    }
    // Nothing on both sides would pass for agreement.
    if endpoint.addresses == *expected && !expected.is_empty() {
        return Ok(());
    }
    let list = |addresses: &BTreeSet<IpNet>| {
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
    };
    let (stored, expected) = (list(&endpoint.addresses), list(expected));
    Err(Error::Differs { pod: pod(), nic: nic.to_owned(), stored, expected })
}
