//! The records of a pool as a cluster keeps them: `status.allocatedIPs` of a SpiderIPPool (feature `json`).
//!
//! The field is *text* that holds a JSON object, `address -> {"pod", "podUid"}`. Go processes read and rewrite the same
//! field, so it is read by the rules of Go's `encoding/json` and written byte for byte as that does it (chapter
//! `resources`, 3.3; chapter `ipam`, 1).
//!
//! Why a type of its own and not [`Record`](crate::Record)s: the text holds things that no record can. Somebody may have
//! written a key that is no address, or a `pod` without a namespace, and a rewrite must not drop them. So
//! [`AllocatedIps`] keeps every entry as it stands, in the order in which it is written, and says which of them it does not
//! understand ([`AllocatedIps::flaws`]).
//!
//! | What stands there | What becomes of it |
//! |---|---|
//! | nothing (the field is absent), `null`, `{}` | no records; written as nothing |
//! | text that is no JSON, `""` among it; another type than `encoding/json` takes | an error for the whole: [`StatusError`], in the words of Go |
//! | a key that is no address of the pool's family | a flaw; kept as it is, holds no address |
//! | an address in another spelling than ours | a record of that address; keeps its spelling until it goes |
//! | one address under two spellings | a flaw; both are kept, the address is held |
//! | a `pod` that is no `namespace/name`, an empty `podUid`, `null` as the record | a flaw; kept, the address is held |
//! | a key twice in the same letters | the last one counts, as in Go |
//! | keys in other case (`PODUID`), other keys (`interface`, before 0.9) | read as Go does; gone at the next write, as in Go |
//!
//! "Held" means that [`AllocatedIps::occupancy`] has it taken and [`AllocatedIps::pool_state`] gives it to a stand-in.

mod canonical;
mod error;
mod flaw;
mod ledger;
mod read;
mod slow;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use self::canonical::is_odd;
pub use self::error::StatusError;
pub use self::flaw::{Flaw, Problem};

use crate::addr::{Addr, Family};
use crate::error::Error;
use crate::occupancy::Occupancy;
use crate::owner::{Owner, OwnerKind};
use crate::rangeset::RangeSet;

/// The records of one pool, as they stand in its status.
///
/// ```
/// use ipam_core::{Family, IpRange, Owner, status::AllocatedIps};
/// let field = r#"{"10.6.0.10":{"pod":"default/web-0","podUid":"5b0c"}}"#;
/// let mut ips = AllocatedIps::parse(Family::V4, Some(field))?;
///
/// let range: IpRange = "10.6.0.10-10.6.0.20".parse()?;
/// let free = ips.occupancy(range.into()).first_free().expect("ten are free");
/// ips.set(free, &Owner::pod("default", "web-1", "9e21")?)?;
/// assert_eq!(
///     ips.to_text().as_deref(),
///     Some(r#"{"10.6.0.10":{"pod":"default/web-0","podUid":"5b0c"},"10.6.0.11":{"pod":"default/web-1","podUid":"9e21"}}"#)
/// );
///
/// ips.release("10.6.0.10".parse()?, "5b0c");
/// ips.release(free, "9e21");
/// assert_eq!(ips.to_text(), None, "the field is absent");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AllocatedIps {
    family: Family,
    /// Keys, pods and uids, one entry's side by side.
    text: String,
    /// In order of their keys as text, no key twice.
    entries: Vec<Entry>,
    /// How many entries have an address and spell it in another way than we do.
    odd: usize,
    /// Bytes of `text` that no entry has any more.
    dead: usize,
}

/// One entry: where its texts begin, and how long each is.
#[derive(Clone, Copy)]
struct Entry {
    address: Option<Addr>,
    at: usize,
    key: usize,
    pod: usize,
    uid: usize,
}

impl Entry {
    const fn len(&self) -> usize {
        self.key + self.pod + self.uid
    }
}

/// One entry of `allocatedIPs`, as it stands there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AllocatedIp<'a> {
    /// The key in the spelling of whoever wrote it.
    pub key: &'a str,
    /// The address that the key names; none if it names none, or one of the other family.
    pub address: Option<Addr>,
    /// `namespace/name` of a pod, or of a virtual machine instance with a static address.
    pub pod: &'a str,
    /// The uid of the pod that holds the address, also where `pod` names a virtual machine.
    pub uid: &'a str,
}

/// What a record's `pod` names. The text does not say; the endpoint of that name does (`status.ownerControllerType`).
///
/// A wrong guess costs little: a release looks at the uid only ([`Owner::same_holder`]), and both kinds are written alike.
/// It matters where an owner is looked for by name ([`Owner::same_identity`]).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Workload {
    /// A pod.
    #[default]
    Pod,
    /// A KubeVirt virtual machine instance.
    VirtualMachine,
}

impl AllocatedIp<'_> {
    /// The owner that the record names.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when `pod` is not `namespace/name` or when `podUid` is no uid.
    pub fn owner(&self, workload: Workload) -> Result<Owner, Error> {
        let Some((namespace, name)) = self.pod.split_once('/') else {
            let (text, accepted) = (self.pod.to_owned(), "namespace/name");
            return Err(Error::InvalidName { kind: "pod", text, accepted });
        };
        let kind = match workload {
            Workload::Pod => OwnerKind::Pod,
            Workload::VirtualMachine => OwnerKind::VirtualMachine,
        };
        Owner::from_parts(kind, namespace, name, self.uid)
    }
}

impl AllocatedIps {
    /// No records.
    #[must_use]
    pub const fn new(family: Family) -> Self {
        Self { family, text: String::new(), entries: Vec::new(), odd: 0, dead: 0 }
    }

    /// Reads the field of a pool of this family; `None` where it is absent or `null`.
    ///
    /// # Errors
    /// [`StatusError::Unreadable`], where Go's `encoding/json` fails as well: nobody can say then
    /// which addresses are held, and nothing may be taken from the pool or written to it. An entry that is well-formed but
    /// makes no sense is not an error but a [flaw](Self::flaws).
    pub fn parse(family: Family, field: Option<&str>) -> Result<Self, StatusError> {
        let ips = field.map_or_else(|| Ok(Self::new(family)), |text| read::parse(family, text))?;
        debug_assert!(ips.is_sound(), "records must be sound when they were read");
        Ok(ips)
    }

    /// The pool's family, which says what its keys must be.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The number of records, flawed ones included: the value of `status.allocatedIPCount`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every entry, in the order in which they are written: that of their keys as text.
    pub fn iter(&self) -> impl Iterator<Item = AllocatedIp<'_>> {
        self.entries.iter().map(|entry| self.view(entry))
    }

    /// The entry of an address, in whatever spelling; the first of several.
    #[must_use]
    pub fn get(&self, address: Addr) -> Option<AllocatedIp<'_>> {
        self.index_of(address).and_then(|index| self.entries.get(index)).map(|entry| self.view(entry))
    }

    /// Which addresses of a space are held.
    #[must_use]
    pub fn occupancy(&self, space: RangeSet) -> Occupancy {
        let mut occupancy = Occupancy::new(space);
        for address in self.entries.iter().filter_map(|entry| entry.address) {
            occupancy.take(address);
        }
        occupancy
    }

    /// Entries that make no sense, with what is wrong with each. Whether a pool with flaws is used is the caller's decision; the
    /// Go original refuses to allocate from one with a key that is no address of its family.
    pub fn flaws(&self) -> impl Iterator<Item = Flaw<'_>> {
        let doubled = self.doubled();
        self.iter().filter_map(move |ip| {
            let problem = match ip.address {
                None => Problem::NoAddress { wanted: self.family },
                Some(address) if doubled.contains(&address) => Problem::SeveralRecords { address },
                Some(_) => Problem::NoOwner(ip.owner(Workload::Pod).err()?),
            };
            Some(Flaw { ip, problem })
        })
    }

    /// Gives the address to this owner, whoever had it before. A new record gets our spelling, an old one keeps its own.
    ///
    /// # Errors
    /// [`StatusError::Unwritable`] for an owner that is neither a pod nor a virtual machine, [`StatusError::OtherFamily`] for
    /// an address that is not of the pool's family. Nothing has changed then.
    pub fn set(&mut self, address: Addr, owner: &Owner) -> Result<(), StatusError> {
        let pod = self.pod_of(address, owner)?;
        let mut key = None;
        let mut old: Vec<usize> = self.indices_of(address).collect();
        old.sort_unstable();
        for index in old.iter().rev() {
            let removed = self.remove(*index);
            key = key.or_else(|| removed.filter(|_| old.len() == 1));
        }
        let key = key.unwrap_or_else(|| address.to_string());
        let at = self.entries.partition_point(|entry| self.view(entry).key < key.as_str());
        let entry = self.store(&key, Some(address), &pod, owner.uid());
        self.entries.insert(at, entry);
        debug_assert!(self.is_sound(), "the records must be sound after a change");
        Ok(())
    }

    /// Removes what this uid holds of the address; whether that was anything. Another uid's record stays (chapter `ipam`, 1).
    pub fn release(&mut self, address: Addr, uid: &str) -> bool {
        let is_held =
            |index: &usize| self.entries.get(*index).is_some_and(|entry| self.view(entry).uid == uid);
        let mut held: Vec<usize> = self.indices_of(address).filter(is_held).collect();
        held.sort_unstable();
        for index in held.iter().rev() {
            self.remove(*index);
        }
        debug_assert!(self.is_sound(), "the records must be sound after a release");
        !held.is_empty()
    }

    fn view(&self, entry: &Entry) -> AllocatedIp<'_> {
        // The ends are those of texts that were pushed as a whole, so there is always something to get.
        let all = self.text.get(entry.at..entry.at + entry.len()).unwrap_or_default();
        let (key, rest) = all.split_at_checked(entry.key).unwrap_or_default();
        let (pod, uid) = rest.split_at_checked(entry.pod).unwrap_or_default();
        AllocatedIp { key, address: entry.address, pod, uid }
    }

    /// Every entry of an address.
    fn indices_of(&self, address: Addr) -> impl Iterator<Item = usize> {
        // A key of the other family may spell it as we do.
        let is_it =
            |index: &usize| self.entries.get(*index).is_some_and(|entry| entry.address == Some(address));
        let canonical = self.index_of_key(&address.to_string()).filter(is_it);
        // Foreign spellings are so rare that looking at all entries costs less than an index of them.
        let others = if self.odd == 0 { &[][..] } else { &self.entries };
        let others = others.iter().enumerate().filter(move |(_, entry)| entry.address == Some(address));
        canonical
            .into_iter()
            .chain(others.map(|(index, _)| index).filter(move |index| Some(*index) != canonical))
    }

    fn index_of(&self, address: Addr) -> Option<usize> {
        self.indices_of(address).next()
    }

    fn index_of_key(&self, key: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| self.view(entry).key.cmp(key)).ok()
    }

    /// Addresses with more than one entry. All but one of those must be spelt oddly.
    fn doubled(&self) -> BTreeSet<Addr> {
        if self.odd == 0 {
            return BTreeSet::new();
        }
        let mut seen = BTreeSet::new();
        let addresses = self.entries.iter().filter_map(|entry| entry.address);
        addresses.filter(|address| !seen.insert(*address)).collect()
    }

    /// Adds texts and makes an entry of them, which has no place yet.
    fn store(&mut self, key: &str, address: Option<Addr>, pod: &str, uid: &str) -> Entry {
        let at = self.text.len();
        self.text.push_str(key);
        self.text.push_str(pod);
        self.text.push_str(uid);
        self.odd += usize::from(is_odd(key, address));
        Entry { address, at, key: key.len(), pod: pod.len(), uid: uid.len() }
    }

    /// What must hold at any time.
    fn is_sound(&self) -> bool {
        let odd = self.iter().filter(|ip| is_odd(ip.key, ip.address)).count();
        let live: usize = self.entries.iter().map(Entry::len).sum();
        let is_sorted = self.iter().zip(self.iter().skip(1)).all(|(one, next)| one.key < next.key);
        odd == self.odd && live + self.dead == self.text.len() && is_sorted
    }

    /// Takes an entry out; its key.
    fn remove(&mut self, index: usize) -> Option<String> {
        if index >= self.entries.len() {
            return None;
        }
        let entry = self.entries.remove(index);
        let key = self.view(&entry).key.to_owned();
        self.odd -= usize::from(is_odd(&key, entry.address));
        self.dead += entry.len();
        if self.dead > self.text.len() / 2 {
            self.compact();
        }
        Some(key)
    }

    /// Drops the bytes that no entry has.
    fn compact(&mut self) {
        let mut text = String::with_capacity(self.text.len() - self.dead);
        for entry in &mut self.entries {
            let at = text.len();
            text.push_str(self.text.get(entry.at..entry.at + entry.len()).unwrap_or_default());
            entry.at = at;
        }
        self.text = text;
        self.dead = 0;
    }

    /// The text of `pod` for an owner.
    fn pod_of(&self, address: Addr, owner: &Owner) -> Result<String, StatusError> {
        if address.family() != self.family {
            return Err(StatusError::OtherFamily { address, wanted: self.family });
        }
        match owner.kind() {
            OwnerKind::Pod | OwnerKind::VirtualMachine => Ok(format!("{}/{}", owner.scope(), owner.name())),
            OwnerKind::Container | OwnerKind::Claim | OwnerKind::Reservation => {
                Err(StatusError::Unwritable { address, owner: Box::new(owner.clone()) })
            }
        }
    }
}

/// The address that a key of a pool of this family names, in any spelling that Go reads: `::ffff:10.6.0.1` is IPv4 to it.
fn address_of(family: Family, key: &str) -> Option<Addr> {
    key.parse::<IpAddr>().ok().map(Addr::from).filter(|address| address.family() == family)
}

impl PartialEq for AllocatedIps {
    fn eq(&self, other: &Self) -> bool {
        self.family == other.family && self.iter().eq(other.iter())
    }
}

impl Eq for AllocatedIps {}

impl fmt::Debug for AllocatedIps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
