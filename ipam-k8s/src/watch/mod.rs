//! What an agent knows without asking: pools, reserved addresses, subnets, namespaces, its node and that node's pods. Feature `client`.
//!
//! [`Known::start`] opens the watches; everything can be asked for at once. While something is not known yet, or its watch is broken for
//! longer than a moment, the answer is read from the API server: a GET for one object, one list that all who wait share for a catalogue.
//!
//! | Source | At first | Then | A spec |
//! |---|---|---|---|
//! | SpiderIPPools, SpiderSubnets | a list in pages; each status is dropped while it is read | metadata | GET when `metadata.generation` moves |
//! | SpiderReservedIPs | a list | whole objects, which are small | |
//! | namespaces, this node | metadata | metadata | |
//! | pods of this node | a list by `spec.nodeName` | whole pods; of each only what the rules look at is kept | |
//!
//! SpiderEndpoints are not watched: they cannot be selected by node, and their generation moves with their status.
//!
//! - **A watch never gives up.** It waits longer with each failure, up to half a minute, and goes on from the version that it has seen. A
//!   version that is too old costs a list: of metadata, if most is known already. After two minutes of silence a
//!   connection counts as dead, since a server marks each minute that nothing has happened.
//! - **A kind that is not installed** is one warning and an empty source, looked for again every half minute.
//! - **A bad object harms nobody.** A pool that cannot be used is in the catalogue with its faults, which are told to who names it.
//! - **How old it is can be seen:** [`Known::sources`].
//!
//! What is known is for choosing, never for taking: an address is taken by a write that the API server checks.

mod book;
mod follow;
mod known;
mod object;
mod pools;
mod pulse;
mod reserved;
mod split;
mod subnets;
mod whole;

pub(crate) use known::is_object_name;
pub use known::{Known, LookupError, WatchOptions};
pub use pools::PoolSeen;
pub use pulse::{Health, Source, SourceState};
pub use reserved::Reserved;
pub use subnets::{KnownSubnet, Subnets};
