//! Reserved addresses as they were read.

use std::sync::Arc;

use ipam_core::{ReservedFields, ReservedSpec};
use serde::Deserialize;
use serde_json::Value;

use crate::crd::ReservedIPSpec;
use crate::meta::Meta;

/// A SpiderReservedIP.
#[derive(Clone, Debug)]
pub struct Reserved {
    /// Name, labels, annotations.
    pub meta: Meta,
    /// The addresses, or what is wrong, each with the path of its field.
    pub spec: Result<Arc<ReservedSpec>, Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct Written {
    metadata: Meta,
    spec: Option<Value>,
}

impl Reserved {
    /// `None` for one that keeps nothing back: it is being deleted (chapter `ipam`, 7, step 2), or has no version, which admission fills in.
    pub(super) fn read(Written { metadata, spec }: Written) -> Option<Self> {
        if metadata.is_terminating() {
            return None;
        }
        let spec = spec.map_or_else(|| Ok(ReservedIPSpec::default()), serde_json::from_value);
        let spec = match spec {
            Ok(spec) if spec.ip_version.is_none() => return None,
            Ok(spec) => match metadata.name.parse() {
                Ok(name) => ReservedSpec::new(&name, &ReservedFields::from(&spec))
                    .map(Arc::new)
                    .map_err(|faults| faults.iter().map(ToString::to_string).collect()),
                Err(error) => Err(vec![error.to_string()]),
            },
            Err(error) => Err(vec![format!("spec: {error}")]),
        };
        Some(Self { meta: metadata, spec })
    }
}
