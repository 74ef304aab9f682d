//! What the endpoint of a pod says of its NICs beside their addresses: routes, whether they carry the default route, and what a cloud gave.

use std::collections::BTreeMap;

use ipam_core::annotation::CustomRoute;
use ipam_core::{IpRange, Nic};

use super::cloud::Binder;
use crate::crd::Route;
use crate::iaas::Binding;
use crate::store::{Details, DetailsFuture, NicDetail, PlacedNic};

/// The details of one request.
#[derive(Clone, Debug)]
pub(super) struct PodDetails {
    /// By NIC: whether it gets no default route.
    pub(super) clean_gateway: BTreeMap<Nic, bool>,
    /// What the pod asks for besides the routes of its pools.
    pub(super) routes: Vec<CustomRoute>,
    /// What binds the addresses in a cloud, where there is one.
    pub(super) binder: Option<Binder>,
}

impl Details for PodDetails {
    fn details<'a>(&'a self, nics: &'a [PlacedNic]) -> DetailsFuture<'a> {
        let mut details: Vec<NicDetail> = nics
            .iter()
            .map(|placed| {
                let mut detail = NicDetail::of_pools(placed);
                detail.clean_gateway = self.clean_gateway.get(&placed.nic).copied().unwrap_or_default();
                detail
            })
            .collect();
        for route in &self.routes {
            // To the first NIC in whose subnet the gateway is; a route without such a NIC is left out, as the original does.
            let home = nics.iter().zip(&mut details).find(|(placed, _)| is_home(placed, route));
            if let Some((_, detail)) = home {
                detail.routes.push(Route::new(route.dst_text(), route.gw_text()));
            }
        }
        let Some(binder) = &self.binder else { return Box::pin(std::future::ready(Ok(details))) };
        Box::pin(async move {
            for (detail, Binding { mac, vlan }) in details.iter_mut().zip(binder.bind(nics).await?) {
                detail.mac = mac.map(|mac| mac.to_string());
                detail.vlan = vlan.map_or(0, |vlan| i64::from(vlan.number()));
            }
            Ok(details)
        })
    }
}

fn is_home(placed: &PlacedNic, route: &CustomRoute) -> bool {
    placed.addresses.iter().any(|(_, spec)| IpRange::of_net(&spec.subnet()).contains(route.gw()))
}
