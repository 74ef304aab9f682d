//! `docs/reference/plugin.md` has exactly the keys that the plugin knows.

use std::collections::BTreeSet;

use cni_plugins::log::LogSettings;
use ipam_core::PoolFields;

use crate::{read, rows};

const PAGE: &str = "docs/reference/plugin.md";

/// The keys in the table below a heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let rows = rows(&read(PAGE), heading);
    let keys: BTreeSet<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(keys.len(), rows.len(), "a key stands twice below {heading:?}");
    for row in &rows {
        assert_eq!(row.len(), 4, "{heading:?} wants key, type, default and meaning: {row:?}");
    }
    keys
}

/// The texts of a list of constants in the source. The lists are private, and a public one would be a promise.
fn listed(source: &str, constant: &str) -> BTreeSet<String> {
    let source = read(source);
    let start = format!("const {constant}: &[&str] =");
    let (_, rest) = source.split_once(&start).unwrap_or_else(|| panic!("no {constant}"));
    let (list, _) = rest.split_once("];").unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_is_documented_and_no_other() {
    let texts = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<String>>();
    let config = "cni-plugins/src/spiderpool/config.rs";
    let mut pool = texts(PoolFields::KNOWN_FIELDS);
    pool.insert("name".to_owned());
    for (heading, known) in [
        ("## ipam", listed(config, "KEYS")),
        ("## ipam.store", listed(config, "STORE_KEYS")),
        ("## ipam.routes[]", listed(config, "ROUTE_KEYS")),
        ("## ipam.pools[]", pool),
        ("## Log", texts(LogSettings::KEYS)),
    ] {
        assert_eq!(documented(heading), known, "{PAGE}, {heading}");
    }
}

#[test]
fn defaults_of_the_log_are_documented() {
    let settings = LogSettings::default();
    let default = |key: &str| {
        let rows = rows(&read(PAGE), "## Log");
        rows.iter().find(|row| row[0] == format!("`{key}`")).unwrap()[2].trim_matches('`').to_owned()
    };
    assert_eq!(default("log_level"), settings.level.as_str().to_lowercase());
    assert_eq!(default("log_file_path"), settings.path.to_str().unwrap());
    assert_eq!(default("log_file_max_size"), (settings.size_max_bytes >> 20).to_string());
    assert_eq!(default("log_file_max_age"), (settings.age_max.unwrap().as_secs() / 86_400).to_string());
    assert_eq!(default("log_file_max_count"), settings.files_max.unwrap().to_string());
}
