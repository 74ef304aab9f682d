//! `ip release`: only of the owner that was seen, never of a pod that lives unless forced, and no other record is lost.

use ipam_k8s::ipam::IpamSettings;
use serde_json::json;

use crate::bed::{Account, Bed, POOL};

const V4: &str = r#"{"ipv4":["v4"]}"#;

#[test]
fn an_address_is_taken_from_who_is_gone() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let uid = bed.pod("web", &[(POOL, V4)]);
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    bed.block_on(agent.add("web")).unwrap();
    let release = |args: &[&str]| bed.ctl(Account::Repair, &[&["ip", "release", "10.6.0.10"], args].concat());

    let error = release(&[]).failed(2);
    assert!(
        error.contains("in a cluster a release needs --owner UID, the uid that `ip who 10.6.0.10` shows"),
        "{error}"
    );
    let error = release(&["--owner", "other"]).failed(1);
    assert_eq!(
        error,
        format!(
            "error: 10.6.0.10 is held by pod shop/web (uid {uid}) (eth0) (uid \"{uid}\"), not by \"other\"; nothing was released\n"
        )
    );
    let error = release(&["--owner", &uid]).failed(1);
    assert!(error.contains("whose pod lives; nothing was released. With --force"), "{error}");
    assert_eq!(bed.stored("v4")["10.6.0.10"]["podUid"], json!(uid));

    bed.delete_pod("web");
    assert_eq!(
        release(&["--owner", &uid]).done(),
        format!("10.6.0.10 of IPPool v4 released; pod shop/web (uid {uid}) (eth0) has lost it\n")
    );
    assert_eq!(bed.stored("v4"), json!({}));
    let error = release(&["--owner", &uid]).failed(1);
    assert!(error.contains("nobody holds 10.6.0.10, so there is nothing to release"), "{error}");
}

#[test]
fn force_takes_it_from_who_lives_and_its_endpoint_forgets_it() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let uid = bed.pod("web", &[(POOL, V4)]);
    bed.block_on(bed.agent(IpamSettings::new("spiderpool")).add("web")).unwrap();
    let report = bed
        .ctl(Account::Repair, &["ip", "release", "10.6.0.10", "--owner", &uid, "--force", "-o", "json"])
        .json();
    assert_eq!(report["released"][0]["owner"]["name"], "web");
    assert_eq!(report["released"][0]["node"], "n1");
    assert_eq!(bed.stored("v4"), json!({}));
    let left =
        bed.kubectl(["get", "spiderendpoint", "web", "-n", "shop", "-o", "jsonpath={.status.current.ips}"]);
    assert_eq!(left, "[]");
    // A record that no endpoint names, of a StatefulSet that wants it.
    bed.stateful_set();
    bed.records(
        "v4",
        &[
            ("10.6.0.11", "shop/db-0", "u0"),
            ("10.6.0.12", "shop/b c", "u1"),
            ("10.6.0.13", "shop/db-0?x", "u0"),
        ],
        3,
    );
    let release = |address: &str, args: &[&str]| {
        bed.ctl(Account::Repair, &[&["ip", "release", address, "--owner", "u0"], args].concat())
    };
    let error = release("10.6.0.11", &[]).failed(1);
    assert!(error.contains("whose StatefulSet or virtual machine keeps the address for it"), "{error}");
    release("10.6.0.11", &["--force"]).done();
    // What names nobody can be released by nobody.
    let error = release("10.6.0.12", &[]).failed(1);
    assert!(error.contains("is held by reservation unreadable:10.6.0.12"), "{error}");
    // Nor what names a pod that there cannot be: its name would be another request.
    for args in [&[][..], &["--force"]] {
        let error = release("10.6.0.13", args).failed(1);
        assert!(error.contains("no pod can have the name shop/db-0?x"), "{error}");
    }
    assert_eq!(
        bed.stored("v4"),
        json!({"10.6.0.12": {"pod": "shop/b c", "podUid": "u1"}, "10.6.0.13": {"pod": "shop/db-0?x", "podUid": "u0"}})
    );
    let found = bed.ctl(Account::Repair, &["fsck", "--repair"]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("not repaired: no pod can have the name shop/db-0?x"), "{found:?}");
}

#[test]
fn releases_beside_an_agent_lose_no_record() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.90", "");
    const ROUNDS: usize = 8;
    let gone: Vec<(String, String, String)> = (0..ROUNDS)
        .map(|number| {
            (format!("10.6.0.{}", 80 + number), format!("shop/gone-{number}"), format!("u{number}"))
        })
        .collect();
    let texts: Vec<(&str, &str, &str)> =
        gone.iter().map(|(address, pod, uid)| (address.as_str(), pod.as_str(), uid.as_str())).collect();
    bed.records("v4", &texts, ROUNDS);
    let names: Vec<String> = (0..ROUNDS).map(|number| format!("p{number}")).collect();
    let uids: Vec<String> = names.iter().map(|name| bed.pod(name, &[(POOL, V4)])).collect();
    let agent = bed.agent(IpamSettings::new("spiderpool"));
    std::thread::scope(|scope| {
        let releasing = scope.spawn(|| {
            for (address, _, uid) in &gone {
                bed.ctl(Account::Repair, &["ip", "release", address, "--owner", uid]).done();
            }
        });
        bed.block_on(async {
            for name in &names {
                agent.add(name).await.unwrap();
            }
        });
        releasing.join().unwrap();
    });
    let stored = bed.stored("v4");
    let mut holders: Vec<&str> =
        stored.as_object().unwrap().values().map(|record| record["podUid"].as_str().unwrap()).collect();
    holders.sort_unstable();
    let mut wanted: Vec<&str> = uids.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    assert_eq!(holders, wanted);
    assert_eq!(
        bed.ctl(Account::View, &["fsck"]).done(),
        format!("1 pools, {ROUNDS} records: nothing is wrong\n")
    );
}
