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
];
