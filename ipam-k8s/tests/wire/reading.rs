//! Reading as Go does: null and absence are empty, another kind is refused, words and fields that are not known pass.

use ipam_k8s::crd::{CniType, SpiderEndpoint, SpiderIPPool, SpiderMultusConfig, SpiderReservedIP};
use serde_json::{Value, json};

use crate::recorded::committed;
use crate::roundtrip::{for_kind, reread};

/// Each field but those of Kubernetes' own types, one at a time, as `null`.
#[test]
fn any_field_may_be_null() {
    let mut tried = 0;
    for one in committed().iter().filter(|one| !one.is_refused) {
        let mut paths = Vec::new();
        field_paths(&one.object, "", &mut paths);
        for path in paths {
            let mut object = one.object.clone();
            *object.pointer_mut(&path).unwrap() = Value::Null;
            let kind = one.kind();
            if let Err(error) = for_kind!(kind, reread(&object)) {
                panic!("{}: {path} as null: {error}", one.from);
            }
            tried += 1;
        }
    }
    println!("{tried} fields tried");
    assert!(tried > 500, "{tried}");
}

fn field_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, below) in fields {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                if !path.starts_with("/metadata/") && !path.contains("/matchLabels/") {
                    paths.push(path.clone());
                    field_paths(below, &path, paths);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                field_paths(item, &format!("{path}/{index}"), paths);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn an_object_may_be_bare() {
    let read: SpiderIPPool = serde_json::from_str("{}").unwrap();
    assert_eq!(read, SpiderIPPool::default());
    assert_eq!(serde_json::to_value(read).unwrap()["spec"], json!({"subnet": ""}));
    let read: SpiderEndpoint = serde_json::from_value(json!({"spec": {"a": 1}, "status": {}})).unwrap();
    let wanted = json!({"current": {"uid": "", "node": "", "ips": []}, "ownerControllerType": "", "ownerControllerName": ""});
    let written = serde_json::to_value(read).unwrap();
    assert_eq!(written["status"], wanted);
    assert_eq!(written.get("spec"), None);
    let read: SpiderReservedIP = serde_json::from_value(json!({"status": {"a": 1}})).unwrap();
    assert_eq!(read.status, None);
    assert_eq!(serde_json::to_value(read).unwrap().get("status"), None);
}

#[test]
fn another_kind_is_refused() {
    for (object, want) in [
        (
            json!({"kind": "SpiderSubnet", "metadata": {"name": "s"}}),
            r#"SpiderIPPool "s": kind: "SpiderSubnet", want "SpiderIPPool""#,
        ),
        (
            json!({"apiVersion": "spiderpool.spidernet.io/v1", "kind": "SpiderIPPool"}),
            r#"SpiderIPPool "": apiVersion: "spiderpool.spidernet.io/v1", want "spiderpool.spidernet.io/v2beta1""#,
        ),
    ] {
        let error = serde_json::from_value::<SpiderIPPool>(object).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn unknown_words_come_back() {
    let object = json!({"spec": {"cniType": "netkit", "coordinator": {"mode": "both"}, "vlan": {"master": [], "vlanMode": "x"}}});
    let read: SpiderMultusConfig = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(read.spec.cni_type, Some(CniType::Other("netkit".to_owned())));
    assert_eq!(serde_json::to_value(read).unwrap()["spec"], object["spec"]);
    for word in CniType::WORDS {
        assert!(!matches!(CniType::from(*word), CniType::Other(_)), "{word}");
        assert_eq!(CniType::from(*word).to_string(), *word);
    }
}
