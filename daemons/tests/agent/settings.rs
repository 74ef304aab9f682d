//! Settings: what each variable and key comes to, and what is refused in which words.

use std::collections::BTreeMap;
use std::time::Duration;

use ipam_core::Policy;
use spiderpool_daemons::agent::log::LogLevel;
use spiderpool_daemons::agent::settings::{KEYS, Settings, Use, VARIABLES, VariableKind, Warning};

use crate::bed::Variables;

const CONF: &str = "enableIPv4: true\nenableIPv6: true\n";

/// What the chart renders.
const CHART: &str = "\
ipamUnixSocketPath: /var/run/spidernet/spiderpool.sock
enableIPv4: true
enableIPv6: true
enableStatefulSet: true
enableKubevirtStaticIP: true
enableCleanOutdatedEndpoint: false
enableSpiderSubnet: true
enableAutoPoolForApplication: true
enableIPConflictDetection: false
enableGatewayDetection: false
enableValidatingResourcesDeletedWebhook: false
clusterSubnetDefaultFlexibleIPNumber: 1
tuneSysctlConfig: true
podResourceInject: {enabled: false, namespacesExclude: [\"kube-system\"], namespacesInclude: []}
iaasNetworkProvider: {serverUrl: \"\", httpRequestTimeout: \"50s\"}
agent:
  networkResourcePlugin:
    enabled: false
    resourceAdvertisement: {subENI: {rules: []}}
";

fn with(variables: &[(&'static str, &str)], conf: &str) -> Result<(Settings, Vec<Warning>), String> {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Settings::parse(&Variables(variables), conf).map_err(|error| error.to_string())
}

fn conf(text: &str) -> Settings {
    with(&[], &format!("{CONF}{text}")).unwrap().0
}

fn refused(variables: &[(&'static str, &str)], conf: &str) -> String {
    with(variables, conf).unwrap_err()
}

#[test]
fn the_charts_values_are_taken_without_a_word() {
    let variables = [
        ("SPIDERPOOL_LOG_LEVEL", "info"),
        ("SPIDERPOOL_ENABLED_METRIC", "true"),
        ("SPIDERPOOL_GOPS_LISTEN_PORT", "5712"),
        ("SPIDERPOOL_PYROSCOPE_PUSH_SERVER_ADDRESS", ""),
        ("MULTUS_CLUSTER_NETWORK", "kube-system/macvlan-conf"),
    ];
    let (settings, warnings) = with(&variables, CHART).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.socket.to_str(), Some("/var/run/spidernet/spiderpool.sock"));
    assert_eq!((settings.health_port, settings.metric_port), (5710, Some(5711)));
    assert!(settings.is_ipv4 && settings.is_ipv6 && settings.is_sysctl_tuned && settings.is_kubevirt_static);
    assert!(settings.is_subnet_enabled && settings.is_conflict_release_allowed);
    assert!(settings.live.is_stateful_set_static && settings.live.is_auto_pool_enabled);
    assert!(!settings.live.is_conflict_detected && !settings.live.is_gateway_detected);
    assert_eq!((settings.live.policy, settings.live.cooldown), (Policy::Lowest, Duration::ZERO));
    assert_eq!((settings.pool_records_max, settings.auto_pool_looks), (5000, 25));
    assert_eq!(settings.auto_pool_wait, Duration::from_secs(2));
    assert_eq!(settings.multus_network.as_deref(), Some("kube-system/macvlan-conf"));
    assert_eq!((settings.iaas, settings.log_level), (None, LogLevel::Info));
}

#[test]
fn absent_keys_are_off() {
    let settings = conf("");
    assert_eq!(settings.socket.to_str(), Some("/var/run/spidernet/spiderpool.sock"));
    assert!(!settings.is_sysctl_tuned && !settings.is_kubevirt_static && !settings.is_subnet_enabled);
    assert!(!settings.live.is_stateful_set_static && !settings.live.is_auto_pool_enabled);
    assert_eq!((settings.metric_port, settings.multus_network), (None, None));
    assert!(!conf("enableStatefulSet: null\n").live.is_stateful_set_static);
}

#[test]
fn variables_are_read_by_their_rules() {
    let number = |value| with(&[("SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS", value)], CONF);
    assert_eq!(number(" 7 ").unwrap().0.pool_records_max, 7);
    assert_eq!(number("+7").unwrap().0.pool_records_max, 7);
    let metrics = |value| with(&[("SPIDERPOOL_ENABLED_METRIC", value)], CONF).unwrap().0.metric_port;
    for value in ["1", "t", "T", "TRUE", "true", "True", " true "] {
        assert_eq!(metrics(value), Some(5711), "{value}");
    }
    // Empty is the zero value, not the default.
    for value in ["0", "f", "F", "FALSE", "false", "False", "", "  "] {
        assert_eq!(metrics(value), None, "{value}");
    }
    let looks = with(&[("SPIDERPOOL_WAIT_SUBNET_POOL_MAX_RETRIES", "")], CONF).unwrap().0.auto_pool_looks;
    assert_eq!(looks, 0);
    let level =
        |value| with(&[("SPIDERPOOL_LOG_LEVEL", value)], CONF).map(|(settings, _)| settings.log_level);
    assert_eq!((level("DEBUG"), level("panic")), (Ok(LogLevel::Debug), Ok(LogLevel::Error)));
    assert!(
        !with(&[("SPIDERPOOL_ENABLED_RELEASE_CONFLICT_IPS", "f")], CONF)
            .unwrap()
            .0
            .is_conflict_release_allowed
    );
}

#[test]
fn bad_variables_are_refused_by_name() {
    let required = [
        "SPIDERPOOL_LOG_LEVEL",
        "SPIDERPOOL_POD_NAMESPACE",
        "SPIDERPOOL_POD_NAME",
        "SPIDERPOOL_NODE_NAME",
        "SPIDERPOOL_HEALTH_PORT",
        "SPIDERPOOL_METRIC_HTTP_PORT",
        "SPIDERPOOL_ENABLED_RELEASE_CONFLICT_IPS",
        "SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS",
    ];
    for name in required {
        assert_eq!(refused(&[(name, " ")], CONF), format!("empty value of {name}"));
    }
    let known: Vec<_> = VARIABLES.iter().filter(|one| one.is_required).map(|one| one.name).collect();
    assert_eq!(known, required);
    let unset: BTreeMap<String, String> = BTreeMap::new();
    let error = Settings::parse(&unset, CONF).unwrap_err().to_string();
    assert_eq!(error, "empty value of SPIDERPOOL_POD_NAMESPACE");
    for (name, value, want) in [
        (
            "SPIDERPOOL_ENABLED_METRIC",
            "yes",
            "SPIDERPOOL_ENABLED_METRIC require a bool value, but get yes; want true or false",
        ),
        (
            "SPIDERPOOL_ENABLED_METRIC",
            "TrUe",
            "SPIDERPOOL_ENABLED_METRIC require a bool value, but get TrUe; want true or false",
        ),
        (
            "SPIDERPOOL_HEALTH_PORT",
            "57x0",
            "SPIDERPOOL_HEALTH_PORT require a int value, but get 57x0; want a whole number",
        ),
        (
            "SPIDERPOOL_HEALTH_PORT",
            "0x10",
            "SPIDERPOOL_HEALTH_PORT require a int value, but get 0x10; want a whole number",
        ),
        ("SPIDERPOOL_HEALTH_PORT", "0", "SPIDERPOOL_HEALTH_PORT is 0; want 1 to 65535"),
        ("SPIDERPOOL_METRIC_HTTP_PORT", "65536", "SPIDERPOOL_METRIC_HTTP_PORT is 65536; want 1 to 65535"),
        (
            "SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS",
            "-1",
            "SPIDERPOOL_IPPOOL_MAX_ALLOCATED_IPS is -1; want 1 to 1000000",
        ),
        (
            "SPIDERPOOL_WAIT_SUBNET_POOL_TIME_IN_SECOND",
            "",
            "SPIDERPOOL_WAIT_SUBNET_POOL_TIME_IN_SECOND is 0; want 1 to 3600",
        ),
        (
            "SPIDERPOOL_LOG_LEVEL",
            "loud",
            "SPIDERPOOL_LOG_LEVEL is \"loud\"; want debug, info, warn, error, fatal or panic",
        ),
        (
            "SPIDERPOOL_ENABLED_RDMA_METRIC",
            "true",
            "SPIDERPOOL_ENABLED_RDMA_METRIC is \"true\", and this agent does not support that; want false",
        ),
        (
            "SPIDERPOOL_PYROSCOPE_PUSH_SERVER_ADDRESS",
            "http://p",
            "SPIDERPOOL_PYROSCOPE_PUSH_SERVER_ADDRESS is \"http://p\", and this agent does not support that; want an empty value",
        ),
    ] {
        assert_eq!(refused(&[(name, value)], CONF), want);
    }
    let ports = [("SPIDERPOOL_METRIC_HTTP_PORT", "5710"), ("SPIDERPOOL_ENABLED_METRIC", "true")];
    assert_eq!(
        refused(&ports, CONF),
        "SPIDERPOOL_HEALTH_PORT and SPIDERPOOL_METRIC_HTTP_PORT are both 5710; want two ports"
    );
    assert_eq!(with(&ports[..1], CONF).unwrap().0.metric_port, None);
}

#[test]
fn keys_of_the_file() {
    let settings = conf(
        "allocationPolicy: spread\naddressCooldown: 1m30s\nenableStatefulSet: yes\nipamUnixSocketPath: /x/y\n",
    );
    assert_eq!((settings.live.policy, settings.live.cooldown), (Policy::Spread, Duration::from_secs(90)));
    assert!(settings.live.is_stateful_set_static);
    assert_eq!(settings.socket.to_str(), Some("/x/y"));
    assert_eq!(conf("addressCooldown: 0\nipamUnixSocketPath: ''\n").live.cooldown, Duration::ZERO);
    let iaas = |text: &str| {
        conf(&format!("iaasNetworkProvider: {text}\n")).iaas.map(|iaas| (iaas.url(), iaas.timeout()))
    };
    let url = "https://iaas.example:8443/x";
    assert_eq!(iaas(&format!("{{serverUrl: '{url}'}}")), Some((url.to_owned(), Duration::from_secs(50))));
    assert_eq!(
        iaas(&format!("{{serverUrl: '{url}', httpRequestTimeout: 99.5s}}")),
        Some((url.to_owned(), Duration::from_millis(99_500)))
    );
    // Nobody looks at the timeout of a provider that is not there.
    assert_eq!(iaas("{serverUrl: '', httpRequestTimeout: never}"), None);
    assert_eq!(iaas("null"), None);
}

#[test]
fn bad_keys_are_refused_by_name() {
    for (text, want) in [
        ("enableSpiderSubnet: 1", "enableSpiderSubnet is 1; want true or false"),
        ("enableSpiderSubnet: maybe", "enableSpiderSubnet is \"maybe\"; want true or false"),
        ("enableSpiderSubnet: [true]", "enableSpiderSubnet is a list; want true or false"),
        ("ipamUnixSocketPath: {}", "ipamUnixSocketPath is a mapping; want path"),
        ("allocationPolicy: rotate", "allocationPolicy is \"rotate\"; want lowest or spread"),
        ("addressCooldown: 30", "addressCooldown is \"30\"; want a duration such as 30s or 5m, at most 24h"),
        (
            "addressCooldown: -1s",
            "addressCooldown is \"-1s\"; want a duration such as 30s or 5m, at most 24h",
        ),
        (
            "addressCooldown: 25h",
            "addressCooldown is \"25h\"; want a duration such as 30s or 5m, at most 24h",
        ),
        ("iaasNetworkProvider: x", "iaasNetworkProvider.serverUrl is \"x\"; want a mapping above this key"),
        (
            "iaasNetworkProvider: {serverUrl: 'ftp://x'}",
            "iaasNetworkProvider.serverUrl: \"ftp://x\" has another scheme; want http://HOST or https://HOST, with :PORT and /PATH where needed",
        ),
        (
            "iaasNetworkProvider: {serverUrl: 'iaas.example'}",
            "iaasNetworkProvider.serverUrl: \"iaas.example\" has no scheme; want http://HOST or https://HOST, with :PORT and /PATH where needed",
        ),
        (
            "iaasNetworkProvider: {serverUrl: 'http://x', httpRequestTimeout: 100s}",
            "iaasNetworkProvider.httpRequestTimeout: \"100s\" is not what a call can take; want a duration above 0 and below 100s, such as 50s or 1m30s",
        ),
        (
            "iaasNetworkProvider: {serverUrl: 'http://x', httpRequestTimeout: 0s}",
            "iaasNetworkProvider.httpRequestTimeout: \"0s\" is not what a call can take; want a duration above 0 and below 100s, such as 50s or 1m30s",
        ),
        (
            "iaasNetworkProvider: {serverUrl: 'https://x', tlsInsecureSkipVerify: true, caFile: /x}",
            "iaasNetworkProvider.caFile: \"/x\" beside tlsInsecureSkipVerify: true; want one of the two",
        ),
        (
            "iaasNetworkProvider: {serverUrl: 'https://x', tlsInsecureSkipVerify: 1}",
            "iaasNetworkProvider.tlsInsecureSkipVerify is 1; want true or false",
        ),
        (
            "agent: {networkResourcePlugin: {enabled: true}}",
            "agent.networkResourcePlugin.enabled is \"true\", and this agent does not support that; want false",
        ),
        (
            "agent: {networkResourcePlugin: {enabled: 7}}",
            "agent.networkResourcePlugin is 7; want enabled: true or false",
        ),
    ] {
        assert_eq!(refused(&[], &format!("{CONF}{text}\n")), want);
    }
    assert_eq!(refused(&[], ""), "enableIPv4 and enableIPv6 are both false; want at least one of them true");
    assert_eq!(refused(&[], "[1]"), "conf.yml: is a list; want keys with values");
    let twice = refused(&[], "enableIPv4: true\nenableIPv4: false\n");
    assert!(twice.starts_with("conf.yml: is not YAML: ") && twice.contains("enableIPv4"), "{twice}");
    assert!(refused(&[], "a: [").starts_with("conf.yml: is not YAML: "));
    let missing = Settings::load(&Variables(Vec::new()), "/nonexistent/conf.yml".as_ref()).unwrap_err();
    assert_eq!(missing.to_string(), "/nonexistent/conf.yml: cannot be read");
}

#[test]
fn unknown_keys_are_told() {
    let text =
        format!("{CONF}enableIpv4: true\nfoo: 1\niaasNetworkProvider: {{serverURL: x}}\nagent: {{x: 1}}\n");
    let (_, warnings) = with(&[], &text).unwrap();
    let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "unknown key agent.x has no effect",
            "unknown key enableIpv4 has no effect, did you mean enableIPv4?",
            "unknown key foo has no effect",
            "unknown key iaasNetworkProvider.serverURL has no effect, did you mean iaasNetworkProvider.serverUrl?",
        ]
    );
}

/// Each key that the agent reads shows up as changed, and holds at once exactly where the reference says so.
#[test]
fn a_new_file_changes_what_may_change() {
    let old = conf("iaasNetworkProvider: {serverUrl: 'http://a:b@x'}\n");
    let line = |name: &str| match name {
        "ipamUnixSocketPath" => "ipamUnixSocketPath: /other\n",
        "allocationPolicy" => "allocationPolicy: spread\n",
        "addressCooldown" => "addressCooldown: 5s\n",
        "enableIPv4" => "enableIPv4: false\nenableIPv6: true\n",
        "enableIPv6" => "enableIPv4: true\nenableIPv6: false\n",
        "iaasNetworkProvider.serverUrl" => "iaasNetworkProvider: {serverUrl: 'http://a:c@x'}\n",
        "iaasNetworkProvider.httpRequestTimeout" => {
            "iaasNetworkProvider: {serverUrl: 'http://a:b@x', httpRequestTimeout: 5s}\n"
        }
        "iaasNetworkProvider.tlsInsecureSkipVerify" => {
            "iaasNetworkProvider: {serverUrl: 'http://a:b@x', tlsInsecureSkipVerify: true}\n"
        }
        "iaasNetworkProvider.caFile" => {
            "iaasNetworkProvider: {serverUrl: 'http://a:b@x', caFile: /etc/ca.pem}\n"
        }
        _ => "",
    };
    let mut looked_at = 0;
    for key in KEYS {
        let text = match line(key.name) {
            "" => format!("{}: true\n", key.name),
            text => text.to_owned(),
        };
        if !matches!(key.used, Use::Live | Use::AtStart) {
            continue;
        }
        looked_at += 1;
        let mut all = text.clone();
        if !text.contains("enableIPv") {
            all.push_str(CONF);
        }
        if !text.contains("iaas") {
            all.push_str("iaasNetworkProvider: {serverUrl: 'http://a:b@x'}\n");
        }
        let new = with(&[], &all).unwrap().0;
        let changes = old.changes(&new);
        let names: Vec<_> = changes.iter().map(|change| change.key.name).collect();
        assert_eq!(names, [key.name]);
        assert!(!changes[0].from.contains("a:b"), "{changes:?}");
        let adopted = old.adopt(&new);
        assert_eq!(adopted == new, key.used == Use::Live, "{}", key.name);
        assert_eq!(adopted == old, key.used == Use::AtStart, "{}", key.name);
        assert_eq!(changes[0].is_live(), key.used == Use::Live);
    }
    assert_eq!(looked_at, 16);
    assert_eq!(old.changes(&old), []);
}

#[test]
fn passwords_are_not_told() {
    let settings = conf("iaasNetworkProvider: {serverUrl: 'http://me:secret@x'}\n");
    let told = settings.told();
    assert!(told.contains("http://x") && !told.contains("secret"), "{told}");
    let text = format!("{CONF}iaasNetworkProvider: {{serverUrl: 'ftp://me:secret@x'}}\n");
    let told = refused(&[], &text);
    assert!(told.contains("ftp://xxxxx@x") && !told.contains("secret"), "{told}");
}

#[test]
fn defaults_fit_their_kinds() {
    for variable in VARIABLES {
        if let VariableKind::Number(bounds) = &variable.kind {
            assert!(bounds.contains(&variable.default.parse().unwrap()), "{}", variable.name);
        }
    }
}
