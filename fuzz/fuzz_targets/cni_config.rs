//! A network configuration: no bytes make a reader panic, and a `prevResult` that is understood can be passed on in every
//! version and is the same then.
#![no_main]

use cni_plugins::cni::{CniError, CniVersion, NetConf};
use cni_plugins::log::LogSettings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let conf = match NetConf::parse(bytes) {
        Ok(conf) => conf,
        Err(error) => {
            let json = CniError::from(error).to_json(CniVersion::NEWEST);
            assert!(NetConf::parse(json.as_bytes()).is_err(), "an error has no name");
            return;
        }
    };
    let _ = (conf.version(CniVersion::ALL), conf.versions(), conf.plugin_type(), conf.dns());
    let _ = (conf.requested_ips(), conf.valid_attachments());
    if let Ok(ipam) = conf.ipam() {
        let _ = (LogSettings::from_keys(&ipam), ipam.misspelt(LogSettings::KEYS));
    }
    let Ok(Some(result)) = conf.prev_result() else { return };
    for version in CniVersion::ALL.iter().copied() {
        let Ok(text) = result.to_json(version) else {
            assert!(result.ips.is_empty() && version < CniVersion::V0_3_0);
            continue;
        };
        let back =
            cni_plugins::cni::CniResult::parse(text.as_bytes(), CniVersion::V0_1_0).expect("its own output");
        if version >= CniVersion::V1_0_0 {
            assert_eq!(back, result);
        }
        assert_eq!(back.to_json(version).expect("what was read"), text);
    }
});
