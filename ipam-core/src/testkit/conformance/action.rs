//! What can be done with a store, as values that a strategy makes and shortens.

use crate::ledger::Policy;
use crate::request::Follow;
use crate::store::Start;

/// Something to do with a store. The numbers choose among what the setup has, by their remainder, so that any value
/// means something and a failing sequence can be shortened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// A request for one or two NICs; the answer is compared, a refusal too.
    Allocate {
        /// Who asks: even numbers are containers, odd ones pods.
        owner: u8,
        /// Which incarnation of it.
        incarnation: u8,
        /// One bit for each NIC, at least one counts.
        nics: u8,
        /// One bit for each pool that is a candidate.
        pools: u8,
        /// Whether addresses follow.
        follow: Follow,
        /// Which address to take.
        policy: Policy,
        /// An address asked for by value.
        ask: Option<u16>,
    },
    /// A release by request.
    Release {
        /// Whose.
        owner: u8,
        /// Which incarnation of it.
        incarnation: u8,
        /// 0: all; 1: one NIC; 2: one address.
        scope: u8,
        /// Which NIC or address.
        which: u16,
    },
    /// A record taken past the machines, as by another program.
    Take {
        /// For whom.
        owner: u8,
        /// Which incarnation of it.
        incarnation: u8,
        /// From which pool.
        pool: u8,
        /// Which address, some of which the pool does not give out.
        address: u16,
        /// Whether by [`PoolOp::TakeAgain`](crate::PoolOp::TakeAgain).
        again: bool,
    },
    /// A record freed past the machines.
    Free {
        /// Which record.
        record: u16,
        /// Whether in the name of its holder or of another.
        rightly: bool,
        /// Whether with its stamp, another or none.
        seen: Option<bool>,
    },
    /// A record confirmed past the machines.
    Confirm {
        /// Which record.
        record: u16,
        /// Whether in the name of its holder or of another.
        rightly: bool,
    },
    /// Two takes in one change, either of which may fail.
    TakeTwo {
        /// For whom.
        owner: u8,
        /// From which pool.
        pool: u8,
        /// Which addresses.
        addresses: [u16; 2],
    },
    /// A question for an address.
    Pick {
        /// Of which pool.
        pool: u8,
        /// Where to start.
        start: Start,
        /// Addresses not to be given.
        except: [u16; 2],
    },
    /// A question for one address.
    PickOne {
        /// Of which pool.
        pool: u8,
        /// Which address.
        address: u16,
        /// Whether the asker uses it already.
        again: bool,
    },
    /// A collection by a list that has one bit for each container.
    Collect {
        /// Who is alive.
        alive: u8,
    },
    /// Time passes.
    Pass {
        /// So much.
        millis: u8,
    },
}
