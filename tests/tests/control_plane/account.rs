//! The agent's account may do what an agent does, and no more.

use std::fs;
use std::path::Path;

use spiderpool_tests::control_plane::Kubectl;

use crate::PLANE;

/// One question for each right in `daemons/rbac/agent.yaml`.
const MAY: &[(&str, &str)] = &[
    ("get list watch", "pods"),
    ("get list watch", "namespaces"),
    ("get list watch", "nodes"),
    ("create patch", "events"),
    ("create patch", "events.events.k8s.io"),
    ("get", "daemonsets.apps"),
    ("get", "deployments.apps"),
    ("get", "replicasets.apps"),
    ("get", "statefulsets.apps"),
    ("get", "cronjobs.batch"),
    ("get", "jobs.batch"),
    ("get list watch create patch", "spiderippools.spiderpool.spidernet.io"),
    ("update", "spiderippools.spiderpool.spidernet.io/status"),
    ("get list watch", "spidersubnets.spiderpool.spidernet.io"),
    ("update", "spidersubnets.spiderpool.spidernet.io/status"),
    ("get list watch", "spiderreservedips.spiderpool.spidernet.io"),
    ("get list watch", "spidercoordinators.spiderpool.spidernet.io"),
    ("get list watch", "spidermultusconfigs.spiderpool.spidernet.io"),
    ("get create update patch delete", "spiderendpoints.spiderpool.spidernet.io"),
];

/// What somebody who has broken into a node would like to do.
const MAY_NOT: &[(&str, &str)] = &[
    ("create update patch delete", "pods"),
    ("update patch", "pods/status"),
    ("create", "pods/exec"),
    ("get list", "secrets"),
    ("get list update", "configmaps"),
    ("create update delete", "namespaces"),
    ("update patch delete", "nodes"),
    ("get list delete", "events"),
    ("list watch update", "deployments.apps"),
    ("update", "deployments.apps/scale"),
    ("list delete", "jobs.batch"),
    ("update delete deletecollection", "spiderippools.spiderpool.spidernet.io"),
    ("create update patch delete", "spidersubnets.spiderpool.spidernet.io"),
    ("create update patch delete", "spiderreservedips.spiderpool.spidernet.io"),
    ("create update patch delete", "spidercoordinators.spiderpool.spidernet.io"),
    ("create update patch delete", "spidermultusconfigs.spiderpool.spidernet.io"),
    ("list watch deletecollection", "spiderendpoints.spiderpool.spidernet.io"),
    ("create", "serviceaccounts/token"),
    ("create update bind escalate", "clusterroles.rbac.authorization.k8s.io"),
    ("create update", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("impersonate", "users"),
    ("get delete", "customresourcedefinitions.apiextensions.k8s.io"),
    ("get update", "validatingwebhookconfigurations.admissionregistration.k8s.io"),
    ("create get update", "leases.coordination.k8s.io"),
];

fn agent() -> Kubectl {
    PLANE.kubectl_as(&PLANE.agent_kubeconfig().unwrap())
}

/// The questions that are answered other than they should be. Asked of the API server in one go, as the agent itself.
fn wrong(rights: &[(&str, &str)], want: bool) -> Vec<String> {
    let agent = agent();
    let mut reviews = Vec::new();
    for (verbs, resource) in rights {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
        for verb in verbs.split(' ') {
            reviews.push(format!(
                "---\n{{apiVersion: authorization.k8s.io/v1, kind: SelfSubjectAccessReview, spec: {{resourceAttributes: {{namespace: default, \
                 verb: {verb}, group: '{group}', resource: {name}, subresource: '{subresource}'}}}}}}"
            ));
        }
    }
    let file = PLANE.folder().join(format!("reviews-{want}"));
    fs::write(&file, reviews.join("\n")).unwrap();
    let line = "jsonpath={.spec.resourceAttributes.verb} {.spec.resourceAttributes.resource}/{.spec.resourceAttributes.subresource} \
                {.status.allowed}{\"\\n\"}";
    // Without kubectl's own look at the kinds, for which it would list the definitions.
    let create = ["create", "--validate=false", "-f", file.to_str().unwrap(), "-o", line];
    let answers = agent.success(create).unwrap();
    assert_eq!(answers.lines().count(), reviews.len(), "{answers}");
    let is_right = |line: &&str| line.ends_with(" true") == want;
    answers.lines().filter(|line| !is_right(line)).map(str::to_owned).collect()
}

#[test]
fn an_agent_may_do_what_it_does() {
    assert_eq!(wrong(MAY, true), [""; 0]);
}

#[test]
fn an_agent_may_not_do_more() {
    assert_eq!(wrong(MAY_NOT, false), [""; 0]);
}

/// Each right of the manifest has its question above, so a new one is noticed.
#[test]
fn every_right_is_asked_about() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemons/rbac/agent.yaml");
    let manifest = fs::read_to_string(path).unwrap();
    let list = |line: &str, key: &str| -> Option<Vec<String>> {
        let items = line.trim().strip_prefix(key)?.trim().strip_prefix('[')?.strip_suffix(']')?;
        Some(items.split(", ").map(|item| item.trim_matches('"').to_owned()).collect())
    };
    let (mut groups, mut resources, mut rights) = (Vec::new(), Vec::new(), 0);
    for line in manifest.lines() {
        if let Some(found) = list(line, "- apiGroups:") {
            groups = found;
        } else if let Some(found) = list(line, "resources:") {
            resources = found;
        } else if let Some(verbs) = list(line, "verbs:") {
            rights += groups.len() * resources.len() * verbs.len();
        }
    }
    let asked: usize = MAY.iter().map(|(verbs, _)| verbs.split(' ').count()).sum();
    // The three of KubeVirt are asked about where its kinds are.
    assert_eq!(asked + 3, rights);
}

/// Not what the rules say, but what happens.
#[test]
fn what_an_agent_writes_and_what_is_refused_to_it() {
    let (plane, agent) = (&*PLANE, agent());
    plane
        .apply(
            "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderIPPool, metadata: {name: account}, \
             spec: {ipVersion: 4, subnet: 10.6.0.0/16, ips: [10.6.0.10-10.6.0.19]}}",
        )
        .unwrap();
    let pool = agent.success(["get", "spiderippool", "account", "-o", "json"]).unwrap();
    let mut pool: serde_json::Value = serde_json::from_str(&pool).unwrap();
    pool["status"] = serde_json::json!({
        "allocatedIPCount": 1, "totalIPCount": 10, "allocatedIPs": r#"{"10.6.0.10":{"pod":"default/a","podUid":"5b0c"}}"#,
    });
    let file = plane.folder().join("pool");
    fs::write(&file, pool.to_string()).unwrap();
    agent.success(["replace", "--subresource=status", "-f", file.to_str().unwrap()]).unwrap();
    agent
        .apply(
            "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderEndpoint, \
             metadata: {name: account, namespace: default, finalizers: [spiderpool.spidernet.io]}, \
             status: {ownerControllerType: Pod, ownerControllerName: account, current: {uid: 5b0c, node: n1, ips: []}}}",
        )
        .unwrap();
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    agent.success(["patch", "spiderendpoint", "account", "--type=merge", "-p", patch]).unwrap();
    agent.success(["delete", "spiderendpoint", "account", "--wait=false"]).unwrap();

    plane
        .apply("{apiVersion: v1, kind: Pod, metadata: {name: account, namespace: default}, spec: {containers: [{name: c, image: i}]}}")
        .unwrap();
    let reserved = "{apiVersion: spiderpool.spidernet.io/v2beta1, kind: SpiderReservedIP, metadata: {name: account}, \
                    spec: {ipVersion: 4, ips: [10.6.0.10]}}";
    let role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: account}, \
                rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]}";
    for refused in [
        agent.run(["delete", "pod", "account", "--wait=false"]).unwrap().failure(),
        agent.run(["delete", "spiderippool", "account", "--wait=false"]).unwrap().failure(),
        agent.apply(reserved).map_err(|error| error.to_string()).map_or_else(Ok, |_| Ok(String::new())),
        agent.apply(role).map_err(|error| error.to_string()).map_or_else(Ok, |_| Ok(String::new())),
        agent.run(["get", "secrets", "-A"]).unwrap().failure(),
    ] {
        let text = refused.unwrap();
        assert!(text.contains("Forbidden") || text.contains("forbidden"), "{text}");
    }
    assert!(plane.kubectl(["get", "pod", "account"]).unwrap().status.success());
}
