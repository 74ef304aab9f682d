//! The definitions as files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ipam_k8s::crd::definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// What stands above each definition.
const HEAD: &str = "# Made by `cargo xtask crds` from the types of ipam-k8s. Do not edit.\n";

/// Name and text of each file.
pub(crate) fn files() -> Result<BTreeMap<String, String>> {
    let file = |crd: CustomResourceDefinition| {
        let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
        let mut value = serde_json::to_value(&crd).with_context(|| format!("{name}: not JSON"))?;
        make_whole(&mut value);
        let text = serde_saphyr::to_string(&value).with_context(|| format!("{name}: not YAML"))?;
        Ok((name, format!("{HEAD}{text}")))
    };
    definitions().into_iter().map(file).collect()
}

/// Bounds are floats in Kubernetes' type and whole numbers in everybody's files: `0`, not `0.0`.
pub(crate) fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok());
            if let Some(whole) = whole {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
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
