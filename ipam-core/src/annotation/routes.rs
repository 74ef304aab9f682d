//! The annotation `routes`: routes that a pod gets besides those of its pools.

use ipnet::IpNet;

use super::error::AnnotationError;
use super::key::Key;
use super::malformed;
use crate::addr::Addr;
use crate::cidr::{net_family, parse_net};
use crate::go_json::{JsonError, Place, Value};

/// A route as a pod asks for it. It goes to the NIC in whose subnet the gateway is; destination and gateway are of one family.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CustomRoute {
    written: Written,
    dst: IpNet,
    gw: Addr,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Written {
    dst: String,
    gw: String,
}

impl CustomRoute {
    /// The destination as written, which is how it is stored and answered.
    #[must_use]
    pub fn dst_text(&self) -> &str {
        &self.written.dst
    }

    /// The gateway as written, likewise.
    #[must_use]
    pub fn gw_text(&self) -> &str {
        &self.written.gw
    }

    /// The destination, host bits included.
    #[must_use]
    pub const fn dst(&self) -> IpNet {
        self.dst
    }

    /// The gateway.
    #[must_use]
    pub const fn gw(&self) -> Addr {
        self.gw
    }
}

/// `routes`; of `null` none.
pub(super) fn parse(text: &str) -> Result<Vec<CustomRoute>, AnnotationError> {
    let written = written_routes(text).map_err(malformed(Key::Routes, text))?;
    written.into_iter().map(check).collect()
}

fn written_routes(text: &str) -> Result<Vec<Written>, JsonError> {
    let field = |key| Place::Field("AnnoRouteItem", key);
    let mut routes = Vec::new();
    for item in Value::parse(text.as_bytes())?.items(Place::Root("types.AnnoPodRoutesValue"))? {
        let mut route = Written::default();
        for member in item.members(Place::Root("types.AnnoRouteItem"))? {
            if member.is("dst") {
                route.dst = member.value.text(field("dst"))?.unwrap_or(route.dst);
            } else if member.is("gw") {
                route.gw = member.value.text(field("gw"))?.unwrap_or(route.gw);
            }
        }
        routes.push(route);
    }
    Ok(routes)
}

fn check(written: Written) -> Result<CustomRoute, AnnotationError> {
    let dst = parse_net(&written.dst);
    let gw = written.gw.parse::<Addr>().ok();
    match (dst, gw) {
        (Some(dst), Some(gw)) if net_family(&dst) == gw.family() => Ok(CustomRoute { written, dst, gw }),
        _ => Err(AnnotationError::BadRoute { key: Key::Routes, dst: written.dst, gw: written.gw }),
    }
}
