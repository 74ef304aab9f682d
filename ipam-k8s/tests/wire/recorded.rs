//! Recorded objects: those in `tests/data`, and the whole corpus where it is at hand.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// One object as it was on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// File, case and key.
    pub(crate) from: String,
    pub(crate) object: Value,
    /// Whether the original could not read it.
    pub(crate) is_refused: bool,
}

impl Recorded {
    pub(crate) fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap()
    }

    /// Whether the case is about fields that an API server drops; their names all say so.
    pub(crate) fn is_pruned(&self) -> bool {
        self.from.contains("-pruned")
    }

    /// Whether an API server gave it, after Go had written it.
    pub(crate) fn is_stored(&self) -> bool {
        self.from.ends_with(" stored")
    }
}

/// The objects in `tests/data`, and the pools and reserved addresses in the project's own golden folder.
pub(crate) fn committed() -> Vec<Recorded> {
    let entries: Vec<Value> = read(&data().join("objects.json"));
    let objects = entries.into_iter().map(|entry| Recorded {
        from: entry["from"].as_str().unwrap().to_owned(),
        object: entry["object"].clone(),
        is_refused: entry["refused"] == true,
    });
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/admission");
    objects.chain(corpus_files(&own).iter().flat_map(|file| in_file(file))).collect()
}

/// The whole corpus; prints a line and is `None` where it is not at hand.
pub(crate) fn corpus(test: &str) -> Option<Vec<Recorded>> {
    let golden = compat(test)?.join("golden");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let files = folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| corpus_files(folder));
    Some(files.flat_map(|file| in_file(&file)).collect())
}

/// The team's reference folder.
pub(crate) fn compat(test: &str) -> Option<PathBuf> {
    let found = match std::env::var_os("SPIDERPOOL_COMPAT") {
        // Empty: do without, although it is there.
        Some(named) => Some(PathBuf::from(named)).filter(|folder| !folder.as_os_str().is_empty()),
        None => {
            let ancestors = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
            ancestors.map(|folder| folder.join("shared/compat")).find(|folder| folder.is_dir())
        }
    };
    if found.is_none() {
        println!("skipped: {test}: no reference data");
    }
    found
}

/// Objects of a YAML file, whatever their kind.
pub(crate) fn in_manifest(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn corpus_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn in_file(path: &Path) -> Vec<Recorded> {
    let cases: Vec<Map<String, Value>> = read(path);
    let mut found = Vec::new();
    for case in &cases {
        let from = format!("{} {}", path.file_name().unwrap().display(), case["name"]);
        let message = case.get("message").and_then(Value::as_str).unwrap_or_default();
        // By a typed reader, or by the type in the schema.
        let is_refused = message.contains("denied the request: json: cannot unmarshal")
            || message.contains("allocatedIPs in body must be of type string");
        for (key, value) in case {
            collect(value, key, &mut |key, object| {
                let is_refused = is_refused && key == "object";
                found.push(Recorded { from: format!("{from} {key}"), object, is_refused });
            });
        }
    }
    found
}

/// Objects of our kinds below `value`; the corpus leaves the kind out where it lists endpoints.
fn collect(value: &Value, key: &str, found: &mut impl FnMut(&str, Value)) {
    match value {
        Value::Object(fields) => {
            let kind = fields.get("kind").and_then(Value::as_str);
            if fields.contains_key("metadata") && kind.is_some_and(|kind| kind.starts_with("Spider")) {
                found(key, value.clone());
            } else if fields.contains_key("metadata") && key == "endpoints" {
                let mut endpoint = value.clone();
                endpoint["kind"] = "SpiderEndpoint".into();
                endpoint["metadata"].as_object_mut().unwrap().remove("deleting");
                found(key, endpoint);
            } else {
                fields.iter().for_each(|(key, below)| collect(below, key, found));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
