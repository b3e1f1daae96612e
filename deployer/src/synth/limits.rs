//! Sizes that AWS refuses, found before it is asked: policies of roles and of functions, the template itself.
//!
//! What a template says by reference counts with the least that it can become, so what is found here is certain; what is not
//! found may still be too large by the names that it refers to.

use super::logical_ids;
use crate::cfn::{self, Template};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Stack;
use serde_json::Value;
use std::collections::BTreeMap;

/// All inline policies of a role together, white space not counted. Characters.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html> (read 2026-11).
const ROLE_POLICIES: usize = 10_240;
/// The resource policy of a function: who may call it. Bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> (read 2026-11).
const FUNCTION_POLICY: usize = 20_480;
/// A template that is read from a bucket. Bytes.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html> (read 2026-11).
const TEMPLATE: usize = 1_048_576;
/// The shortest ARN, or the name that a reference becomes.
const REFERENCE: usize = 12;
/// A statement of a function's policy without its parts: `{"Sid":…,"Effect":"Allow","Principal":{"Service":…},…}`.
const STATEMENT: usize = 150;

/// Findings about the template of `stack`, at the function that is involved, or at the stack.
pub(super) fn check(template: &Template, stack: &Stack) -> Diagnostics {
    let mut findings = Diagnostics::default();
    let mut find = |span, what: String, help: &str| {
        findings.push(Diagnostic::error("D0708", "larger than AWS takes").at(span, what).help(help));
    };
    let text = cfn::to_text(template).len();
    if text > TEMPLATE {
        find(
            stack.file.stack.span,
            format!("the template has {text} bytes of {TEMPLATE}"),
            "split the stack in two, joined by `exports:` and `{import: …}`",
        );
    }
    let mut callers: BTreeMap<&str, usize> = BTreeMap::new();
    for resource in template.resources.values().filter(|resource| resource.kind == "AWS::Lambda::Permission") {
        let name = resource.properties.get("FunctionName").and_then(|name| name.get("Ref")?.as_str());
        let size: usize = resource.properties.values().map(least).sum();
        *callers.entry(name.unwrap_or_default()).or_default() += STATEMENT + size;
    }
    for name in stack.file.functions.keys() {
        let span = stack.places.name("functions", name);
        let role = template.resources.get(&logical_ids::role(name));
        let policies = role.and_then(|role| role.properties.get("Policies")).and_then(Value::as_array);
        let size: usize = policies.into_iter().flatten().map(|policy| least(&policy["PolicyDocument"])).sum();
        if size > ROLE_POLICIES {
            find(
                span,
                format!("what it may do takes {size} characters of {ROLE_POLICIES}"),
                "name many things of one kind by a prefix, or move part of the work into a function of its own",
            );
        }
        let of = |id: &str| callers.get(id).copied().unwrap_or(0);
        // Each alias has a policy of its own.
        let size = of(logical_ids::function(name).as_str()).max(of(logical_ids::alias(name).as_str()));
        if size > FUNCTION_POLICY {
            find(
                span,
                format!("who may call it takes {size} bytes of {FUNCTION_POLICY}"),
                "let several triggers share one, such as a route `ANY /{proxy+}`, or split the function",
            );
        }
    }
    findings
}

/// The least number of characters that a value takes as JSON without white space.
fn least(value: &Value) -> usize {
    match value {
        Value::Array(items) => 2 + items.iter().map(|item| least(item) + 1).sum::<usize>().saturating_sub(1),
        Value::Object(map) => match map.iter().next().filter(|(key, _)| map.len() == 1 && is_intrinsic(key)) {
            Some((key, Value::String(text))) if key == "Fn::Sub" => 2 + without_variables(text),
            Some(_) => REFERENCE,
            None => 2 + map.iter().map(|(key, value)| key.len() + 4 + least(value)).sum::<usize>().saturating_sub(1),
        },
        other => other.to_string().chars().filter(|letter| !letter.is_whitespace()).count(),
    }
}

fn is_intrinsic(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

/// Characters of `text` outside of `${…}`, and one for each of those.
fn without_variables(text: &str) -> usize {
    let mut parts = text.split("${");
    let first = parts.next().map_or(0, str::len);
    first + parts.map(|rest| 1 + rest.split_once('}').map_or(rest.len(), |(_, after)| after.len())).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_least_that_a_value_can_become() {
        let table = [
            (json!({ "Action": ["a", "b"] }), r#"{"Action":["a","b"]}"#.len()),
            (json!("a b"), r#""ab""#.len()),
            (json!({ "Fn::Sub": "x${AWS::Region}y" }), r#""x?y""#.len()),
            (json!({ "Ref": "Q" }), REFERENCE),
            (json!([]), 2),
        ];
        for (value, expected) in table {
            assert_eq!(least(&value), expected, "{value}");
        }
    }
}
