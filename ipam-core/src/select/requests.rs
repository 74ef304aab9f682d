//! From what a pod asks for to what a store is asked for: each NIC with the pools to try, in order.

use std::collections::BTreeMap;

use super::Selected;
use super::catalogue::{Asked as Named, Catalogue};
use super::error::SelectError;
use super::source::{Asked, NicAsked, PoolsAsked, Source};
use super::subject::Subject;
use crate::addr::Family;
use crate::owner::Nic;
use crate::pool::PoolName;
use crate::request::NicRequest;

/// The pools that were made of subnets for a pod's workload. Finding or making them takes time and other objects, so that is done
/// before ([`carve`](crate::carve)).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MadePools(BTreeMap<(Nic, Family), String>);

impl MadePools {
    /// Notes the pool that was made for a NIC and family.
    pub fn insert(&mut self, nic: Nic, family: Family, pool: &PoolName) {
        self.0.insert((nic, family), pool.to_string());
    }

    /// The names of the pools.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    fn named<'a>(&'a self, nic: &Nic, family: Family, wanted: &'a PoolsAsked) -> Named<'a> {
        match wanted {
            PoolsAsked::Named(names) => Named::Names(names),
            PoolsAsked::ClusterDefault => Named::Default,
            PoolsAsked::OfSubnet { .. } => {
                Named::Names(self.0.get(&(nic.clone(), family)).map_or(&[], std::slice::from_ref))
            }
        }
    }
}

impl Asked {
    /// The names and patterns of all NICs, as they are written: for a cluster whose pools are not all at hand.
    pub fn pool_names(&self) -> impl Iterator<Item = &str> {
        let pools = self.nics().iter().flat_map(NicAsked::families);
        let named = pools.filter_map(|(_, pools)| match pools {
            PoolsAsked::Named(names) => Some(names),
            PoolsAsked::OfSubnet { .. } | PoolsAsked::ClusterDefault => None,
        });
        named.flatten().map(String::as_str)
    }

    /// The candidates of all NICs. The first NIC and family that has none decides.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use ipam_core::annotation::{NamespaceAnnotations, PodAnnotations};
    /// use ipam_core::select::source::{Asked, Question, Switches};
    /// use ipam_core::select::{Catalogue, ListedPool, MadePools, PoolNames, Standing, Subject};
    /// use ipam_core::PoolFields;
    ///
    /// let fields = PoolFields {
    ///     ip_version: Some(4),
    ///     subnet: "10.6.0.0/24".into(),
    ///     ips: vec!["10.6.0.10".into()],
    ///     ..PoolFields::default()
    /// };
    /// let pools: Catalogue = [ListedPool::new("v4-a".parse()?, &fields, Standing::default())].into_iter().collect();
    /// let on_pod = BTreeMap::from([("ipam.spidernet.io/ippool".to_owned(), r#"{"ipv4":["v4-*"]}"#.to_owned())]);
    /// let none = BTreeMap::new();
    /// let question = Question {
    ///     nic: "eth0".parse()?,
    ///     pod: PodAnnotations::new(&on_pod),
    ///     namespace: NamespaceAnnotations::new(&none),
    ///     configured: PoolNames::default(),
    ///     clean_gateway: false,
    /// };
    /// let asked = Asked::new(&question, Switches::default())?;
    /// let requests = asked.requests(&pools, &Subject::default(), &MadePools::default())?;
    /// assert_eq!(requests[0].v4, ["v4-a".parse()?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SelectError`]: of [`Catalogue::candidates`], or [`SelectError::NoRules`] where it came to the default pools and there is none.
    pub fn requests(
        &self,
        pools: &Catalogue,
        subject: &Subject,
        made: &MadePools,
    ) -> Result<Vec<NicRequest>, SelectError> {
        self.nics().iter().map(|nic| nic.request(self.source(), pools, subject, made)).collect()
    }
}

impl NicAsked {
    /// The candidates of this NIC.
    ///
    /// # Errors
    /// As [`Asked::requests`].
    pub fn request(
        &self,
        source: Source,
        pools: &Catalogue,
        subject: &Subject,
        made: &MadePools,
    ) -> Result<NicRequest, SelectError> {
        let mut request = NicRequest::new(self.slot().nic());
        for (family, wanted) in self.families() {
            let named = made.named(&request.nic, family, wanted);
            let found = pools.candidates(&request.nic, family, named, subject)?;
            let found = found.iter().map(|pool| pool.name().clone()).collect();
            match family {
                Family::V4 => request.v4 = found,
                Family::V6 => request.v6 = found,
            }
        }
        // Any other source names something for the NIC, or is an error by itself.
        if request.v4.is_empty() && request.v6.is_empty() && source == Source::ClusterDefault {
            return Err(SelectError::NoRules);
        }
        Ok(request)
    }

    /// What is found about each pool that is named for this NIC, family by family: for an explanation, which also tells why the others
    /// are none.
    pub fn surveys<'a>(
        &'a self,
        pools: &'a Catalogue,
        subject: &'a Subject,
        made: &'a MadePools,
    ) -> impl Iterator<Item = (Family, Result<Selected, SelectError>)> + 'a {
        let nic = self.slot().nic();
        self.families().map(move |(family, wanted)| {
            let survey = pools.survey(&nic, family, made.named(&nic, family, wanted), subject);
            (family, survey.and_then(|survey| survey.selected(&nic, family)))
        })
    }

    /// Whether a pool is among those that are named for a family, whatever speaks against its use. An address from it that is
    /// kept for its owner is not outdated then.
    ///
    /// # Errors
    /// [`SelectError`]: a malformed pattern, a name twice or of no pool.
    pub fn names(
        &self,
        pool: &str,
        family: Family,
        pools: &Catalogue,
        made: &MadePools,
    ) -> Result<bool, SelectError> {
        let nic = self.slot().nic();
        for (_, wanted) in self.families().filter(|(own, _)| *own == family) {
            if pools.is_named(&nic, family, made.named(&nic, family, wanted), pool)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
