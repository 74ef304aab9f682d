//! The records of a status: any text is read or refused; what is read is written, and read back the same; what serde_json takes
//! for records is taken for the same ones here.
#![no_main]

use std::collections::BTreeMap;

use ipam_core::Family;
use ipam_core::status::AllocatedIps;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for family in [Family::V4, Family::V6] {
        let ips = match AllocatedIps::parse(family, Some(text)) {
            Ok(ips) => ips,
            Err(error) => {
                assert!(error.to_string().contains("status.allocatedIPs"));
                continue;
            }
        };
        let written = ips.to_text();
        assert_eq!(written.is_none(), ips.is_empty());
        assert_eq!(AllocatedIps::parse(family, written.as_deref()).as_ref(), Ok(&ips));
        assert!(ips.flaws().all(|flaw| !flaw.to_string().is_empty()));
        if let Some(written) = written {
            let mut document = String::new();
            assert!(ips.append_json(&mut document));
            assert_eq!(serde_json::from_str::<String>(&document).expect("JSON"), written);
            let plain: BTreeMap<String, BTreeMap<String, String>> =
                serde_json::from_str(&written).expect("JSON");
            let ours = ips.iter().map(|ip| (ip.key, ip.pod, ip.uid));
            assert!(ours.eq(plain.iter().map(|(key, record)| (
                key.as_str(),
                record["pod"].as_str(),
                record["podUid"].as_str()
            ))));
        }
    }
});
