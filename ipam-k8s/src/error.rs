//! What can go wrong here.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A patch was asked of an object that no API server gave.
    #[error("{kind} {name:?}: metadata.resourceVersion: absent, want that of the object as it was read")]
    NotRead {
        /// The kind.
        kind: &'static str,
        /// The object's name, empty if it has none.
        name: String,
    },
    /// The object that is wanted is another one than the object that was read.
    #[error("{kind} {name:?}: metadata.{field}: {wanted:?}, want {read:?} as it was read")]
    OtherObject {
        /// The kind.
        kind: &'static str,
        /// Name of the object that was read.
        name: String,
        /// `name`, `namespace` or `uid`.
        field: &'static str,
        /// Its value in the object that was read.
        read: String,
        /// Its value in the object that is wanted.
        wanted: String,
    },
    /// An object that JSON cannot hold.
    #[error("{kind} {name:?}: cannot be written as JSON")]
    NotJson {
        /// The kind.
        kind: &'static str,
        /// The object's name, empty if it has none.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A configuration of the client that cannot be used.
    #[cfg(feature = "client")]
    #[error("the client's configuration cannot be used")]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
}
