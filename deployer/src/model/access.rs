//! Access: what a function may do, as nouns and verbs, as exact statements, or as a managed policy.

use super::reference::{EnvValue, Noun, Target};
use crate::decode::{Decode, mismatch, record};
use crate::diag::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};
use serde_json::{Map, Value, json};

/// One entry of `access:`.
#[expect(clippy::large_enum_variant, reason = "a handful per function, and most are grants")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Access {
    Grant(Grant),
    Statement(Statement),
    Managed(Managed),
}

record! {
    /// `{bucket: uploads, can: [get, put], prefix: tickets/}`
    #[called("a grant")]
    pub(crate) struct Grant {
        /// A queue: `send`, `consume`, `purge`, `inspect`.
        queue: Option<Target>,
        /// A topic: `publish`.
        topic: Option<Target>,
        /// A bucket: `get`, `put`, `abort`, `delete`, `list`.
        bucket: Option<Target>,
        /// A table: `get`, `batch-get`, `query`, `scan`, `put`, `update`, `delete`, `batch-write`, `check`, `describe`.
        table: Option<Target>,
        /// A secret: `read`, `write`.
        secret: Option<Target>,
        /// A function: `invoke`.
        function: Option<Target>,
        /// An SES identity: `send`.
        email: Option<Email>,
        /// CloudWatch metrics of one namespace: `publish`.
        metrics: Option<Spanned<String>>,
        /// What it may do.
        can: Vec<Spanned<String>>,
        /// Only keys of the bucket that begin so.
        prefix: Option<String>,
        /// Only this index of the table, and not the table itself.
        index: Option<Spanned<String>>,
    }
}

record! {
    /// A sender.
    #[called("`email`")]
    pub(crate) struct Email {
        /// The address, or a domain, that mail comes from.
        from: Spanned<String>,
    }
}

record! {
    /// `{allow: [ce:GetCostAndUsage], on: "*", because: no resource-level permission}`
    #[called("a statement")]
    pub(crate) struct Statement {
        /// Exact actions.
        allow: Vec<Spanned<String>>,
        /// ARNs or references; `*` needs `because`.
        on: Vec<Spanned<EnvValue>>,
        /// Conditions, verbatim.
        when: Option<Value>,
        /// Why.
        because: Option<String>,
    }
}

record! {
    /// `{managed: CloudWatchLambdaInsightsExecutionRolePolicy}`
    #[called("a managed policy")]
    pub(crate) struct Managed {
        /// Name of an AWS managed policy, or the ARN of any.
        managed: Spanned<String>,
    }
}

/// What a grant is about, after exactly one noun was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Subject<'a> {
    Declared(Noun, &'a Target),
    Email(&'a Email),
    Metrics(&'a Spanned<String>),
}

/// What a grant on `noun` may say after `can`. The noun is the key in the file: `queue`, `email` …
/// What each verb allows is `synth`'s business.
pub(crate) fn verbs(noun: &str) -> &'static [&'static str] {
    match noun {
        "queue" => &["send", "consume", "purge", "inspect"],
        "topic" | "metrics" => &["publish"],
        "bucket" => &["get", "put", "abort", "delete", "list"],
        "table" => {
            &["get", "batch-get", "query", "scan", "put", "update", "delete", "batch-write", "check", "describe"]
        }
        "secret" => &["read", "write"],
        "function" => &["invoke"],
        "email" => &["send"],
        _ => &[],
    }
}

impl Subject<'_> {
    /// The key in the file.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Declared(noun, _) => noun.word(),
            Self::Email(_) => "email",
            Self::Metrics(_) => "metrics",
        }
    }
}

impl Grant {
    /// The nouns that were written; a sound grant has exactly one.
    pub(crate) fn subjects(&self) -> Vec<Subject<'_>> {
        let declared = [
            (Noun::Queue, &self.queue),
            (Noun::Topic, &self.topic),
            (Noun::Bucket, &self.bucket),
            (Noun::Table, &self.table),
            (Noun::Secret, &self.secret),
            (Noun::Function, &self.function),
        ];
        declared
            .into_iter()
            .filter_map(|(noun, target)| Some(Subject::Declared(noun, target.as_ref()?)))
            .chain(self.email.as_ref().map(Subject::Email))
            .chain(self.metrics.as_ref().map(Subject::Metrics))
            .collect()
    }
}

impl Decode for Access {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) if node.get("allow").is_some() => Statement::decode(node, diagnostics).map(Self::Statement),
            Kind::Map(_) if node.get("managed").is_some() => Managed::decode(node, diagnostics).map(Self::Managed),
            Kind::Map(_) => Grant::decode(node, diagnostics).map(Self::Grant),
            _ => mismatch(node, "a map such as {queue: emails, can: send}", diagnostics),
        }
    }
    fn schema(definitions: &mut Map<String, Value>) -> Value {
        json!({ "anyOf": [Grant::schema(definitions), Statement::schema(definitions), Managed::schema(definitions)] })
    }
}
