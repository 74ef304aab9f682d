//! What is known of pools, reserved addresses and subnets.

use std::sync::Arc;

use ipam_core::select::{Catalogue, ListedPool, Wildcard};
use ipam_core::{Family, PoolSpec, RangeSet};
use tokio::sync::watch;

use super::known::{Inner, Known, LookupError, is_object_name, of};
use super::reserved::Reserved;
use super::subnets::Subnets;
use crate::client::Deadline;
use crate::crd::IPPoolSpec;
use crate::meta::Meta;
use crate::store::PoolBook;

/// Pools that are read by name at most for one request, where the watch does not know them.
const NAMES_MAX: usize = 16;

impl Known {
    /// The pools, ready for selection.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`] while nothing is known and the API server cannot be asked.
    pub async fn catalogue(&self, deadline: Deadline) -> Result<Arc<Catalogue>, LookupError> {
        let Inner { pools, calls, .. } = self.0.as_ref();
        pools.ready(calls, deadline).await.map_err(of("SpiderIPPools"))?;
        Ok(pools.keeper.shelf.catalogue())
    }

    /// The same with these pools in it, if they exist: names that the watch does not know are read, for a pool may be used as soon as
    /// it is there. Patterns are passed over, and so are names after the sixteenth that is not known.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// As [`Known::catalogue`].
    pub async fn catalogue_with(
        &self,
        names: impl IntoIterator<Item = &str>,
        deadline: Deadline,
    ) -> Result<Arc<Catalogue>, LookupError> {
        let Inner { pools, calls, .. } = self.0.as_ref();
        let catalogue = self.catalogue(deadline).await?;
        let is_unknown = |name: &&str| {
            catalogue.get(name).is_none() && !Wildcard::is_pattern(name) && is_object_name(name)
        };
        let mut has_read = false;
        for name in names.into_iter().filter(is_unknown).take(NAMES_MAX) {
            match pools.keeper.fetch(calls, name, deadline).await {
                Ok(is_there) => has_read |= is_there,
                Err(error) => return Err(of(&format!("SpiderIPPool {name}"))(error)),
            }
        }
        Ok(if has_read { pools.keeper.shelf.catalogue() } else { catalogue })
    }

    /// The catalogue at each of its changes, for those who wait for a pool.
    #[must_use]
    pub fn catalogue_changes(&self) -> watch::Receiver<Arc<Catalogue>> {
        self.0.pools.keeper.shelf.changes()
    }

    /// One pool; `None`: there is none of this name.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// As [`Known::catalogue`].
    pub async fn pool(&self, name: &str, deadline: Deadline) -> Result<Option<Arc<ListedPool>>, LookupError> {
        let Inner { pools, calls, .. } = self.0.as_ref();
        let known = || pools.keeper.shelf.catalogue().get(name).cloned();
        if pools.pulse.is_believed()
            && let Some(pool) = known()
        {
            return Ok(Some(pool));
        }
        if !is_object_name(name) {
            return Ok(None);
        }
        let is_there = pools.keeper.fetch(calls, name, deadline).await;
        let is_there = is_there.map_err(of(&format!("SpiderIPPool {name}")))?;
        Ok(if is_there { known() } else { None })
    }

    /// The pools whose metadata is as wanted, in order of name; each with its spec, or why that cannot be read. For pools that were made
    /// for an application, which are found by labels. A status that moves alone does not move the version here.
    #[must_use]
    pub fn pools_where(&self, is_wanted: impl Fn(&Meta) -> bool) -> Vec<(Meta, Result<IPPoolSpec, String>)> {
        let mut found = Vec::new();
        self.0.pools.keeper.each(|meta, spec| {
            if is_wanted(meta) {
                found.push((meta.clone(), spec.clone()));
            }
        });
        found
    }

    /// The addresses that no pool hands out.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`] while nothing is known and the API server cannot be asked.
    pub async fn reserved(&self, deadline: Deadline) -> Result<Arc<Reserved>, LookupError> {
        let Inner { reserved, calls, reserved_now, .. } = self.0.as_ref();
        reserved.ready(calls, deadline).await.map_err(of("SpiderReservedIPs"))?;
        Ok(Arc::clone(&reserved_now.borrow()))
    }

    /// The SpiderSubnets; none where they are not of interest.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`] while nothing is known and the API server cannot be asked.
    pub async fn subnets(&self, deadline: Deadline) -> Result<Arc<Subnets>, LookupError> {
        let Inner { subnets, calls, .. } = self.0.as_ref();
        let Some(subnets) = subnets else { return Ok(Arc::default()) };
        subnets.ready(calls, deadline).await.map_err(of("SpiderSubnets"))?;
        Ok(subnets.keeper.shelf.all())
    }

    /// The SpiderSubnets at each of their changes; `None` where they are not of interest.
    #[must_use]
    pub fn subnet_changes(&self) -> Option<watch::Receiver<Arc<Subnets>>> {
        self.0.subnets.as_ref().map(|subnets| subnets.keeper.shelf.changes())
    }
}

/// What a store wants to know is answered without a question to the API server, or not at all.
impl PoolBook for Known {
    fn is_live(&self) -> bool {
        self.0.pools.pulse.is_live()
    }

    fn reserved(&self, family: Family) -> Option<Arc<RangeSet>> {
        let is_known = self.0.reserved.pulse.is_believed();
        is_known.then(|| Arc::clone(self.0.reserved_now.borrow().of(family)))
    }

    fn specs(&self) -> Option<Vec<Arc<PoolSpec>>> {
        let Inner { pools, .. } = self.0.as_ref();
        let catalogue = pools.pulse.is_believed().then(|| pools.keeper.shelf.catalogue())?;
        Some(catalogue.iter().filter_map(|pool| pool.spec().cloned()).collect())
    }
}
