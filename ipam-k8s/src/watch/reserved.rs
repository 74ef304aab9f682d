//! The reserved addresses, as one set for each family.

use std::sync::Arc;

use ipam_core::{Family, IpRange, RangeSet, ReservedFields, ReservedSpec};

use super::object::Object;
use crate::crd::ReservedIP;

/// The addresses that no pool hands out: of all SpiderReservedIPs that are not being deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reserved {
    v4: Arc<RangeSet>,
    v6: Arc<RangeSet>,
    faults: Vec<String>,
}

impl Default for Reserved {
    fn default() -> Self {
        Self {
            v4: Arc::new(RangeSet::empty(Family::V4)),
            v6: Arc::new(RangeSet::empty(Family::V6)),
            faults: Vec::new(),
        }
    }
}

impl Reserved {
    /// The addresses of a family.
    #[must_use]
    pub const fn of(&self, family: Family) -> &Arc<RangeSet> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// What is wrong with objects that admission would refuse. Those of their items that can be read count all the same.
    ///
    /// The original refuses every allocation of a family while one of its items cannot be read.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    pub(super) fn from_objects<'a>(objects: impl Iterator<Item = &'a Object<ReservedIP>>) -> Self {
        let (mut v4, mut v6) = (RangeSet::empty(Family::V4), RangeSet::empty(Family::V6));
        let mut faults = Vec::new();
        for Object { meta, spec } in objects.filter(|object| !object.meta.is_terminating()) {
            let ranges: Vec<IpRange> = match spec {
                // Admission fills the version in; the original takes one without it for neither family's.
                Ok(spec) if spec.ip_version.is_none() => Vec::new(),
                Ok(spec) => {
                    let fields = ReservedFields::from(spec);
                    let checked = meta.name.parse().map(|name| ReservedSpec::new(&name, &fields));
                    let (ranges, found) = match checked {
                        Ok(Ok(reserved)) => (reserved.ranges().ranges().collect(), None),
                        Ok(Err(found)) => (readable(&fields), Some(found.to_string())),
                        Err(error) => (readable(&fields), Some(error.to_string())),
                    };
                    faults.extend(found.map(|found| format!("{}: {found}", meta.name)));
                    ranges
                }
                Err(fault) => {
                    faults.push(format!("{}: {fault}", meta.name));
                    Vec::new()
                }
            };
            for range in ranges {
                match range.family() {
                    Family::V4 => v4.insert(range),
                    Family::V6 => v6.insert(range),
                }
            }
        }
        Self { v4: Arc::new(v4), v6: Arc::new(v6), faults }
    }
}

/// The items that can be read. One of the other family reserves what it says.
fn readable(fields: &ReservedFields) -> Vec<IpRange> {
    fields.ips.iter().filter_map(|item| item.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserved(objects: &[&str]) -> Reserved {
        let objects: Vec<Object<ReservedIP>> =
            objects.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        Reserved::from_objects(objects.iter())
    }

    #[test]
    fn sets_are_joined_and_what_is_bad_harms_nobody() {
        let found = reserved(&[
            r#"{"metadata": {"name": "a"}, "spec": {"ipVersion": 4, "ips": ["10.0.0.1-10.0.0.3"]}}"#,
            r#"{"metadata": {"name": "b"}, "spec": {"ips": ["10.0.0.4"]}}"#,
            r#"{"metadata": {"name": "c"}, "spec": {"ipVersion": 6, "ips": ["fd00::1"]}}"#,
            r#"{"metadata": {"name": "d", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"ips": ["10.9.0.1"]}}"#,
            r#"{"metadata": {"name": "e"}, "spec": {"ipVersion": 4, "ips": ["10.0.0.9", "ten", "fd00::9"]}}"#,
            r#"{"metadata": {"name": "f"}, "spec": {"ips": 5}}"#,
            r#"{"metadata": {"name": "g"}}"#,
        ]);
        assert_eq!(found.of(Family::V4).to_string(), "10.0.0.1-10.0.0.3,10.0.0.9");
        assert_eq!(found.of(Family::V6).to_string(), "fd00::1,fd00::9");
        let names: Vec<&str> = found.faults().iter().filter_map(|fault| fault.get(..2)).collect();
        assert_eq!(names, ["e:", "f:"], "{:?}", found.faults());
        assert_eq!(reserved(&[]), Reserved::default());
    }
}
