//! The rights of an agent, as far as it reads: what is missing here fails the tests.

pub(crate) const AGENT: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: agent, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: agent}
rules:
- {apiGroups: [""], resources: [pods, namespaces, nodes], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: [replicasets, statefulsets], verbs: [get]}
- {apiGroups: [batch], resources: [jobs], verbs: [get]}
- {apiGroups: [kubevirt.io], resources: [virtualmachines, virtualmachineinstances, virtualmachineinstancemigrations], verbs: [get]}
- {apiGroups: [spiderpool.spidernet.io], resources: [spiderippools, spiderreservedips, spidersubnets], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: agent}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: agent}
subjects: [{kind: ServiceAccount, name: agent, namespace: default}]
"#;
