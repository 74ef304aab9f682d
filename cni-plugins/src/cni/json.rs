//! JSON as a Go program reads it, with errors that name the key.
//!
//! Configurations were written for plugins in Go, whose decoder matches keys without regard to case, lets the last of
//! several equal ones win and takes `null` for *not there*. A map type forgets the order that this needs, so [`Json`] keeps
//! an object as a list, and [`Keys`] looks a key up by those rules. Each [`Field`] knows its path, so that a value of the
//! wrong type is refused by name: `ipam.pools[0].subnet is a number; want text`.
//!
//! One difference is meant: of two equal *objects* the last one wins whole, where Go merges them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::error::{Error, Malformed};

/// A JSON value; objects keep the order and the repetitions of their keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number.
    Number(serde_json::Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value and nothing after it. Nesting is bounded (128 levels).
    ///
    /// # Errors
    /// [`Error::NotJson`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(Error::NotJson)
    }

    /// What it is, with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The top of a document; `null` is an object without keys, as in Go.
    ///
    /// # Errors
    /// [`Error::WrongType`] for anything else.
    pub fn keys(&self) -> Result<Keys<'_>, Error> {
        if *self == Self::Null {
            return Ok(Keys::none());
        }
        Field { value: self, path: String::new() }.keys()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => values.serialize(serializer),
            Self::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value.into()))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
                serde_json::Number::from_f64(value)
                    .map(Json::Number)
                    .ok_or_else(|| E::custom("number out of range"))
            }
            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }
            fn visit_string<E>(self, value: String) -> Result<Json, E> {
                Ok(Json::Text(value))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    object.push(entry);
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The keys of an object.
#[derive(Clone, Debug)]
pub struct Keys<'a> {
    entries: &'a [(String, Json)],
    path: String,
}

impl<'a> Keys<'a> {
    /// An object without keys.
    pub(super) fn none() -> Self {
        Self { entries: &[], path: String::new() }
    }

    /// The value of `key`: the last one that is not `null`, in whatever case the key is written.
    pub fn get(&self, key: &str) -> Option<Field<'a>> {
        let (_, value) =
            self.entries.iter().rev().find(|(name, value)| *value != Json::Null && folds_to(name, key))?;
        Some(Field { value, path: self.path_of(key) })
    }

    /// Whether `key` is written at all, be it as `null`.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| folds_to(name, key))
    }

    /// All keys as they are written.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Where the object stands, empty for the top.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where `key` stands.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Keys that are none of `known` but one or two slips away from one, each with the one that was probably meant.
    pub fn misspelt(&self, known: &[&'static str]) -> Vec<(&'a str, &'static str)> {
        self.names()
            .filter(|name| !known.iter().any(|key| folds_to(name, key)))
            .filter_map(|name| Some((name, ipam_core::nearest(name, known)?)))
            .collect()
    }

    /// Text, if the key is there.
    ///
    /// # Errors
    /// [`Error::WrongType`]; so for all of these.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, Error> {
        self.get(key).map(|field| field.text()).transpose()
    }

    /// A boolean, if the key is there.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        self.get(key).map(|field| field.flag()).transpose()
    }

    /// A list of texts; none if the key is not there.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn texts(&self, key: &str) -> Result<Vec<String>, Error> {
        let list = self.list(key)?;
        list.iter().map(|field| field.text().map(str::to_owned)).collect()
    }

    /// A list; empty if the key is not there.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn list(&self, key: &str) -> Result<Vec<Field<'a>>, Error> {
        self.get(key).map_or(Ok(Vec::new()), |field| field.list())
    }

    /// An object, if the key is there.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn object(&self, key: &str) -> Result<Option<Keys<'a>>, Error> {
        self.get(key).map(|field| field.keys()).transpose()
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    value: &'a Json,
    path: String,
}

impl<'a> Field<'a> {
    /// The value.
    pub fn value(&self) -> &'a Json {
        self.value
    }

    /// Where it stands: `ipam.pools[0].subnet`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The error for a value of another type than `wanted`.
    pub fn wrong_type(&self, wanted: &'static str) -> Error {
        let path = if self.path.is_empty() { "network configuration".to_owned() } else { self.path.clone() };
        Error::WrongType { path, found: self.value.kind(), wanted }
    }

    /// The error for a value of the right type that is refused.
    pub fn invalid(&self, problem: impl fmt::Display, accepted: &'static str) -> Error {
        let value = match self.value {
            Json::Text(text) => text.clone(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => {
                serde_json::to_string(self.value).unwrap_or_default()
            }
        };
        Error::InvalidValue { path: self.path.clone(), value, problem: problem.to_string(), accepted }
    }

    /// As text.
    ///
    /// # Errors
    /// [`Error::WrongType`]; so for all of these.
    pub fn text(&self) -> Result<&'a str, Error> {
        if let Json::Text(text) = self.value { Ok(text) } else { Err(self.wrong_type("text")) }
    }

    /// As a boolean.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn flag(&self) -> Result<bool, Error> {
        if let Json::Bool(flag) = self.value { Ok(*flag) } else { Err(self.wrong_type("a boolean")) }
    }

    /// As a whole number.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::InvalidValue`] for a fraction or a number beyond 64 bits.
    pub fn integer(&self) -> Result<i64, Error> {
        let Json::Number(number) = self.value else { return Err(self.wrong_type("a whole number")) };
        number.as_i64().ok_or_else(|| self.invalid("not a whole number of 64 bits", "a whole number"))
    }

    /// As a whole number, also where it is written as text.
    ///
    /// # Errors
    /// As [`Field::integer`].
    pub fn integer_or_text(&self) -> Result<i64, Error> {
        let Json::Text(text) = self.value else { return self.integer() };
        text.parse().map_err(|_| self.invalid("not a whole number", "a whole number, with or without quotes"))
    }

    /// As a list.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn list(&self) -> Result<Vec<Field<'a>>, Error> {
        let Json::List(items) = self.value else { return Err(self.wrong_type("a list")) };
        let field = |(i, value)| Field { value, path: format!("{}[{i}]", self.path) };
        Ok(items.iter().enumerate().map(field).collect())
    }

    /// As an object.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn keys(&self) -> Result<Keys<'a>, Error> {
        let Json::Object(entries) = self.value else { return Err(self.wrong_type("an object")) };
        Ok(Keys { entries, path: self.path.clone() })
    }

    /// As text of a grammar.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::InvalidValue`].
    pub fn parse<T: FromStr<Err = Malformed>>(&self) -> Result<T, Error> {
        self.text()?.parse().map_err(|why: Malformed| self.invalid(why.problem, why.accepted))
    }

    /// As a value for other users of `serde`; the last of equal keys stays, order is lost.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self.value).unwrap_or_default()
    }
}

/// Go's rule: equal under simple case folding. For the ASCII letters of `key`, two more characters fold to them.
fn folds_to(name: &str, key: &str) -> bool {
    fn fold(c: char) -> char {
        match c {
            'ſ' => 's',
            '\u{212A}' => 'k',
            _ => c.to_ascii_lowercase(),
        }
    }
    name == key || name.chars().map(fold).eq(key.chars().map(fold))
}

#[cfg(test)]
mod tests;
