//! To `ipam-core` and back.

use ipam_core::{PoolFields, ReservedFields};
use ipam_k8s::crd::{IPPoolSpec, ReservedIPSpec, Route, SpiderIPPool, SpiderReservedIP};
use serde_json::json;

use crate::recorded::committed;

#[test]
fn fields_are_those_that_ipam_core_reads() {
    let mut counts = [0, 0];
    for one in committed().into_iter().filter(|one| !one.is_refused) {
        let spec = if one.object["spec"].is_null() { json!({}) } else { one.object["spec"].clone() };
        match one.kind() {
            "SpiderIPPool" => {
                let read: SpiderIPPool = serde_json::from_value(one.object.clone()).unwrap();
                let fields = PoolFields::from(&read.spec);
                assert_eq!(fields, serde_json::from_value::<PoolFields>(spec).unwrap(), "{}", one.from);
                assert_eq!(PoolFields::from(&IPPoolSpec::from(&fields)), fields, "{}", one.from);
                let mut same = read.spec.clone();
                same.set_fields(&fields);
                assert_eq!(same, read.spec, "{}", one.from);
                // From any other spec, these fields make this one.
                let mut other = IPPoolSpec { gateway: Some("x".to_owned()), ..IPPoolSpec::default() };
                other.set_fields(&fields);
                assert_eq!(PoolFields::from(&other), fields, "{}", one.from);
                counts[0] += 1;
            }
            "SpiderReservedIP" => {
                let read: SpiderReservedIP = serde_json::from_value(one.object.clone()).unwrap();
                let fields = ReservedFields::from(&read.spec);
                assert_eq!(fields, serde_json::from_value::<ReservedFields>(spec).unwrap(), "{}", one.from);
                assert_eq!(ReservedIPSpec::from(&fields), read.spec, "{}", one.from);
                counts[1] += 1;
            }
            _ => {}
        }
    }
    println!("{} pools, {} reserved", counts[0], counts[1]);
    assert!(counts[0] > 300 && counts[1] > 50, "{counts:?}");
}

#[test]
fn routes_keep_what_is_not_known() {
    let mut spec = IPPoolSpec::default();
    let mut known = Route::new("10.7.0.0/16", "10.6.0.1");
    known.other.insert("metric".to_owned(), json!(5));
    spec.routes = Some(vec![Route::new("10.8.0.0/16", "10.6.0.1"), known.clone()]);
    let mut fields = PoolFields::from(&spec);
    fields.routes.as_mut().unwrap().remove(0);
    spec.set_fields(&fields);
    assert_eq!(spec.routes, Some(vec![known]));
    fields.routes = Some(Vec::new());
    spec.set_fields(&fields);
    assert_eq!(spec.routes, Some(Vec::new()), "an empty list declines inheritance");
}
