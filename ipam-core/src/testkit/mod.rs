//! For whoever writes a store or a machine: stores in memory, faults on demand, a simulator, and the suite that holds a
//! [`Store`](crate::Store) to its contract. Feature `testkit`; not for production.

mod clock;
pub mod conformance;
mod fault;
mod memory;
mod simulator;
pub mod strategies;

pub use clock::ManualClock;
pub use fault::{FaultRates, FaultStore, FaultyError};
pub use memory::{MemoryError, MemoryStore};
pub use simulator::{Ended, Event, Simulator, TaskId, Weather};
