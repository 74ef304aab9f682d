//! Label selectors, as Kubernetes defines them.
//!
//! [`LabelSelector`] is the text of an object: any keys, any operators. [`Selector`] is one that passed Kubernetes' rules
//! (`ValidateLabelSelector` in apimachinery) and can be asked about labels. The texts of the faults are Kubernetes' own:
//! tools compare them.

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::{Fault, Faults};
use crate::name::is_subdomain;

/// Longest name part of a key and longest value (Kubernetes API conventions, "labels").
const MAX_LABEL: usize = 63;

/// A selector as an object has it, unchecked. Empty, it selects everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct LabelSelector {
    /// Labels that must be there with exactly these values.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            deserialize_with = "crate::pool::wire::null_as_default",
            skip_serializing_if = "BTreeMap::is_empty"
        )
    )]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions; all must hold.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            deserialize_with = "crate::pool::wire::null_as_default",
            skip_serializing_if = "Vec::is_empty"
        )
    )]
    pub match_expressions: Vec<LabelRequirement>,
}

/// One condition of a [`LabelSelector`], unchecked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct LabelRequirement {
    /// The label.
    #[cfg_attr(feature = "serde", serde(default))]
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub operator: String,
    /// The values of `In` and `NotIn`.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            deserialize_with = "crate::pool::wire::null_as_default",
            skip_serializing_if = "Vec::is_empty"
        )
    )]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Whether it has no condition and so selects everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// The selector, checked. `field` is the path of the selector, for the faults.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use ipam_core::LabelSelector;
    /// let written = LabelSelector {
    ///     match_labels: BTreeMap::from([("app".to_owned(), "web".to_owned())]),
    ///     ..LabelSelector::default()
    /// };
    /// let selector = written.compile("spec.podAffinity")?;
    /// assert!(selector.matches(|key| (key == "app").then_some("web")));
    /// assert!(!selector.matches(|_| None));
    /// # Ok::<(), ipam_core::Faults>(())
    /// ```
    ///
    /// # Errors
    /// All faults by Kubernetes' rules: malformed keys and values, unknown operators, values missing or too many.
    pub fn compile(&self, field: &str) -> Result<Selector, Faults> {
        let mut faults = Faults::default();
        let mut conditions = Vec::new();
        let labels = format!("{field}.matchLabels");
        for (key, value) in &self.match_labels {
            faults.extend(key_faults(key).into_iter().map(|detail| Fault::invalid(&labels, key, detail)));
            faults
                .extend(value_faults(value).into_iter().map(|detail| Fault::invalid(&labels, value, detail)));
            conditions.push(Condition { key: key.clone(), test: Test::In(vec![value.clone()]) });
        }
        for (index, requirement) in self.match_expressions.iter().enumerate() {
            match requirement.compile(&format!("{field}.matchExpressions[{index}]")) {
                Ok(condition) => conditions.push(condition),
                Err(more) => faults.extend(more),
            }
        }
        faults.into_result().map(|()| Selector { conditions })
    }
}

impl LabelRequirement {
    fn compile(&self, field: &str) -> Result<Condition, Faults> {
        let mut faults = Faults::default();
        let values = self.values.clone();
        let test = match self.operator.as_str() {
            "In" => Some(Test::In(values)),
            "NotIn" => Some(Test::NotIn(values)),
            "Exists" => Some(Test::Exists),
            "DoesNotExist" => Some(Test::Absent),
            _ => None,
        };
        match &test {
            Some(Test::In(values) | Test::NotIn(values)) if values.is_empty() => {
                faults.push(Fault::required(
                    format!("{field}.values"),
                    "must be specified when `operator` is 'In' or 'NotIn'",
                ))
            }
            Some(Test::Exists | Test::Absent) if !self.values.is_empty() => faults.push(Fault::forbidden(
                format!("{field}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            Some(_) => {}
            None => faults.push(Fault::invalid(
                format!("{field}.operator"),
                &self.operator,
                "not a valid selector operator, want In, NotIn, Exists or DoesNotExist",
            )),
        }
        let key = format!("{field}.key");
        faults
            .extend(key_faults(&self.key).into_iter().map(|detail| Fault::invalid(&key, &self.key, detail)));
        for (index, value) in self.values.iter().enumerate() {
            let path = format!("{field}.values[{index}]");
            faults.extend(value_faults(value).into_iter().map(|detail| Fault::invalid(&path, value, detail)));
        }
        match test {
            Some(test) if faults.is_empty() => Ok(Condition { key: self.key.clone(), test }),
            Some(_) | None => Err(faults),
        }
    }
}

impl fmt::Display for LabelSelector {
    /// The form that `kubectl` uses: `app=web,tier in (a,b),!canary`; `{}` when empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|one| match one.operator.as_str() {
            "In" => format!("{} in ({})", one.key, one.values.join(",")),
            "NotIn" => format!("{} notin ({})", one.key, one.values.join(",")),
            "Exists" => one.key.clone(),
            "DoesNotExist" => format!("!{}", one.key),
            other => format!("{} {other:?} ({})", one.key, one.values.join(",")),
        });
        f.write_str(&labels.chain(expressions).collect::<Vec<_>>().join(","))
    }
}

/// A checked selector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selector {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Condition {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Whether labels satisfy every condition; `label` gives the value of a key. `NotIn` holds for an absent label.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.conditions.iter().all(|condition| {
            let value = label(&condition.key);
            match &condition.test {
                Test::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
                Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
            }
        })
    }

    /// The labels that must be there with one of these values: each is necessary, and others may be beside them.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.conditions.iter().filter_map(|condition| match &condition.test {
            Test::In(values) => Some((condition.key.as_str(), values.as_slice())),
            Test::NotIn(_) | Test::Exists | Test::Absent => None,
        })
    }
}

/// What Kubernetes says of a label key: `[prefix/]name`.
fn key_faults(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match key.split_once('/') {
        None => key,
        Some((_, rest)) if rest.contains('/') => {
            return vec![format!(
                "a qualified name {NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
        Some(("", name)) => {
            faults.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            if prefix.len() > 253 {
                faults.push("prefix part must be no more than 253 bytes".to_owned());
            } else if !is_subdomain(prefix) {
                faults.push(format!("prefix part {SUBDOMAIN_RULE}"));
            }
            name
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > MAX_LABEL {
        faults.push(format!("name part must be no more than {MAX_LABEL} bytes"));
    }
    if !is_label_text(name) {
        faults.push(format!("name part {NAME_RULE}"));
    }
    faults
}

/// What Kubernetes says of a label value.
fn value_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > MAX_LABEL {
        faults.push(format!("must be no more than {MAX_LABEL} bytes"));
    }
    if !value.is_empty() && !is_label_text(value) {
        faults.push(VALUE_RULE.to_owned());
    }
    faults
}

fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character \
     (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
     and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
     regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What Kubernetes says of a text that is no RFC 1123 subdomain.
pub(crate) const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
     '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', \
     regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
