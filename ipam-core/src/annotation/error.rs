//! What can be wrong with an annotation.

use std::fmt;

use super::key::Key;
use crate::addr::Family;
use crate::go_json::JsonError;
use crate::owner::Nic;

/// Why an annotation cannot be followed. Where the original has words for it, the text begins with them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// A value that is not JSON of the right shape.
    #[error("{}: {problem}{}", Malformed(.key, .value), Hint(.key, .value))]
    Malformed {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
        /// Why.
        problem: JsonError,
    },
    /// `ippools` without an item.
    #[error("{}: value requires at least one item{}", Invalid(.key), Hint(.key, .value))]
    NoItems {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
    },
    /// `ippools` with an interface in some items and none in others.
    #[error("{}: NIC should be either all specified or all unspecified; item {item} {}{}",
        Invalid(.key), if *.is_named { "has an interface, the ones before have none" } else { "has no interface, the ones before have one" }, Hint(.key, .value))]
    MixedItems {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
        /// The first item that is unlike the one before, counted from 0.
        item: usize,
        /// Whether that one has an interface.
        is_named: bool,
    },
    /// `ippools` with two items for one NIC.
    #[error("{}: duplicate interface {nic}; one item for each NIC holds the pools of both families", Invalid(.key))]
    DuplicateInterface {
        /// The annotation.
        key: Key,
        /// The NIC.
        nic: Nic,
    },
    /// An interface that no NIC can have as its name.
    #[error("{}: interface {text:?} is no name of a NIC; want 1 to 15 bytes without blank, '/' or ':', other than . and ..", Invalid(.key))]
    BadInterface {
        /// The annotation.
        key: Key,
        /// What was given.
        text: String,
    },
    /// `ippools` with interfaces, but not that of the request.
    #[error("{}: interface {nic} must be specified; the items are for {}", Invalid(.key), Names(.listed))]
    NicNotListed {
        /// The annotation.
        key: Key,
        /// The NIC of the request.
        nic: Nic,
        /// The NICs that have an item.
        listed: Vec<Nic>,
    },
    /// A route that is none.
    #[error("{}: invalid route format 'dst: {dst}, gw: {gw}'; want a network as address/prefix and an address, both of one family", Invalid(.key))]
    BadRoute {
        /// The annotation.
        key: Key,
        /// The destination as written.
        dst: String,
        /// The gateway as written.
        gw: String,
    },
    /// `subnets` or `subnet` that names nothing at all.
    #[error("no subnets specified: {}{}", Invalid(.key), Hint(.key, .value))]
    NoSubnets {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
    },
    /// A subnet without a name.
    #[error("it's invalid to set an empty {family} subnet with {}{}", interfaces(.key), Hint(.key, .value))]
    EmptySubnet {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
        /// The family.
        family: Family,
    },
    /// No subnet of either family for a NIC.
    #[error("it's invalid to set dual empty subnet with {}: {}{}",
        if matches!(.key, Key::Subnets) { "multiple interfaces" } else { "single interface" }, Invalid(.key), Hint(.key, .value))]
    NoFamily {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
    },
    /// `subnets` with one subnet for two NICs.
    #[error("it's invalid to use the same subnet for multiple interfaces: {subnet}{}", Hint(.key, .value))]
    SharedSubnet {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
        /// The subnet.
        subnet: String,
    },
    /// `subnets` with two items for one NIC.
    #[error("it's invalid to use the same Interface name for multiple interfaces: {nic}{}", Hint(.key, .value))]
    SharedInterface {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
        /// The NIC.
        nic: Nic,
    },
    /// `subnets` with an item that is for no NIC. The original makes a pool then that nothing ever uses.
    #[error("{}: item {item} has no interface{}", Invalid(.key), Hint(.key, .value))]
    NoInterface {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
        /// The item, counted from 0.
        item: usize,
    },
    /// `ippool-reclaim` that is no truth value.
    #[error("failed to parse spider subnet '{key}', error: strconv.ParseBool: parsing {value:?}: invalid syntax; accepted: {}", .key.form())]
    BadTruth {
        /// The annotation.
        key: Key,
        /// Its value.
        value: String,
    },
}

/// The common beginning.
struct Invalid<'a>(&'a Key);

impl fmt::Display for Invalid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong input, invalid format of {} annotation '{}'", self.0.bearer(), self.0)
    }
}

/// The beginning for malformed JSON, which differs for subnets.
struct Malformed<'a>(&'a Key, &'a str);

impl fmt::Display for Malformed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, value) = self;
        match key {
            // The misspelling is the original's.
            Key::Subnet | Key::Subnets => {
                write!(f, "failed to parse anntation '{key}' value '{value}', error")
            }
            Key::IpPool | Key::IpPools | Key::Routes | Key::Reclaim | Key::DefaultV4 | Key::DefaultV6 => {
                Invalid(key).fmt(f)
            }
        }
    }
}

/// Most letters of a value that a text repeats.
const SHOWN_MAX: usize = 200;

/// What is there and what would be accepted.
struct Hint<'a>(&'a Key, &'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key, value) = self;
        let shown = value.char_indices().nth(SHOWN_MAX).and_then(|(end, _)| value.get(..end));
        let (value, more) = shown.map_or((*value, ""), |part| (part, "…"));
        write!(f, "; annotation '{key}' is '{value}{more}', accepted: {}", key.form())
    }
}

/// NICs as a list of words.
struct Names<'a>(&'a [Nic]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, nic) in self.0.iter().enumerate() {
            write!(f, "{}{nic}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The original's words, misspelling included.
fn interfaces(key: &Key) -> &'static str {
    if matches!(key, Key::Subnets) { "mutilple interfaces" } else { "single interface" }
}
