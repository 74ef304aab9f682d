//! Faults: what is wrong with an object, field by field.
//!
//! Validation collects: it returns every fault of an object, each with the path of its field, so that a user repairs the
//! object once. The form is that of Kubernetes' field errors (`field.Error` in apimachinery), since tools and people know
//! it and the admission webhooks must answer in it.

use std::fmt;

/// What kind of fault a field has. The texts are those of Kubernetes' API conventions (`details.causes[].reason`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The value is malformed or contradicts another one.
    Invalid,
    /// The value is none of a closed list.
    NotSupported,
    /// A value is missing.
    Required,
    /// The value is well formed, but not allowed here and now.
    Forbidden,
    /// The check itself failed; nothing is known about the value.
    Internal,
}

impl FaultKind {
    /// The reason as Kubernetes spells it in a `Status`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Required => "FieldValueRequired",
            Self::Forbidden => "FieldValueForbidden",
            Self::Internal => "InternalError",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Required => "Required value",
            Self::Forbidden => "Forbidden",
            Self::Internal => "Internal error",
        }
    }
}

/// One fault of one field.
///
/// ```
/// use ipam_core::Fault;
/// let fault = Fault::invalid("spec.ips[0]", "172.18.41.10", "not match base subnet: 172.18.41.10");
/// assert_eq!(
///     fault.to_string(),
///     r#"spec.ips[0]: Invalid value: "172.18.41.10": not match base subnet: 172.18.41.10"#
/// );
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    field: String,
    kind: FaultKind,
    value: Option<String>,
    detail: String,
}

impl Fault {
    /// A malformed or contradictory text.
    pub fn invalid(field: impl Into<String>, value: impl AsRef<str>, detail: impl Into<String>) -> Self {
        Self::new(field, FaultKind::Invalid, Some(format!("{:?}", value.as_ref())), detail)
    }

    /// A value that is more than a text; `value` is shown as it stands.
    pub(crate) fn invalid_object(
        field: impl Into<String>,
        value: impl fmt::Display,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(field, FaultKind::Invalid, Some(value.to_string()), detail)
    }

    /// A number that is none of a closed list.
    pub fn not_supported(field: impl Into<String>, value: i64, accepted: &[&str]) -> Self {
        let accepted: Vec<String> = accepted.iter().map(|one| format!("{one:?}")).collect();
        let detail = format!("supported values: {}", accepted.join(", "));
        Self::new(field, FaultKind::NotSupported, Some(value.to_string()), detail)
    }

    /// A missing value.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FaultKind::Required, None, detail)
    }

    /// A value that is not allowed here and now.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FaultKind::Forbidden, None, detail)
    }

    /// A check that could not be made.
    pub fn internal(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, FaultKind::Internal, None, detail)
    }

    fn new(
        field: impl Into<String>,
        kind: FaultKind,
        value: Option<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), kind, value, detail: detail.into() }
    }

    /// The path of the field: `spec.ips[0]`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What kind of fault it is.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The value as it is shown: texts in quotes, numbers and objects bare. Absent where the kind shows none.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What is wrong and what would be accepted.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Kind, value and detail without the field: `details.causes[].message` of a Kubernetes `Status`.
    #[must_use]
    pub fn body(&self) -> String {
        match &self.value {
            Some(value) => format!("{}: {value}: {}", self.kind.words(), self.detail),
            None => format!("{}: {}", self.kind.words(), self.detail),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for Fault {}

/// All faults of an object, in the order in which the Go original would have met them.
///
/// Display shows one as itself and several as `[a, b]`, as Kubernetes does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The faults in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// The fault that the Go original would have named.
    #[must_use]
    pub fn first(&self) -> Option<&Fault> {
        self.0.first()
    }

    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl Extend<Fault> for Faults {
    fn extend<I: IntoIterator<Item = Fault>>(&mut self, faults: I) {
        self.0.extend(faults);
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            return one.fmt(f);
        }
        f.write_str("[")?;
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            fault.fmt(f)?;
        }
        f.write_str("]")
    }
}

impl std::error::Error for Faults {}
