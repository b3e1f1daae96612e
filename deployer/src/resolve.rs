//! Evaluates template values against a deployed stack: `{Ref: Queue}` becomes the queue's URL.
//!
//! `None` is "cannot be known from here", never an error: the caller then compares the templates instead.

use crate::ids::LogicalId;
use crate::state::{Deployed, State};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What names stand for.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) partition: &'a str,
    pub(crate) stack_name: &'a str,
    pub(crate) deployed: &'a Deployed,
    pub(crate) exports: &'a BTreeMap<String, String>,
}

impl<'a> Scope<'a> {
    /// The scope of a state whose stack exists.
    pub(crate) fn of(state: &'a State) -> Option<Self> {
        Some(Self {
            region: &state.place.region,
            account: &state.place.account,
            partition: &state.place.partition,
            stack_name: state.place.stack.as_str(),
            deployed: state.deployed.present()?,
            exports: &state.exports,
        })
    }
}

/// `value` with every intrinsic function evaluated.
pub(crate) fn resolve(value: &Value, scope: &Scope<'_>) -> Option<Value> {
    match value {
        Value::String(text) if text.contains("{{resolve:") => None,
        Value::Array(items) => {
            items.iter().map(|item| resolve(item, scope)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Value::Object(object) => match intrinsic(object) {
            Some((function, argument)) => evaluate(function, argument, scope),
            None => {
                let resolved = object.iter().map(|(key, value)| Some((key.clone(), resolve(value, scope)?)));
                resolved.collect::<Option<Map<_, _>>>().map(Value::Object)
            }
        },
        other => Some(other.clone()),
    }
}

/// The one key of an object that is an intrinsic function, and its argument.
pub(crate) fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, value) = object.iter().next()?;
    (object.len() == 1 && (key == "Ref" || key.starts_with("Fn::"))).then_some((key, value))
}

fn evaluate(function: &str, argument: &Value, scope: &Scope<'_>) -> Option<Value> {
    match function {
        "Ref" => named(argument.as_str()?, scope),
        "Fn::GetAtt" => {
            let (id, attribute) = match argument {
                Value::String(text) => text.split_once('.')?,
                Value::Array(items) => (items.first()?.as_str()?, items.get(1)?.as_str()?),
                _ => return None,
            };
            attribute_of(id, attribute, scope)
        }
        "Fn::Sub" => {
            let (text, own) = match argument {
                Value::String(text) => (text.as_str(), None),
                Value::Array(items) => (items.first()?.as_str()?, items.get(1).and_then(Value::as_object)),
                _ => return None,
            };
            substitute(text, own, scope).map(Value::String)
        }
        "Fn::Join" => {
            let separator = argument.get(0)?.as_str()?;
            let Value::Array(items) = resolve(argument.get(1)?, scope)? else { return None };
            let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Some(Value::String(words?.join(separator)))
        }
        "Fn::Select" => {
            let index = argument.get(0)?;
            let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
            resolve(argument.get(1)?, scope)?.get(usize::try_from(index).ok()?).cloned()
        }
        "Fn::Split" => {
            let separator = argument.get(0)?.as_str()?;
            let text = resolve(argument.get(1)?, scope)?;
            Some(text.as_str()?.split(separator).map(Value::from).collect())
        }
        "Fn::ImportValue" => {
            let name = resolve(argument, scope)?;
            scope.exports.get(name.as_str()?).cloned().map(Value::String)
        }
        _ => None,
    }
}

fn named(name: &str, scope: &Scope<'_>) -> Option<Value> {
    let text = match name {
        "AWS::Region" => scope.region,
        "AWS::AccountId" => scope.account,
        "AWS::Partition" => scope.partition,
        "AWS::StackName" => scope.stack_name,
        "AWS::StackId" => &scope.deployed.id,
        "AWS::URLSuffix" if scope.partition == "aws-cn" => "amazonaws.com.cn",
        "AWS::URLSuffix" => "amazonaws.com",
        _ if is_from_ssm(name, scope) => scope.deployed.resolved.get(name)?,
        _ => match scope.deployed.parameters.get(name) {
            Some(value) => value,
            None => scope.deployed.resources.get(&LogicalId::new(name))?.physical_id.as_str(),
        },
    };
    Some(Value::from(text))
}

/// Whether a parameter's value is the name of a Systems Manager parameter, whose value is what counts.
fn is_from_ssm(name: &str, scope: &Scope<'_>) -> bool {
    let kind = scope.deployed.template.parameters.get(name).and_then(|parameter| parameter.get("Type")?.as_str());
    kind.is_some_and(|kind| kind.starts_with("AWS::SSM::Parameter"))
}

/// Attributes that follow from the physical id. Others need a call and stay unknown.
fn attribute_of(id: &str, attribute: &str, scope: &Scope<'_>) -> Option<Value> {
    let resource = scope.deployed.resources.get(&LogicalId::new(id))?;
    let physical = resource.physical_id.as_str();
    if attribute == "Arn" && physical.starts_with("arn:") {
        return Some(Value::from(physical));
    }
    let (partition, region, account) = (scope.partition, scope.region, scope.account);
    let last = physical.rsplit('/').next().unwrap_or(physical);
    let text = match (resource.kind.as_str(), attribute) {
        // A role under a path has it in its ARN but not in its physical id; ours have none.
        ("AWS::IAM::Role", "Arn") => format!("arn:{partition}:iam::{account}:role/{physical}"),
        ("AWS::Lambda::Function", "Arn") => format!("arn:{partition}:lambda:{region}:{account}:function:{physical}"),
        ("AWS::SQS::Queue", "Arn") => format!("arn:{partition}:sqs:{region}:{account}:{last}"),
        ("AWS::SQS::Queue", "QueueName") => last.to_owned(),
        ("AWS::S3::Bucket", "Arn") => format!("arn:{partition}:s3:::{physical}"),
        ("AWS::Logs::LogGroup", "Arn") => format!("arn:{partition}:logs:{region}:{account}:log-group:{physical}:*"),
        ("AWS::Events::Rule", "Arn") => {
            format!("arn:{partition}:events:{region}:{account}:rule/{}", rule(id, physical, scope)?)
        }
        ("AWS::EC2::SecurityGroup", "GroupId") | ("AWS::EC2::Subnet", "SubnetId") | ("AWS::EC2::VPC", "VpcId") => {
            physical.to_owned()
        }
        ("AWS::SecretsManager::Secret", "Id") if physical.starts_with("arn:") => physical.to_owned(),
        ("AWS::DynamoDB::Table", "Arn") => format!("arn:{partition}:dynamodb:{region}:{account}:table/{physical}"),
        ("AWS::SNS::Topic", "TopicName") => physical.rsplit(':').next()?.to_owned(),
        _ => return None,
    };
    Some(Value::String(text))
}

/// `name` of a rule on the default bus, else `bus/name`. CloudFormation's physical id of the latter is `bus|name`.
fn rule(id: &str, physical: &str, scope: &Scope<'_>) -> Option<String> {
    let declared = scope.deployed.template.resources.get(&LogicalId::new(id));
    let bus = declared.and_then(|rule| rule.properties.get("EventBusName"));
    let bus = match bus {
        Some(bus) => resolve(bus, scope)?.as_str()?.rsplit('/').next()?.to_owned(),
        None => "default".to_owned(),
    };
    let name = physical.rsplit('|').next()?;
    Some(if bus == "default" { name.to_owned() } else { format!("{bus}/{name}") })
}

/// `${Name}`, `${Name.Attribute}`, and `${!Literal}`.
fn substitute(text: &str, own: Option<&Map<String, Value>>, scope: &Scope<'_>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        let end = start + rest[start..].find('}')?;
        let name = rest[start + 2..end].trim();
        rest = &rest[end + 1..];
        if let Some(literal) = name.strip_prefix('!') {
            out.push_str(&format!("${{{literal}}}"));
            continue;
        }
        let value = match own.and_then(|own| own.get(name)) {
            Some(value) => resolve(value, scope)?,
            None => match name.split_once('.') {
                Some((id, attribute)) => attribute_of(id, attribute, scope)?,
                None => named(name, scope)?,
            },
        };
        out.push_str(value.as_str()?);
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cfn::Template;
    use crate::ids::PhysicalId;
    use crate::state::DeployedResource;
    use serde_json::json;

    fn check(value: Value, expected: Option<Value>) {
        let resource = |kind: &str, id: &str| DeployedResource {
            kind: kind.to_owned(),
            physical_id: PhysicalId::new(id),
            status: "CREATE_COMPLETE".to_owned(),
        };
        let deployed = Deployed {
            id: "arn:stack".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            status_reason: None,
            protected: false,
            template: Template::default(),
            parameters: [("Stage".to_owned(), "dev".to_owned())].into(),
            resolved: BTreeMap::new(),
            outputs: BTreeMap::new(),
            resources: [
                (LogicalId::new("Q"), resource("AWS::SQS::Queue", "https://sqs/1/jobs")),
                (LogicalId::new("R"), resource("AWS::IAM::Role", "r-1")),
                (LogicalId::new("X"), resource("AWS::MSK::Cluster", "x")),
            ]
            .into(),
        };
        let exports = [("vpc".to_owned(), "vpc-1".to_owned())].into();
        let scope = Scope {
            region: "eu-west-1",
            account: "1",
            partition: "aws",
            stack_name: "s",
            deployed: &deployed,
            exports: &exports,
        };
        assert_eq!(resolve(&value, &scope), expected, "{value}");
    }

    #[test]
    fn intrinsics_are_evaluated_where_the_stack_tells_them() {
        check(json!({ "Ref": "Q" }), Some(json!("https://sqs/1/jobs")));
        check(json!({ "Ref": "Stage" }), Some(json!("dev")));
        check(json!({ "Fn::GetAtt": ["Q", "Arn"] }), Some(json!("arn:aws:sqs:eu-west-1:1:jobs")));
        check(json!({ "Fn::GetAtt": "R.Arn" }), Some(json!("arn:aws:iam::1:role/r-1")));
        check(json!({ "Fn::Sub": "${AWS::Region}-${Q.QueueName}-${!x}" }), Some(json!("eu-west-1-jobs-${x}")));
        check(json!({ "a": [{ "Fn::ImportValue": { "Fn::Sub": "vpc" } }] }), Some(json!({ "a": ["vpc-1"] })));
        check(json!({ "Fn::Select": [1, { "Fn::Split": [",", "a,b"] }] }), Some(json!("b")));
    }

    #[test]
    fn what_cannot_be_known_from_here_is_none() {
        check(json!({ "Fn::GetAtt": ["X", "Arn"] }), None);
        check(json!({ "Fn::If": ["C", 1, 2] }), None);
        check(json!("{{resolve:ssm:/x}}"), None);
        check(json!({ "Ref": "Nobody" }), None);
    }
}
