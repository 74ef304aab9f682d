//! JSON as Go's `encoding/json` reads it into a struct.
//!
//! Annotations and statuses were written for, and by, Go programs. Go matches keys without regard to case, takes the last of equal
//! keys, lets `null` stand for nothing, ignores keys that it does not know, and puts U+FFFD for what is no character. So does this
//! reader, with Go's words where it refuses.
//!
//! A [`Value`] is a checked piece of the text and is read on demand. Nothing here calls itself, so no depth of nesting hurts.
//!
//! ```
//! use ipam_core::go_json::{Place, Value};
//!
//! let value = Value::parse(br#"{"IPv4": ["a", null], "extra": [[]], "ipv4": ["b"]}"#)?;
//! let mut pools = Vec::new();
//! for member in value.members(Place::Root("pools"))? {
//!     if member.is("ipv4") {
//!         pools = member.value.texts(Place::Field("pools", "ipv4"))?;
//!     }
//! }
//! assert_eq!(pools, ["b"]);
//!
//! let error = Value::parse(b"p4").unwrap_err();
//! assert_eq!(error.to_string(), "invalid character 'p' looking for beginning of value");
//! # Ok::<(), ipam_core::go_json::JsonError>(())
//! ```

mod scan;
mod text;
mod write;

use std::fmt;

pub use scan::SyntaxError;
pub(crate) use write::push_string;
#[cfg(feature = "json")]
pub(crate) use write::{SLASH, escape};

/// Why a text could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It is not JSON.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// It is JSON of another shape.
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// A value of a type that its place cannot take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TypeError {
    /// What stands there: `array`, `object`, `string`, `number` or `bool`.
    pub found: &'static str,
    /// Where.
    pub place: Place,
    /// The type that the place takes.
    pub wanted: Wanted,
}

/// Where a value stands, in the names of the original.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The whole text, or an item of the outermost list: the type it is read into.
    Root(&'static str),
    /// A field: the type it belongs to, and its key.
    Field(&'static str, &'static str),
}

/// The type that a place takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Wanted {
    /// A list or an object, the type of which is the place's.
    Whole,
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// A truth value.
    Truth,
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "json: cannot unmarshal {} into Go ", self.found)?;
        let name = match self.place {
            Place::Root(name) => {
                f.write_str("value")?;
                name
            }
            Place::Field(owner, key) => {
                write!(f, "struct field {owner}.{key}")?;
                key
            }
        };
        let wanted = match self.wanted {
            Wanted::Whole => name,
            Wanted::Text => "string",
            Wanted::Texts => "[]string",
            Wanted::Truth => "bool",
        };
        write!(f, " of type {wanted}")
    }
}

impl std::error::Error for TypeError {}

/// One JSON value, checked and not yet read.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a>(&'a [u8]);

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    key: String,
    /// The value.
    pub value: Value<'a>,
}

impl Member<'_> {
    /// The key as it is written.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether the key stands for a field of this name, which is lower-case ASCII.
    #[must_use]
    pub fn is(&self, field: &str) -> bool {
        text::names(&self.key, field)
    }
}

impl<'a> Value<'a> {
    /// Checks that a text is one JSON value. It may be in no encoding at all: what is not UTF-8 inside a string is read as
    /// U+FFFD, elsewhere it is no JSON.
    ///
    /// # Errors
    /// [`JsonError::Syntax`]: malformed, empty, with text after the value, or nested deeper than 10,000.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        scan::check(text)?;
        Ok(Self(text.trim_ascii()))
    }

    /// The first JSON value of a stream; nothing where there are only blanks. What follows it is not looked at, as Go's decoder
    /// does not.
    ///
    /// # Errors
    /// [`JsonError::Syntax`]: malformed, cut short, or nested deeper than 10,000.
    pub fn first(text: &'a [u8]) -> Result<Option<Self>, JsonError> {
        Ok(scan::first(text)?.map(|value| Self(value.trim_ascii())))
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == "null"
    }

    fn kind(self) -> &'static str {
        match self.0.first() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "bool",
            Some(b'n') => "null",
            _ => "number",
        }
    }

    /// The members of an object, in the order of the text; of `null` none.
    ///
    /// # Errors
    /// [`JsonError::Type`] for anything else.
    pub fn members(self, place: Place) -> Result<impl Iterator<Item = Member<'a>>, JsonError> {
        let mut parts = self.parts("object", place, Wanted::Whole)?;
        Ok(std::iter::from_fn(move || {
            let key = parts.next()?.string()?;
            Some(Member { key, value: parts.next()? })
        }))
    }

    /// The items of a list, in the order of the text; of `null` none.
    ///
    /// # Errors
    /// [`JsonError::Type`] for anything else.
    pub fn items(self, place: Place) -> Result<impl Iterator<Item = Value<'a>>, JsonError> {
        self.parts("array", place, Wanted::Whole)
    }

    /// A text; nothing for `null`.
    ///
    /// # Errors
    /// [`JsonError::Type`] for anything else.
    pub fn text(self, place: Place) -> Result<Option<String>, JsonError> {
        match self.string() {
            None if !self.is_null() => Err(self.unfit(place, Wanted::Text)),
            text => Ok(text),
        }
    }

    /// A list of texts; `null` is an empty list, and inside one an empty text.
    ///
    /// # Errors
    /// [`JsonError::Type`] for anything else, in the list as well.
    pub fn texts(self, place: Place) -> Result<Vec<String>, JsonError> {
        let parts = self.parts("array", place, Wanted::Texts)?;
        parts.map(|item| item.text(place).map(Option::unwrap_or_default)).collect()
    }

    /// `true` or `false`; nothing for `null`.
    ///
    /// # Errors
    /// [`JsonError::Type`] for anything else.
    pub fn truth(self, place: Place) -> Result<Option<bool>, JsonError> {
        match self.0 {
            b"true" => Ok(Some(true)),
            b"false" => Ok(Some(false)),
            _ if self.is_null() => Ok(None),
            _ => Err(self.unfit(place, Wanted::Truth)),
        }
    }

    fn unfit(self, place: Place, wanted: Wanted) -> JsonError {
        TypeError { found: self.kind(), place, wanted }.into()
    }

    fn string(self) -> Option<String> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(text::unquote(inner))
    }

    /// What an object or a list holds; keys and values in turn.
    fn parts(self, kind: &'static str, place: Place, wanted: Wanted) -> Result<Parts<'a>, JsonError> {
        if self.kind() == kind {
            Ok(Parts(self.0.get(1..).unwrap_or_default()))
        } else if self.is_null() {
            Ok(Parts(&[]))
        } else {
            Err(self.unfit(place, wanted))
        }
    }
}

/// The inside of a checked object or list, from some value on.
struct Parts<'a>(&'a [u8]);

impl<'a> Iterator for Parts<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let start =
            self.0.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':'))?;
        let text = self.0.get(start..)?;
        let (value, rest) = text.split_at_checked(value_len(text))?;
        self.0 = rest;
        (!value.is_empty()).then_some(Value(value))
    }
}

/// How long the value is that a checked text begins with; none where a bracket closes.
fn value_len(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut is_string = false;
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if is_string => {
                bytes.next();
            }
            b'"' => is_string = !is_string,
            _ if is_string => continue,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 && !is_string {
            return at.saturating_add(1);
        }
    }
    text.len()
}
