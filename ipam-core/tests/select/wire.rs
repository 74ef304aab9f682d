//! Verdicts as they cross a process border.

use ipam_core::select::{Constraint, Reason, Rejected};
use serde_json::json;

use super::*;

#[test]
fn every_reason_is_read_as_it_was_written() {
    let name = |text: &str| text.parse().unwrap();
    for (reason, want) in [
        (Reason::Terminating, json!({"pool": "p4", "reason": "terminating"})),
        (Reason::Disabled, json!({"pool": "p4", "reason": "disabled"})),
        (Reason::NoVersion, json!({"pool": "p4", "reason": "noVersion"})),
        (
            Reason::WrongFamily { wanted: Family::V6 },
            json!({"pool": "p4", "reason": "wrongFamily", "wanted": 6}),
        ),
        (
            Reason::Unmatched { by: Constraint::NodeName },
            json!({"pool": "p4", "reason": "unmatched", "by": "nodeName"}),
        ),
        (Reason::OtherApplication, json!({"pool": "p4", "reason": "otherApplication"})),
        (
            Reason::Malformed { by: Constraint::NodeAffinity, fault: "f".into() },
            json!({"pool": "p4", "reason": "malformed", "by": "nodeAffinity", "fault": "f"}),
        ),
        (Reason::NoNode { node: "n9".into() }, json!({"pool": "p4", "reason": "noNode", "node": "n9"})),
        (
            Reason::NoNetwork { multus_name: texts(&["a"]) },
            json!({"pool": "p4", "reason": "noNetwork", "multusName": ["a"]}),
        ),
        (
            Reason::UnknownNetwork { why: "w".into() },
            json!({"pool": "p4", "reason": "unknownNetwork", "why": "w"}),
        ),
        (
            Reason::OtherNetwork { multus_name: texts(&["a"]), nic: name_of_nic(), network: "t/n".into() },
            json!({"pool": "p4", "reason": "otherNetwork", "multusName": ["a"], "nic": "eth0", "network": "t/n"}),
        ),
        (
            Reason::UnknownMaster { why: "w".into() },
            json!({"pool": "p4", "reason": "unknownMaster", "why": "w"}),
        ),
        (
            Reason::OffMaster { nic: name_of_nic(), subnet: "10.6.0.0/24".into() },
            json!({"pool": "p4", "reason": "offMaster", "nic": "eth0", "subnet": "10.6.0.0/24"}),
        ),
        (
            Reason::Invalid { faults: texts(&["f"]) },
            json!({"pool": "p4", "reason": "invalid", "faults": ["f"]}),
        ),
        (
            Reason::Restricted { by: Constraint::MultusName },
            json!({"pool": "p4", "reason": "restricted", "by": "multusName"}),
        ),
    ] {
        let rejected = Rejected { pool: name("p4"), reason };
        let written = serde_json::to_value(&rejected).unwrap();
        assert_eq!(written, want);
        assert_eq!(serde_json::from_value::<Rejected>(written).unwrap(), rejected);
    }
}

fn name_of_nic() -> Nic {
    nic("eth0")
}
