//! The cases that need more than the rules, by name, with the reason.

/// File, reason, names.
pub(crate) const LEFT_OUT: &[(&str, &str, &[&str])] = &[
    (
        "basic",
        "the HTTP layer answers",
        &["batch-post-does-nothing", "health-port-serves-no-ipam", "socket-serves-no-runtime"],
    ),
    ("basic", "the agent puts its switches into the answer", &["detection-flags-in-answer"]),
    ("basic", "the agent looks at the pod again, live", &["other-pod-uid-in-request"]),
    ("basic", "the store in memory has no limit of records", &["max-allocated-ips"]),
    (
        "basic",
        "how the text of a pool's records is read and written is the cluster store's matter",
        &["ipv6-record-key-in-ipv4-pool", "allocated-ips-not-json", "non-canonical-ipv6-record-key"],
    ),
    (
        "errors",
        "the HTTP layer answers: fields that are missing or of another type",
        &[
            "add-without-containerid",
            "del-without-containerid",
            "add-without-ifname",
            "del-without-ifname",
            "add-without-podnamespace",
            "del-without-podnamespace",
            "add-without-podname",
            "del-without-podname",
            "add-without-poduid",
            "del-without-poduid",
            "add-null-pod-uid",
            "add-empty-object",
            "add-null-body",
            "add-malformed-json",
            "add-number-for-pod-name",
            "add-string-for-pool-list",
            "add-keys-in-other-case",
            "several-fields-missing-first-named-only",
        ],
    ),
    (
        "errors",
        "the HTTP layer answers: paths, headers, other calls",
        &["accept-header", "unknown-path", "coordinator-config-without-body", "post-ips-with-malformed-body"],
    ),
    (
        "errors",
        "the agent looks whether the pod is there and lives",
        &[
            "unknown-pod",
            "empty-pod-name",
            "terminating-pod-with-endpoint",
            "succeeded-pod",
            "failed-pod-restart-never",
            "failed-pod-restart-on-failure",
        ],
    ),
    (
        "statefulset",
        "finalizers are kept by the API server",
        &["del-of-terminating-pod-beyond-replicas-with-other-uid-in-endpoint"],
    ),
    ("kubevirt", "the HTTP layer answers", &["vm-pod"]),
    ("kubevirt", "the agent puts its switches into the answer", &["migration-object-missing"]),
    (
        "release",
        "finalizers are kept by the API server",
        &["endpoint-without-finalizer", "endpoint-with-another-finalizer-too"],
    ),
    (
        "release",
        "how the text of a pool's records is read and written is the cluster store's matter",
        &["allocated-ips-not-json", "wrong-stored-count-mended-on-release"],
    ),
    (
        "release",
        "a store finds an owner's records by the owner's name, so one of another name is not released",
        &["record-with-other-pod-name-but-same-uid"],
    ),
    (
        "release",
        "a pool that is not there holds nothing in the store in memory",
        &["one-of-two-pools-gone-then-back"],
    ),
    (
        "conflict-release",
        "the agent refuses before it comes to addresses",
        &[
            "flag-set-switch-off",
            "flag-set-statefulset",
            "flag-set-pod-gone",
            "other-uid",
            "pod-gone-unknown-uid-and-endpoint",
        ],
    ),
    ("endpoints", "the agent looks for the controller", &["missing-replicaset"]),
    (
        "endpoints",
        "the agent answers from the endpoint alone, whatever its pools have",
        &[
            "replay-with-stored-routes-and-clean-gateway",
            "replay-answers-all-nics",
            "replay-with-unreadable-gateway",
            "replay-of-entry-without-addresses",
            "replay-with-clean-gateway-absent",
        ],
    ),
    (
        "endpoints",
        "labels are kept by the API server",
        &["endpoint-labels-and-annotations-kept-on-second-nic"],
    ),
];
