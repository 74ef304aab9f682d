//! Carving: giving ranges of a SpiderSubnet to pools, and taking them back.
//!
//! A subnet is a reservoir. What its pools hold of it is written down in `status.controlledIPPools`, pool by pool
//! ([`ControlledPools`]): *record first, pool second*, so that a crash in between loses nothing and gives nothing twice. A person makes
//! a *manual* pool, whose record follows the pool; an *auto* pool is made for one application, NIC and family, and its pool
//! follows the record.
//!
//! Everything here is a rule without I/O: from what was read to what is to be written. Whoever writes does so under the version
//! of the subnet that was read, and plans again after a conflict.
//!
//! | Question | Answer |
//! | --- | --- |
//! | how many addresses does an application want? | [`IpNumber`], [`Workload`], [`desired`] |
//! | which pool is the application's, what does a new one look like? | [`Claim`] |
//! | which addresses does the pool get? | [`Stock`] |
//! | which records are still true? | [`sync`] |
//! | may the pool go? | [`reclaim`] |
//!
//! ```
//! use ipam_core::carve::{Application, ControlledPools, Demand, Stock, Subnet};
//! use ipam_core::{Family, IpRange, RangeSet};
//!
//! let total: RangeSet = "10.6.168.101-10.6.168.110".parse::<IpRange>()?.into();
//! let subnet = Subnet::new("subnet-6", "10.6.0.0/16".parse()?, &total);
//! let stock = Stock::new(subnet, ControlledPools::new(Family::V4), [], [])?;
//!
//! let application: Application = "apps_v1_Deployment_default_test-app-1".parse()?;
//! let pool = "auto4-test-app-1-eth0-a5bd3".parse()?;
//! let carving = stock.plan(&Demand { pool: &pool, application: &application, desired: 3, present: None })?;
//! assert_eq!(carving.ranges.to_string(), "10.6.168.101-10.6.168.103");
//! assert!(carving.change.is_some(), "to be written before the pool");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod application;
mod choice;
mod claim;
mod error;
mod json;
mod number;
mod object;
mod plan;
mod reclaim;
mod record;
mod stock;
mod sync;
mod workload;

pub use self::application::Application;
pub use self::choice::{Choice, PoolView, has_free, labels_text};
pub use self::claim::{
    Claim, LABEL_FAMILY, LABEL_GROUP_VERSION, LABEL_KIND, LABEL_NAMESPACE, LABEL_NIC, LABEL_RECLAIM,
    LABEL_SUBNET, LABEL_UID,
};
pub use self::error::{CarveError, ClaimError, Retry};
pub use self::json::StatusError;
pub use self::number::{ANNOTATION_NUMBER, IpNumber, NumberError, Wanted, desired};
pub use self::object::{AutoPool, OwnerReference};
pub use self::plan::{Carving, Demand, Plan, Present, Step};
pub use self::reclaim::{Existence, Keep, deletion_labels, reclaim};
pub use self::record::{ControlRecord, ControlledPools, Unreadable};
pub use self::stock::{Counts, Stock, Subnet};
pub use self::sync::{Dropped, Finding, LivingPool, Maker, Synced, sync};
pub use self::workload::Workload;
