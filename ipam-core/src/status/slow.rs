//! Texts that serde_json refuses: those that Go refuses as well, in its words, and those with half a surrogate pair, of which Go
//! makes U+FFFD. Few come here, so it need not be quick.

use super::{AllocatedIps, StatusError, address_of};
use crate::addr::Family;
use crate::go_json::{Place, Value};

const WHOLE: Place = Place::Root("v2beta1.PoolIPAllocations");
const RECORD: Place = Place::Root("v2beta1.PoolIPAllocation");
const POD: Place = Place::Field("PoolIPAllocation", "pod");
const UID: Place = Place::Field("PoolIPAllocation", "podUid");

pub(super) fn parse(family: Family, text: &str) -> Result<AllocatedIps, StatusError> {
    let mut ips = AllocatedIps::new(family);
    for member in Value::parse(text.as_bytes())?.members(WHOLE)? {
        let (mut pod, mut uid) = (String::new(), String::new());
        for field in member.value.members(RECORD)? {
            if field.is("pod") {
                pod = field.value.text(POD)?.unwrap_or(pod);
            } else if field.is("poduid") {
                uid = field.value.text(UID)?.unwrap_or(uid);
            }
        }
        let key = member.key();
        let entry = ips.store(key, address_of(family, key), &pod, &uid);
        ips.entries.push(entry);
    }
    ips.sort();
    Ok(ips)
}
