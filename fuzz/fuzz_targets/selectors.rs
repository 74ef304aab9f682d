//! Label selectors: any text that has their shape is compiled or refused with the field; what is compiled agrees with a plain
//! reading of its conditions, and says so again after it was written and read back.
#![no_main]

use std::collections::BTreeMap;

use ipam_core::LabelSelector;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(written) = serde_json::from_slice::<LabelSelector>(bytes) else { return };
    let text = written.to_string();
    let again: LabelSelector =
        serde_json::from_str(&serde_json::to_string(&written).expect("plain data")).expect("its own text");
    assert_eq!(again, written);
    let selector = match written.compile("spec.podAffinity") {
        Ok(selector) => selector,
        Err(faults) => {
            assert!(faults.into_iter().all(|fault| fault.field().starts_with("spec.podAffinity.")));
            return;
        }
    };
    assert_eq!(again.compile("spec.podAffinity").as_ref(), Ok(&selector));
    // Labels that meet the exact conditions, labels that are all there with another value, and none.
    let exact: BTreeMap<&str, &str> = written
        .match_labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .chain(written.match_expressions.iter().filter_map(|one| {
            let value = if one.operator == "In" { one.values.first()? } else { return None };
            Some((one.key.as_str(), value.as_str()))
        }))
        .collect();
    let other: BTreeMap<&str, &str> = exact.keys().map(|key| (*key, "other-value")).collect();
    for labels in [exact, other, BTreeMap::new()] {
        let want =
            written.match_labels.iter().all(|(key, value)| labels.get(key.as_str()) == Some(&value.as_str()))
                && written.match_expressions.iter().all(|one| {
                    let value = labels.get(one.key.as_str());
                    let listed = value.is_some_and(|value| one.values.iter().any(|listed| listed == value));
                    match one.operator.as_str() {
                        "In" => listed,
                        "NotIn" => !listed,
                        "Exists" => value.is_some(),
                        _ => value.is_none(),
                    }
                });
        assert_eq!(selector.matches(|key| labels.get(key).copied()), want, "{text}: {labels:?}");
    }
});
