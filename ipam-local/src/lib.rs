#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod attach;
mod boot;
mod change;
mod error;
mod export;
mod free;
mod fsck;
mod host_local;
mod lock;
mod map;
mod place;
mod pools;
mod rows;
pub mod schema;
mod session;
mod source;
mod specs;
mod store;

pub use boot::{BootClock, TimeSource};
pub use error::{Error, HeldBy, SqliteError};
pub use export::{
    EXPORT_VERSION, Export, ExportedManifest, ExportedMetadata, ExportedPool, ExportedReserved, Imported,
};
pub use fsck::{Finding, FsckReport, Problem};
pub use host_local::HostLocalReport;
pub use map::Cell;
pub use pools::{Applied, Deleted, PoolEntry, ReservedEntry};
pub use session::Session;
pub use source::{Metadata, Source};
pub use store::{LocalStore, OpenMode};
