//! Annotations: any text is followed or refused with the annotation's key; what is JSON another reader takes for JSON as well.
#![no_main]

use std::collections::BTreeMap;

use ipam_core::annotation::{Key, NamespaceAnnotations, NetworkScope, PodAnnotations};
use ipam_core::go_json::Value;
use ipam_core::select::source::{Asked, Question, SubnetFeature, Switches};
use ipam_core::select::{PoolNames, Slot};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

/// Above this another limit of depth may be met first.
const SAFE_BRACKETS: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let is_json = Value::parse(bytes).is_ok();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.matches(['[', '{']).count() < SAFE_BRACKETS {
        assert_eq!(is_json, serde_json::from_str::<IgnoredAny>(text).is_ok());
    }
    for key in [
        Key::IpPool,
        Key::IpPools,
        Key::Routes,
        Key::Subnet,
        Key::Subnets,
        Key::Reclaim,
        Key::DefaultV4,
        Key::DefaultV6,
    ] {
        let all = BTreeMap::from([(key.as_str().to_owned(), text.to_owned())]);
        let (pod, namespace) = (PodAnnotations::new(&all), NamespaceAnnotations::new(&all));
        let errors = [
            pod.ippool().err(),
            pod.ippools().err(),
            pod.routes().err(),
            pod.subnets().err(),
            pod.reclaim().err(),
            namespace.default_pools().err(),
        ];
        for error in errors.into_iter().flatten() {
            assert!(error.to_string().contains(key.as_str()), "{error}");
        }
        let question = Question {
            nic: "net1".parse().expect("a name"),
            pod,
            namespace,
            configured: PoolNames::default(),
            clean_gateway: false,
        };
        let switches = Switches { subnets: SubnetFeature::AutoPools, ..Switches::default() };
        match Asked::new(&question, switches) {
            Ok(asked) => assert!(asked.nics().iter().all(|nic| nic.families().next().is_some())),
            Err(error) => assert!(error.to_string().contains(key.as_str()), "{error}"),
        }
    }
    let all = BTreeMap::from([("k8s.v1.cni.cncf.io/networks".to_owned(), text.to_owned())]);
    let scope = NetworkScope { pod_namespace: "t", agent_namespace: "s", cluster_network: None };
    for slot in [Slot::Named("net1".parse().expect("a name")), Slot::Position(2)] {
        let _ = PodAnnotations::new(&all).networks().of(&slot, scope);
    }
});
