//! Reading records as Go's `encoding/json` does.
//!
//! serde_json reads; what this module adds are Go's habits: names of fields in any case, of equal ones the last, `null` for
//! "leave it as it is". Texts go straight into one buffer. What serde_json refuses [`slow`](super::slow) reads once more, or finds
//! the words that Go has for it.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

use super::canonical::is_odd;
use super::{AllocatedIps, StatusError, address_of, slow};
use crate::addr::Family;

/// About how long an entry is: an address, a name and a uid with what is around them.
const ENTRY_BYTES: usize = 100;

pub(super) fn parse(family: Family, text: &str) -> Result<AllocatedIps, StatusError> {
    read(family, text).or_else(|_| slow::parse(family, text))
}

fn read(family: Family, text: &str) -> Result<AllocatedIps, serde_json::Error> {
    let mut ips = AllocatedIps::new(family);
    ips.text.reserve(text.len());
    ips.entries.reserve(text.len() / ENTRY_BYTES);
    let mut is_sorted = true;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Entries { ips: &mut ips, is_sorted: &mut is_sorted }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    if !is_sorted {
        ips.sort();
    }
    Ok(ips)
}

impl AllocatedIps {
    /// Brings the entries into the order of their keys. Of equal keys the last one counts.
    pub(super) fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        // Stable, and quick where runs are in order already.
        entries.sort_by(|a, b| self.view(a).key.cmp(self.view(b).key));
        entries.reverse();
        let (mut dead, mut odd) = (0, 0);
        entries.dedup_by(|earlier, later| {
            let (ip, is_double) = (self.view(earlier), self.view(earlier).key == self.view(later).key);
            if is_double {
                dead += earlier.len();
                odd += usize::from(is_odd(ip.key, ip.address));
            }
            is_double
        });
        entries.reverse();
        self.entries = entries;
        self.dead += dead;
        self.odd -= odd;
    }
}

/// The whole: an object, or `null`.
struct Entries<'a> {
    ips: &'a mut AllocatedIps,
    is_sorted: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of records")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { ips, is_sorted } = self;
        loop {
            let at = ips.text.len();
            let Some(key) = map.next_key_seed(Text(&mut ips.text))? else { return Ok(()) };
            let mut entry = super::Entry { address: None, at, key: key.unwrap_or_default(), pod: 0, uid: 0 };
            let mut places = Places::default();
            map.next_value_seed(Record { text: &mut ips.text, places: &mut places })?;
            entry.pod = places.pod.1;
            entry.uid = places.uid.1;
            if !places.are_behind(at + entry.key) {
                places.move_behind(at + entry.key, &mut ips.text);
            }
            let key = ips.view(&entry).key;
            entry.address = address_of(ips.family, key);
            let odd = usize::from(is_odd(key, entry.address));
            *is_sorted &= ips.entries.last().is_none_or(|last| ips.view(last).key < key);
            ips.odd += odd;
            ips.entries.push(entry);
        }
    }
}

/// Where the texts of a record are: start and length.
#[derive(Clone, Copy, Default)]
struct Places {
    pod: (usize, usize),
    uid: (usize, usize),
    /// How much was pushed for it.
    pushed: usize,
}

impl Places {
    /// Whether both texts, and nothing else, follow the key in order, as Go writes them.
    const fn are_behind(&self, at: usize) -> bool {
        self.pushed == self.pod.1 + self.uid.1
            && (self.pod.1 == 0 || self.pod.0 == at)
            && (self.uid.1 == 0 || self.uid.0 == at + self.pod.1)
    }

    /// Puts them there.
    fn move_behind(&self, at: usize, text: &mut String) {
        let part = |(from, len): (usize, usize)| text.get(from..from + len).unwrap_or_default();
        let both = [part(self.pod), part(self.uid)].concat();
        text.truncate(at);
        text.push_str(&both);
    }
}

/// A record: an object, or `null`, which leaves both fields empty.
struct Record<'a> {
    text: &'a mut String,
    places: &'a mut Places,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { text, places } = self;
        while let Some(field) = map.next_key_seed(FieldName)? {
            let place = match field {
                Field::Pod => &mut places.pod,
                Field::Uid => &mut places.uid,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let at = text.len();
            if let Some(len) = map.next_value_seed(Text(text))? {
                *place = (at, len);
                places.pushed += len;
            }
        }
        Ok(())
    }
}

/// The fields of a record.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Pod,
    Uid,
    Other,
}

impl Field {
    /// Go compares without regard to case, and prefers an exact match only where two fields differ in nothing but that.
    pub(super) const fn named(name: &str) -> Self {
        if name.eq_ignore_ascii_case("pod") {
            Self::Pod
        } else if name.eq_ignore_ascii_case("podUid") {
            Self::Uid
        } else {
            Self::Other
        }
    }
}

struct FieldName;

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Field, E> {
        Ok(Field::named(name))
    }
}

/// A text, appended to the buffer: its length; nothing for `null`.
struct Text<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Text<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<usize>, E> {
        self.0.push_str(text);
        Ok(Some(text.len()))
    }

    fn visit_unit<E>(self) -> Result<Option<usize>, E> {
        Ok(None)
    }
}
