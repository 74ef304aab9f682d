//! Pre-allocation, branch by branch, with the worked example and what the original does wrong.

use ipam_core::carve::{CarveError, ControlledPools, Demand, Present, Retry, Step, Stock, Subnet};
use ipam_core::{Family, RangeSet};

use crate::{app, name, records, set, stock, subnet};

const OWNER: &str = "apps_v1_Deployment_default_web";

/// One plan for pool `p`. Texts are sets of last octets; `None` is an absent record or pool.
struct Case {
    what: &'static str,
    rec: Option<&'static str>,
    /// spec and addresses in use
    pool: Option<(&'static str, &'static str)>,
    /// the record of pool `q`
    other: &'static str,
    reserved: &'static str,
    /// what other living pools have
    living: &'static str,
    desired: u32,
    want: Result<(&'static str, Step), &'static str>,
}

const PLAIN: Case =
    Case { what: "", rec: None, pool: None, other: "", reserved: "", living: "", desired: 0, want: Err("") };

fn cases() -> Vec<Case> {
    use Step::{Grown, Kept, Made, Repaired, Shrunk};
    vec![
        // The four branches.
        Case {
            what: "nothing there: the lowest",
            other: "3,108-110",
            desired: 4,
            want: Ok(("1-2,4-5", Made)),
            ..PLAIN
        },
        Case { what: "none wanted", desired: 0, want: Ok(("", Made)), ..PLAIN },
        Case {
            what: "right size",
            rec: Some("4-6"),
            pool: Some(("4-6", "5")),
            desired: 3,
            want: Ok(("4-6", Kept)),
            ..PLAIN
        },
        Case {
            what: "crash before the pool",
            rec: Some("4-6"),
            desired: 3,
            want: Ok(("4-6", Kept)),
            ..PLAIN
        },
        Case {
            what: "smaller, lowest free go",
            rec: Some("1-5"),
            pool: Some(("1-5", "2,5")),
            desired: 3,
            want: Ok(("2,4-5", Shrunk)),
            ..PLAIN
        },
        Case {
            what: "smaller, too many in use",
            rec: Some("1-3"),
            pool: Some(("1-3", "1-3")),
            desired: 2,
            want: Err(
                "failed to scale down IPPool p IPs: IPPool available free IPs are not enough, 3 are in use, want at most 2",
            ),
            ..PLAIN
        },
        Case {
            what: "to none",
            rec: Some("1-3"),
            pool: Some(("1-3", "")),
            desired: 0,
            want: Ok(("", Shrunk)),
            ..PLAIN
        },
        Case {
            what: "larger, lowest free come",
            rec: Some("5-6"),
            pool: Some(("5-6", "6")),
            other: "1,3",
            desired: 5,
            want: Ok(("2,4-7", Grown)),
            ..PLAIN
        },
        Case {
            what: "larger, too few",
            rec: Some("1-2"),
            pool: Some(("1-2", "")),
            other: "3-109",
            desired: 5,
            want: Err(
                "insufficient subnet FreeIPs, required '3' but only left '1', in SpiderSubnet s4 for IPPool p",
            ),
            ..PLAIN
        },
        Case {
            what: "too few at first",
            other: "2-110",
            desired: 2,
            want: Err(
                "insufficient subnet FreeIPs, required '2' but only left '1', in SpiderSubnet s4 for IPPool p",
            ),
            ..PLAIN
        },
        Case {
            what: "reserved are skipped",
            reserved: "1-3,5",
            desired: 2,
            want: Ok(("4,6", Made)),
            ..PLAIN
        },
        Case {
            what: "what is held stays, reserved or not",
            rec: Some("1-2"),
            pool: Some(("1-2", "1")),
            reserved: "1-4",
            desired: 3,
            want: Ok(("1-2,5", Grown)),
            ..PLAIN
        },
        // A shrink that was cut short: the record is smaller than the pool, and a Pod took what was given back.
        Case {
            what: "half way, the address comes back",
            rec: Some("2-3"),
            pool: Some(("1-3", "1")),
            desired: 2,
            want: Ok(("1,3", Repaired)),
            ..PLAIN
        },
        Case {
            what: "half way, by the spec and not by the record",
            rec: Some("1-2,5-6"),
            pool: Some(("1-6", "3")),
            desired: 4,
            want: Ok(("3-6", Repaired)),
            ..PLAIN
        },
        Case {
            what: "half way, too many in use",
            rec: Some("2-3"),
            pool: Some(("1-3", "1-3")),
            desired: 2,
            want: Err(
                "failed to scale down IPPool p IPs: IPPool available free IPs are not enough, 3 are in use, want at most 2",
            ),
            ..PLAIN
        },
        Case {
            what: "half way, not taken yet: the record counts",
            rec: Some("2-3"),
            pool: Some(("1-3", "2")),
            desired: 2,
            want: Ok(("2-3", Kept)),
            ..PLAIN
        },
        // Mended: where the original panics with a negative slice.
        Case {
            what: "half way and then larger: no panic",
            rec: Some("1-2,8-9"),
            pool: Some(("1-3", "3")),
            desired: 4,
            want: Ok(("1-3,8", Repaired)),
            ..PLAIN
        },
        // Mended: where the original would take an address in use.
        Case {
            what: "half way and smaller still",
            rec: Some("2-4"),
            pool: Some(("1-4", "1")),
            desired: 2,
            want: Ok(("1,4", Repaired)),
            ..PLAIN
        },
        Case {
            what: "half way and larger",
            rec: Some("2-3"),
            pool: Some(("1-3", "1")),
            desired: 4,
            want: Ok(("1-4", Grown)),
            ..PLAIN
        },
        Case {
            what: "in use, but recorded for another",
            rec: Some("2-3"),
            pool: Some(("1-3", "1")),
            other: "1",
            desired: 2,
            want: Err(
                "IPPool p has 10.6.0.1 in use, which SpiderSubnet s4 records for IPPool q; it is settled when that record is carved anew or dropped",
            ),
            ..PLAIN
        },
        // Mended: a manual pool came between the record and the pool.
        Case {
            what: "recorded, then a manual pool",
            rec: Some("1-3"),
            living: "2-5",
            desired: 3,
            want: Ok(("1,6-7", Repaired)),
            ..PLAIN
        },
        Case {
            what: "free by the records, but a pool has it",
            living: "1-5",
            desired: 2,
            want: Ok(("6-7", Made)),
            ..PLAIN
        },
        // Mended: the status was lost.
        Case {
            what: "no record, the pool says",
            pool: Some(("7-9", "8")),
            desired: 3,
            want: Ok(("7-9", Made)),
            ..PLAIN
        },
        Case {
            what: "no record, the pool is too small",
            pool: Some(("7-9", "8")),
            living: "7-9",
            desired: 4,
            want: Ok(("1,7-9", Made)),
            ..PLAIN
        },
        Case {
            what: "no record, the pool is too large",
            pool: Some(("7-9", "7")),
            living: "7-9",
            desired: 2,
            want: Ok(("7,9", Made)),
            ..PLAIN
        },
        Case {
            what: "no record, part of the pool is recorded elsewhere",
            pool: Some(("7-9", "")),
            other: "8",
            desired: 3,
            want: Ok(("1,7,9", Made)),
            ..PLAIN
        },
        // Damage.
        Case {
            what: "outside of the subnet",
            rec: Some("1,200"),
            desired: 2,
            want: Ok(("1-2", Repaired)),
            ..PLAIN
        },
        Case {
            what: "recorded twice",
            rec: Some("1-2"),
            other: "2-3",
            desired: 2,
            want: Ok(("1,4", Repaired)),
            ..PLAIN
        },
    ]
}

#[test]
fn each_branch_and_its_mends() {
    let total = set("1-110");
    for Case { what, rec, pool, other, reserved, living, desired, want } in cases() {
        let mut entries = vec![("q", other, None)];
        entries.extend(rec.map(|rec| ("p", rec, Some(OWNER))));
        let mut stock = stock(&total, records(&entries), &set(reserved), &set(living));
        let (ips, allocated) = pool.map_or((set(""), set("")), |(ips, used)| (set(ips), set(used)));
        let present =
            pool.map(|_| Present { net: "10.6.0.0/24".parse().unwrap(), ips: &ips, allocated: &allocated });
        let (pool, application) = (name("p"), app(OWNER));
        let demand = Demand { pool: &pool, application: &application, desired, present };
        match (stock.plan(&demand), want) {
            (Ok(carving), Ok((ranges, step))) => {
                assert_eq!((&carving.ranges, carving.step), (&set(ranges), step), "{what}");
                let written = carving.change.clone();
                assert_eq!(written.is_none(), step == Step::Kept, "{what}");
                stock.apply(&carving).unwrap();
                let again = stock.plan(&demand).unwrap();
                assert_eq!((again.ranges, again.change), (carving.ranges, None), "{what}: planned again");
            }
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text, "{what}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}

#[test]
fn the_worked_example() {
    let total = set("101-110");
    let mut stock = stock(&total, records(&[("ippool-test", "108-110", None)]), &set(""), &set("108-110"));
    let (pool, application) = (name("auto4-test-app-1-eth0-a5bd3"), app(OWNER));
    let mut spec = set("");
    // desired, in use, what comes
    let rounds = [(3, "", "101-103"), (4, "", "101-104"), (2, "101-102", "101-102")];
    for (desired, used, want) in rounds {
        let used = set(used);
        let present = Present { net: "10.6.0.0/24".parse().unwrap(), ips: &spec, allocated: &used };
        let present = (!spec.is_empty()).then_some(present);
        let carving =
            stock.plan(&Demand { pool: &pool, application: &application, desired, present }).unwrap();
        assert_eq!(carving.ranges, set(want));
        stock.apply(&carving).unwrap();
        spec = carving.ranges;
    }
    assert_eq!((stock.counts().total, stock.counts().allocated), (10, 5));
    let used = set("101-103");
    let present = Some(Present { net: "10.6.0.0/24".parse().unwrap(), ips: &used, allocated: &used });
    let refused =
        stock.plan(&Demand { pool: &pool, application: &application, desired: 2, present }).unwrap_err();
    assert_eq!(refused.retry(), Retry::Soon);
}

#[test]
fn what_is_refused_before_anything_is_carved() {
    let total = set("1-10");
    let (pool, application, other) = (name("p"), app(OWNER), app("apps_v1_Deployment_prod_web"));
    let demand = Demand { pool: &pool, application: &application, desired: 1, present: None };

    let terminating = Subnet { terminating: true, ..subnet(&total) };
    let stock = Stock::new(terminating, ControlledPools::new(Family::V4), [], []).unwrap();
    let error = stock.plan(&demand).unwrap_err();
    assert!(error.to_string().starts_with(
        "wrong input: SpiderSubnet 's4' is terminating, we can't reconcile an auto-created IPPool from it"
    ));
    assert_eq!(error.retry(), Retry::Never);

    let stock = Stock::new(subnet(&total), records(&[("p", "1", Some(OWNER))]), [], []).unwrap();
    let moved = Present { net: "10.7.0.0/24".parse().unwrap(), ips: &total, allocated: &total };
    let error = stock.plan(&Demand { present: Some(moved), ..demand }).unwrap_err();
    assert!(matches!(error, CarveError::NetworkChanged { .. }), "{error}");
    assert!(
        error.to_string().contains("the pool's spec.subnet is 10.7.0.0/24, the SpiderSubnet's 10.6.0.0/24")
    );

    let error = stock.plan(&Demand { application: &other, ..demand }).unwrap_err();
    assert!(error.to_string().contains("records IPPool p for apps_v1_Deployment_default_web"), "{error}");

    let six = RangeSet::empty(Family::V6);
    let wrong =
        Stock::new(Subnet { total: &six, ..subnet(&total) }, ControlledPools::new(Family::V4), [], []);
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "SpiderSubnet s4 is IPv4, its set of addresses is IPv6; want IPv4"
    );
}
