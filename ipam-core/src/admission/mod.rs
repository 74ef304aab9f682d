//! Admission: what a write to a pool or a reserved range is changed to, and why it is refused.
//!
//! Pure functions from the object before, the object as someone wants it, and the other objects, to the object as it is
//! to be stored or to a [`Denial`] with all faults. The webhooks of a cluster and the tools of a single host call the same
//! functions, so a pool that one accepts the other does too.
//!
//! Rules about an object alone are [`PoolSpec::new`](crate::PoolSpec::new) and [`ReservedSpec::new`](crate::ReservedSpec::new);
//! here are those about others: names, overlaps, immutable fields, addresses in use. The rules of a pool that belongs to a
//! SpiderSubnet come after all of these and add to the same list of faults.
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

mod denial;
mod metadata;
mod peer;
mod pool;
mod reserved;

pub use self::denial::{Denial, ObjectKind};
pub use self::metadata::{
    FINALIZER, LABEL_APPLICATION, LABEL_CIDR, Metadata, cidr_label, mutate_pool, mutate_reserved,
    pool_update_terminating, reserved_update_terminating,
};
pub use self::peer::Peer;
pub use self::pool::{InUse, pool_create, pool_delete, pool_name, pool_update};
pub use self::reserved::{reserved_create, reserved_name, reserved_update};

use crate::addr::Family;
use crate::fault::Fault;

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
