//! The permissions boundary of the roles that stacks make: the most that any of them may ever do.
//!
//! It allows the actions of the language's verbs, of Lambda's own needs, and of what the stacks' templates grant by exact
//! statements; and it denies what would let a function become more than it is, also where a policy of a resource allows it.

use super::{LONGEST_POLICY, Site, boundary_name, length};
use crate::cfn::{Resource, Template, sub};
use crate::iam::grants::VERBS;
use crate::iam::policy::{Statement, document};
use crate::model::Stack;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Changing who may do what, and the code of functions, is nothing that a function does.
const ESCALATION: [&str; 8] = [
    "account:*",
    "cloudformation:*",
    "iam:*",
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "organizations:*",
];

pub(super) fn policy(site: &Site<'_>, templates: &[(&Stack, Template)]) -> Result<Resource, String> {
    let mut actions: BTreeSet<String> = VERBS
        .iter()
        .flat_map(|verb| verb.actions.iter().chain(verb.key_actions))
        .map(|action| (*action).to_owned())
        .collect();
    let roles = templates.iter().flat_map(|(_, made)| made.resources.values());
    let roles = roles.filter(|resource| resource.kind == "AWS::IAM::Role");
    for policy in roles.filter_map(|role| role.properties.get("Policies")?.as_array()).flatten() {
        actions.extend(allowed(&policy["PolicyDocument"]));
    }
    let bucket = format!("arn:${{AWS::Partition}}:s3:::deployer-${{AWS::AccountId}}-{}", site.region);
    let statements = [
        Statement::allow(actions.iter().map(String::as_str), vec![json!("*")]).called("AtMost"),
        Statement::deny(ESCALATION, vec![json!("*")]).called("NeverMore"),
        Statement::deny(["s3:*"], vec![sub(bucket.clone()), sub(format!("{bucket}/*"))]).called("NotTheArtifacts"),
    ];
    let document = document(&statements);
    if length(&document) > LONGEST_POLICY {
        return Err(format!("the permissions boundary would be longer than {LONGEST_POLICY} characters"));
    }
    let limit = "it grants nothing: what a role may do are its own statements, and this is their limit";
    let resource = Resource::new(
        "AWS::IAM::ManagedPolicy",
        json!({
            "ManagedPolicyName": boundary_name(site.region),
            "Description": "The most that a role made by a stack may do",
            "PolicyDocument": document,
        }),
    );
    let checks = ["CKV_AWS_107", "CKV_AWS_108", "CKV_AWS_109", "CKV_AWS_110", "CKV_AWS_111"];
    let resource = checks.into_iter().fold(resource, |resource, check| resource.skip(check, limit));
    Ok(resource.excuse("parliament", "RESOURCE_STAR", limit))
}

/// The actions that a document's statements allow.
fn allowed(document: &Value) -> Vec<String> {
    let statements = document["Statement"].as_array().into_iter().flatten();
    let allows = statements.filter(|statement| statement["Effect"] == "Allow");
    let texts = allows.flat_map(|statement| match &statement["Action"] {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    });
    texts.collect()
}
