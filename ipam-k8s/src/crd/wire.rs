//! Reading and writing JSON as Go does, where serde differs.

use serde::{Deserialize, Deserializer};

/// `null` stands for the empty value.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Go's `omitempty` on a list: what is empty is not written, though `null` and `[]` differ until then.
pub(super) fn is_none_or_empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

/// For a field that is always written and yet not `required` in the schema, since the API server fills it in.
pub(super) const fn never<T>(_: &T) -> bool {
    false
}
