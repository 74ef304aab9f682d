//! Why a request got no address: for each NIC and family, pool by pool.

use std::fmt;

use crate::addr::{Addr, Family};
use crate::owner::{Nic, Owner};
use crate::pool::PoolName;
use crate::record::Assignment;
use crate::store::Obstacle;

/// A request that cannot be met. Nothing of it is stored.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Refusal {
    /// Who asked.
    pub owner: Owner,
    /// The NICs and families that got none.
    pub slots: Vec<SlotRefusal>,
}

/// What one NIC and family met.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SlotRefusal {
    /// The NIC.
    pub nic: Nic,
    /// The family.
    pub family: Family,
    /// The address that was asked for by value.
    pub ask: Option<Addr>,
    /// The pools tried, in order.
    pub verdicts: Vec<Verdict>,
}

/// Why one pool gave nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The pool.
    pub pool: PoolName,
    /// Why.
    pub why: Why,
}

/// What stands against a pool.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// The store's answer.
    Obstacle(Obstacle),
    /// The pool is of the other family.
    WrongFamily,
    /// The NIC has another address already, which the request does not ask for.
    HoldsOther(Assignment),
    /// Another NIC of the same request is to have the address.
    AskedTwice,
    /// The store refuses to write the pool.
    Unwritable,
}

impl Refusal {
    fn text(&self) -> String {
        let slots: Vec<String> = self.slots.iter().map(ToString::to_string).collect();
        format!("{}, for {}", slots.join("; "), self.owner)
    }

    /// Whether some address failed for no other reason than that the store refuses to write.
    pub(super) fn is_unwritable(&self) -> bool {
        self.slots.iter().any(|slot| {
            !slot.verdicts.is_empty() && slot.verdicts.iter().all(|verdict| verdict.why == Why::Unwritable)
        })
    }

    /// Whether more addresses in a pool would have helped.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.slots.iter().flat_map(|slot| &slot.verdicts).any(|verdict| {
            matches!(verdict.why, Why::Obstacle(Obstacle::Exhausted { .. } | Obstacle::Limit { .. }))
        })
    }
}

impl fmt::Display for SlotRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nic, family, ask, verdicts } = self;
        match ask {
            Some(address) => write!(f, "cannot give {address} to NIC {nic}: ")?,
            None => {
                let pools: Vec<&str> = verdicts.iter().map(|verdict| verdict.pool.as_str()).collect();
                write!(
                    f,
                    "failed to allocate any {family} IP address to NIC {nic} from IPPools [{}]: ",
                    pools.join(" ")
                )?;
            }
        }
        for (index, verdict) in verdicts.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{verdict}")?;
        }
        if verdicts.is_empty() {
            f.write_str("no IPPool is named for it")?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = &self.pool;
        match &self.why {
            Why::WrongFamily => write!(f, "IPPool {pool} is of the other IP version"),
            Why::HoldsOther(held) => write!(f, "the NIC holds {held} already; release that first"),
            Why::AskedTwice => write!(f, "another NIC of the request asks for it too"),
            Why::Unwritable => write!(f, "IPPool {pool} cannot be written"),
            Why::Obstacle(obstacle) => match obstacle {
                Obstacle::NoPool => write!(f, "IPPool {pool} does not exist"),
                Obstacle::Disabled => write!(f, "disabled IPPool {pool}"),
                Obstacle::Exhausted { capacity } => {
                    write!(f, "all IP addresses used out in IPPool {pool} (it can give out {capacity})")
                }
                Obstacle::Limit { records_max } => write!(
                    f,
                    "all IP addresses used out, threshold of IP records(<={records_max}) for IPPool {pool} exceeded"
                ),
                Obstacle::Held(holding) => {
                    write!(
                        f,
                        "{} of IPPool {} is held by {}",
                        holding.record.address, holding.pool, holding.record.owner
                    )?;
                    match &holding.nic {
                        Some(nic) => write!(f, ", NIC {nic}"),
                        None => Ok(()),
                    }
                }
                Obstacle::Outside => write!(f, "it is not among the addresses that IPPool {pool} gives out"),
                Obstacle::Reserved => write!(f, "a SpiderReservedIP keeps it out of IPPool {pool}"),
            },
        }
    }
}
