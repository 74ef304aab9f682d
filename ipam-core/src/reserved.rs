//! Reserved ranges: addresses that no pool hands out.
//!
//! They need not belong to any pool, may overlap each other and may cover addresses in use: those stay with their owners
//! and are not handed out again after release.

use crate::addr::Family;
use crate::fault::{Fault, Faults};
use crate::items::{merged, strict_item};
use crate::range::IpRange;
use crate::rangeset::RangeSet;

pub use crate::name::ReservedName;

/// `SpiderReservedIP.spec` (`spiderpool.spidernet.io/v2beta1`) as it is written: unchecked texts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase", default)
)]
pub struct ReservedFields {
    /// 4 or 6; derived from the first item when absent.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub ip_version: Option<i64>,
    /// The addresses: `A` or `A-B`.
    #[cfg_attr(
        feature = "serde",
        serde(
            deserialize_with = "crate::pool::wire::null_as_default",
            skip_serializing_if = "Vec::is_empty"
        )
    )]
    pub ips: Vec<String>,
}

impl ReservedFields {
    /// The wire names of all fields, for "did you mean" ([`nearest`](crate::nearest)).
    pub const KNOWN_FIELDS: &'static [&'static str] = &["ipVersion", "ips"];

    /// The fields as they are to be stored: family derived, several items merged. Steps stop at the first that fails.
    /// Idempotent.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut out = self.clone();
        let Some(first) = self.ips.first() else { return out };
        if out.ip_version.is_none() {
            let Ok(range) = first.parse::<IpRange>() else { return out };
            out.ip_version = Some(i64::from(range.family().number()));
        }
        let family = out.ip_version.and_then(Family::from_number);
        if let Some(ips) = family.and_then(|family| merged(family, &self.ips)) {
            out.ips = ips;
        }
        out
    }

    /// The family that the fields speak of: `ip_version`, or that of the first item where it is absent.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        self.normalised().ip_version.and_then(Family::from_number)
    }
}

/// Checked reserved ranges of one family.
///
/// ```
/// use ipam_core::{ReservedFields, ReservedSpec};
/// let fields = ReservedFields { ips: vec!["10.6.0.9".into(), "10.6.0.1-10.6.0.8".into()], ..ReservedFields::default() };
/// let reserved = ReservedSpec::new(&"routers".parse()?, &fields)?;
/// assert_eq!(reserved.ranges().to_string(), "10.6.0.1-10.6.0.9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReservedSpec {
    name: ReservedName,
    fields: ReservedFields,
    family: Family,
    ranges: RangeSet,
}

impl ReservedSpec {
    /// Checks reserved ranges. The fields are normalised first.
    ///
    /// # Errors
    /// All faults of the object, each with the path of its field.
    pub fn new(name: &ReservedName, fields: &ReservedFields) -> Result<Self, Faults> {
        let fields = fields.normalised();
        let mut faults = Faults::default();
        let family = match fields.ip_version {
            None => {
                let detail = "is not generated correctly, 'spec.ips' is empty or 'spec.ips[0]' may be invalid, want 4 or 6 here \
                              or A or A-B there";
                faults.push(Fault::invalid("spec.ipVersion", "null", detail));
                None
            }
            Some(version) => {
                let family = Family::from_number(version);
                if family.is_none() {
                    faults.push(Fault::not_supported("spec.ipVersion", version, &["4", "6"]));
                }
                family
            }
        };
        let mut ranges = Vec::new();
        for (index, item) in fields.ips.iter().enumerate() {
            match strict_item(item, family) {
                Ok(range) => ranges.push(range),
                Err(detail) => faults.push(Fault::invalid(format!("spec.ips[{index}]"), item, detail)),
            }
        }
        match family {
            Some(family) if faults.is_empty() => {
                let ranges =
                    RangeSet::from_ranges(family, ranges).unwrap_or_else(|_| RangeSet::empty(family));
                Ok(Self { name: name.clone(), fields, family, ranges })
            }
            Some(_) | None => Err(faults),
        }
    }

    /// The object's name.
    #[must_use]
    pub const fn name(&self) -> &ReservedName {
        &self.name
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The addresses as a set; may be empty.
    #[must_use]
    pub const fn ranges(&self) -> &RangeSet {
        &self.ranges
    }

    /// The normalised fields, as they are stored.
    #[must_use]
    pub const fn fields(&self) -> &ReservedFields {
        &self.fields
    }
}
