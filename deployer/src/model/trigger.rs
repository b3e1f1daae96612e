//! Triggers: a list of one-key maps, the short form first.

use super::reference::Target;
use crate::decode::{Decode, choice, mismatch, record, unknown_keys};
use crate::diag::Diagnostics;
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What starts a function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) kind: TriggerKind,
    /// The one-key map's place.
    pub(crate) span: Span,
}

macro_rules! triggers {
    ($( $(#[doc = $doc:literal])* $word:literal => $variant:ident($type:ty), )*) => {
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum TriggerKind { $( $(#[doc = $doc])* $variant($type), )* }

        impl TriggerKind {
            /// Its key in a stack file.
            pub(crate) fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }
        }

        impl Decode for Trigger {
            fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
                const WORDS: &[&str] = &[$( $word ),*];
                let Kind::Map(entries) = &node.kind else {
                    return mismatch(node, "a map of one key, such as `http: GET /items`", diagnostics);
                };
                let [entry] = entries.as_slice() else {
                    return mismatch(node, "a map of exactly one key: one trigger", diagnostics);
                };
                unknown_keys(node, WORDS, "a trigger", diagnostics);
                let kind = match entry.key.as_str() {
                    $( $word => TriggerKind::$variant(<$type>::decode(&entry.value, diagnostics)?), )*
                    _ => return None,
                };
                Some(Self { kind, span: node.span })
            }
            fn schema(definitions: &mut Map<String, Value>) -> Value {
                let mut properties = Map::new();
                $( properties.insert($word.to_owned(), <$type>::schema(definitions)); )*
                json!({
                    "type": "object", "properties": properties, "minProperties": 1, "maxProperties": 1,
                    "additionalProperties": false,
                })
            }
        }
    };
}

triggers! {
    /// A route of the stack's HTTP API.
    "http" => Http(Http),
    /// A function URL.
    "url" => Url(Url),
    /// A time or a rate.
    "schedule" => Schedule(Schedule),
    /// Messages of an SQS queue.
    "queue" => Queue(QueueTrigger),
    /// Messages of an SNS topic.
    "topic" => Topic(TopicTrigger),
    /// Events of an EventBridge bus.
    "event" => Event(EventTrigger),
    /// Objects in an S3 bucket.
    "bucket" => Bucket(BucketTrigger),
}

record! {
    /// HTTP API settings shared by all routes of the stack.
    #[called("`api`")]
    pub(crate) struct Api {
        /// Cross-origin resource sharing; `true` allows any origin without credentials.
        cors: Option<Cors>,
        /// JWT authorizers by name.
        jwt: IndexMap<String, Jwt>,
        /// Steady requests per second; default 100.
        rate: u32 = 100,
        /// Burst above the rate; default 200.
        burst: u32 = 200,
    }
}

record! {
    /// Cross-origin resource sharing.
    #[short(short_cors, "true: any origin, no credentials")]
    #[called("`cors`")]
    pub(crate) struct Cors {
        /// Allowed origins.
        origins: Vec<String>,
        /// Allowed methods.
        methods: Vec<String>,
        /// Allowed headers.
        headers: Vec<String>,
        /// Credentials may be sent; not with origin `*`.
        credentials: bool = false,
        /// How long a browser may remember the answer.
        max_age: Option<Duration>,
    }
}

record! {
    /// A JWT authorizer.
    #[called("an authorizer")]
    pub(crate) struct Jwt {
        /// Who issued the token.
        issuer: Spanned<String>,
        /// For whom.
        audience: Vec<String>,
    }
}

record! {
    /// `http: GET /items/{id}`
    #[short(short_http, "METHOD /path")]
    #[called("an `http` trigger")]
    pub(crate) struct Http {
        /// `METHOD /path`, `ANY /path` or `$default`.
        route: Spanned<String>,
        /// Who may call: `none` (the default), `iam`, or `{jwt: name, scopes: […]}`.
        auth: Option<Spanned<HttpAuth>>,
    }
}

/// Who may call a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpAuth {
    None,
    Iam,
    Jwt { authorizer: Spanned<String>, scopes: Vec<String> },
}

record! {
    /// `url: true`, or `url: {auth: none}`
    #[short(short_url, "true: IAM authentication")]
    #[called("a `url` trigger")]
    pub(crate) struct Url {
        /// Who may call; default `iam`.
        auth: UrlAuth = UrlAuth::Iam,
        /// Cross-origin resource sharing.
        cors: Option<Cors>,
        /// Answer as a stream.
        stream: bool = false,
    }
}

choice! {
    /// Who may call a function URL.
    pub(crate) enum UrlAuth {
        /// Signed requests of allowed principals.
        Iam = "iam",
        /// Anybody.
        None = "none",
    }
}

record! {
    /// `schedule: rate(1 minute)`, or `schedule: cron(0 2 * * ? *)`
    #[short(short_schedule, "rate(…) or cron(…)")]
    #[called("a `schedule` trigger")]
    pub(crate) struct Schedule {
        /// `cron(…)` with six fields.
        cron: Option<Spanned<String>>,
        /// `rate(…)`.
        rate: Option<Spanned<String>>,
        /// The event instead of EventBridge's own.
        input: Option<Value>,
        /// Off without being removed.
        enabled: bool = true,
        /// Time zone of `cron`, such as `Asia/Ho_Chi_Minh`; needs EventBridge Scheduler, which is then used.
        timezone: Option<Spanned<String>>,
    }
}

record! {
    /// `queue: emails`
    #[short(short_queue, "name of a queue")]
    #[called("a `queue` trigger")]
    pub(crate) struct QueueTrigger {
        /// A declared queue, or its ARN.
        name: Target,
        /// Messages per invocation; default 10. Above 10 a window is needed.
        batch: Spanned<u32> = Spanned::new(10, Span::default()),
        /// How long to gather a batch; at most 5 minutes.
        window: Option<Spanned<Duration>>,
        /// The function answers with the ids that failed; default true.
        partial: bool = true,
        /// Most invocations at once, 2 to 1,000.
        concurrency: Option<Spanned<u32>>,
        /// Event filter patterns.
        filter: Vec<Value>,
        /// Off without being removed.
        enabled: bool = true,
    }
}

record! {
    /// `topic: orders`
    #[short(short_topic, "name of a topic")]
    #[called("a `topic` trigger")]
    pub(crate) struct TopicTrigger {
        /// A declared topic, or its ARN.
        name: Target,
        /// Filter policy.
        filter: Option<Value>,
        /// What the filter looks at; default `attributes`.
        scope: FilterScope = FilterScope::Attributes,
        /// Queue for what could not be delivered.
        dead_letter: Option<super::function::Destination>,
    }
}

choice! {
    /// What a topic's filter looks at.
    pub(crate) enum FilterScope {
        Attributes = "attributes",
        Body = "body",
    }
}

record! {
    /// `event: {pattern: {source: [x]}}`
    #[called("an `event` trigger")]
    pub(crate) struct EventTrigger {
        /// The bus; default the account's `default` bus. A name or ARN.
        bus: Option<Target>,
        /// Event pattern.
        pattern: Value,
        /// The event instead of the matched one.
        input: Option<Value>,
        /// Queue for what could not be delivered.
        dead_letter: Option<super::function::Destination>,
        /// Off without being removed.
        enabled: bool = true,
    }
}

record! {
    /// `bucket: uploads`
    #[short(short_bucket, "name of a bucket")]
    #[called("a `bucket` trigger")]
    pub(crate) struct BucketTrigger {
        /// A declared bucket.
        name: Spanned<String>,
        /// Event types without the leading `s3:`; default `ObjectCreated:*`. `created:*` and `removed:*` are short for it.
        events: Vec<Spanned<String>> = vec![Spanned::new("ObjectCreated:*".to_owned(), Span::default())],
        /// Only keys that begin so.
        prefix: Option<String>,
        /// Only keys that end so.
        suffix: Option<String>,
    }
}

fn text<'a>(node: &'a Node, expected: &str, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    match &node.kind {
        Kind::String(text) => Some(text),
        _ => mismatch(node, expected, diagnostics),
    }
}

/// Reads the short form as if it were the map `{key: value}`.
fn as_map<T: Decode>(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    let entry = crate::yaml::Entry { key: Spanned::new(key.to_owned(), node.span), value: node.clone() };
    T::decode(&Node { span: node.span, kind: Kind::Map(vec![entry]) }, diagnostics)
}

fn short_http(node: &Node, diagnostics: &mut Diagnostics) -> Option<Http> {
    text(node, "`METHOD /path`", diagnostics)?;
    as_map(node, "route", diagnostics)
}

fn short_url(node: &Node, diagnostics: &mut Diagnostics) -> Option<Url> {
    match node.kind {
        Kind::Bool(true) | Kind::Null => {
            Url::decode(&Node { span: node.span, kind: Kind::Map(Vec::new()) }, diagnostics)
        }
        _ => mismatch(node, "`true`, or a map such as {auth: none}", diagnostics),
    }
}

fn short_cors(node: &Node, diagnostics: &mut Diagnostics) -> Option<Cors> {
    match node.kind {
        Kind::Bool(true) => Some(Cors {
            origins: vec!["*".to_owned()],
            methods: vec!["*".to_owned()],
            headers: vec!["*".to_owned()],
            credentials: false,
            max_age: None,
            span: node.span,
        }),
        _ => mismatch(node, "`true`, or a map such as {origins: [https://example.com]}", diagnostics),
    }
}

fn short_schedule(node: &Node, diagnostics: &mut Diagnostics) -> Option<Schedule> {
    let written = text(node, "`rate(1 minute)` or `cron(0 2 * * ? *)`", diagnostics)?;
    as_map(node, if written.starts_with("cron(") { "cron" } else { "rate" }, diagnostics)
}

fn short_queue(node: &Node, diagnostics: &mut Diagnostics) -> Option<QueueTrigger> {
    text(node, "the name of a queue", diagnostics)?;
    as_map(node, "name", diagnostics)
}

fn short_topic(node: &Node, diagnostics: &mut Diagnostics) -> Option<TopicTrigger> {
    text(node, "the name of a topic", diagnostics)?;
    as_map(node, "name", diagnostics)
}

fn short_bucket(node: &Node, diagnostics: &mut Diagnostics) -> Option<BucketTrigger> {
    text(node, "the name of a bucket", diagnostics)?;
    as_map(node, "name", diagnostics)
}

impl Decode for HttpAuth {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::String(word) if word == "none" => Some(Self::None),
            Kind::String(word) if word == "iam" => Some(Self::Iam),
            Kind::Map(_) => {
                unknown_keys(node, &["jwt", "scopes"], "`auth`", diagnostics);
                let authorizer = crate::decode::field(node, "jwt", None, "`auth`", diagnostics)?;
                let scopes = crate::decode::field(node, "scopes", Some(Vec::new()), "`auth`", diagnostics)?;
                Some(Self::Jwt { authorizer, scopes })
            }
            _ => mismatch(node, "`none`, `iam` or {jwt: name}", diagnostics),
        }
    }
    fn schema(_: &mut Map<String, Value>) -> Value {
        json!({ "anyOf": [
            { "enum": ["none", "iam"] },
            { "type": "object", "required": ["jwt"], "additionalProperties": false,
              "properties": { "jwt": { "type": "string" }, "scopes": { "type": "array", "items": { "type": "string" } } } },
        ] })
    }
}
