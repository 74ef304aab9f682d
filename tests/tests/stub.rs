//! Stub.
#[test]
fn uses_cnitool() {
    if std::env::var_os("NOPE").is_none() {
        println!("skipped: uses_cnitool: NOPE is unset");
    }
    assert!(std::path::Path::new(&std::env::var_os("CNITOOL").unwrap()).is_file());
    assert!(std::path::Path::new(&std::env::var_os("SPIDERPOOLCTL").unwrap()).is_file());
    assert!(std::path::Path::new(&std::env::var_os("SPIDERPOOL_PLUGIN_DIR").unwrap()).join("spiderpool").is_file());
}
