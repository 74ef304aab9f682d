//! The CustomResourceDefinitions, made from the types.
//!
//! schemars turns the types into JSON schemas of what they *write*: a field is required when it is always written, which is
//! also how the Go original's generator decides (no `omitempty`). What is left is done by [`structural`], in one place:
//!
//! - `null` as a further type goes. The API server drops nulls by itself, and the shipped schemas are not `nullable`.
//! - Defaults of Rust go: they are what reading starts from, not what the API server is to fill in. That stands at the
//!   field as `x-default`.
//! - The format `int` goes. It marks Go's `int`, which the shipped schemas leave without a format.
//! - `title` goes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResourceExt;
use kube::core::dynamic::ApiResource;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::kind::{Column, Kind, Scope, StatusPlace};
use super::object::Custom;
use super::{
    NetworkAttachmentDefinition, SpiderCoordinator, SpiderEndpoint, SpiderIPPool, SpiderMultusConfig,
    SpiderReservedIP, SpiderSubnet,
};

/// The definitions of all kinds, in the order in which the original's chart names them.
///
/// ```
/// let names: Vec<String> = ipam_k8s::crd::definitions().into_iter().map(|crd| crd.spec.names.kind).collect();
/// assert_eq!(names.len(), 7);
/// assert!(names.contains(&"SpiderIPPool".to_owned()));
/// ```
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![
        NetworkAttachmentDefinition::crd(),
        SpiderCoordinator::crd(),
        SpiderEndpoint::crd(),
        SpiderIPPool::crd(),
        SpiderMultusConfig::crd(),
        SpiderReservedIP::crd(),
        SpiderSubnet::crd(),
    ]
}

impl<K> CustomResourceExt for Custom<K>
where
    K: Kind<Spec: JsonSchema, Status: JsonSchema>,
{
    fn crd() -> CustomResourceDefinition {
        let owned = |words: &[&str]| {
            Some(words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
                .filter(|words| !words.is_empty())
        };
        let version = CustomResourceDefinitionVersion {
            name: K::VERSION.to_owned(),
            served: true,
            storage: true,
            additional_printer_columns: Some(K::COLUMNS.iter().map(column).collect::<Vec<_>>())
                .filter(|columns| !columns.is_empty()),
            schema: Some(CustomResourceValidation { open_api_v3_schema: Some(object_schema::<K>()) }),
            subresources: (K::STATUS == StatusPlace::Subresource).then(|| CustomResourceSubresources {
                status: Some(CustomResourceSubresourceStatus(json!({}))),
                ..CustomResourceSubresources::default()
            }),
            ..CustomResourceDefinitionVersion::default()
        };
        CustomResourceDefinition {
            metadata: ObjectMeta { name: Some(K::CRD_NAME.to_owned()), ..ObjectMeta::default() },
            spec: CustomResourceDefinitionSpec {
                group: K::GROUP.to_owned(),
                names: CustomResourceDefinitionNames {
                    kind: K::KIND.to_owned(),
                    list_kind: Some(format!("{}List", K::KIND)),
                    plural: K::PLURAL.to_owned(),
                    singular: Some(K::SINGULAR.to_owned()),
                    short_names: owned(K::SHORT_NAMES),
                    categories: owned(K::CATEGORIES),
                },
                scope: <K::Scope as Scope>::NAME.to_owned(),
                versions: vec![version],
                ..CustomResourceDefinitionSpec::default()
            },
            ..CustomResourceDefinition::default()
        }
    }

    fn crd_name() -> &'static str {
        K::CRD_NAME
    }

    fn api_resource() -> ApiResource {
        ApiResource::erase::<Self>(&())
    }

    fn shortnames() -> &'static [&'static str] {
        K::SHORT_NAMES
    }
}

fn column(column: &Column) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: column.name.to_owned(),
        json_path: column.path.to_owned(),
        type_: column.value_type.to_owned(),
        description: Some(column.description.to_owned()),
        priority: (column.priority != 0).then_some(column.priority),
        ..CustomResourceColumnDefinition::default()
    }
}

fn object_schema<K>() -> JSONSchemaProps
where
    K: Kind<Spec: JsonSchema, Status: JsonSchema>,
{
    let mut properties = Map::from_iter([
        ("apiVersion".to_owned(), json!({ "type": "string", "description": "Group and version." })),
        ("kind".to_owned(), json!({ "type": "string", "description": "The kind, in CamelCase." })),
        ("metadata".to_owned(), json!({ "type": "object" })),
    ]);
    if K::HAS_SPEC {
        properties.insert("spec".to_owned(), part_schema::<K::Spec>("What is wanted."));
    }
    if K::STATUS != StatusPlace::Absent {
        properties.insert("status".to_owned(), part_schema::<K::Status>("What is observed."));
    }
    let schema = json!({ "type": "object", "description": K::DESCRIPTION, "properties": properties });
    #[expect(clippy::expect_used, reason = "made of types alone; a test makes all of them")]
    serde_json::from_value(schema).expect("a schema of our own types is one that Kubernetes knows")
}

/// The type's own words are for readers of Rust; `description` is for those of `kubectl explain`.
fn part_schema<T: JsonSchema>(description: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("description".to_owned(), description.into());
    let mut schema = schema.to_value();
    structural(&mut schema);
    schema
}

/// Makes a node what Kubernetes and the shipped schemas want, and the nodes below it.
fn structural(node: &mut Value) {
    let Some(facts) = node.as_object_mut() else { return };
    if let Some(only) = facts.remove("anyOf").and_then(without_null) {
        facts.extend(only);
    }
    if let Some(only) = facts.get("type").and_then(Value::as_array).and_then(|types| types.first()).cloned() {
        facts.insert("type".to_owned(), only);
    }
    if let Some(Value::Array(words)) = facts.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if facts.get("format").is_some_and(|format| format == "int") {
        facts.remove("format");
    }
    facts.remove("title");
    facts.remove("default");
    if let Some(default) = facts.remove("x-default") {
        facts.insert("default".to_owned(), default);
    }
    if let Some(Value::Object(properties)) = facts.get_mut("properties") {
        properties.values_mut().for_each(structural);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = facts.get_mut(key) {
            structural(below);
        }
    }
}

/// The one alternative that is not `null`.
fn without_null(alternatives: Value) -> Option<Map<String, Value>> {
    let Value::Array(alternatives) = alternatives else { return None };
    let is_null = |one: &Value| one.get("type").is_some_and(|kind| kind == "null");
    alternatives.into_iter().find(|one| !is_null(one)).and_then(|one| one.as_object().cloned())
}

/// Kubernetes' label selector, with the merge rules that its API declares.
pub(super) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "Labels that must be there and further conditions; all must hold. Empty, it selects everything.",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels that must be there with exactly these values.",
                "additionalProperties": { "type": "string" },
            },
            "matchExpressions": {
                "type": "array",
                "description": "Further conditions.",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "description": "One condition.",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": { "type": "string", "description": "The label." },
                        "operator": { "type": "string", "description": "In, NotIn, Exists or DoesNotExist." },
                        "values": {
                            "type": "array",
                            "description": "The values of In and NotIn.",
                            "x-kubernetes-list-type": "atomic",
                            "items": { "type": "string" },
                        },
                    },
                },
            },
        },
    })
}
