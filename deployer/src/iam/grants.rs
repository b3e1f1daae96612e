//! What a grant of `access:` becomes: statements with exact actions, ARNs and conditions.
//!
//! Takes ARNs that are resolved already; knows no stack.

use super::policy::Statement;
use super::verbs::{ELSEWHERE, Verb, find};
use crate::cfn::{append, arn, sub};
use serde_json::{Value, json};

/// A declared thing, or one outside, with all that its statements need.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) noun: &'static str,
    pub(crate) arn: Value,
    /// ARN of its KMS key, where it has one of its own.
    pub(crate) key: Option<Value>,
    /// Only this part: of a bucket, objects whose key begins so; of a table, the index of this name.
    pub(crate) part: Option<&'a str>,
}

/// The statements that let a role do `can` with `resource`. Unknown verbs give nothing: the rules have reported them.
pub(crate) fn statements<'a>(resource: &Resource<'_>, can: impl IntoIterator<Item = &'a str>) -> Vec<Statement> {
    let verbs = can.into_iter().filter_map(|verb| find(resource.noun, verb));
    verbs.flat_map(|verb| [Some(on_resource(resource, verb)), on_key(resource, verb)]).flatten().collect()
}

fn on_resource(resource: &Resource<'_>, verb: &Verb) -> Statement {
    let part = resource.part.unwrap_or_default();
    let actions = verb.actions.iter().copied();
    match (resource.noun, verb.verb) {
        ("bucket", "list" | "list-versions") => {
            let statement = Statement::allow(actions, vec![resource.arn.clone()]);
            if part.is_empty() {
                return statement;
            }
            statement.when(json!({ "StringLike": { "s3:prefix": format!("{part}*") } }))
        }
        ("bucket", "list-uploads") => Statement::allow(actions, vec![resource.arn.clone()]),
        ("bucket", _) => Statement::allow(actions, vec![append(&resource.arn, &format!("/{part}*"))]),
        ("table", _) if !part.is_empty() => {
            Statement::allow(actions, vec![append(&resource.arn, &format!("/index/{part}"))])
        }
        _ => Statement::allow(actions, vec![resource.arn.clone()]),
    }
}

/// The key may be used through the service alone.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service> (read 2026-11).
fn on_key(resource: &Resource<'_>, verb: &Verb) -> Option<Statement> {
    let key = resource.key.clone().filter(|_| !verb.key_actions.is_empty())?;
    let service = verb.actions[0].split(':').next().unwrap_or_default();
    let through = sub(format!("{service}.${{AWS::Region}}.amazonaws.com"));
    let statement = Statement::allow(verb.key_actions.iter().copied(), vec![key]);
    Some(statement.when(json!({ "StringEquals": { "kms:ViaService": through } })))
}

/// The ARN of a thing that no section declares, by its name in this account and region.
pub(crate) fn elsewhere(noun: &str, name: &str) -> Value {
    let shape = ELSEWHERE.iter().find(|(known, _)| *known == noun).map_or("NAME", |(_, shape)| shape);
    sub(shape.replace("NAME", name.trim_start_matches('/')))
}

/// Mail from `from`, an address or a domain. The identity that SES verified may be either, so both are named, and the
/// sender is pinned.
///
/// Source: <https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html> (read 2026-11).
pub(crate) fn email<'a>(from: &str, can: impl IntoIterator<Item = &'a str>) -> Statement {
    let verbs = can.into_iter().filter_map(|verb| find("email", verb));
    let actions = verbs.flat_map(|verb| verb.actions.iter().copied());
    let (identities, condition) = match from.split_once('@') {
        Some((_, domain)) => (vec![domain, from], json!({ "StringEquals": { "ses:FromAddress": from } })),
        None => (vec![from], json!({ "StringLike": { "ses:FromAddress": format!("*@{from}") } })),
    };
    let arns = identities.into_iter().map(|identity| arn("ses", &format!("identity/{identity}"))).collect();
    Statement::allow(actions, arns).when(condition)
}

/// Metrics of one namespace. `PutMetricData` knows no resources, only this condition.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html> (read 2026-11).
pub(crate) fn metrics(namespace: &str) -> Statement {
    let actions = find("metrics", "publish").map(|verb| verb.actions).unwrap_or_default().iter().copied();
    let condition = json!({ "StringEquals": { "cloudwatch:namespace": namespace } });
    Statement::allow(actions, vec![json!("*")]).when(condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(part: Option<&'static str>) -> Resource<'static> {
        Resource { noun: "bucket", arn: json!("arn:aws:s3:::b"), key: None, part }
    }

    #[test]
    fn objects_are_granted_below_the_prefix_only() {
        let granted = statements(&bucket(Some("tickets/")), ["get"]);
        assert_eq!(granted, [Statement::allow(["s3:GetObject"], vec![json!("arn:aws:s3:::b/tickets/*")])]);
    }

    #[test]
    fn listing_is_on_the_bucket_and_conditioned_on_the_prefix() {
        let granted = statements(&bucket(Some("tickets/")), ["list"]);
        let condition = json!({ "StringLike": { "s3:prefix": "tickets/*" } });
        assert_eq!(granted, [Statement::allow(["s3:ListBucket"], vec![json!("arn:aws:s3:::b")]).when(condition)]);
    }

    #[test]
    fn an_index_is_a_resource_of_its_own() {
        let table = |part| Resource { noun: "table", arn: json!("arn:table/t"), key: None, part };
        let granted = statements(&table(Some("by-day")), ["query"]);
        assert_eq!(granted, [Statement::allow(["dynamodb:Query"], vec![json!("arn:table/t/index/by-day")])]);
        assert_eq!(statements(&table(None), ["query"])[0].resources, [json!("arn:table/t")]);
    }

    #[test]
    fn a_key_of_its_own_is_granted_through_the_service_only() {
        let queue = Resource { noun: "queue", arn: json!("q"), key: Some(json!("k")), part: None };
        let granted = statements(&queue, ["send"]);
        assert_eq!(granted[1].actions, ["kms:Decrypt", "kms:GenerateDataKey"]);
        assert_eq!(
            granted[1].condition,
            Some(json!({ "StringEquals": { "kms:ViaService": { "Fn::Sub": "sqs.${AWS::Region}.amazonaws.com" } } }))
        );
    }

    #[test]
    fn a_name_becomes_the_arn_of_what_is_elsewhere() {
        let arn = |of: &str| json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:{of}") });
        let ours = "${AWS::Region}:${AWS::AccountId}";
        assert_eq!(elsewhere("parameter", "/shop/rate"), arn(&format!("ssm:{ours}:parameter/shop/rate")));
        assert_eq!(elsewhere("state_machine", "pay"), arn(&format!("states:{ours}:stateMachine:pay")));
        assert_eq!(elsewhere("model", "m"), arn("bedrock:${AWS::Region}::foundation-model/m"));
    }
}
