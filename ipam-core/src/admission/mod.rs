//! Admission: what a write to a pool, a reserved range or a subnet is changed to, and why it is refused.
//!
//! Pure functions from the object before, the object as someone wants it, and the other objects, to the object as it is
//! to be stored or to a [`Denial`] with all faults. The webhooks of a cluster and the tools of a single host call the same
//! functions, so a pool that one accepts the other does too.
//!
//! Rules about an object alone are [`PoolSpec::new`](crate::PoolSpec::new), [`ReservedSpec::new`](crate::ReservedSpec::new)
//! and [`SubnetSpec::new`](crate::subnet::SubnetSpec::new); here are those about others: names, overlaps, immutable
//! fields, addresses in use.
//!
//! SpiderSubnets are a feature that is off unless the caller says otherwise: [`Subnets`] for what a pool is changed to,
//! [`PoolRules`] for what it is checked against. The rules of a pool that a subnet controls come after all others and add
//! to the same list of faults.
//!
//! Two creates at the same moment can both pass: whoever stores the result must check again under its own lock, or
//! not rely on pools being disjoint.
//!
//! ```
//! use ipam_core::admission::{FamilySettings, pool_create};
//! use ipam_core::{Origin, PoolFields, PoolSpec};
//!
//! let fields = |ips: &str| PoolFields { subnet: "10.6.0.0/24".into(), ips: vec![ips.into()], ..PoolFields::default() };
//! let old = PoolSpec::new(&"old".parse()?, &fields("10.6.0.1-10.6.0.10"))?;
//!
//! let refusal = pool_create(&"new".parse()?, &fields("10.6.0.10-10.6.0.20"), Origin::User, [&old], FamilySettings::default())
//!     .unwrap_err();
//! assert_eq!(refusal.http_status(), 422);
//! assert_eq!(refusal.faults().map(|fault| fault.field()).collect::<Vec<_>>(), ["spec.ips"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod controlled;
mod denial;
mod metadata;
mod peer;
mod pool;
mod reserved;
mod stored;
mod subnet;

pub use self::controlled::{Controller, PoolRules};
pub use self::denial::{Denial, ObjectKind};
pub use self::metadata::{
    ControllerRef, FINALIZER, LABEL_APPLICATION, LABEL_CIDR, LABEL_OWNER_SUBNET, LABEL_SUBNET_CIDR, Metadata,
    cidr_label, mutate_pool, mutate_reserved, mutate_subnet, pool_update_terminating,
    reserved_update_terminating, subnet_update_terminating,
};
pub use self::peer::Peer;
pub use self::pool::{InUse, pool_create, pool_delete, pool_name, pool_update};
pub use self::reserved::{reserved_create, reserved_name, reserved_update};
pub use self::stored::{Preallocated, StoredSubnet, Subnets};
pub use self::subnet::{subnet_create, subnet_delete, subnet_name, subnet_update};

use crate::addr::Family;
use crate::fault::Fault;
use crate::rangeset::RangeSet;

/// How many ranges or pools a message names; more say nothing more, and an API answer has a size limit.
const MAX_NAMED: usize = 32;

/// `[a b c]`, cut when it gets long. Every text after the first few may be empty.
fn named(texts: &[String]) -> String {
    let shown: Vec<&str> = texts.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = match texts.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("[{}{more}]", shown.join(" "))
}

/// The ranges of a set in the same way.
fn named_ranges(set: &RangeSet) -> String {
    let texts: Vec<String> = set
        .ranges()
        .enumerate()
        .map(|(index, range)| if index < MAX_NAMED { range.to_string() } else { String::new() })
        .collect();
    named(&texts)
}

/// Which families are enabled (`enableIPv4`, `enableIPv6`). Both are, by default.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FamilySettings {
    /// IPv4 is enabled.
    pub v4: bool,
    /// IPv6 is enabled.
    pub v6: bool,
}

impl Default for FamilySettings {
    fn default() -> Self {
        Self { v4: true, v6: true }
    }
}

impl FamilySettings {
    /// Whether a family is enabled.
    #[must_use]
    pub const fn allows(self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }

    /// The fault of an object whose family is disabled. Updates meet it too, hence the words about them.
    fn fault(self, family: Family) -> Option<Fault> {
        (!self.allows(family)).then(|| {
            let detail = format!(
                "{family} is disabled, no {family} object can be created or updated until it is enabled"
            );
            Fault::forbidden("spec.ipVersion", detail)
        })
    }
}

/// `spec.ipVersion`, once set, stays.
fn version_changed(old: Option<i64>, new: Option<i64>) -> Option<Fault> {
    match (old, new) {
        (Some(old), Some(new)) if old != new => Some(unchangeable("spec.ipVersion", &old.to_string())),
        (_, _) => None,
    }
}

fn unchangeable(field: &str, old: &str) -> Fault {
    Fault::forbidden(field, format!("is not changeable, want {old}"))
}
