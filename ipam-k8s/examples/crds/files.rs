//! The definitions as files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ipam_k8s::crd::definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// What stands above each definition.
const HEAD: &str = "# Made by `cargo xtask crds` from the types of ipam-k8s. Do not edit.\n";

/// Name and text of each file.
pub(crate) fn files() -> Result<BTreeMap<String, String>> {
    let file = |crd: CustomResourceDefinition| {
        let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
        let text = serde_saphyr::to_string(&crd).with_context(|| format!("{name}: not YAML"))?;
        Ok((name, format!("{HEAD}{text}")))
    };
    definitions().into_iter().map(file).collect()
}

/// What is wrong with a folder that should hold exactly these files.
pub(crate) fn faults(folder: &Path) -> Result<Vec<String>> {
    let wanted = files()?;
    let mut faults = Vec::new();
    for (name, text) in &wanted {
        match fs::read_to_string(folder.join(name)) {
            Ok(found) if found == *text => {}
            Ok(_) => faults.push(format!("{name}: differs from the types; run `cargo xtask crds`")),
            Err(error) => faults.push(format!("{name}: {error}; run `cargo xtask crds`")),
        }
    }
    let entries = fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !wanted.contains_key(&name) {
            faults.push(format!("{name}: no type makes it"));
        }
    }
    Ok(faults)
}
