//! Every operation in every version against the text of the specification: what is needed, what is refused and by which
//! number, what stands on standard output.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption fails the test")]

mod fixed;
mod streams;

use std::collections::BTreeMap;
use std::io;

use cni_plugins::cni::{CniError, CniVersion, Command, ErrorCode, Exit, PluginCode, run};
use serde_json::{Value, json};

use fixed::{Env, Fixed, ask, config, env, refused};

const OPERATIONS: [Command; 5] = [Command::Add, Command::Del, Command::Check, Command::Gc, Command::Status];

#[test]
fn each_operation_in_each_version() {
    for command in OPERATIONS {
        for version in CniVersion::SINCE_0_3_0.iter().copied() {
            let since = match command {
                Command::Check => CniVersion::V0_4_0,
                Command::Gc | Command::Status => CniVersion::V1_1_0,
                Command::Add | Command::Del | Command::Version => CniVersion::V0_3_0,
            };
            if version < since {
                let msg = format!("config version does not allow {command}");
                let error = refused(&env(command), config(version.as_str()), 1, &msg);
                assert_eq!(error["details"], format!("config is {version}, {command} came with {since}"));
                assert_eq!(error["cniVersion"], version.as_str());
                continue;
            }
            let plugin = Fixed::default();
            let answer = ask(&plugin, &env(command), config(version.as_str()));
            assert_eq!(answer.exit, Exit::Success, "{command} {version}: {}", answer.stdout);
            let asked = match command {
                Command::Add => "ADD c1/eth0 /run/netns/none web-0",
                Command::Del => "DEL c1/eth0 Some(\"/run/netns/none\")",
                Command::Check => "CHECK c1/eth0 /run/netns/none",
                Command::Gc => "GC Some([\"c1/eth0\"])",
                Command::Status | Command::Version => "STATUS",
            };
            assert_eq!(*plugin.asked.borrow(), [asked]);
            if command == Command::Add {
                let mut ip = json!({"address": "10.6.168.71/16", "gateway": "10.6.0.1"});
                if version < CniVersion::V1_0_0 {
                    ip["version"] = "4".into();
                }
                let routes = json!([{"dst": "0.0.0.0/0", "gw": "10.6.0.1"}]);
                let want = json!({"cniVersion": version.as_str(), "ips": [ip], "routes": routes, "dns": {}});
                assert_eq!(answer.json(), want);
            } else {
                assert_eq!(answer.stdout, "", "{command} has no output");
            }
        }
    }
}

#[test]
fn missing_parameters_are_all_named() {
    for (command, required) in [
        (Command::Add, &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"][..]),
        (Command::Check, &["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
        (Command::Del, &["CNI_CONTAINERID", "CNI_IFNAME"]),
        (Command::Gc, &["CNI_PATH"]),
        (Command::Status, &[]),
    ] {
        assert_eq!(command.required(), required);
        for absent in required {
            let msg = format!("required env variables [{absent}] missing");
            let mut env = env(command);
            env.remove(absent);
            refused(&env, config("1.1.0"), 4, &msg);
            env.insert(absent, "");
            refused(&env, config("1.1.0"), 4, &msg);
        }
        let only = Env::from([("CNI_COMMAND", command.as_str())]);
        if required.is_empty() {
            assert_eq!(ask(&Fixed::default(), &only, config("1.1.0")).exit, Exit::Success);
        } else {
            let msg = format!("required env variables [{}] missing", required.join(","));
            refused(&only, config("1.1.0"), 4, &msg);
        }
    }
    // What a DEL can do without.
    let plugin = Fixed::default();
    let only = Env::from([("CNI_COMMAND", "DEL"), ("CNI_CONTAINERID", "c1"), ("CNI_IFNAME", "eth0")]);
    assert_eq!(ask(&plugin, &only, config("0.3.0")).exit, Exit::Success);
    assert_eq!(*plugin.asked.borrow(), ["DEL c1/eth0 None"]);
}

#[test]
fn invalid_parameters_are_named() {
    for command in [Command::Add, Command::Check, Command::Del] {
        for (name, value, problem) in [
            ("CNI_CONTAINERID", "a/b", "it holds a character that is not allowed"),
            ("CNI_CONTAINERID", "-a", "it does not begin with a letter or digit"),
            ("CNI_IFNAME", "sixteen-bytes-00", "it is longer than 15 bytes"),
            ("CNI_IFNAME", "..", "it is '.' or '..'"),
            ("CNI_IFNAME", "a b", "it holds '/', ':' or white space"),
            ("CNI_IFNAME", "a/b", "it holds '/', ':' or white space"),
        ] {
            let mut env = env(command);
            env.insert(name, value);
            let error = refused(&env, config("1.1.0"), 4, &format!("invalid {name} {value:?}: {problem}"));
            assert!(error["details"].as_str().unwrap().starts_with("want "));
        }
    }
    for command in ["add", "ADD ", "UPDATE"] {
        let env = Env::from([("CNI_COMMAND", command)]);
        let error = refused(&env, config("1.1.0"), 4, &format!("unknown CNI_COMMAND: {command}"));
        assert_eq!(error["details"], "want one of ADD, DEL, CHECK, GC, STATUS, VERSION");
    }
    // Operations without a container pass its parameters over.
    for command in [Command::Gc, Command::Status] {
        let mut env = env(command);
        env.insert("CNI_CONTAINERID", "a/b");
        assert_eq!(ask(&Fixed::default(), &env, config("1.1.0")).exit, Exit::Success);
    }
}

#[test]
fn bytes_that_are_no_text() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = std::ffi::OsString::from_vec(b"c\xff1".to_vec());
    let mut env: BTreeMap<String, std::ffi::OsString> =
        env(Command::Add).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    env.insert("CNI_NETNS".to_owned(), bytes.clone());
    let mut stdout = Vec::new();
    let exit = run(&Fixed::default(), &env, &mut config("1.1.0").as_bytes(), &mut stdout, &mut io::sink());
    assert_eq!(exit, Exit::Success, "a path may hold any bytes");
    env.insert("CNI_CONTAINERID".to_owned(), bytes);
    stdout.clear();
    let exit = run(&Fixed::default(), &env, &mut config("1.1.0").as_bytes(), &mut stdout, &mut io::sink());
    assert_eq!(exit, Exit::Failure);
    let error: Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!(error["code"], 4);
    assert!(error["msg"].as_str().unwrap().starts_with("invalid CNI_CONTAINERID"));
}

#[test]
fn bad_configurations() {
    for command in OPERATIONS {
        for (stdin, code, msg) in [
            ("", 6, "error unmarshall network config: unexpected end of JSON input"),
            (r#"{"cniVersion":"#, 6, "error unmarshall network config: unexpected end of JSON input"),
            ("null", 7, "missing network name"),
            (r#"{"cniVersion":"1.1.0"}"#, 7, "missing network name"),
            (r#"{"cniVersion":"1.1.0","name":"a/b"}"#, 7, "invalid characters found in network name"),
            (r#"{"cniVersion":"1.1.0","name":1}"#, 7, "name is a number; want text"),
            (r#"{"cniVersion":1,"name":"net"}"#, 7, "cniVersion is a number; want text"),
            ("[]", 7, "network configuration is a list; want an object"),
            (r#"{"cniVersion":"9.0.0","name":"net"}"#, 1, "incompatible CNI versions"),
            (r#"{"cniVersion":"1.0","name":"net"}"#, 1, "incompatible CNI versions"),
        ] {
            refused(&env(command), stdin, code, msg);
        }
    }
    let error = refused(&env(Command::Add), r#"{"name":"net"}"#, 1, "incompatible CNI versions");
    let supported = r#"["0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]"#;
    assert_eq!(error["details"], format!(r#"config is "0.1.0", plugin supports {supported}"#));
    let error = refused(&env(Command::Add), config("0.2.0"), 1, "incompatible CNI versions");
    assert_eq!(error["cniVersion"], "0.2.0");
    let bad = r#"{"cniVersion":"1.1.0","name":"net","cni.dev/valid-attachments":[{"containerID":"c1"}]}"#;
    let msg = "cni.dev/valid-attachments[0].ifname is missing; want the CNI_IFNAME of an ADD";
    refused(&env(Command::Gc), bad, 7, msg);
    // The same list is no business of the others.
    assert_eq!(ask(&Fixed::default(), &env(Command::Add), bad).exit, Exit::Success);
}

#[test]
fn a_list_that_is_absent_is_not_an_empty_one() {
    for (list, want) in [("", "GC None"), (r#","cni.dev/valid-attachments":[]"#, "GC Some([])")] {
        let plugin = Fixed::default();
        let stdin = format!(r#"{{"cniVersion":"1.1.0","name":"net"{list}}}"#);
        assert_eq!(ask(&plugin, &env(Command::Gc), stdin).exit, Exit::Success);
        assert_eq!(*plugin.asked.borrow(), [want]);
    }
}

#[test]
fn a_plugin_of_old_versions() {
    const OLD: &[CniVersion] = &[CniVersion::V0_1_0, CniVersion::V0_2_0, CniVersion::V0_3_1];
    let old = || Fixed { versions: Some(OLD), ..Fixed::default() };
    let answer = ask(&old(), &env(Command::Add), r#"{"name":"net"}"#);
    let routes = json!([{"dst": "0.0.0.0/0", "gw": "10.6.0.1"}]);
    let ip4 = json!({"ip": "10.6.168.71/16", "gateway": "10.6.0.1", "routes": routes});
    assert_eq!(answer.json(), json!({"cniVersion": "0.1.0", "ip4": ip4, "dns": {}}));
    let answer = ask(&old(), &env(Command::Status), config("1.1.0"));
    assert_eq!(answer.json()["details"], r#"config is "1.1.0", plugin supports ["0.1.0" "0.2.0" "0.3.1"]"#);
    assert_eq!(ask(&old(), &env(Command::Version), "").json()["cniVersion"], "0.3.1");
}

#[test]
fn the_plugin_s_own_errors() {
    let mine = PluginCode::new(101).unwrap();
    for (code, number) in [
        (ErrorCode::UnsupportedField, 2),
        (ErrorCode::UnknownContainer, 3),
        (ErrorCode::TryAgainLater, 11),
        (ErrorCode::NotAvailable, 50),
        (ErrorCode::LimitedConnectivity, 51),
        (ErrorCode::Plugin(mine), 101),
        (ErrorCode::Internal, 999),
    ] {
        for command in OPERATIONS {
            let refusal = CniError::new(code, "pool v4 is full").with_details("0 of 10 are free");
            let plugin = Fixed { refusal: Some(refusal), ..Fixed::default() };
            let answer = ask(&plugin, &env(command), config("1.1.0"));
            assert_eq!(answer.exit, Exit::Failure);
            let want = json!({"cniVersion": "1.1.0", "code": number, "msg": "pool v4 is full", "details": "0 of 10 are free"});
            assert_eq!(answer.json(), want);
        }
    }
    for number in [0, 1, 50, 99, 999] {
        assert_eq!(PluginCode::new(number), None);
    }
}

#[test]
fn the_plugin_s_own_namespace_is_refused() {
    let mut env = env(Command::Add);
    env.insert("CNI_NETNS", "/proc/thread-self/ns/net");
    let msg = "plugin's netns and netns from CNI_NETNS should not be the same";
    refused(&env, config("1.1.0"), 8, msg);
    for (value, allowed) in [("1", true), ("TRUE", true), ("0", false)] {
        env.insert("CNI_NETNS_OVERRIDE", value);
        let exit = ask(&Fixed::default(), &env, config("1.1.0")).exit;
        assert_eq!(exit == Exit::Success, allowed, "{value}");
    }
    // A DEL takes back whatever there is, from wherever.
    env.remove("CNI_NETNS_OVERRIDE");
    env.insert("CNI_COMMAND", "DEL");
    assert_eq!(ask(&Fixed::default(), &env, config("1.1.0")).exit, Exit::Success);
}

#[test]
fn args_fail_only_who_reads_them() {
    let mut env = env(Command::Add);
    env.insert("CNI_ARGS", "FOO=1");
    refused(&env, config("1.0.0"), 4, r#"ARGS: unknown args ["FOO=1"]"#);
    env.insert("CNI_COMMAND", "DEL");
    assert_eq!(ask(&Fixed::default(), &env, config("1.0.0")).exit, Exit::Success);
}
