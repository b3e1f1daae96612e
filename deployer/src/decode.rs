//! From a [`Node`] to a typed value, collecting every mistake on the way; and the JSON Schema of the same type.
//!
//! [`record!`] declares a struct once and derives both from it: the field's type, its default and its
//! documentation are read in one place. Knows nothing of what the types mean.

use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::source::{Span, Spanned};
use crate::units::{self, Mebibytes, Percent};
use crate::yaml::{Entry, Kind, Node};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A type that can be read from the stack file.
pub(crate) trait Decode: Sized {
    /// Reads `node`. `None` after at least one error has been pushed.
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self>;

    /// What an absent key means; `None` where the key is required.
    fn absent() -> Option<Self> {
        None
    }

    /// JSON Schema (2020-12) of the accepted values. Named types add themselves to `definitions` and return a `$ref`.
    fn schema(definitions: &mut Map<String, Value>) -> Value;
}

/// "expected X, found Y" at the place of `node`.
pub(crate) fn mismatch<T>(node: &Node, expected: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let found = match &node.kind {
        Kind::String(text) if text.len() <= 40 && !text.contains('\n') => format!("the text `{text}`"),
        Kind::Int(number) => format!("the number {number}"),
        _ => node.kind_name().to_owned(),
    };
    diagnostics.push(
        Diagnostic::error("D0103", "a value of the wrong kind")
            .at(node.span, format!("expected {expected}, found {found}")),
    );
    None
}

/// Reports every key of `node` that is not in `known`, with the nearest known one.
pub(crate) fn unknown_keys(node: &Node, known: &[&str], what: &str, diagnostics: &mut Diagnostics) {
    for entry in node.entries() {
        let key = entry.key.as_str();
        if known.contains(&key) {
            continue;
        }
        let help = match nearest(key, known.iter().copied()) {
            Some(candidate) => format!("did you mean `{candidate}`?"),
            None => format!("{what} takes: {}", known.join(", ")),
        };
        diagnostics.push(
            Diagnostic::error("D0102", "unknown key").at(entry.key.span, format!("not a key of {what}")).help(help),
        );
    }
}

impl Decode for bool {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match node.kind {
            Kind::Bool(value) => Some(value),
            _ => mismatch(node, "true or false", diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": "boolean" })
    }
}

impl Decode for String {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::String(value) => Some(value.clone()),
            Kind::Int(value) => Some(value.to_string()),
            Kind::Float(value) => Some(value.to_string()),
            Kind::Bool(value) => Some(value.to_string()),
            _ => mismatch(node, "a text", diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

macro_rules! decode_integer {
    ($($type:ty),*) => {$(
        impl Decode for $type {
            fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
                match node.kind {
                    Kind::Int(value) => match <$type>::try_from(value) {
                        Ok(value) => Some(value),
                        Err(_) => mismatch(node, concat!("a number that fits ", stringify!($type)), diagnostics),
                    },
                    _ => mismatch(node, "a whole number", diagnostics),
                }
            }
            fn schema(_: &mut Map<String, Value>) -> Value {
                json!({ "type": "integer", "minimum": <$type>::MIN })
            }
        }
    )*};
}
decode_integer!(u8, u16, u32);

impl Decode for f64 {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match node.kind {
            Kind::Float(value) => Some(value),
            Kind::Int(value) => Some(value as f64),
            _ => mismatch(node, "a number", diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": "number" })
    }
}

impl Decode for Duration {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::String(text) => match units::parse_duration(text) {
                Some(value) => Some(value),
                None => mismatch(node, "a duration such as `30s`, `5m`, `1h` or `7d`", diagnostics),
            },
            _ => mismatch(node, "a duration with its unit, such as `30s`, `5m`, `1h` or `7d`", diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|min|h|d)$" })
    }
}

impl Decode for Mebibytes {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let value = match &node.kind {
            Kind::Int(value) => u32::try_from(*value).ok().map(Mebibytes),
            Kind::String(text) => units::parse_mebibytes(text),
            _ => None,
        };
        value.or_else(|| mismatch(node, "a size such as `256` (MiB) or `1GB`", diagnostics))
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": ["integer", "string"] })
    }
}

impl Decode for Percent {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let value = match &node.kind {
            Kind::Int(value) => u8::try_from(*value).ok(),
            Kind::String(text) => text.strip_suffix('%').and_then(|digits| digits.trim().parse().ok()),
            _ => None,
        };
        value
            .filter(|value| *value <= 100)
            .map(Percent)
            .or_else(|| mismatch(node, "a share such as `10%`", diagnostics))
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": ["integer", "string"] })
    }
}

/// Passed through as it stands: raw CloudFormation, event patterns, inputs.
impl Decode for Value {
    fn decode(node: &Node, _: &mut Diagnostics) -> Option<Self> {
        Some(node.to_json())
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!(true)
    }
}

impl Decode for Map<String, Value> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match node.to_json() {
            Value::Object(map) => Some(map),
            Value::Null => Some(Map::new()),
            _ => mismatch(node, "a map", diagnostics),
        }
    }
    fn absent() -> Option<Self> {
        Some(Map::new())
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": "object" })
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(|value| Spanned::new(value, node.span))
    }
    fn absent() -> Option<Self> {
        T::absent().map(|value| Spanned::new(value, Span::default()))
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        T::schema(definitions)
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(Box::new)
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        T::schema(definitions)
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match node.kind {
            Kind::Null => Some(None),
            _ => T::decode(node, diagnostics).map(Some),
        }
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        T::schema(definitions)
    }
}

/// A list; a single value stands for a list of one.
impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let items = match &node.kind {
            Kind::Null => return Some(Vec::new()),
            Kind::Seq(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let decoded: Vec<Option<T>> = items.iter().map(|item| T::decode(item, diagnostics)).collect();
        decoded.into_iter().collect()
    }
    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        let item = T::schema(definitions);
        json!({ "anyOf": [{ "type": "array", "items": item }, item] })
    }
}

/// Declared things by name. An entry that cannot be read is reported and left out, so that the others are still
/// checked; where the names stand is kept in `model::Places`.
impl<T: Decode> Decode for IndexMap<String, T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let entries = match &node.kind {
            Kind::Null => return Some(IndexMap::new()),
            Kind::Map(entries) => entries,
            _ => return mismatch(node, "a map", diagnostics),
        };
        let decode = |entry: &Entry| Some((entry.key.value.clone(), T::decode(&entry.value, diagnostics)?));
        Some(entries.iter().filter_map(decode).collect())
    }
    fn absent() -> Option<Self> {
        Some(IndexMap::new())
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        json!({ "type": "object", "additionalProperties": T::schema(definitions) })
    }
}

/// Decodes field `key` of `node`, or takes `default`, or reports the missing key.
pub(crate) fn field<T: Decode>(
    node: &Node,
    key: &'static str,
    default: Option<T>,
    what: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    match node.get(key) {
        Some(value) => T::decode(value, diagnostics),
        None => default.or_else(|| {
            diagnostics.push(
                Diagnostic::error("D0104", "a required key is missing")
                    .at(node.span, format!("{what} needs `{key}`"))
                    .help(format!("add `{key}: …`")),
            );
            None
        }),
    }
}

/// Declares a struct that is read from a map: `key: Type [= default],` with documentation that becomes the schema's.
///
/// `short = function` names a `fn(&Node, &mut Diagnostics) -> Option<Self>` that reads a value which is not a map
/// (the short form), and `span` as a field name receives the place of the whole value.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $(#[short($short:path, $short_schema:literal)])?
        $(#[called($what:literal)])?
        pub(crate) struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident $(($key:literal))? : $type:ty $(= $default:expr)?,
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name {
            $( $(#[doc = $field_doc])* pub(crate) $field: $type, )*
            /// The whole value's place.
            pub(crate) span: crate::source::Span,
        }

        impl crate::decode::Decode for $name {
            fn decode(node: &crate::yaml::Node, diagnostics: &mut crate::diag::Diagnostics) -> Option<Self> {
                if !matches!(node.kind, crate::yaml::Kind::Map(_)) {
                    $( return $short(node, diagnostics); )?
                    #[allow(unreachable_code, reason = "only reached where there is no short form")]
                    if node.kind == crate::yaml::Kind::Null {
                        let empty = crate::yaml::Node { span: node.span, kind: crate::yaml::Kind::Map(Vec::new()) };
                        return Self::decode(&empty, diagnostics);
                    }
                    #[allow(unreachable_code, reason = "only reached where there is no short form")]
                    return crate::decode::mismatch(node, "a map", diagnostics);
                }
                const KEYS: &[&str] = &[$( crate::decode::key_of!($field $(, $key)?) ),*];
                let what = crate::decode::what_of!($name $(, $what)?);
                crate::decode::unknown_keys(node, KEYS, what, diagnostics);
                $(
                    #[allow(unused_mut, unused_assignments, reason = "only some fields have a default of their own")]
                    let $field = {
                        let mut default = <$type as crate::decode::Decode>::absent();
                        $( default = Some($default); )?
                        crate::decode::field::<$type>(
                            node, crate::decode::key_of!($field $(, $key)?), default, what, diagnostics,
                        )
                    };
                )*
                Some(Self { $( $field: $field?, )* span: node.span })
            }

            fn schema(definitions: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
                let name = stringify!($name);
                if !definitions.contains_key(name) {
                    definitions.insert(name.to_owned(), serde_json::Value::Null);
                    let mut properties = serde_json::Map::new();
                    #[allow(unused_mut, reason = "some types require nothing")]
                    let mut required: Vec<&str> = Vec::new();
                    $(
                        let key = crate::decode::key_of!($field $(, $key)?);
                        let schema = <$type as crate::decode::Decode>::schema(definitions);
                        properties.insert(key.to_owned(), crate::decode::documented(schema, &[$($field_doc),*]));
                        #[allow(unused_mut, unused_assignments, reason = "only some fields have a default of their own")]
                        {
                            let mut optional = <$type as crate::decode::Decode>::absent().is_some();
                            $( let _ = || $default; optional = true; )?
                            if !optional {
                                required.push(key);
                            }
                        }
                    )*
                    let object = serde_json::json!({
                        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
                    });
                    #[allow(unused_mut, reason = "only some types have a short form")]
                    let mut schema = object;
                    $( schema = serde_json::json!({ "anyOf": [{ "type": ["string", "boolean"], "description": $short_schema }, schema] }); )?
                    definitions.insert(name.to_owned(), crate::decode::documented(schema, &[$($doc),*]));
                }
                serde_json::json!({ "$ref": format!("#/$defs/{name}") })
            }
        }
    };
}

macro_rules! key_of {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $key:literal) => {
        $key
    };
}

macro_rules! what_of {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident, $what:literal) => {
        $what
    };
}

/// Declares an enum that is read from a word.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub(crate) enum $name:ident { $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal, )* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $( $(#[doc = $variant_doc])* $variant, )* }

        impl $name {
            #[allow(dead_code, reason = "not every choice is printed")]
            pub(crate) fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl crate::decode::Decode for $name {
            fn decode(node: &crate::yaml::Node, diagnostics: &mut crate::diag::Diagnostics) -> Option<Self> {
                match &node.kind {
                    $( crate::yaml::Kind::String(text) if text == $word => Some(Self::$variant), )*
                    _ => crate::decode::mismatch(node, concat!("one of:", $( " ", $word ),*), diagnostics),
                }
            }
            fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
                serde_json::json!({ "enum": [$( $word ),*] })
            }
        }
    };
}

/// Adds a description to a schema.
pub(crate) fn documented(schema: Value, doc: &[&str]) -> Value {
    let text = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    match schema {
        Value::Object(mut object) if !text.is_empty() => {
            object.insert("description".to_owned(), Value::String(text));
            Value::Object(object)
        }
        other => other,
    }
}

pub(crate) use {choice, key_of, record, what_of};
