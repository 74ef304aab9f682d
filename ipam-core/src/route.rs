//! Routes that go with an address of a pool.

use ipnet::IpNet;

use crate::addr::Addr;

/// A checked route: the destination as the user spelled it, host bits included, and a gateway inside the pool's subnet.
///
/// Two spellings of one network are one destination: compare with [`Route::network`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    written: String,
    dst: IpNet,
    gw: Addr,
}

impl Route {
    pub(crate) fn new(written: &str, dst: IpNet, gw: Addr) -> Self {
        Self { written: written.to_owned(), dst, gw }
    }

    /// The destination as it is written in the pool.
    #[must_use]
    pub fn dst_text(&self) -> &str {
        &self.written
    }

    /// The destination as written, host bits included.
    #[must_use]
    pub const fn dst(&self) -> IpNet {
        self.dst
    }

    /// The destination with its host bits cleared.
    #[must_use]
    pub fn network(&self) -> IpNet {
        self.dst.trunc()
    }

    /// The gateway.
    #[must_use]
    pub const fn gw(&self) -> Addr {
        self.gw
    }
}
