//! Manifests: any text is read or refused with at least one flaw, each of which names the document; the same text gives the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiderpool_daemons::ctl::examine_manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let first = examine_manifest(text);
    match &first {
        Ok(objects) => assert!(objects.iter().all(|object| object.starts_with("Spider")), "{objects:?}"),
        Err(flaws) => {
            assert!(!flaws.is_empty());
            assert!(flaws.iter().all(|flaw| flaw.starts_with("manifest: ")), "{flaws:?}");
        }
    }
    assert_eq!(examine_manifest(text), first);
});
