//! The keys of `conf.yml`: which there are, who reads them, and which may change while the agent runs.

/// What a key is to the agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// Read for each request: a new value holds from the next one on.
    Live,
    /// Read at start: a new value wants a restart.
    AtStart,
    /// The controller's: the agent takes it and does nothing.
    Controller,
    /// Of a feature that the agent lacks: only its being off is accepted.
    Unsupported,
}

/// A key of `conf.yml`; below another key after a dot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it holds, for the reference.
    pub kind: &'static str,
    /// Its value where it is absent or `null`.
    pub absent: &'static str,
    /// Who reads it and when.
    pub used: Use,
    /// What it does, for the reference.
    pub effect: &'static str,
}

macro_rules! keys {
    ($($id:ident = $name:literal, $kind:literal, $absent:literal, $used:ident, $effect:literal;)+) => {
        $(pub(super) const $id: Key =
            Key { name: $name, kind: $kind, absent: $absent, used: Use::$used, effect: $effect };)+
        /// Every key, in the order of the reference.
        pub const KEYS: &[Key] = &[$($id),+];
    };
}

keys! {
    SOCKET = "ipamUnixSocketPath", "path", "/var/run/spidernet/spiderpool.sock", AtStart,
        "the socket of the API";
    IPV4 = "enableIPv4", "bool", "false", AtStart, "serve IPv4";
    IPV6 = "enableIPv6", "bool", "false", AtStart, "serve IPv6; at least one family must be served";
    TUNE_SYSCTL = "tuneSysctlConfig", "bool", "false", AtStart,
        "at start, set the host's sysctls for neighbours, ARP, forwarding and reverse paths";
    STATEFUL_SET = "enableStatefulSet", "bool", "false", Live, "pods of StatefulSets keep their addresses";
    KUBEVIRT = "enableKubevirtStaticIP", "bool", "false", AtStart, "virtual machines keep their addresses";
    SUBNET = "enableSpiderSubnet", "bool", "false", AtStart, "annotations may name SpiderSubnets";
    AUTO_POOL = "enableAutoPoolForApplication", "bool", "false", Live, "applications get pools of their own";
    CONFLICT_DETECTION = "enableIPConflictDetection", "bool", "false", Live,
        "answers tell the plugin to look for conflicts";
    GATEWAY_DETECTION = "enableGatewayDetection", "bool", "false", Live,
        "answers tell the plugin to look for the gateway";
    POLICY = "allocationPolicy", "`lowest` or `spread`", "lowest", Live,
        "the lowest free address, or one that the owner's name falls on; the original ignores the key";
    COOLDOWN = "addressCooldown", "Go duration", "0s", Live,
        "an address that was just freed is taken only when nothing else is free; the original ignores the key";
    IAAS_URL = "iaasNetworkProvider.serverUrl", "URL", "", AtStart,
        "the provider of addresses of a cloud, `http://` or `https://`; empty for none";
    IAAS_TIMEOUT = "iaasNetworkProvider.httpRequestTimeout", "Go duration", "50s", AtStart,
        "a request to it ends by then; above 0 and below 100s, looked at only with a `serverUrl`";
    IAAS_SKIP_VERIFY = "iaasNetworkProvider.tlsInsecureSkipVerify", "bool", "false", AtStart,
        "any certificate is taken for its; the original takes any without being told, and ignores the key";
    IAAS_CA_FILE = "iaasNetworkProvider.caFile", "path", "", AtStart,
        "PEM certificates of who may sign its; empty for those the system trusts; the original ignores the key";
    PLUGIN = "agent.networkResourcePlugin", "mapping", "", Unsupported,
        "a device plugin of the kubelet; `enabled: true` is refused, whatever else stands there";
    CLEAN_ENDPOINT = "enableCleanOutdatedEndpoint", "bool", "false", Controller, "";
    DELETION_WEBHOOK = "enableValidatingResourcesDeletedWebhook", "bool", "false", Controller, "";
    REDUNDANT = "clusterSubnetAutoPoolDefaultRedundantIPNumber", "int", "0", Controller, "";
    FLEXIBLE = "clusterSubnetDefaultFlexibleIPNumber", "int", "0", Controller, "";
    INJECT = "podResourceInject", "mapping", "", Controller, "";
}
