//! Auto pools: their objects as the original makes them, which one is whose, and when one may go.

use std::collections::BTreeMap;

use ipam_core::admission::LABEL_APPLICATION;
use ipam_core::carve::{
    Choice, Claim, ClaimError, Existence, Keep, LABEL_FAMILY, LABEL_RECLAIM, LABEL_SUBNET, LABEL_UID,
    PoolView, Retry, Subnet, Wanted, deletion_labels, has_free, labels_text, reclaim,
};
use ipam_core::{Family, PoolName, RangeSet, RouteFields};
use serde_json::json;

use crate::{app, name, set};

const UID: &str = "2f3d0000-7c11-4b0e-9a1c-a5bd3e0f1122";
const POOL: &str = "auto4-web-eth0-a5bd3";

fn wanted(count: u32, text: &str) -> Wanted {
    Wanted { count, annotation: text.to_owned() }
}

fn with_claim<T>(owner: &str, nic: &str, test: impl FnOnce(Claim<'_>) -> T) -> T {
    let (application, nic) = (app(owner), nic.parse().unwrap());
    test(Claim { subnet: "s4", application: &application, uid: UID, nic: &nic, family: Family::V4 })
}

/// A pool with the labels of a claim, changed here and there.
fn labels(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut labels =
        with_claim("apps_v1_Deployment_ns_web", "eth0", |claim| claim.labels_with_uid().unwrap());
    labels.insert(LABEL_RECLAIM.to_owned(), "true".to_owned());
    for (key, value) in changes {
        labels.insert((*key).to_owned(), (*value).to_owned());
    }
    labels
}

fn view<'a>(name: &'a PoolName, labels: &'a BTreeMap<String, String>) -> PoolView<'a> {
    PoolView { name, labels, terminating: false }
}

/// What the original created in recorded cases, field by field.
#[test]
fn objects_are_those_of_the_original() {
    let cases = [
        (
            "apps.kruise.io_v1alpha1_CloneSet_t_clone",
            "apps.kruise.io_v1alpha1",
            "apps.kruise.io",
            "v1alpha1",
            "2",
        ),
        ("v1_ReplicationController_t_rc", "v1", "", "v1", "+1"),
    ];
    for (owner, group_version, group, version, number) in cases {
        let application = app(owner);
        let nic = "eth0".parse().unwrap();
        let uid = "00000000-0000-4000-8000-00000000c10e";
        let claim = Claim { subnet: "s4", application: &application, uid, nic: &nic, family: Family::V4 };
        let total = set("");
        let routes = [RouteFields { dst: "10.0.0.0/8".to_owned(), gw: "10.6.0.2".to_owned() }];
        let subnet = Subnet {
            uid: "u-subnet",
            gateway: Some("10.6.0.1"),
            routes: &routes,
            ..Subnet::new("s4", "10.6.0.0/16".parse().unwrap(), &total)
        };
        let made = claim.object(&subnet, &wanted(2, number), true, &set("12,14-15")).unwrap();
        assert_eq!(made.name.as_str(), format!("auto4-{}-eth0-00000", application.name()));
        assert_eq!(
            json!(made.labels),
            json!({
                "ipam.spidernet.io/interface": "eth0",
                "ipam.spidernet.io/ip-version": "IPv4",
                "ipam.spidernet.io/ippool-cidr": "10-6-0-0-16",
                "ipam.spidernet.io/ippool-reclaim": "true",
                "ipam.spidernet.io/owner-application-gv": group_version,
                "ipam.spidernet.io/owner-application-kind": application.kind(),
                "ipam.spidernet.io/owner-application-name": application.name(),
                "ipam.spidernet.io/owner-application-namespace": "t",
                "ipam.spidernet.io/owner-application-uid": uid,
                "ipam.spidernet.io/owner-spider-subnet": "s4",
            })
        );
        assert_eq!(json!(made.annotations), json!({ "ipam.spidernet.io/ippool-ip-number": number }));
        assert_eq!(made.finalizers, ["spiderpool.spidernet.io"]);
        assert_eq!((made.owner.name.as_str(), made.owner.uid.as_str()), ("s4", "u-subnet"));
        assert_eq!(
            serde_json::to_value(&made.fields).unwrap(),
            json!({
                "default": false,
                "disable": false,
                "gateway": "10.6.0.1",
                "ipVersion": 4,
                "ips": ["10.6.0.12", "10.6.0.14-10.6.0.15"],
                "podAffinity": { "matchLabels": {
                    "ipam.spidernet.io/app-api-group": group,
                    "ipam.spidernet.io/app-api-version": version,
                    "ipam.spidernet.io/app-kind": application.kind(),
                    "ipam.spidernet.io/app-name": application.name(),
                    "ipam.spidernet.io/app-namespace": "t",
                } },
                "routes": [{ "dst": "10.0.0.0/8", "gw": "10.6.0.2" }],
                "subnet": "10.6.0.0/16",
            })
        );
    }
}

#[test]
fn names_of_pools() {
    let pool = |owner: &str, nic: &str, uid: &str, family| {
        let (application, nic) = (app(owner), nic.parse().unwrap());
        Claim { subnet: "s4", application: &application, uid, nic: &nic, family }.pool_name()
    };
    let web = "apps_v1_Deployment_ns_web";
    assert_eq!(pool(web, "eth0", UID, Family::V4), Ok(name(POOL)));
    assert_eq!(pool(web, "net1", UID, Family::V6), Ok(name("auto6-web-net1-a5bd3")));
    assert_eq!(
        pool(web, "Eth0.100", "ABCDEFG", Family::V4),
        Ok(name("auto4-web-eth0.100-abcde")),
        "lower case"
    );
    assert_eq!(pool(web, "eth0", "1-2-é", Family::V4).unwrap_err().retry(), Retry::Never);
    assert!(matches!(pool(web, "eth0", "", Family::V4), Err(ClaimError::NoUid { .. })));
    assert!(matches!(pool(web, "net_1", UID, Family::V4), Err(ClaimError::Name { .. })));

    let long = "a".repeat(63);
    assert!(pool(&format!("apps_v1_Deployment_ns_{long}"), "eth0", UID, Family::V4).is_ok());
    let error = pool(&format!("apps_v1_Deployment_ns_{long}a"), "eth0", UID, Family::V4).unwrap_err();
    assert!(error.to_string().starts_with("the name of the application \"aaa"), "{error}");
    assert!(error.to_string().contains("has 64 bytes; want at most 63"), "{error}");
}

#[test]
fn what_no_label_can_have_is_refused() {
    with_claim("apps_v1_Deployment_ns_web", "_eth0", |claim| {
        assert!(matches!(claim.labels(), Err(ClaimError::Label { .. })));
    });
    with_claim("apps_v1_Deployment_ns_web", "eth0", |claim| {
        let long = "s".repeat(64);
        let error = Claim { subnet: &long, ..claim }.labels().unwrap_err();
        assert!(error.to_string().starts_with("the name of SpiderSubnet"), "{error}");
        assert_eq!(claim.labels().unwrap().len(), 7);
        assert_eq!(claim.labels_with_uid().unwrap().len(), 8);
    });
}

#[test]
fn a_subnet_of_the_other_family_is_named() {
    with_claim("apps_v1_Deployment_ns_web", "eth0", |claim| {
        let total = RangeSet::empty(Family::V6);
        let subnet = Subnet::new("s6", "fd00:16::/64".parse().unwrap(), &total);
        let error = claim.object(&subnet, &wanted(1, "1"), true, &set("")).unwrap_err().to_string();
        let want =
            format!("failed to parse 'fd00:16::/64' when allocating empty Auto-created IPPool '{POOL}'");
        assert!(error.starts_with(&want), "{error}");
        assert!(error.contains("SpiderSubnet s6 is IPv6, yet annotation"), "{error}");
        assert!(error.ends_with("names it under ipv4; want an IPv4 one there"), "{error}");
    });
}

#[test]
fn a_refresh_sets_its_own_keys_only() {
    with_claim("apps_v1_Deployment_ns_web", "eth0", |claim| {
        let mut labels = labels(&[(LABEL_UID, "old"), ("team", "a")]);
        let mut notes = BTreeMap::from([("note".to_owned(), "mine".to_owned())]);
        let mut ips = vec!["10.6.0.1".to_owned(), "10.6.0.2".to_owned()];
        let mut refresh = |reclaim, number: &str, ranges: &str| {
            let changed =
                claim.refresh(&mut labels, &mut notes, &mut ips, &wanted(2, number), reclaim, &set(ranges));
            (changed, labels.clone(), notes.clone(), ips.clone())
        };
        let (changed, labels, notes, ips) = refresh(true, "+1", "1-2");
        assert!(changed);
        assert_eq!(
            (labels.get(LABEL_UID).unwrap().as_str(), labels.get("team").unwrap().as_str()),
            (UID, "a")
        );
        assert_eq!(notes.get("note").unwrap(), "mine");
        assert_eq!(notes.get("ipam.spidernet.io/ippool-ip-number").unwrap(), "+1");
        assert_eq!(ips, ["10.6.0.1", "10.6.0.2"], "the same addresses, spelt otherwise: left alone");
        assert!(!refresh(true, "+1", "1-2").0, "nothing to write");
        assert!(refresh(true, "2", "1-2").0, "the number alone");
        assert!(refresh(false, "2", "1-2").0, "reclaim alone");
        assert_eq!(refresh(false, "2", "1-3").3, ["10.6.0.1-10.6.0.3"]);
    });
}

#[test]
fn the_choice_among_pools() {
    let (own, kept, others) = (name(POOL), name("auto4-web-eth0-00000"), name("other"));
    let choose = |pools: &[PoolView<'_>]| {
        with_claim("apps_v1_Deployment_ns_web", "eth0", |claim| {
            claim.choose(pools).map(|choice| match choice {
                Choice::Take(pool) => Some(pool.name.to_string()),
                Choice::Make => None,
            })
        })
    };
    let plain = labels(&[]);
    assert_eq!(choose(&[]), Ok(None));
    assert_eq!(choose(&[view(&own, &plain)]), Ok(Some(POOL.to_owned())));

    // An earlier incarnation's pool is inherited when it is kept, and passed over when it goes.
    let (going, inherited) =
        (labels(&[(LABEL_UID, "old")]), labels(&[(LABEL_UID, "old"), (LABEL_RECLAIM, "false")]));
    assert_eq!(choose(&[view(&kept, &inherited)]), Ok(Some(kept.to_string())));
    assert_eq!(choose(&[view(&kept, &going)]), Ok(None));
    assert_eq!(choose(&[view(&kept, &going), view(&own, &plain)]), Ok(Some(POOL.to_owned())));
    // Not by another kind.
    let set_labels =
        labels(&[(LABEL_RECLAIM, "false"), ("ipam.spidernet.io/owner-application-kind", "StatefulSet")]);
    assert_eq!(choose(&[view(&kept, &set_labels)]), Ok(None));
    assert_eq!(choose(&[view(&others, &labels(&[(LABEL_FAMILY, "IPv6")]))]), Ok(None));

    let leaving = PoolView { terminating: true, ..view(&own, &plain) };
    let error = choose(&[leaving]).unwrap_err();
    assert_eq!(
        (error.to_string().starts_with("IPPool auto4-web-eth0-a5bd3 is terminating"), error.retry()),
        (true, Retry::Soon)
    );

    let error = choose(&[view(&own, &labels(&[(LABEL_SUBNET, "s9")]))]).unwrap_err();
    assert!(
        matches!(&error, ClaimError::OtherSubnet { present, wanted, .. } if present == "s9" && wanted == "s4")
    );
    assert!(
        error.to_string().contains("delete the IPPool, once its addresses are released, or the application")
    );

    let prod = labels(&[("ipam.spidernet.io/owner-application-namespace", "prod")]);
    let error = choose(&[view(&own, &prod)]).unwrap_err().to_string();
    assert!(
        error.starts_with("IPPool auto4-web-eth0-a5bd3 exists and is for Deployment/prod/web; "),
        "{error}"
    );
    let error = choose(&[view(&own, &BTreeMap::new())]).unwrap_err().to_string();
    assert!(error.starts_with("IPPool auto4-web-eth0-a5bd3 exists and is no auto-created one; "), "{error}");
}

#[test]
fn what_an_add_finds() {
    let (a, b, plain) = (name("auto4-web-eth0-xxxxx"), name("auto4-web-eth0-yyyyy"), labels(&[]));
    let old = labels(&[(LABEL_UID, "old")]);
    with_claim("apps_v1_Deployment_ns_web", "eth0", |claim| {
        assert_eq!(claim.find(&[view(&b, &old), view(&a, &plain)]).unwrap().name, &a);
        let map = labels_text(&claim.labels_with_uid().unwrap());
        assert_eq!(
            map,
            format!(
                "map[ipam.spidernet.io/interface:eth0 ipam.spidernet.io/ip-version:IPv4 \
                 ipam.spidernet.io/owner-application-gv:apps_v1 ipam.spidernet.io/owner-application-kind:Deployment \
                 ipam.spidernet.io/owner-application-name:web ipam.spidernet.io/owner-application-namespace:ns \
                 ipam.spidernet.io/owner-application-uid:{UID} ipam.spidernet.io/owner-spider-subnet:s4]"
            )
        );
        let none = claim.find(&[view(&b, &old)]).unwrap_err();
        assert_eq!(
            none.to_string(),
            format!("no matching auto-created IPPool candidate with matchLables '{map}'")
        );
        assert_eq!(none.retry(), Retry::Soon);
        assert_eq!(
            claim.find(&[view(&a, &plain), view(&b, &plain)]).unwrap_err().to_string(),
            format!(
                "it's invalid for 'Deployment/ns/web' corresponding SpiderSubnet 's4' owns multiple matchLables '{map}' \
                 corresponding IPPools 'auto4-web-eth0-xxxxx auto4-web-eth0-yyyyy' for one specify application"
            )
        );
    });
    with_claim("apps.kruise.io_v1alpha1_CloneSet_t_clone", "eth0", |claim| {
        let text = claim.missing(&claim.labels().unwrap()).to_string();
        assert!(text.starts_with(
            "no matching third-party controller auto-created IPPool candidate with matchLables 'map["
        ));
    });
    // Any size will do, as long as an address is free.
    assert!(has_free(&set("1-2"), &set("1"), &set("")));
    assert!(!has_free(&set("1-2"), &set("1"), &set("2-9")));
    assert!(!has_free(&set(""), &set(""), &RangeSet::whole(Family::V6)));
    assert!(has_free(&set("1"), &set(""), &RangeSet::whole(Family::V6)));
}

#[test]
fn when_a_pool_may_go() {
    let pool = name(POOL);
    let ask = |labels: &BTreeMap<String, String>, terminating, in_use, existence: Existence| {
        let view = PoolView { name: &pool, labels, terminating };
        reclaim(&view, in_use, |application| {
            assert_eq!(application, &app("apps_v1_Deployment_ns_web"));
            existence
        })
    };
    let lives = |uid: &str| Existence::Exists { uid: uid.to_owned() };
    let plain = labels(&[]);
    assert_eq!(ask(&plain, false, false, Existence::Gone), Ok(()));
    assert_eq!(ask(&plain, false, false, lives("another")), Ok(()), "made again under the same name");
    assert_eq!(ask(&plain, false, false, lives(UID)), Err(Keep::Living));
    assert_eq!(ask(&plain, false, false, Existence::Unknown), Err(Keep::Unknown));
    assert_eq!(ask(&plain, false, true, Existence::Gone), Err(Keep::InUse));
    assert_eq!(ask(&plain, true, false, Existence::Gone), Err(Keep::Terminating));
    assert_eq!(
        ask(&labels(&[(LABEL_RECLAIM, "false")]), false, false, Existence::Gone),
        Err(Keep::NotReclaimed)
    );
    assert_eq!(ask(&BTreeMap::new(), false, false, Existence::Gone), Err(Keep::Manual));
    let bad = labels(&[("ipam.spidernet.io/owner-application-gv", "")]);
    assert!(matches!(ask(&bad, false, false, Existence::Gone), Err(Keep::BadLabels(_))));

    assert_eq!(view(&pool, &plain).application(), Some(app("apps_v1_Deployment_ns_web")));
    assert_eq!(view(&pool, &bad).application(), None);
    assert!(plain.contains_key(LABEL_APPLICATION));
    let chosen = deletion_labels(UID);
    assert!(chosen.len() == 2 && chosen.iter().all(|(key, value)| plain.get(key) == Some(value)));
}
