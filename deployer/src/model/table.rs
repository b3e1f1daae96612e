//! Tables: keys, indexes, and what protects the items. Kept when the stack or the declaration goes.

use super::reference::Target;
use crate::decode::{Decode, mismatch, record};
use crate::diag::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

record! {
    /// A DynamoDB table: encrypted, on demand, restorable to any second, protected from deletion.
    #[called("a table")]
    pub(crate) struct Table {
        /// DynamoDB's own name; by default `<stack>-<stage>-<name>`.
        name: Option<Spanned<String>>,
        /// Attribute that items are found by: `id`, or `{id: number}`.
        partition: Spanned<Attribute>,
        /// Attribute that items of one partition are ordered by.
        sort: Option<Spanned<Attribute>>,
        /// Indexes by name.
        indexes: IndexMap<String, Index>,
        /// Attribute with the second since 1970 from which on an item may go.
        ttl: Option<Spanned<String>>,
        /// What the table's stream tells of each change; default no stream.
        stream: Option<Spanned<View>>,
        /// Capacity units that are paid for whether used or not; default on demand.
        capacity: Option<Capacity>,
        /// KMS key; default DynamoDB's own encryption.
        key: Option<Target>,
        /// Continuous backups, from which the table can be restored as of any second of the last 35 days; default true.
        recovery: bool = true,
        /// Refuse to delete the table, to everybody; default as `retain`.
        protect: Option<bool>,
        /// Keep the table when it is removed from the file or the stack is destroyed; default true.
        retain: bool = true,
    }
}

record! {
    /// Another way to find items. With the table's partition key it is local, and with one of its own global.
    #[called("an index")]
    pub(crate) struct Index {
        /// Attribute that items are found by; absent: the table's, and the index is local.
        partition: Option<Spanned<Attribute>>,
        /// Attribute that items of one partition are ordered by.
        sort: Option<Spanned<Attribute>>,
        /// Attributes that the index holds beside the keys; absent: all, `[]`: none.
        project: Option<Vec<Spanned<String>>>,
    }
}

record! {
    /// Provisioned throughput, of the table and of each global index.
    #[called("`capacity`")]
    pub(crate) struct Capacity {
        /// Reads of up to 4 KiB a second, at least 1.
        read: Spanned<u32>,
        /// Writes of up to 1 KiB a second, at least 1.
        write: Spanned<u32>,
    }
}

/// A key attribute with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) kind: Scalar,
}

/// What a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    String,
    Number,
    Binary,
}

/// `StreamViewType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Keys,
    New,
    Old,
    Both,
}

impl Scalar {
    const ALL: [(&str, Self); 3] = [("string", Self::String), ("number", Self::Number), ("binary", Self::Binary)];

    /// The letter in `AttributeDefinitions`.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::String => "S",
            Self::Number => "N",
            Self::Binary => "B",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

impl View {
    const ALL: [(&str, Self); 4] =
        [("keys", Self::Keys), ("new", Self::New), ("old", Self::Old), ("new-and-old", Self::Both)];

    /// CloudFormation's word.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Keys => "KEYS_ONLY",
            Self::New => "NEW_IMAGE",
            Self::Old => "OLD_IMAGE",
            Self::Both => "NEW_AND_OLD_IMAGES",
        }
    }
}

impl Table {
    /// Whether DynamoDB refuses to delete it.
    pub(crate) fn is_protected(&self) -> bool {
        self.protect.unwrap_or(self.retain)
    }

    /// Every key attribute of the table and its indexes, in the order of the file; one that is named twice is there twice.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Spanned<Attribute>> {
        let own = [Some(&self.partition), self.sort.as_ref()];
        let others = self.indexes.values().flat_map(|index| [index.partition.as_ref(), index.sort.as_ref()]);
        own.into_iter().chain(others).flatten()
    }
}

/// `id`, or `{id: number}`.
impl Decode for Attribute {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let expected = "an attribute such as `id`, or with its type `{id: number}`: string, number or binary";
        match &node.kind {
            Kind::String(name) => Some(Self { name: name.clone(), kind: Scalar::String }),
            Kind::Map(entries) => {
                let [entry] = entries.as_slice() else { return mismatch(node, expected, diagnostics) };
                let kind =
                    entry.value.as_str().and_then(|word| Scalar::ALL.into_iter().find(|(known, _)| *known == word));
                match kind {
                    Some((_, kind)) => Some(Self { name: entry.key.value.clone(), kind }),
                    None => mismatch(&entry.value, "`string`, `number` or `binary`", diagnostics),
                }
            }
            _ => mismatch(node, expected, diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "minProperties": 1, "maxProperties": 1,
              "additionalProperties": { "enum": Scalar::ALL.map(|(word, _)| word) } },
        ] })
    }
}

impl Decode for View {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let found = node.as_str().and_then(|word| Self::ALL.into_iter().find(|(known, _)| *known == word));
        match found {
            Some((_, view)) => Some(view),
            None => mismatch(node, "`new`, `old`, `new-and-old` or `keys`", diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "enum": Self::ALL.map(|(word, _)| word) })
    }
}
