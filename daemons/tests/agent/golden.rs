//! Every call of the recorded corpus, as far as HTTP goes: what the original's framework answers is answered the same, with nothing
//! behind it asked; whatever else it answers is what stands behind it, and has the same body here when that says the same.

use std::collections::BTreeMap;

use ipam_core::Family;
use ipam_k8s::crd::{CoordinatorSpec, EndpointAddress, Route};
use ipam_k8s::ipam::{Answer as Given, AnswerIp, AnswerRoute, CoordinatorConfig};
use serde_json::Value;
use spiderpool_daemons::agent::ipam::{Allocated, PodRef, Refusal, RefusalCode, WorkloadEndpoint};

use crate::bed::{Act, Bed, eventually, go_request};
use crate::page::root;

/// Codes that only what stands behind the API gives.
const BEHIND: [u64; 5] = [200, 404, 500, 521, 522];

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn given(answer: &Value) -> Allocated {
    let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let ips = list("ips").into_iter().map(|ip| AnswerIp {
        family: if ip["version"] == 4 { Family::V4 } else { Family::V6 },
        address: text(&ip["address"]),
        pool: text(&ip["ipPool"]),
        gateway: ip["gateway"].as_str().map(str::to_owned),
        nic: text(&ip["nic"]),
        vlan: ip["vlan"].as_i64().unwrap_or_default(),
        mac: ip["mac"].as_str().map(str::to_owned),
    });
    let routes = list("routes").into_iter().map(|route| AnswerRoute {
        nic: text(&route["ifName"]),
        dst: text(&route["dst"]),
        gw: text(&route["gw"]),
    });
    let flag = |key: &str| list("ips").iter().any(|ip| ip[key] == true);
    Allocated {
        answer: Given { ips: ips.collect(), routes: routes.collect(), ..Given::default() },
        is_conflict_detected: flag("enableIPConflictDetection"),
        is_gateway_detected: flag("enableGatewayDetection"),
    }
}

fn endpoint(answer: &Value) -> WorkloadEndpoint {
    let entries = answer["interfaces"].as_array().unwrap().iter().map(|interface| {
        let some = |key: &str| interface[key].as_str().map(str::to_owned);
        let routes = interface["routes"].as_array().cloned().unwrap_or_default();
        let routes = routes.iter().map(|route| {
            let (dst, gw) = (text(&route["dst"]), text(&route["gw"]));
            Route { dst, gw, ..Route::default() }
        });
        EndpointAddress {
            interface: text(&interface["interface"]),
            ipv4: some("ipv4"),
            ipv4_pool: some("ipv4Pool"),
            ipv4_gateway: some("ipv4Gateway"),
            ipv6: some("ipv6"),
            ipv6_pool: some("ipv6Pool"),
            ipv6_gateway: some("ipv6Gateway"),
            mac: some("mac"),
            vlan: interface["vlan"].as_i64().unwrap_or_default(),
            routes: routes.collect(),
            ..EndpointAddress::default()
        }
    });
    WorkloadEndpoint {
        pod: PodRef { namespace: text(&answer["podNamespace"]), name: text(&answer["podName"]) },
        pod_uid: text(&answer["podUID"]),
        node: text(&answer["node"]),
        entries: entries.collect(),
    }
}

fn coordinator(answer: &Value) -> CoordinatorConfig {
    let list = |key: &str| serde_json::from_value::<Option<Vec<String>>>(answer[key].clone()).unwrap();
    CoordinatorConfig {
        spec: serde_json::from_value::<CoordinatorSpec>(answer.clone()).unwrap(),
        overlay_pod_cidr: list("overlayPodCIDR").unwrap_or_default(),
        service_cidr: list("serviceCIDR").unwrap_or_default(),
    }
}

/// What stands behind the API says what was recorded.
fn act(call: &str, code: u64, answer: &Value) -> Act {
    let refusal = match code {
        404 => Some(RefusalCode::NotFound),
        500 => Some(RefusalCode::Failed),
        521 => Some(RefusalCode::Stateless),
        522 => Some(RefusalCode::Stateful),
        _ => None,
    };
    if let Some(code) = refusal {
        return Act::Refuse(Refusal { code, text: text(answer), causes: Vec::new() });
    }
    match call {
        "POST /v1/ipam/ip" | "POST /v1/ipam/ip/" => Act::Add(given(answer)),
        call if call.starts_with("GET /v1/workloadendpoint") => Act::Endpoint(endpoint(answer)),
        call if call.starts_with("GET /v1/coordinator") => Act::Coordinator(Box::new(coordinator(answer))),
        _ => Act::Done,
    }
}

/// Sends the step's request; what came is compared with what was recorded. Whether something behind the API was asked.
fn replay(bed: &Bed, name: &str, step: &Value) -> bool {
    let call = step["call"].as_str().unwrap();
    let code = step["code"].as_u64().unwrap();
    let answer = &step["answer"];
    // A 404 of the framework's is an object.
    let is_behind = BEHIND.contains(&code) && !(code == 404 && answer.is_object());
    let is_plain =
        ["GET /v1/ipam/healthy", "POST /v1/ipam/ips"].contains(&call) || call.starts_with("GET /v1/runtime/");
    let is_asked = is_behind && !is_plain;
    if is_asked {
        bed.recorder.expect(act(call, code, answer));
    }
    let headers = step["headers"].as_object().cloned().unwrap_or_default();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = step.get("rawBody").map(text).or_else(|| step.get("body").map(Value::to_string));
    let request = go_request(call, &headers, body.as_deref());
    let before = bed.recorder.seen().len();
    let got = if step["on"] == "health-port" { bed.probe(&request) } else { bed.raw(&request) };
    assert_eq!(u64::from(got.code), code, "{name}: {call}: {}", got.body);
    assert_eq!(got.json(), *answer, "{name}: {call}");
    let typed = step.get("contentType").map_or(Some("application/json"), Value::as_str);
    assert_eq!(got.header("content-type"), typed, "{name}: {call}");
    assert_eq!(bed.recorder.seen().len() - before, usize::from(is_asked), "{name}: {call}");
    is_asked
}

#[test]
fn every_recorded_call_gets_the_recorded_answer() {
    let bed = Bed::new();
    eventually("the agent has started", || {
        bed.probe(&go_request("GET /v1/runtime/startup", &[], None)).code == 200
    });
    let (mut asked, mut answered) = (0, 0);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("tests/golden/agent")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "json") {
            files.insert(path.clone(), std::fs::read_to_string(path).unwrap());
        }
    }
    assert!(files.keys().any(|path| path.ends_with("errors.json")));
    for (path, text) in &files {
        let cases: Vec<Value> = serde_json::from_str(text).unwrap();
        for case in &cases {
            let name = format!("{} {}", path.file_name().unwrap().to_string_lossy(), case["name"]);
            let steps = case["steps"].as_array().unwrap();
            // What is to be mended is not compared with; where no answer came there is nothing to compare.
            let is_mended = !case["mend"].is_null();
            for step in steps.iter().filter(|step| !is_mended && step["code"].is_u64()) {
                if replay(&bed, &name, step) { asked += 1 } else { answered += 1 }
            }
        }
    }
    // The corpus may grow, and must not be lost.
    println!("{asked} calls went through, {answered} were answered before");
    assert!(asked >= 200 && answered >= 40, "{asked} calls went through, {answered} were answered before");
}
