//! A template under construction: what every family of resources adds to.
//!
//! Resolves references on the way, since an `{ssm: …}` becomes a parameter. Two things under one logical id are a
//! finding; the first one stays.

use super::logical_ids as ids;
use crate::cfn::{self, Resource, Template};
use crate::diag::{Diagnostic, Diagnostics};
use crate::iam::grants;
use crate::ids::LogicalId;
use crate::model::Stack;
use crate::model::reference::{EnvValue, Noun, Outside, Target};
use indexmap::IndexMap;
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) template: Template,
    pub(crate) findings: Diagnostics,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(stack: &'a Stack) -> Self {
        Self { stack, template: Template::default(), findings: Diagnostics::default() }
    }

    pub(crate) fn add(&mut self, id: LogicalId, resource: Resource) {
        match self.template.resources.entry(id) {
            indexmap::map::Entry::Vacant(entry) => {
                entry.insert(resource);
            }
            indexmap::map::Entry::Occupied(entry) => {
                let id = entry.key().clone();
                let text = format!("`{id}` is there already, an {}", entry.get().kind);
                self.clash("resources", id.as_str(), text);
            }
        }
    }

    pub(crate) fn parameter(&mut self, name: String, parameter: Value) {
        match self.template.parameters.get(&name) {
            Some(there) if *there != parameter => {
                self.clash("parameters", &name, format!("the parameter `{name}` is there already"))
            }
            _ => {
                self.template.parameters.insert(name, parameter);
            }
        }
    }

    pub(crate) fn output(&mut self, name: &str, output: Value) {
        if self.template.outputs.contains_key(name) {
            self.clash("outputs", name, format!("the output `{name}` is there already"));
        } else {
            self.template.outputs.insert(name.to_owned(), output);
        }
    }

    /// Points at the raw part that clashes, or at the stack where both are generated.
    fn clash(&mut self, section: &str, id: &str, text: String) {
        let place = self.stack.places.name(section, id).or(self.stack.file.stack.span);
        let clash = Diagnostic::error("D0701", "two things have the same logical id")
            .at(place, text)
            .help("rename one of them; names that differ only in punctuation become the same id");
        self.findings.push(clash);
    }

    /// What stands outside the stack. An ARN may hold `${AWS::Region}` and the like. A Systems Manager parameter becomes
    /// a template parameter and no dynamic reference, since only then does a change set see that its value changed.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html>
    /// (read 2026-11).
    pub(crate) fn outside(&mut self, outside: &Outside) -> Value {
        match outside {
            Outside::Arn(arn) if arn.contains("${AWS::") => cfn::sub(arn.as_str()),
            Outside::Arn(arn) => json!(arn),
            Outside::Import(export) => cfn::import_value(export),
            Outside::Ssm(path) => {
                let name = ids::ssm_parameter(path);
                self.parameter(name.clone(), json!({ "Type": "AWS::SSM::Parameter::Value<String>", "Default": path }));
                cfn::reference(name)
            }
        }
    }

    /// The ARN of a declared thing or of one outside. For a function it is the alias: traffic never reaches `$LATEST`.
    ///
    /// Buckets and functions are named by text: their notifications and mutual calls would make a circle otherwise.
    pub(crate) fn arn(&mut self, noun: Noun, target: &Target) -> Value {
        let name = match target {
            Target::Outside(outside) => return self.outside(&outside.value),
            Target::Name(name) => name.value.as_str(),
        };
        let file = &self.stack.file;
        match noun {
            Noun::Function if file.functions.contains_key(name) => {
                cfn::arn("lambda", &format!("function:{}:live", self.stack.function_name(name)))
            }
            Noun::Queue if file.queues.contains_key(name) => cfn::get_att(ids::queue(name), "Arn"),
            Noun::Topic if file.topics.contains_key(name) => cfn::reference(ids::topic(name)),
            Noun::Bucket if file.buckets.contains_key(name) => self.bucket_arn(name),
            Noun::Table if file.tables.contains_key(name) => cfn::get_att(ids::table(name), "Arn"),
            Noun::Secret if file.secrets.contains_key(name) => match &file.secrets[name].from {
                Some(from) => self.raw_arn(from),
                // The ARN, as `Ref` is; but a local AWS may take `Ref` for the name.
                None => cfn::get_att(ids::secret(name), "Id"),
            },
            _ => self.raw_arn(target),
        }
    }

    /// The ARN of what no section declares: a raw resource of this stack, something outside, or a name in this account.
    pub(crate) fn elsewhere(&mut self, noun: &str, target: &Target) -> Value {
        let Target::Name(name) = target else { return self.raw_arn(target) };
        let raw = self.stack.file.resources.get(name.value.as_str());
        match raw.map(|raw| (raw["Type"].as_str(), raw["Properties"]["Name"].as_str())) {
            // It has no ARN among its attributes.
            Some((Some("AWS::SSM::Parameter"), Some(own))) => grants::elsewhere(noun, own),
            Some(_) => self.raw_arn(target),
            None if name.value.starts_with("arn:") => text(name.value.clone()),
            None => grants::elsewhere(noun, &name.value),
        }
    }

    pub(crate) fn bucket_arn(&self, name: &str) -> Value {
        cfn::sub(format!("arn:${{AWS::Partition}}:s3:::{}", self.stack.bucket_name(name)))
    }

    /// What code calls a declared thing: URL of a queue, name of a bucket or a table, ARN of a topic or a secret, and
    /// `name:live` for a function, so that a call takes the alias.
    fn address(&mut self, noun: Noun, target: &Target) -> Value {
        match (noun, target) {
            (Noun::Function, Target::Name(name)) => json!(format!("{}:live", self.stack.function_name(&name.value))),
            (Noun::Bucket, Target::Name(name)) => text(self.stack.bucket_name(&name.value)),
            (Noun::Queue, Target::Name(name)) => cfn::reference(ids::queue(&name.value)),
            (Noun::Table, Target::Name(name)) => cfn::reference(ids::table(&name.value)),
            _ => self.arn(noun, target),
        }
    }

    pub(crate) fn value(&mut self, value: &EnvValue) -> Value {
        match value {
            EnvValue::Text(text) => json!(text),
            EnvValue::Declared(noun, name) => self.address(*noun, &Target::Name(name.clone())),
            EnvValue::Outside(outside) => self.outside(outside),
            EnvValue::Raw(value) => value.clone(),
        }
    }

    /// The ARN of what is no declared noun: a raw resource of this stack, or something outside.
    pub(crate) fn raw_arn(&mut self, target: &Target) -> Value {
        self.raw(target, |kind| match kind {
            "AWS::SNS::Topic" => None,
            "AWS::SecretsManager::Secret" => Some("Id"),
            kind if kind.starts_with("AWS::MSK::") => None,
            _ => Some("Arn"),
        })
    }

    /// A raw resource of this stack by its logical id, or something outside, or the text itself.
    /// `attribute` says by type which attribute is meant; `None` is what `Ref` gives.
    pub(crate) fn raw(&mut self, target: &Target, attribute: fn(&str) -> Option<&'static str>) -> Value {
        match target {
            Target::Outside(outside) => self.outside(&outside.value),
            Target::Name(name) => {
                let kind = self.stack.file.resources.get(name.value.as_str()).map(|resource| &resource["Type"]);
                match kind.map(|kind| attribute(kind.as_str().unwrap_or_default())) {
                    Some(Some(attribute)) => cfn::get_att(&name.value, attribute),
                    Some(None) => cfn::reference(&name.value),
                    None => text(name.value.clone()),
                }
            }
        }
    }
}

/// A text that may hold `${AWS::…}`.
pub(crate) fn text(text: String) -> Value {
    if text.contains("${AWS::") { cfn::sub(text) } else { json!(text) }
}

/// Tags as most resources take them.
pub(crate) fn tag_list(tags: &IndexMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}
