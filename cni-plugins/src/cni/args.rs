//! `CNI_ARGS`: what a user adds at invocation time, `K=V;K=V`.
//!
//! Keys are matched exactly and the last of two wins, as in the reference implementation. The specification calls them
//! deprecated; Kubernetes runtimes still name the pod by them.

use std::str::FromStr;

use super::error::{Error, Malformed};
use super::ips::RequestedIp;

/// The keys that Kubernetes runtimes and `host-local` have made common.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CniArgs {
    /// `IgnoreUnknown`: keys that nobody knows are no error.
    pub ignore_unknown: bool,
    /// `IP`: an address that is asked for.
    pub ip: Option<RequestedIp>,
    /// `K8S_POD_NAME`, or empty.
    pub pod_name: String,
    /// `K8S_POD_NAMESPACE`, or empty.
    pub pod_namespace: String,
    /// `K8S_POD_INFRA_CONTAINER_ID`, or empty.
    pub infra_container_id: String,
    /// `K8S_POD_UID`, or empty.
    pub pod_uid: String,
    /// Every other key with its value, in order, if they are ignored.
    pub unknown: Vec<(String, String)>,
}

impl FromStr for CniArgs {
    type Err = Error;

    /// Reads the value of `CNI_ARGS`; empty text has no keys.
    ///
    /// # Errors
    /// [`Error::ArgsInvalidPair`] for an item without exactly one `=`, [`Error::ArgsInvalidValue`],
    /// [`Error::ArgsUnknown`] with all keys that are unknown.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut args = Self::default();
        if text.is_empty() {
            return Ok(args);
        }
        for pair in text.split(';') {
            let (key, value) = match pair.split_once('=') {
                Some((key, value)) if !value.contains('=') => (key, value),
                _ => return Err(Error::ArgsInvalidPair { pair: pair.to_owned() }),
            };
            let refuse = |accepted| Error::ArgsInvalidValue { pair: pair.to_owned(), accepted };
            match key {
                "IgnoreUnknown" => {
                    args.ignore_unknown = parse_flag(value).ok_or_else(|| refuse("1, true, 0 or false"))?;
                }
                "IP" if value.is_empty() => args.ip = None,
                "IP" => args.ip = Some(value.parse().map_err(|why: Malformed| refuse(why.accepted))?),
                "K8S_POD_NAME" => value.clone_into(&mut args.pod_name),
                "K8S_POD_NAMESPACE" => value.clone_into(&mut args.pod_namespace),
                "K8S_POD_INFRA_CONTAINER_ID" => value.clone_into(&mut args.infra_container_id),
                "K8S_POD_UID" => value.clone_into(&mut args.pod_uid),
                _ => args.unknown.push((key.to_owned(), value.to_owned())),
            }
        }
        if args.unknown.is_empty() || args.ignore_unknown {
            return Ok(args);
        }
        let pairs = args.unknown.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Err(Error::ArgsUnknown { pairs })
    }
}

fn parse_flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str) -> String {
        text.parse::<CniArgs>().unwrap_err().to_string()
    }

    #[test]
    fn kubernetes() {
        let args: CniArgs = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;\
            K8S_POD_INFRA_CONTAINER_ID=3f;K8S_POD_UID=5b0c;FOO=bar;IP=10.6.0.9"
            .parse()
            .unwrap();
        assert!(args.ignore_unknown);
        assert_eq!(args.pod_namespace, "default");
        assert_eq!(args.pod_name, "web-0");
        assert_eq!(args.infra_container_id, "3f");
        assert_eq!(args.pod_uid, "5b0c");
        assert_eq!(args.ip.unwrap().to_string(), "10.6.0.9");
        assert_eq!(args.unknown, [("FOO".to_owned(), "bar".to_owned())]);
    }

    #[test]
    fn edges() {
        assert_eq!("".parse::<CniArgs>().unwrap(), CniArgs::default());
        assert_eq!("IP=".parse::<CniArgs>().unwrap().ip, None);
        assert_eq!("K8S_POD_NAME=a;K8S_POD_NAME=b".parse::<CniArgs>().unwrap().pod_name, "b");
        assert!("X=1;IgnoreUnknown=TRUE".parse::<CniArgs>().unwrap().ignore_unknown);
        assert!("IP=10.0.0.1/24".parse::<CniArgs>().is_ok());
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("K8S_POD_NAME", r#"ARGS: invalid pair "K8S_POD_NAME""#),
            ("A=1;", r#"ARGS: invalid pair """#),
            ("A=1=2", r#"ARGS: invalid pair "A=1=2""#),
            (";", r#"ARGS: invalid pair """#),
            ("FOO=1", r#"ARGS: unknown args ["FOO=1"]"#),
            ("FOO=1;IgnoreUnknown=0;k8s_pod_name=x", r#"ARGS: unknown args ["FOO=1" "k8s_pod_name=x"]"#),
            ("IgnoreUnknown=yes", r#"ARGS: error parsing value of pair "IgnoreUnknown=yes""#),
            ("IP=10.0.0.300", r#"ARGS: error parsing value of pair "IP=10.0.0.300""#),
        ] {
            assert_eq!(message(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,80}") {
            if let Err(error) = text.parse::<CniArgs>() {
                prop_assert!(error.to_string().starts_with("ARGS: "));
            }
        }

        #[test]
        fn values_come_back(name in "[a-z0-9.-]{0,20}", uid in "[^=;]{0,20}", extra in "[A-Z]{4,9}") {
            let args: CniArgs =
                format!("K8S_POD_NAME={name};{extra}=1;K8S_POD_UID={uid};IgnoreUnknown=1").parse().unwrap();
            prop_assert_eq!(args.pod_name, name);
            prop_assert_eq!(args.pod_uid, uid);
            prop_assert_eq!(args.unknown.len(), 1);
        }
    }
}
