//! Configurations as runtimes write them.

use super::*;

fn conf(text: &str) -> NetConf {
    NetConf::parse(text.as_bytes()).unwrap()
}

fn with(rest: &str) -> NetConf {
    conf(&format!(r#"{{"cniVersion":"1.1.0","name":"net",{rest}}}"#))
}

#[test]
fn names_and_versions() {
    for (text, want) in [
        ("{", "error unmarshall network config: unexpected end of JSON input"),
        ("", "error unmarshall network config: unexpected end of JSON input"),
        ("null", "missing network name"),
        ("{}", "missing network name"),
        (r#"{"name":""}"#, "missing network name"),
        (r#"{"name":"a b"}"#, "invalid characters found in network name"),
        (r#"{"name":"../x"}"#, "invalid characters found in network name"),
        (r#"{"name":7}"#, "name is a number; want text"),
        (r#"{"name":"a","cniVersion":1}"#, "cniVersion is a number; want text"),
        (r#"["name"]"#, "network configuration is a list; want an object"),
    ] {
        assert_eq!(NetConf::parse(text.as_bytes()).unwrap_err().to_string(), want, "{text}");
    }
    assert_eq!(conf(r#"{"name":"a"}"#).declared_version(), "0.1.0");
    assert_eq!(conf(r#"{"name":"a","cniVersion":""}"#).declared_version(), "0.1.0");
    let conf = conf(r#"{"Name":"a","cniversion":"1.0.0","cniVersions":["0.4.0","1.0.0"],"type":"bridge"}"#);
    assert_eq!(conf.version(CniVersion::SINCE_0_3_0).unwrap(), CniVersion::V1_0_0);
    assert_eq!(conf.versions().unwrap(), ["0.4.0", "1.0.0"]);
    assert_eq!(conf.plugin_type().unwrap(), Some("bridge"));
}

#[test]
fn a_version_that_is_not_supported() {
    for version in ["0.1.0", "0.2.0", "1.2.0", "1.0", "x", "1.1.0 "] {
        let text = format!(r#"{{"name":"a","cniVersion":"{version}"}}"#);
        let error = conf(&text).version(CniVersion::SINCE_0_3_0).unwrap_err();
        assert_eq!(error.to_string(), "incompatible CNI versions");
        assert_eq!(
            error.details().unwrap(),
            format!(r#"config is "{version}", plugin supports ["0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]"#)
        );
    }
}

#[test]
fn requested_addresses() {
    let conf =
        with(r#""args":{"cni":{"ips":["10.0.0.2/24"]}},"runtimeConfig":{"ips":["10.0.0.3","fd00::1"]}"#);
    let ips: Vec<String> = conf.requested_ips().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(ips, ["10.0.0.2/24", "10.0.0.3", "fd00::1"]);
    assert!(with(r#""args":{}"#).requested_ips().unwrap().is_empty());
    assert!(with(r#""args":{"cni":null},"runtimeConfig":null"#).requested_ips().unwrap().is_empty());
    for (rest, want) in [
        (r#""args":1"#, "args is a number; want an object"),
        (r#""args":{"cni":[]}"#, "args.cni is a list; want an object"),
        (r#""args":{"cni":{"ips":"10.0.0.2"}}"#, "args.cni.ips is text; want a list"),
        (r#""runtimeConfig":{"ips":["10.0.0.2","x"]}"#, r#"runtimeConfig.ips[1] is "x": it is no address"#),
    ] {
        assert_eq!(with(rest).requested_ips().unwrap_err().to_string(), want);
    }
}

#[test]
fn attachments() {
    let list = |rest: &str| {
        let list = with(rest).valid_attachments().unwrap()?;
        Some(list.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(list(r#""type":"x""#), None);
    assert_eq!(list(r#""cni.dev/valid-attachments":null"#), Some(vec![]));
    assert_eq!(list(r#""cni.dev/valid-attachments":[]"#), Some(vec![]));
    let one = r#"[{"containerID":"c1","ifname":"eth0"}]"#;
    assert_eq!(list(&format!(r#""cni.dev/valid-attachments":{one}"#)), Some(vec!["c1/eth0".to_owned()]));
    assert_eq!(list(&format!(r#""cni.dev/attachments":{one}"#)), Some(vec!["c1/eth0".to_owned()]));
    assert_eq!(
        list(&format!(r#""cni.dev/attachments":[],"cni.dev/valid-attachments":{one}"#)),
        Some(vec!["c1/eth0".to_owned()])
    );
    for (value, want) in [
        ("{}", "cni.dev/valid-attachments is an object; want a list"),
        ("[null]", "cni.dev/valid-attachments[0] is null; want an object"),
        (
            r#"[{"ifname":"eth0"}]"#,
            "cni.dev/valid-attachments[0].containerID is missing; want the CNI_CONTAINERID of an ADD",
        ),
        (r#"[{"containerID":"c","ifname":7}]"#, "cni.dev/valid-attachments[0].ifname is a number; want text"),
        (
            r#"[{"containerID":"a/b","ifname":"eth0"}]"#,
            r#"cni.dev/valid-attachments[0].containerID is "a/b": it holds a character that is not allowed"#,
        ),
    ] {
        let error = with(&format!(r#""cni.dev/valid-attachments":{value}"#)).valid_attachments().unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}

#[test]
fn an_unused_key_cannot_fail() {
    let conf = with(r#""dns":1,"prevResult":2,"ipam":3,"args":4,"runtimeConfig":5,"type":6"#);
    assert_eq!(conf.dns().unwrap_err().to_string(), "dns is a number; want an object");
    assert_eq!(conf.prev_result().unwrap_err().to_string(), "prevResult is a number; want an object");
    assert_eq!(conf.ipam().unwrap_err().to_string(), "ipam is a number; want an object");
    assert_eq!(
        with(r#""x":1"#).ipam().unwrap_err().to_string(),
        "ipam is missing; want an object with a type"
    );
}
