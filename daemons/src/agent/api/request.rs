//! Requests as plain values: JSON bodies as Go reads them, and the query of `/workloadendpoint`.
//!
//! Keys match without regard to case, `null` is as good as absent, text behind the value is ignored. Required fields are checked in
//! the order of the original's generated code, which is that of the alphabet, and the first one that is missing is told.

use ipam_core::go_json::{JsonError, Place, Value};

use crate::agent::ipam::{AddRequest, ConflictRequest, DelRequest, PodRef, Sandbox};

/// Why a request makes no call.
#[derive(Debug)]
pub(super) enum Malformed {
    /// There is no body where one must be, or only blanks.
    NoBody,
    /// The body is no JSON, or has a field of another type.
    Json(JsonError),
    /// A field that must be there is not, or is `null`.
    Missing(&'static str),
}

impl From<JsonError> for Malformed {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// A body that an operation takes.
pub(super) trait Body: Sized {
    /// Reads it.
    fn read(body: &[u8]) -> Result<Self, Malformed>;
}

/// The fields of all bodies; each type of the API has some of them.
#[derive(Default)]
struct Fields {
    container_id: Option<String>,
    if_name: Option<String>,
    net_namespace: Option<String>,
    pod_name: Option<String>,
    pod_namespace: Option<String>,
    pod_uid: Option<String>,
    default_ipv4: Vec<String>,
    default_ipv6: Vec<String>,
    clean_gateway: bool,
    match_master_subnet: bool,
    is_release_conflict_ips: bool,
}

/// A type of the API by its name in the original, with the fields that it has beside those of [`NAMES`].
struct Type {
    name: &'static str,
    root: &'static str,
    /// Whether it has `ifName`.
    has_nic: bool,
    /// Whether it names a sandbox, not just a pod.
    has_sandbox: bool,
    is_add: bool,
    is_batch: bool,
}

const ADD: Type = Type {
    name: "IpamAddArgs",
    root: "models.IpamAddArgs",
    has_nic: true,
    has_sandbox: true,
    is_add: true,
    is_batch: false,
};
const DEL: Type = Type { name: "IpamDelArgs", root: "models.IpamDelArgs", is_add: false, ..ADD };
const BATCH: Type =
    Type { name: "IpamBatchDelArgs", root: "models.IpamBatchDelArgs", has_nic: false, is_batch: true, ..DEL };
const COORDINATOR: Type = Type {
    name: "GetCoordinatorArgs",
    root: "models.GetCoordinatorArgs",
    has_nic: false,
    has_sandbox: false,
    ..DEL
};

impl Fields {
    fn read(body: &[u8], kind: &Type) -> Result<Self, Malformed> {
        let value = Value::first(body)?.ok_or(Malformed::NoBody)?;
        let mut fields = Self::default();
        for member in value.members(Place::Root(kind.root))? {
            let value = member.value;
            let at = |key| Place::Field(kind.name, key);
            // `null` leaves a plain field as it is and takes back a pointer, as which the required fields are declared.
            if member.is("podname") {
                fields.pod_name = value.text(at("podName"))?;
            } else if member.is("podnamespace") {
                fields.pod_namespace = value.text(at("podNamespace"))?;
            } else if kind.has_sandbox && member.is("containerid") {
                fields.container_id = value.text(at("containerID"))?;
            } else if kind.has_sandbox && member.is("netnamespace") {
                fields.net_namespace = value.text(at("netNamespace"))?;
            } else if kind.has_sandbox && member.is("poduid") {
                fields.pod_uid = value.text(at("podUID"))?;
            } else if kind.has_nic && member.is("ifname") {
                fields.if_name = value.text(at("ifName"))?;
            } else if kind.is_add && member.is("defaultipv4ippool") {
                fields.default_ipv4 = value.texts(at("defaultIPv4IPPool"))?;
            } else if kind.is_add && member.is("defaultipv6ippool") {
                fields.default_ipv6 = value.texts(at("defaultIPv6IPPool"))?;
            } else if kind.is_add && member.is("cleangateway") {
                set(&mut fields.clean_gateway, value.truth(at("cleanGateway"))?);
            } else if kind.is_add && member.is("matchmastersubnet") {
                set(&mut fields.match_master_subnet, value.truth(at("matchMasterSubnet"))?);
            } else if kind.is_batch && member.is("isreleaseconflictips") {
                set(&mut fields.is_release_conflict_ips, value.truth(at("isReleaseConflictIPs"))?);
            }
        }
        let required: [(&'static str, bool, bool); 6] = [
            ("containerID", kind.has_sandbox, fields.container_id.is_some()),
            ("ifName", kind.has_nic, fields.if_name.is_some()),
            ("netNamespace", kind.is_add, fields.net_namespace.is_some()),
            ("podName", kind.has_sandbox, fields.pod_name.is_some()),
            ("podNamespace", kind.has_sandbox, fields.pod_namespace.is_some()),
            ("podUID", kind.has_sandbox, fields.pod_uid.is_some()),
        ];
        match required.into_iter().find(|(_, is_required, is_there)| *is_required && !is_there) {
            Some((name, ..)) => Err(Malformed::Missing(name)),
            None => Ok(fields),
        }
    }

    fn sandbox(&mut self) -> Sandbox {
        Sandbox {
            container_id: self.container_id.take().unwrap_or_default(),
            netns: self.net_namespace.take().unwrap_or_default(),
            pod: self.pod(),
            pod_uid: self.pod_uid.take().unwrap_or_default(),
        }
    }

    fn pod(&mut self) -> PodRef {
        PodRef {
            namespace: self.pod_namespace.take().unwrap_or_default(),
            name: self.pod_name.take().unwrap_or_default(),
        }
    }
}

fn set(field: &mut bool, value: Option<bool>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl Body for AddRequest {
    fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::read(body, &ADD)?;
        Ok(Self {
            sandbox: fields.sandbox(),
            nic: fields.if_name.unwrap_or_default(),
            default_pools_v4: fields.default_ipv4,
            default_pools_v6: fields.default_ipv6,
            is_gateway_cleaned: fields.clean_gateway,
            is_master_subnet_matched: fields.match_master_subnet,
        })
    }
}

impl Body for DelRequest {
    fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::read(body, &DEL)?;
        Ok(Self { sandbox: fields.sandbox(), nic: fields.if_name.unwrap_or_default() })
    }
}

impl Body for ConflictRequest {
    fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::read(body, &BATCH)?;
        Ok(Self { sandbox: fields.sandbox(), is_conflict: fields.is_release_conflict_ips })
    }
}

impl Body for PodRef {
    fn read(body: &[u8]) -> Result<Self, Malformed> {
        Ok(Fields::read(body, &COORDINATOR)?.pod())
    }
}

/// The pod that a query names; the first parameter that is missing or empty, else.
pub(super) fn pod_of_query(query: &str) -> Result<PodRef, &'static str> {
    let (mut name, mut namespace) = (None, None);
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Go drops what it cannot read, and takes the last of equal keys.
        if pair.contains(';') {
            continue;
        }
        let (Some(key), Some(value)) = (unescape(key), unescape(value)) else { continue };
        match key.as_str() {
            "podName" => name = Some(value),
            "podNamespace" => namespace = Some(value),
            _ => {}
        }
    }
    let present = |value: Option<String>, key| value.filter(|value| !value.is_empty()).ok_or(key);
    let name = present(name, "podName")?;
    Ok(PodRef { name, namespace: present(namespace, "podNamespace")? })
}

/// A part of a query: `+` is a blank, `%XX` a byte.
fn unescape(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = after.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            other => bytes.push(*other),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let pod = |namespace: &str, name: &str| {
            Ok(PodRef { namespace: namespace.to_owned(), name: name.to_owned() })
        };
        for (query, want) in [
            ("podNamespace=t&podName=pod-1", pod("t", "pod-1")),
            ("podName=a&podName=b&podNamespace=t&x", pod("t", "b")),
            ("podName=%70od%2D1&podNamespace=a+b", pod("a b", "pod-1")),
            ("podName=%zz&podNamespace=t", Err("podName")),
            ("podName=%+1&podNamespace=t", Err("podName")),
            ("podName=a;b&podNamespace=t", Err("podName")),
            ("podName=a", Err("podNamespace")),
            ("", Err("podName")),
        ] {
            assert_eq!(pod_of_query(query), want, "{query}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_null_takes_back() {
        let read = |text: &str| AddRequest::read(text.as_bytes());
        let all = r#"{"containerID":"c","ifName":"eth0","netNamespace":"n","podName":"p","podNamespace":"t","podUID":"u","#;
        let add =
            read(&format!(r#"{all}"cleanGateway":true,"cleanGateway":null,"ifname":"net1"}}"#)).unwrap();
        assert!(add.is_gateway_cleaned);
        assert_eq!(add.nic, "net1");
        let missing = read(&format!(r#"{all}"poduid":null}}"#)).unwrap_err();
        assert!(matches!(missing, Malformed::Missing("podUID")), "{missing:?}");
    }
}
