//! The plugin's own error numbers.

use crate::cni::{ErrorCode, PluginCode};

/// What the numbers from 100 on mean when `spiderpool` answers them. Those below are the specification's ([`ErrorCode`]).
///
/// | Code | Name | Meaning | What to do |
/// |---|---|---|---|
/// | 100 | no address | no pool gives an address, or none may be used; the message says why, pool by pool | enlarge a pool, free addresses, name another pool |
/// | 101 | address refused | the address that was asked for by value is held, reserved, or outside of every candidate | ask for another, or free it |
/// | 102 | store unusable | the store is damaged, deleted, moved, another program's, or a newer version's; it is left as it is | as the message says: restore, import, or upgrade |
/// | 103 | check failed | the store, or the SpiderEndpoint, and `prevResult` differ | DEL and ADD anew |
/// | 104 | pools contradict | the configuration's `pools` contradict what the store has | change one of the two; both are named |
/// | 105 | agent refused | the agent answered, and not with success; the message has its words | as they say |
/// | 106 | agent's answer | what the agent answered is not what its API says | bring plugin and agent to versions that belong together; look who listens at the socket |
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Code {
    /// 100
    NoAddress,
    /// 101
    AddressRefused,
    /// 102
    StoreUnusable,
    /// 103
    CheckFailed,
    /// 104
    PoolsContradict,
    /// 105
    AgentRefused,
    /// 106
    AgentAnswer,
}

impl Code {
    /// Every number of the plugin's own.
    pub const ALL: &'static [Self] = &[
        Self::NoAddress,
        Self::AddressRefused,
        Self::StoreUnusable,
        Self::CheckFailed,
        Self::PoolsContradict,
        Self::AgentRefused,
        Self::AgentAnswer,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::NoAddress => 100,
            Self::AddressRefused => 101,
            Self::StoreUnusable => 102,
            Self::CheckFailed => 103,
            Self::PoolsContradict => 104,
            Self::AgentRefused => 105,
            Self::AgentAnswer => 106,
        }
    }
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        PluginCode::new(code.number()).map_or(Self::Internal, Self::Plugin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_plugins_to_give() {
        for code in Code::ALL {
            assert_eq!(ErrorCode::from(*code).number(), code.number());
        }
    }
}
