//! Writing only what changed, so that fields of others stay: see the module [`crd`](crate::crd).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use crate::crd::{Custom, Kind, StatusPlace, StatusSubresource};
use crate::error::Error;

impl<K: Kind> Custom<K> {
    /// What must be sent as a merge patch (RFC 7386) to make this object, as it was read, the one that is wanted; `None` if they
    /// are equal.
    ///
    /// It bears the `resourceVersion` of this object, so the API server answers *conflict* if somebody wrote in between. The status
    /// is left out where it has a subresource. Fields that this crate does not know are never in it.
    ///
    /// ```
    /// use ipam_k8s::crd::SpiderIPPool;
    /// let text = r#"{"metadata": {"name": "v4", "resourceVersion": "7"}, "spec": {"subnet": "10.6.0.0/16", "newer": 1}}"#;
    /// let read: SpiderIPPool = serde_json::from_str(text)?;
    /// let mut wanted = read.clone();
    /// wanted.spec.disable = Some(true);
    /// let patch = read.object_patch(&wanted)?;
    /// assert_eq!(patch, Some(serde_json::json!({"metadata": {"resourceVersion": "7"}, "spec": {"disable": true}})));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotRead`] without a `resourceVersion`, [`Error::OtherObject`] if name, namespace or UID differ,
    /// [`Error::NotJson`] if one of them cannot be written.
    pub fn object_patch(&self, wanted: &Self) -> Result<Option<Value>, Error> {
        let mut parts = self.differences(wanted)?;
        if K::STATUS == StatusPlace::Subresource {
            parts.remove("status");
        }
        self.with_version(parts)
    }

    /// The same for the status, to be sent to `/status`; everything else is left out.
    ///
    /// # Errors
    /// As [`object_patch`](Self::object_patch).
    pub fn status_patch(&self, wanted: &Self) -> Result<Option<Value>, Error>
    where
        K: StatusSubresource,
    {
        let status = self.differences(wanted)?.remove_entry("status");
        self.with_version(status.into_iter().collect())
    }

    fn differences(&self, wanted: &Self) -> Result<Map<String, Value>, Error> {
        self.check_identity(&wanted.metadata)?;
        let value = |object: &Self| match serde_json::to_value(object) {
            Ok(mut value) => {
                // The server moves these two itself.
                if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
                    metadata.remove("resourceVersion");
                    metadata.remove("managedFields");
                }
                Ok(value)
            }
            Err(source) => Err(Error::NotJson { kind: K::KIND, name: object.name(), source }),
        };
        match (value(self)?, value(wanted)?) {
            (Value::Object(read), Value::Object(wanted)) => Ok(difference(&read, wanted)),
            _ => Ok(Map::new()),
        }
    }

    fn with_version(&self, mut parts: Map<String, Value>) -> Result<Option<Value>, Error> {
        let Some(version) = self.metadata.resource_version.as_deref().filter(|version| !version.is_empty())
        else {
            return Err(Error::NotRead { kind: K::KIND, name: self.name() });
        };
        if parts.is_empty() {
            return Ok(None);
        }
        let mut metadata = match parts.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            Some(_) | None => Map::new(),
        };
        metadata.insert("resourceVersion".to_owned(), version.into());
        parts.insert("metadata".to_owned(), Value::Object(metadata));
        Ok(Some(Value::Object(parts)))
    }

    fn check_identity(&self, wanted: &ObjectMeta) -> Result<(), Error> {
        let read = &self.metadata;
        for (field, read, wanted) in [
            ("name", &read.name, &wanted.name),
            ("namespace", &read.namespace, &wanted.namespace),
            ("uid", &read.uid, &wanted.uid),
        ] {
            if read != wanted {
                let text = |value: &Option<String>| value.clone().unwrap_or_default();
                let (read, wanted) = (text(read), text(wanted));
                return Err(Error::OtherObject { kind: K::KIND, name: self.name(), field, read, wanted });
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.metadata.name.clone().unwrap_or_default()
    }
}

/// RFC 7386: `null` removes, objects are merged, everything else replaces.
fn difference(read: &Map<String, Value>, wanted: Map<String, Value>) -> Map<String, Value> {
    let gone = read.keys().filter(|key| !wanted.contains_key(*key));
    let mut patch: Map<String, Value> = gone.map(|key| (key.clone(), Value::Null)).collect();
    for (key, wanted) in wanted {
        match (read.get(&key), wanted) {
            (Some(read), wanted) if *read == wanted => {}
            (Some(Value::Object(read)), Value::Object(wanted)) => {
                patch.insert(key, Value::Object(difference(read, wanted)));
            }
            (Some(_) | None, wanted) => {
                patch.insert(key, wanted);
            }
        }
    }
    patch
}
