//! Keys without case, fields with their paths.

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

#[test]
fn keys_as_go_matches_them() {
    for (text, want) in [
        (r#"{"name":"a"}"#, Some("a")),
        (r#"{"NAME":"a"}"#, Some("a")),
        (r#"{"name":"a","Name":"b"}"#, Some("b")),
        (r#"{"Name":"b","name":"a"}"#, Some("a")),
        (r#"{"name":"a","name":"b"}"#, Some("b")),
        (r#"{"name":"a","NAME":null}"#, Some("a")),
        (r#"{"name":null}"#, None),
        (r#"{"nam":"a"}"#, None),
        (r"null", None),
    ] {
        assert_eq!(json(text).keys().unwrap().text("name").unwrap(), want, "{text}");
    }
    assert!(json(r#"{"K8\u017F":1}"#).keys().unwrap().has("k8s"));
    assert!(json(r#"{"\u212Aey":1}"#).keys().unwrap().has("key"));
}

#[test]
fn a_wrong_type_names_its_key() {
    let doc = json(r#"{"ipam":{"pools":[{"subnet":"a"},{"subnet":1}],"n":"x","f":1.5}}"#);
    let ipam = doc.keys().unwrap().object("ipam").unwrap().unwrap();
    let pools = ipam.list("pools").unwrap();
    let error = pools[1].keys().unwrap().text("subnet").unwrap_err();
    assert_eq!(error.to_string(), "ipam.pools[1].subnet is a number; want text");
    assert_eq!(ipam.flag("n").unwrap_err().to_string(), "ipam.n is text; want a boolean");
    assert_eq!(ipam.list("n").unwrap_err().to_string(), "ipam.n is text; want a list");
    assert_eq!(ipam.object("pools").unwrap_err().to_string(), "ipam.pools is a list; want an object");
    assert_eq!(ipam.texts("pools").unwrap_err().to_string(), "ipam.pools[0] is an object; want text");
    assert_eq!(
        ipam.get("f").unwrap().integer().unwrap_err().to_string(),
        r#"ipam.f is "1.5": not a whole number of 64 bits"#
    );
    assert_eq!(
        ipam.get("n").unwrap().integer_or_text().unwrap_err().to_string(),
        r#"ipam.n is "x": not a whole number"#
    );
    assert_eq!(json("[]").keys().unwrap_err().to_string(), "network configuration is a list; want an object");
}

#[test]
fn numbers_as_text() {
    let doc = json(r#"{"a":7,"b":"7","c":-1}"#);
    let keys = doc.keys().unwrap();
    for (key, want) in [("a", 7), ("b", 7), ("c", -1)] {
        assert_eq!(keys.get(key).unwrap().integer_or_text().unwrap(), want);
    }
}

#[test]
fn what_is_not_json() {
    for text in ["", "{", "{\"a\":}", "{} {}", "{\"a\":1,}", "\u{feff}{}", "nul", &"[".repeat(200)] {
        assert!(matches!(Json::parse(text.as_bytes()), Err(Error::NotJson(_))), "{text:?}");
    }
    assert!(Json::parse(b"{\"a\":\"\xff\"}").is_err());
    let text = Json::parse(b"{").unwrap_err().to_string();
    assert_eq!(text, "error unmarshall network config: unexpected end of JSON input");
}

#[test]
fn text_comes_back() {
    let text = r#"{"b":[1,-2,2.5,"x",null,true],"a":{"z":{},"y":[]},"a":0}"#;
    assert_eq!(serde_json::to_string(&json(text)).unwrap(), text);
}

#[test]
fn slips_are_noticed() {
    let doc = json(r#"{"pols":[],"Store":{},"default_ipv4_ipool":[],"log_levle":1,"ranges":[],"x":1}"#);
    let known = ["pools", "store", "default_ipv4_ippool", "default_ipv6_ippool", "log_level", "routes"];
    assert_eq!(
        doc.keys().unwrap().misspelt(&known),
        [("pols", "pools"), ("default_ipv4_ipool", "default_ipv4_ippool"), ("log_levle", "log_level")]
    );
}
