//! `CNI_ARGS`: what is accepted reads the same when it is written out again, what is refused says so in the known words.
#![no_main]

use cni_plugins::cni::{CniArgs, CniError, ErrorCode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match text.parse::<CniArgs>() {
    Ok(args) => {
        let mut again = format!(
            "IgnoreUnknown={};K8S_POD_NAME={};K8S_POD_NAMESPACE={};K8S_POD_INFRA_CONTAINER_ID={};K8S_POD_UID={};IP={}",
            args.ignore_unknown,
            args.pod_name,
            args.pod_namespace,
            args.infra_container_id,
            args.pod_uid,
            args.ip.map(|ip| ip.to_string()).unwrap_or_default()
        );
        for (key, value) in &args.unknown {
            again.push_str(&format!(";{key}={value}"));
        }
        assert_eq!(again.parse::<CniArgs>().expect("its own output"), args);
    }
    Err(error) => {
        let error = CniError::from(error);
        assert!(error.msg().starts_with("ARGS: "));
        assert_eq!(error.code(), ErrorCode::InvalidEnvironment);
    }
});
