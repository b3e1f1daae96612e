//! Names that refer to something declared.

use super::Rule;
use crate::diag::{Diagnostics, nearest};
use crate::model::Stack;
use crate::model::access::{Access, Subject};
use crate::model::function::{Destination, Function};
use crate::model::reference::{EnvValue, Noun, Target};
use crate::model::trigger::{HttpAuth, TriggerKind};
use crate::source::Spanned;

/// The section that declares things of a kind.
fn section(noun: Noun) -> &'static str {
    match noun {
        Noun::Function => "functions",
        Noun::Queue => "queues",
        Noun::Topic => "topics",
        Noun::Bucket => "buckets",
        Noun::Table => "tables",
        Noun::Secret => "secrets",
    }
}

pub(super) fn declared(rule: &Rule, stack: &Stack, diagnostics: &mut Diagnostics) {
    let mut references = References { found: Vec::new(), outside: Vec::new() };
    references.stack(stack);
    for (section, name) in references.found {
        if stack.places.has(section, name) {
            continue;
        }
        let known: Vec<&str> = stack.places.names(section).map(|(name, _)| name).collect();
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("declare it under `{section}:`"),
            None => format!("declared under `{section}:` are {}", known.join(", ")),
        };
        diagnostics.push(rule.error().at(name.span, format!("nothing under `{section}` has this name")).help(help));
    }
    let known: Vec<&str> = jwt_names(stack).collect();
    for name in jwt_references(stack).filter(|name| !known.contains(&name.as_str())) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it: `api: {jwt: {NAME: {issuer: …, audience: […]}}}`".to_owned(),
        };
        diagnostics.push(rule.error().at(name.span, "nothing under `api.jwt` has this name").help(help));
    }
    let is_raw = |name: &Spanned<String>| stack.file.resources.contains_key(name.value.as_str());
    for name in references.outside.into_iter().filter(|name| !name.starts_with("arn:") && !is_raw(name)) {
        diagnostics.push(
            rule.error()
                .at(name.span, "things of this kind are not declared in stack files")
                .help("say where it is: {arn: …}, {ssm: /path} or {import: export}, or a logical id of `resources`"),
        );
    }
}

fn jwt_names(stack: &Stack) -> impl Iterator<Item = &str> {
    stack.file.api.iter().flat_map(|api| api.jwt.keys()).map(String::as_str)
}

fn jwt_references(stack: &Stack) -> impl Iterator<Item = &Spanned<String>> {
    stack.file.functions.values().flat_map(|function| &function.triggers).filter_map(|trigger| match &trigger.kind {
        TriggerKind::Http(http) => match http.auth.as_ref().map(|auth| &auth.value) {
            Some(HttpAuth::Jwt { authorizer, .. }) => Some(authorizer),
            _ => None,
        },
        _ => None,
    })
}

struct References<'a> {
    /// A section, and a name that must be in it.
    found: Vec<(&'static str, &'a Spanned<String>)>,
    /// Names of things that no section declares: roles, keys, clusters.
    outside: Vec<&'a Spanned<String>>,
}

impl<'a> References<'a> {
    fn target(&mut self, section: &'static str, target: &'a Target) {
        if let Target::Name(name) = target {
            self.found.push((section, name));
        }
    }

    fn targets(&mut self, section: &'static str, targets: impl IntoIterator<Item = &'a Target>) {
        targets.into_iter().for_each(|target| self.target(section, target));
    }

    fn elsewhere(&mut self, target: Option<&'a Target>) {
        if let Some(Target::Name(name)) = target {
            self.outside.push(name);
        }
    }

    fn value(&mut self, value: &'a EnvValue) {
        if let EnvValue::Declared(noun, name) = value {
            self.found.push((section(*noun), name));
        }
    }

    fn destination(&mut self, destination: &'a Destination) {
        self.targets("queues", &destination.queue);
        self.targets("topics", &destination.topic);
        self.targets("functions", &destination.function);
    }

    fn stack(&mut self, stack: &'a Stack) {
        let file = &stack.file;
        file.defaults.env.values().chain(file.exports.values()).for_each(|value| self.value(value));
        self.found.extend(file.defaults.network.iter().map(|name| ("networks", name)));
        file.functions.values().for_each(|function| self.function(function));
        for queue in file.queues.values() {
            self.targets("queues", queue.dead_letter.iter().filter_map(|it| it.queue.as_ref()));
            self.elsewhere(queue.key.as_ref());
        }
        file.topics.values().for_each(|topic| self.elsewhere(topic.key.as_ref()));
        self.targets("topics", stack.alarm_targets());
        file.buckets.values().for_each(|bucket| self.elsewhere(bucket.key.as_ref()));
        file.tables.values().for_each(|table| self.elsewhere(table.key.as_ref()));
        for secret in file.secrets.values() {
            self.elsewhere(secret.key.as_ref());
            self.elsewhere(secret.from.as_ref());
        }
        for pipe in file.pipes.values() {
            self.target("queues", &pipe.to.queue);
            self.targets("secrets", &pipe.from.sasl);
            self.elsewhere(Some(&pipe.from.kafka));
        }
    }

    fn function(&mut self, function: &'a Function) {
        function.env.values().for_each(|value| self.value(value));
        self.found.extend(function.network.iter().map(|name| ("networks", name)));
        self.elsewhere(function.role.as_ref().map(|role| &role.value));
        function.file_systems.iter().for_each(|it| self.elsewhere(Some(&it.access_point)));
        if let Some(asynchronous) = &function.asynchronous {
            let destinations = [&asynchronous.on_failure, &asynchronous.on_success];
            destinations.into_iter().flatten().for_each(|it| self.destination(it));
        }
        for trigger in &function.triggers {
            match &trigger.kind {
                TriggerKind::Queue(queue) => self.target("queues", &queue.name),
                TriggerKind::Topic(topic) => {
                    self.target("topics", &topic.name);
                    topic.dead_letter.iter().for_each(|it| self.destination(it));
                }
                TriggerKind::Bucket(bucket) => self.found.push(("buckets", &bucket.name)),
                TriggerKind::Event(event) => event.dead_letter.iter().for_each(|it| self.destination(it)),
                TriggerKind::Http(_) | TriggerKind::Url(_) | TriggerKind::Schedule(_) => {}
            }
        }
        for access in &function.access {
            match &access.value {
                Access::Grant(grant) => {
                    for subject in grant.subjects() {
                        if let Subject::Declared(noun, target) = subject {
                            self.target(section(noun), target);
                        }
                    }
                }
                Access::Statement(statement) => statement.on.iter().for_each(|on| self.value(on)),
                Access::Managed(_) => {}
            }
        }
    }
}
