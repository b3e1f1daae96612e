//! What has to be there before the first deployment, as one template: the artifact bucket, the role that deploys, and the
//! permissions boundary of the roles that stacks make. Pure.
//!
//! The deploy role works with rights of its own, without a service role for CloudFormation: what it may not do, no stack
//! may do for it, and there is one policy to review instead of two of nearly the same content (it repairs drift by the
//! services' own APIs anyway). It can make roles only with the boundary, and only with names of its stacks.

pub(crate) mod audit;
mod boundary;
mod bucket;
mod needs;
mod row;
#[cfg(test)]
mod tests;

use crate::cfn::{Resource, Template, get_att, reference, sub};
use crate::iam::policy::{Statement, document};
use crate::ids::LogicalId;
use crate::model::Stack;
use crate::synth;
use needs::ROWS;
use row::{Row, When};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Logical id of the artifact bucket.
pub(crate) const BUCKET: &str = "ArtifactBucket";

/// Where GitHub's tokens come from.
///
/// Source: <https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/configuring-openid-connect-in-amazon-web-services>
/// (read 2026-11).
const GITHUB: &str = "token.actions.githubusercontent.com";

/// Longest managed policy: characters, white space not counted. At most 10 hang on a role.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html> (read 2026-11).
const LONGEST_POLICY: usize = 6_144;
const MOST_POLICIES: usize = 10;

/// Who may assume the deploy role.
#[derive(Debug, Clone, Default)]
pub(crate) struct Github {
    /// `owner/name`
    pub(crate) repository: String,
    pub(crate) branches: Vec<String>,
    /// GitHub environments: with their reviewers they protect more than a branch.
    pub(crate) environments: Vec<String>,
    /// The account has a provider for GitHub already; it can have only one.
    pub(crate) has_provider: bool,
}

/// What stands in one region of one account.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) region: &'a str,
    pub(crate) stacks: Vec<&'a Stack>,
    pub(crate) github: Option<Github>,
}

/// A template, and the types that it grants nothing for.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    pub(crate) template: Template,
    /// Sorted, each once.
    pub(crate) left_out: Vec<String>,
}

/// Name of the boundary: `permissions_boundary` of a stack file names it.
pub(crate) fn boundary_name(region: &str) -> String {
    format!("deployer-boundary-{region}")
}

/// Everything as one template.
///
/// # Errors
/// In words, when the role's policies do not fit.
pub(crate) fn bootstrap(site: &Site<'_>) -> Result<Bootstrap, String> {
    let templates: Vec<(&Stack, Template)> = site.stacks.iter().map(|stack| (*stack, synth::synth(stack))).collect();
    let mut template = Template {
        format_version: Some("2010-09-09".to_owned()),
        description: Some(
            "What deployer needs: artifacts, the role that deploys, the limit of the roles it makes".to_owned(),
        ),
        ..Template::default()
    };
    bucket::add(&mut template, site.region);
    template.outputs.insert("ArtifactBucket".to_owned(), json!({ "Value": reference(BUCKET) }));
    let boundary = boundary::policy(site, &templates)?;
    template.resources.insert(LogicalId::new("Boundary"), boundary);
    template.outputs.insert("Boundary".to_owned(), json!({ "Value": reference("Boundary") }));
    if let Some(github) = &site.github {
        add_role(&mut template, site, &templates, github)?;
    }
    let known = |kind: &str| row::COVERED.contains(&kind) || ROWS.iter().any(|row| row.kinds.contains(&kind));
    let kinds: BTreeSet<&str> =
        templates.iter().flat_map(|(_, made)| made.resources.values()).map(|resource| resource.kind.as_str()).collect();
    let left_out = kinds.into_iter().filter(|kind| !known(kind)).map(str::to_owned).collect();
    Ok(Bootstrap { template, left_out })
}

fn add_role(
    template: &mut Template,
    site: &Site<'_>,
    templates: &[(&Stack, Template)],
    github: &Github,
) -> Result<(), String> {
    let mut after = Vec::new();
    if !github.has_provider {
        let provider = json!({ "Url": format!("https://{GITHUB}"), "ClientIdList": ["sts.amazonaws.com"] });
        let id = LogicalId::new("GithubProvider");
        // The account has one; other regions and other tools use it too.
        let resource = Resource::new("AWS::IAM::OIDCProvider", provider).kept(true);
        template.resources.insert(id.clone(), resource);
        after.push(id);
    }
    let policies = packed(&statements(site, templates))?;
    let ids: Vec<LogicalId> =
        (1..=policies.len()).map(|number| LogicalId::new(format!("DeployPolicy{number}"))).collect();
    for (id, statements) in ids.iter().zip(&policies) {
        let resource = Resource::new(
            "AWS::IAM::ManagedPolicy",
            json!({ "Description": "What deploying these stacks takes", "PolicyDocument": document(statements) }),
        );
        template.resources.insert(id.clone(), excused(resource, statements));
    }
    let subjects: Vec<String> = github
        .branches
        .iter()
        .map(|branch| format!("repo:{}:ref:refs/heads/{branch}", github.repository))
        .chain(github.environments.iter().map(|name| format!("repo:{}:environment:{name}", github.repository)))
        .collect();
    let role = Resource::new(
        "AWS::IAM::Role",
        json!({
            "RoleName": format!("deployer-{}", site.region),
            // No name of a stack's role begins so.
            "Path": "/deployer/",
            "Description": format!("Deploys from {}", github.repository),
            // A first deployment of many resources takes longer than the hour that is the default.
            "MaxSessionDuration": 14_400,
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Federated": sub(format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{GITHUB}")) },
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": { "StringEquals": { (format!("{GITHUB}:aud")): "sts.amazonaws.com", (format!("{GITHUB}:sub")): subjects } },
                }],
            },
            "ManagedPolicyArns": ids.iter().map(reference).collect::<Vec<_>>(),
        }),
    );
    let why = "parliament knows no identity providers but Cognito's and SAML's";
    let role = role.excuse("parliament", "UNKNOWN_FEDERATION_SOURCE", why);
    let role = role.excuse("parliament", "UNKNOWN_CONDITION_FOR_ACTION", why);
    template.resources.insert(LogicalId::new("DeployRole"), role.after(&after));
    template.outputs.insert("DeployRole".to_owned(), json!({ "Value": get_att("DeployRole", "Arn") }));
    Ok(())
}

/// Why some statements are what judges would object to.
fn excused(resource: Resource, statements: &[Statement]) -> Resource {
    let why = "what stands on everything knows no resources, or only such whose names AWS gives; the rest is held to the stacks' names";
    let checks = ["CKV_AWS_107", "CKV_AWS_108", "CKV_AWS_109", "CKV_AWS_110", "CKV_AWS_111"];
    let resource = checks.into_iter().fold(resource, |resource, check| resource.skip(check, why));
    let has = |name: &str| statements.iter().any(|statement| statement.sid == Some(name));
    let older = "AWS's reference has it, parliament's copy is older";
    let meant = [
        (has("Stacks"), "UNKNOWN_ACTION", older),
        (has("Subscriptions"), "RESOURCE_MISMATCH", older),
        // parliament looks no further where it does not know an action.
        (
            has("Buckets") && !has("Stacks"),
            "RESOURCE_POLICY_PRIVILEGE_ESCALATION",
            "the policy of a stack's bucket is part of the stack",
        ),
    ];
    let own = meant.into_iter().filter(|(holds, ..)| *holds);
    own.fold(resource, |resource, (_, finding, why)| resource.excuse("parliament", finding, why))
}

/// What the templates hold: types, and words for properties that need more.
fn kinds(made: &Template) -> BTreeSet<&str> {
    let own = made.resources.values().map(|resource| resource.kind.as_str());
    let properties = ["Layers", "VpcConfig"].into_iter().filter(|property| {
        made.resources
            .values()
            .any(|resource| resource.kind == "AWS::Lambda::Function" && resource.properties.contains_key(*property))
    });
    let parameters = made.parameters.values().filter_map(|parameter| parameter["Type"].as_str());
    own.chain(properties).chain(parameters.filter(|kind| kind.starts_with("AWS::SSM::"))).collect()
}

/// The deploy role's statements, a row of [`ROWS`] each.
fn statements(site: &Site<'_>, templates: &[(&Stack, Template)]) -> Vec<Statement> {
    ROWS.iter().filter_map(|row| statement(row, site, templates)).collect()
}

fn statement(row: &Row, site: &Site<'_>, templates: &[(&Stack, Template)]) -> Option<Statement> {
    let needs = |made: &Template| row.kinds.is_empty() || kinds(made).iter().any(|kind| row.kinds.contains(kind));
    let here: Vec<_> = templates.iter().filter(|(_, made)| needs(made)).collect();
    let mut resources: Vec<Value> = Vec::new();
    for pattern in row.on {
        for (stack, made) in &here {
            for arn in arns(pattern, row, site, stack, made) {
                if !resources.contains(&arn) {
                    resources.push(arn);
                }
            }
        }
    }
    if resources.is_empty() {
        return None;
    }
    let statement = Statement::allow(row.direct.iter().chain(row.handlers).copied(), resources).called(row.name);
    Some(match row.when {
        When::Always => statement,
        When::Bounded => statement.when(json!({ "ArnEquals": { "iam:PermissionsBoundary": reference("Boundary") } })),
        When::Passed => {
            let services = ["lambda.amazonaws.com", "pipes.amazonaws.com", "scheduler.amazonaws.com"];
            statement.when(json!({ "StringEquals": { "iam:PassedToService": services } }))
        }
        When::OwnFunction => {
            let own = arns_of(&["lambda:{R}:{A}:function:{N}-*"], row, site, &here);
            statement.when(json!({ "ArnLike": { "lambda:FunctionArn": own } }))
        }
    })
}

fn arns_of(patterns: &[&str], row: &Row, site: &Site<'_>, here: &[&(&Stack, Template)]) -> Vec<Value> {
    let one = |pattern: &&str| -> Vec<Value> {
        here.iter().flat_map(|(stack, made)| arns(pattern, row, site, stack, made)).collect()
    };
    patterns.iter().flat_map(one).collect()
}

/// What a pattern of a row means for one stack.
fn arns(pattern: &str, row: &Row, site: &Site<'_>, stack: &Stack, made: &Template) -> Vec<Value> {
    if pattern == "*" {
        return vec![json!("*")];
    }
    let (prefix, stage) = (stack.prefix(), &stack.stage);
    let path = format!("{}/{stage}", stack.file.stack.value);
    let filled = pattern
        .replace("{B}", &format!("deployer-{{A}}-{}", site.region))
        .replace("{N}", &prefix)
        .replace("{S}", &path)
        .replace("{R}", site.region)
        .replace("{A}", "${AWS::AccountId}");
    let whole = |text: String| match text.starts_with("arn:") {
        true => text,
        false => format!("arn:${{AWS::Partition}}:{text}"),
    };
    let arn = |text: String| match text.contains("${") {
        true => sub(text),
        false => json!(text),
    };
    let Some((before, rest)) = filled.split_once("{=") else { return vec![arn(whole(filled))] };
    let (property, after) = rest.split_once('}').unwrap_or((rest, ""));
    let explicit = explicit(property, row, made)
        .into_iter()
        .filter(|name| !name.contains(&prefix) && !name.starts_with(&path) && !name.starts_with("${"));
    explicit.map(|name| arn(whole(format!("{before}{name}{after}")))).collect()
}

/// The texts that a property has, wherever the row's types have it.
fn explicit(property: &str, row: &Row, made: &Template) -> Vec<String> {
    let text = |value: &Value| value.as_str().or_else(|| value["Fn::Sub"].as_str()).map(str::to_owned);
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect::<Vec<_>>(),
    };
    let is_of =
        |kind: &str| row.kinds.contains(&kind) || (kind == "AWS::Lambda::Function" && row.kinds.contains(&property));
    let resources = made.resources.values().filter(|resource| is_of(&resource.kind));
    let own = resources.filter_map(|resource| resource.properties.get(property));
    let parameters = made.parameters.values();
    let parameters = parameters
        .filter(|parameter| parameter["Type"].as_str().is_some_and(is_of))
        .map(|parameter| &parameter[property]);
    own.chain(parameters).flat_map(texts).collect()
}

/// Statements in as few managed policies as take them, in order.
fn packed(statements: &[Statement]) -> Result<Vec<Vec<Statement>>, String> {
    let mut policies: Vec<Vec<Statement>> = Vec::new();
    for statement in statements {
        let length = |statements: &[Statement]| length(&document(statements));
        let fits = policies
            .last()
            .is_some_and(|last| length(&[last.as_slice(), std::slice::from_ref(statement)].concat()) <= LONGEST_POLICY);
        match (fits, policies.last_mut()) {
            (true, Some(last)) => last.push(statement.clone()),
            _ if length(std::slice::from_ref(statement)) > LONGEST_POLICY => {
                let name = statement.sid.unwrap_or_default();
                return Err(format!(
                    "the statement {name} of the deploy role is longer than {LONGEST_POLICY} characters"
                ));
            }
            _ => policies.push(vec![statement.clone()]),
        }
    }
    match policies.len() > MOST_POLICIES {
        true => Err(format!("the deploy role would have {} policies, and {MOST_POLICIES} are allowed", policies.len())),
        false => Ok(policies),
    }
}

/// Characters of a policy as IAM counts them: without white space, pseudo parameters as long as they get.
fn length(document: &Value) -> usize {
    let text = document.to_string();
    let text = text
        .replace("{\"Fn::Sub\":", "")
        .replace("${AWS::AccountId}", "000000000000")
        .replace("${AWS::Partition}", "aws-us-gov");
    text.chars().filter(|letter| !letter.is_whitespace()).count()
}
