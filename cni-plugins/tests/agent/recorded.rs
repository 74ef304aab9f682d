//! What a running original was asked and answered, step by step: ours asks the same, and makes the result of it that the original's
//! plugin makes.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::node::{NETNS, Node};
use crate::server::Reply;

/// The folder of the cases, of the repository's end-to-end tests.
const FOLDER: &str = "../tests/golden/agent";
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// A step that has a call with a body of the plugin's, and an answer.
struct Step {
    place: String,
    is_add: bool,
    body: Value,
    code: u16,
    answer: Value,
}

fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut files: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let cases: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for case in cases.as_array().unwrap() {
            for (number, step) in case["steps"].as_array().unwrap().iter().enumerate() {
                let is_add = step["call"] == "POST /v1/ipam/ip";
                if !is_add && step["call"] != "DELETE /v1/ipam/ip" || step.get("on").is_some() {
                    continue;
                }
                let Some(code) = step["code"].as_u64() else { continue };
                steps.push(Step {
                    place: format!("{} {} step {number}", file.display(), case["name"]),
                    is_add,
                    body: step["body"].clone(),
                    code: code.try_into().unwrap(),
                    answer: step["answer"].clone(),
                });
            }
        }
    }
    steps
}

impl Step {
    /// Whether a runtime could have brought it about: all the names are there, and one can stand in the environment.
    fn is_a_plugins(&self) -> bool {
        let text = |key: &str| self.body[key].as_str();
        let names = ["containerID", "podNamespace", "podName", "podUID"].map(text);
        let is_list = |key: &str| {
            let list = &self.body[key];
            list.is_null() || list.as_array().is_some_and(|items| items.iter().all(Value::is_string))
        };
        names.iter().all(Option::is_some)
            && text("containerID") != Some("")
            && text("ifName").is_some_and(|nic| !nic.is_empty())
            && is_list("defaultIPv4IPPool")
            && is_list("defaultIPv6IPPool")
    }

    fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap()
    }
}

/// `null`, an empty list and no key are one.
fn plain(body: &Value) -> BTreeMap<String, Value> {
    let keys = body.as_object().unwrap().iter();
    let kept = keys.filter(|(key, value)| {
        !value.is_null() && **value != json!([]) && **value != json!(false) && *key != "netNamespace"
    });
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Pools keep gateways and destinations as they were written; a result has them as Go prints what it has parsed.
fn as_go_prints(key: &str, value: &Value) -> Value {
    let text = value.as_str().unwrap();
    match key {
        "dst" => json!(text.parse::<IpNet>().unwrap().trunc().to_string()),
        "gateway" | "gw" => json!(text.parse::<IpAddr>().unwrap().to_string()),
        _ => value.clone(),
    }
}

/// The result, by the specification's mapping and not by ours. A gateway that is no address is left out: the original's plugin crashes.
fn wanted(answer: &Value, nic: &str, version: &str) -> Value {
    let of = |list: &Value, key: &str| {
        let items = list.as_array().cloned().unwrap_or_default();
        items.into_iter().filter(|item| item[key] == nic).collect::<Vec<Value>>()
    };
    let is_told = |key: &str, value: &Value| {
        *value != json!("")
            && (key != "gateway" || value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()))
    };
    let keep = |item: &Value, keys: &[&str]| {
        let pairs = keys.iter().filter(|key| item.get(**key).is_some_and(|value| is_told(key, value)));
        Value::Object(pairs.map(|key| ((*key).to_owned(), as_go_prints(key, &item[*key]))).collect())
    };
    let ips: Vec<Value> = of(&answer["ips"], "nic")
        .iter()
        .map(|ip| {
            let mut kept = keep(ip, &["address", "gateway"]);
            if version < "1" {
                kept["version"] = json!(ip["version"].to_string());
            }
            kept
        })
        .collect();
    let routes: Vec<Value> =
        of(&answer["routes"], "ifName").iter().map(|route| keep(route, &["dst", "gw"])).collect();
    let mut result = json!({"cniVersion": version, "ips": ips, "dns": {}});
    if !routes.is_empty() {
        result["routes"] = json!(routes);
    }
    result
}

#[test]
fn every_recorded_call() {
    let node = Node::new();
    let (mut adds, mut refusals, mut dels) = (0, 0, 0);
    for (number, step) in steps().into_iter().filter(Step::is_a_plugins).enumerate() {
        let reply = if step.answer.is_null() {
            Reply::Empty(step.code)
        } else {
            Reply::Json(step.code, step.answer.clone())
        };
        let agent = node.agent(reply);
        let version = VERSIONS[number % VERSIONS.len()];
        let mut config = node.config(json!({}));
        config["cniVersion"] = json!(version);
        for (key, from) in [
            ("default_ipv4_ippool", "defaultIPv4IPPool"),
            ("default_ipv6_ippool", "defaultIPv6IPPool"),
            ("clean_gateway", "cleanGateway"),
            ("match_master_subnet", "matchMasterSubnet"),
        ] {
            config["ipam"][key] = step.body[from].clone();
        }
        let args = format!(
            "K8S_POD_NAMESPACE={};K8S_POD_NAME={};K8S_POD_UID={}",
            step.text("podNamespace"),
            step.text("podName"),
            step.text("podUID")
        );
        let outcome = node
            .call_with(if step.is_add { "ADD" } else { "DEL" }, &config)
            .env("CNI_CONTAINERID", step.text("containerID"))
            .env("CNI_IFNAME", step.text("ifName"))
            .env("CNI_ARGS", &args)
            .run();
        let nic = step.text("ifName");
        if !step.is_add {
            dels += 1;
            outcome.silent();
        } else if step.code != 200 {
            refusals += 1;
            let said = step.answer["message"].as_str().or(step.answer.as_str()).unwrap();
            let message = outcome.error(105);
            assert!(message.ends_with(said), "{}: {message}", step.place);
        } else if step.answer["ips"].as_array().is_none_or(|ips| ips.iter().all(|ip| ip["nic"] != nic)) {
            refusals += 1;
            outcome.error(if step.answer["ips"].is_null() { 106 } else { 100 });
        } else {
            adds += 1;
            assert_eq!(outcome.result(), wanted(&step.answer, nic, version), "{}", step.place);
        }
        let seen = agent.seen().pop().unwrap();
        assert_eq!(plain(&seen.body), plain(&step.body), "{}", step.place);
        if step.is_add {
            assert_eq!(seen.body["netNamespace"], NETNS);
        }
        drop(agent);
        fs::remove_file(node.socket()).unwrap();
    }
    // Fewer would mean that the cases are not read as they are written.
    assert!(
        adds >= 140 && refusals >= 70 && dels >= 7,
        "{adds} results, {refusals} refusals, {dels} releases"
    );
}
