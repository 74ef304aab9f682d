//! Label selectors: matching and faults.

use super::*;

#[test]
fn selectors_match_as_in_kubernetes() {
    let labels: BTreeMap<&str, &str> = [("app", "web"), ("tier", "")].into();
    let one = |key: &str, operator: &str, values: &[&str]| LabelSelector {
        match_expressions: vec![LabelRequirement {
            key: key.into(),
            operator: operator.into(),
            values: texts(values),
        }],
        ..LabelSelector::default()
    };
    let table = [
        ("empty", LabelSelector::default(), true),
        ("in", one("app", "In", &["db", "web"]), true),
        ("not among", one("app", "In", &["db"]), false),
        ("in, absent", one("zone", "In", &[""]), false),
        ("not in", one("app", "NotIn", &["db"]), true),
        ("not in, there", one("app", "NotIn", &["web"]), false),
        ("not in, absent", one("zone", "NotIn", &["a"]), true),
        ("exists, empty value", one("tier", "Exists", &[]), true),
        ("exists, absent", one("zone", "Exists", &[]), false),
        ("absent", one("zone", "DoesNotExist", &[]), true),
        ("absent, there", one("app", "DoesNotExist", &[]), false),
    ];
    for (case, written, want) in table {
        let selector = written.compile("spec.podAffinity").unwrap();
        assert_eq!(selector.matches(|key| labels.get(key).copied()), want, "{case}");
    }
    let long = "a".repeat(64);
    let table = [
        (
            "operator",
            one("a", "Like", &["x"]),
            "f.matchExpressions[0].operator: Invalid value: \"Like\": not a valid selector operator",
        ),
        (
            "values missing",
            one("a", "NotIn", &[]),
            "f.matchExpressions[0].values: Required value: must be specified when",
        ),
        (
            "values too many",
            one("a", "Exists", &["x"]),
            "f.matchExpressions[0].values: Forbidden: may not be specified when",
        ),
        (
            "value",
            one("a", "In", &[".x"]),
            "f.matchExpressions[0].values[0]: Invalid value: \".x\": a valid label must be",
        ),
        ("long value", one("a", "In", &[&long]), "f.matchExpressions[0].values[0]: Invalid value: \"aaa"),
        (
            "key",
            one("a b", "Exists", &[]),
            "f.matchExpressions[0].key: Invalid value: \"a b\": name part must consist",
        ),
        (
            "no key",
            one("", "Exists", &[]),
            "[f.matchExpressions[0].key: Invalid value: \"\": name part must be non-empty, ",
        ),
        (
            "prefix",
            one("A/b", "Exists", &[]),
            "f.matchExpressions[0].key: Invalid value: \"A/b\": prefix part a lowercase RFC 1123",
        ),
        (
            "empty prefix",
            one("/b", "Exists", &[]),
            "f.matchExpressions[0].key: Invalid value: \"/b\": prefix part must be non-empty",
        ),
        (
            "two slashes",
            one("a/b/c", "Exists", &[]),
            "f.matchExpressions[0].key: Invalid value: \"a/b/c\": a qualified name must",
        ),
    ];
    for (case, written, want) in table {
        let text = text_of(written.compile("f"));
        assert!(text.starts_with(want), "{case}: {text}");
    }
}
