//! How things refer to each other: by a declared name, or to something outside the stack.

use crate::decode::{Decode, mismatch, unknown_keys};
use crate::diag::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};
use serde_json::{Map, Value, json};

/// Something this stack does not declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outside {
    /// `{arn: "arn:aws:…"}`
    Arn(String),
    /// `{ssm: /path}`: a Systems Manager parameter, resolved by CloudFormation.
    Ssm(String),
    /// `{import: name}`: an export of another stack.
    Import(String),
}

/// A declared name, or something outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Name(Spanned<String>),
    Outside(Spanned<Outside>),
}

/// What kind of declared thing a `{kind: name}` reference points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Noun {
    Function,
    Queue,
    Topic,
    Bucket,
    Table,
    Secret,
}

/// The value of an environment variable, of an export or of a raw output. `{env: NAME}` has become a text already, when
/// the file was overlaid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EnvValue {
    Text(String),
    /// `{queue: emails}`: URL of a queue, name of a bucket, a table or a function, ARN of a topic or a secret.
    Declared(Noun, Spanned<String>),
    /// `{arn: …}`, `{ssm: …}`, `{import: …}`
    Outside(Outside),
    /// An intrinsic function, verbatim: `{Ref: …}`, `{Fn::Sub: …}`.
    Raw(Value),
}

impl Noun {
    pub(crate) const ALL: [Noun; 6] =
        [Noun::Function, Noun::Queue, Noun::Topic, Noun::Bucket, Noun::Table, Noun::Secret];

    /// The key in a reference.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Noun::Function => "function",
            Noun::Queue => "queue",
            Noun::Topic => "topic",
            Noun::Bucket => "bucket",
            Noun::Table => "table",
            Noun::Secret => "secret",
        }
    }
}

impl Outside {
    pub(crate) const KEYS: [&str; 3] = ["arn", "ssm", "import"];

    /// Reads `{arn|ssm|import: text}`; `None` without a diagnostic when `node` is not of that form.
    pub(crate) fn from_node(node: &Node) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else { return None };
        let [entry] = entries.as_slice() else { return None };
        let Kind::String(text) = &entry.value.kind else { return None };
        match entry.key.as_str() {
            "arn" => Some(Self::Arn(text.clone())),
            "ssm" => Some(Self::Ssm(text.clone())),
            "import" => Some(Self::Import(text.clone())),
            _ => None,
        }
    }
}

impl Decode for Target {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        if let Kind::String(name) = &node.kind {
            return Some(Self::Name(Spanned::new(name.clone(), node.span)));
        }
        match Outside::from_node(node) {
            Some(outside) => Some(Self::Outside(Spanned::new(outside, node.span))),
            None => {
                unknown_keys(node, &Outside::KEYS, "a reference", diagnostics);
                mismatch(node, "a declared name, or one of {arn: …} {ssm: …} {import: …}", diagnostics)
            }
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
              "properties": { "arn": { "type": "string" }, "ssm": { "type": "string" }, "import": { "type": "string" } } },
        ] })
    }
}

impl Decode for EnvValue {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        if let Some(outside) = Outside::from_node(node) {
            return Some(Self::Outside(outside));
        }
        let Kind::Map(entries) = &node.kind else { return String::decode(node, diagnostics).map(Self::Text) };
        if let [entry] = entries.as_slice() {
            if let Some(noun) = Noun::ALL.into_iter().find(|noun| noun.word() == entry.key.as_str()) {
                let name = String::decode(&entry.value, diagnostics)?;
                return Some(Self::Declared(noun, Spanned::new(name, entry.value.span)));
            }
            if entry.key.as_str() == "Ref" || entry.key.starts_with("Fn::") {
                return Some(Self::Raw(node.to_json()));
            }
        }
        let known: Vec<&str> =
            Noun::ALL.iter().map(|noun| noun.word()).chain(Outside::KEYS).chain(["env", "Ref"]).collect();
        unknown_keys(node, &known, "a reference", diagnostics);
        mismatch(node, "a text, or a reference such as {secret: name} or {import: export}", diagnostics)
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "type": ["string", "number", "boolean", "object"] })
    }
}
