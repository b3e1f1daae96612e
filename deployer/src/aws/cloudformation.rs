//! CloudFormation: what is deployed, change sets, events.

use super::kinds::Reading;
use super::{AwsError, Explain};
use crate::cfn::Template;
use crate::change_set::{ChangeSet, Made, ResourceChange};
use crate::ids::{LogicalId, PhysicalId, StackName};
use crate::state::{Deployed, DeployedResource, Known, Properties};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, ChangeSetType, DeploymentMode, Parameter, Tag};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::time::Duration;

/// One line of a stack's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackEvent {
    pub(crate) id: String,
    pub(crate) logical_id: String,
    pub(crate) physical_id: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

/// A parameter's value in a change set; `None` keeps the deployed one.
pub(crate) type Parameters = BTreeMap<String, Option<String>>;

/// Where CloudFormation reads the template from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    Url(String),
}

/// The stack with template and resources, `Absent` when there is none.
pub(crate) async fn read(client: &Client, stack: &StackName) -> Result<Known<Deployed>, AwsError> {
    let answer =
        match client.describe_stacks().stack_name(stack.as_str()).send().await.explain("cloudformation:DescribeStacks")
        {
            Ok(answer) => answer,
            Err(error) if error.is_missing() => return Ok(Known::Absent),
            Err(error) => return Err(error),
        };
    let Some(found) = answer.stacks.unwrap_or_default().into_iter().next() else { return Ok(Known::Absent) };
    let status = found.stack_status.as_ref().map_or_else(String::new, |status| status.as_str().to_owned());
    if status == "DELETE_COMPLETE" {
        return Ok(Known::Absent);
    }
    let (template, resources) = if status == "REVIEW_IN_PROGRESS" {
        (Template::default(), IndexMap::new())
    } else {
        futures::future::try_join(template(client, stack), resources(client, stack)).await?
    };
    let parameters = found.parameters.unwrap_or_default();
    let pair = |parameter: &Parameter| Some((parameter.parameter_key.clone()?, parameter.parameter_value.clone()?));
    let resolved = |parameter: &Parameter| Some((parameter.parameter_key.clone()?, parameter.resolved_value.clone()?));
    Ok(Known::Present(Deployed {
        id: found.stack_id.unwrap_or_default(),
        status,
        status_reason: found.stack_status_reason,
        protected: found.enable_termination_protection.unwrap_or_default(),
        template,
        resolved: parameters.iter().filter_map(resolved).collect(),
        parameters: parameters.iter().filter_map(pair).collect(),
        outputs: found
            .outputs
            .unwrap_or_default()
            .into_iter()
            .filter_map(|output| Some((output.output_key?, output.output_value?)))
            .collect(),
        resources,
    }))
}

async fn template(client: &Client, stack: &StackName) -> Result<Template, AwsError> {
    let action = "cloudformation:GetTemplate";
    let answer = client.get_template().stack_name(stack.as_str()).send().await.explain(action)?;
    let body = answer.template_body.unwrap_or_default();
    serde_json::from_str(&body).map_err(|error| AwsError {
        action,
        code: "NotOurTemplate".to_owned(),
        message: format!("the deployed template is not one that this tool wrote ({error})"),
        request_id: None,
    })
}

/// What the stack made, by logical id.
pub(crate) async fn resources(
    client: &Client,
    stack: &StackName,
) -> Result<IndexMap<LogicalId, DeployedResource>, AwsError> {
    let mut found = IndexMap::new();
    let mut pages = client.list_stack_resources().stack_name(stack.as_str()).into_paginator().send();
    while let Some(page) = pages.next().await {
        for summary in page.explain("cloudformation:ListStackResources")?.stack_resource_summaries.unwrap_or_default() {
            let status = summary.resource_status.map_or_else(String::new, |status| status.as_str().to_owned());
            if status == "DELETE_COMPLETE" {
                continue;
            }
            found.insert(
                LogicalId::new(summary.logical_resource_id.unwrap_or_default()),
                DeployedResource {
                    kind: summary.resource_type.unwrap_or_default(),
                    physical_id: PhysicalId::new(summary.physical_resource_id.unwrap_or_default()),
                    status,
                },
            );
        }
    }
    Ok(found)
}

/// Every export of the region.
pub(crate) async fn exports(client: &Client) -> Result<BTreeMap<String, String>, AwsError> {
    let mut found = BTreeMap::new();
    let mut pages = client.list_exports().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.explain("cloudformation:ListExports")?;
        found.extend(
            page.exports.unwrap_or_default().into_iter().filter_map(|export| Some((export.name?, export.value?))),
        );
    }
    Ok(found)
}

/// What is live of these resources, by drift detection. Only what the template declares is looked at; types that know no
/// drift detection are left out.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html> (read 2026-11).
pub(crate) async fn drifts(client: &Client, stack: &StackName, ids: &[&LogicalId]) -> Vec<Reading> {
    let failed = |error: AwsError| ids.iter().map(|id| ((*id).clone(), Err(error.clone()))).collect();
    match detected(client, stack, ids).await {
        Ok(found) => found,
        Err(error) => failed(error),
    }
}

async fn detected(client: &Client, stack: &StackName, ids: &[&LogicalId]) -> Result<Vec<Reading>, AwsError> {
    let names = ids.iter().map(ToString::to_string).collect();
    let call = client.detect_stack_drift().stack_name(stack.as_str()).set_logical_resource_ids(Some(names));
    let detection = call.send().await.explain("cloudformation:DetectStackDrift")?.stack_drift_detection_id;
    let action = "cloudformation:DescribeStackDriftDetectionStatus";
    let mut wait = Duration::from_millis(100);
    loop {
        let call = client.describe_stack_drift_detection_status();
        let answer = call.set_stack_drift_detection_id(detection.clone()).send().await.explain(action)?;
        match answer.detection_status.as_ref().map(|status| status.as_str()) {
            Some("DETECTION_IN_PROGRESS") => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(3));
            }
            // A detection that failed for one resource tells the others all the same.
            _ => break,
        }
    }
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let call = client.describe_stack_resource_drifts().stack_name(stack.as_str()).set_next_token(next);
        let answer = call.send().await.explain("cloudformation:DescribeStackResourceDrifts")?;
        for drift in answer.stack_resource_drifts.unwrap_or_default() {
            let id = LogicalId::new(drift.logical_resource_id.unwrap_or_default());
            if !ids.contains(&&id) {
                continue;
            }
            let properties = |text: Option<String>| {
                serde_json::from_str::<Properties>(&text.unwrap_or_default()).unwrap_or_default()
            };
            match drift.stack_resource_drift_status.as_ref().map(|status| status.as_str()) {
                Some("DELETED") => found.push((id, Ok(Known::Absent))),
                Some("IN_SYNC" | "MODIFIED") => {
                    // What is expected and not actual is gone: looked for, and not there.
                    let mut live = properties(drift.actual_properties);
                    for (key, _) in properties(drift.expected_properties) {
                        live.entry(key).or_insert(serde_json::Value::Null);
                    }
                    // Tags of the stack come and go with it; strangers' tags are left alone by CloudFormation.
                    live.remove("Tags");
                    found.push((id, Ok(Known::Present(live))));
                }
                _ => {}
            }
        }
        next = answer.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The stack that something belongs to, by what its service calls it.
///
/// # Errors
/// When CloudFormation does not say whose it is.
pub(crate) async fn owner(client: &Client, physical_id: &str) -> Result<Option<String>, AwsError> {
    let call = client.describe_stack_resources().physical_resource_id(physical_id);
    let answer = match call.send().await.explain("cloudformation:DescribeStackResources") {
        Ok(answer) => answer,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(answer.stack_resources.unwrap_or_default().into_iter().find_map(|resource| {
        (resource.physical_resource_id.as_deref() == Some(physical_id)).then_some(resource.stack_name)?
    }))
}

/// What a change set is made from.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) stack: &'a StackName,
    pub(crate) name: &'a str,
    pub(crate) body: Body,
    pub(crate) parameters: &'a Parameters,
    pub(crate) tags: &'a [(String, String)],
    /// The stack does not exist yet.
    pub(crate) create: bool,
    /// Resources that exist under the names that the template gives become part of the stack.
    pub(crate) import_existing: bool,
    /// CloudFormation compares with what is live, and puts that back.
    pub(crate) revert_drift: bool,
}

/// Makes a change set and waits until CloudFormation has worked it out. Nothing is changed yet.
///
/// # Errors
/// When CloudFormation refuses the template or cannot compute the change set; "no changes" is `Made::Nothing`.
pub(crate) async fn create_change_set(client: &Client, request: Request<'_>) -> Result<Made, AwsError> {
    let parameters = request.parameters.iter().map(|(key, value)| {
        let parameter = Parameter::builder().parameter_key(key);
        match value {
            Some(value) => parameter.parameter_value(value).build(),
            None => parameter.use_previous_value(true).build(),
        }
    });
    let tags = request.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let kind = if request.create { ChangeSetType::Create } else { ChangeSetType::Update };
    let call = client
        .create_change_set()
        .stack_name(request.stack.as_str())
        .change_set_name(request.name)
        .change_set_type(kind)
        .capabilities(Capability::CapabilityNamedIam)
        .set_deployment_mode(request.revert_drift.then_some(DeploymentMode::RevertDrift))
        .set_import_existing_resources(request.import_existing.then_some(true))
        .set_parameters(Some(parameters.collect()))
        .set_tags(Some(tags.collect()));
    let call = match &request.body {
        Body::Text(text) => call.template_body(text),
        Body::Url(url) => call.template_url(url),
    };
    let action = "cloudformation:CreateChangeSet";
    match call.send().await.explain(action) {
        // An answer that was lost on the way: the SDK asked again and met its own first try. No name is used twice.
        Err(error) if error.code == "AlreadyExistsException" => {
            describe_change_set(client, request.stack, request.name).await.map_err(|_| error)?;
        }
        answer => drop(answer?),
    }
    let mut wait = Duration::from_millis(100);
    loop {
        let changes = describe_change_set(client, request.stack, request.name).await?;
        match changes {
            Described::Pending => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(3));
            }
            Described::Ready(changes) => return Ok(Made::Changes(changes)),
            Described::Failed(reason) if says_no_changes(&reason) => {
                delete_change_set(client, request.stack, request.name).await?;
                return Ok(Made::Nothing);
            }
            Described::Failed(reason) => {
                let message = explained(client, request.stack, Some(request.name), reason).await;
                delete_change_set(client, request.stack, request.name).await?;
                return Err(AwsError { action, code: "ChangeSetFailed".to_owned(), message, request_id: None });
            }
        }
    }
}

/// What CloudFormation's validation found, where `reason` only says where to ask for it; else `reason`.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html> (read 2026-11).
pub(crate) async fn explained(client: &Client, stack: &StackName, change_set: Option<&str>, reason: String) -> String {
    if !reason.contains("DescribeEvents") {
        return reason;
    }
    let call = client.describe_events().stack_name(stack.as_str()).set_change_set_name(change_set.map(str::to_owned));
    let Ok(answer) = call.send().await else { return reason };
    let found = answer.operation_events.unwrap_or_default().into_iter().filter_map(|event| {
        let why = event.validation_status_reason?;
        Some(format!("{}: {}", event.logical_resource_id.unwrap_or_default(), why.trim_end_matches('.')))
    });
    let found: Vec<String> = found.collect();
    match (found.is_empty(), found.join("; ")) {
        (true, _) => reason,
        (false, text) if text.contains("already exists") => {
            format!("{text}; delete it, choose another `name:`, or take over what has a `name:` with --import-existing")
        }
        (false, text) => text,
    }
}

/// The two ways in which CloudFormation says so.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-create.html> (read 2026-11).
fn says_no_changes(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

enum Described {
    Pending,
    Ready(ChangeSet),
    Failed(String),
}

async fn describe_change_set(client: &Client, stack: &StackName, name: &str) -> Result<Described, AwsError> {
    let mut changes = Vec::new();
    let mut token = None;
    loop {
        let answer = client
            .describe_change_set()
            .stack_name(stack.as_str())
            .change_set_name(name)
            .include_property_values(true)
            .set_next_token(token)
            .send()
            .await
            .explain("cloudformation:DescribeChangeSet")?;
        match answer.status {
            Some(ChangeSetStatus::CreateComplete) => {}
            Some(ChangeSetStatus::Failed) => return Ok(Described::Failed(answer.status_reason.unwrap_or_default())),
            _ => return Ok(Described::Pending),
        }
        for change in answer.changes.unwrap_or_default() {
            let Some(change) = change.resource_change else { continue };
            changes.push(ResourceChange {
                logical_id: LogicalId::new(change.logical_resource_id.unwrap_or_default()),
                kind: change.resource_type.unwrap_or_default(),
                action: change.action.map_or_else(String::new, |action| action.as_str().to_owned()),
                replacement: change.replacement.map_or_else(String::new, |verdict| verdict.as_str().to_owned()),
            });
        }
        token = answer.next_token;
        if token.is_none() {
            let id = answer.change_set_id.unwrap_or_default();
            return Ok(Described::Ready(ChangeSet { id, name: name.to_owned(), changes }));
        }
    }
}

/// Names of the change sets that wait to be executed, or that could not be made.
pub(crate) async fn change_sets(client: &Client, stack: &StackName) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client.list_change_sets().stack_name(stack.as_str()).into_paginator().send();
    while let Some(page) = pages.next().await {
        let summaries = page.explain("cloudformation:ListChangeSets")?.summaries.unwrap_or_default();
        let waiting = summaries.into_iter().filter(|summary| {
            let status = summary.execution_status.as_ref().map(|status| status.as_str());
            matches!(status, Some("AVAILABLE" | "UNAVAILABLE" | "OBSOLETE"))
        });
        found.extend(waiting.filter_map(|summary| summary.change_set_name));
    }
    Ok(found)
}

pub(crate) async fn delete_change_set(client: &Client, stack: &StackName, name: &str) -> Result<(), AwsError> {
    let call = client.delete_change_set().stack_name(stack.as_str()).change_set_name(name);
    match call.send().await.explain("cloudformation:DeleteChangeSet") {
        // Another deployment's update has taken it away.
        Err(error) if error.code == "ChangeSetNotFound" => Ok(()),
        answer => answer.map(drop),
    }
}

/// Starts what the change set describes. A failed update is rolled back by CloudFormation itself.
pub(crate) async fn execute_change_set(client: &Client, stack: &StackName, id: &str) -> Result<(), AwsError> {
    let call = client.execute_change_set().stack_name(stack.as_str()).change_set_name(id).disable_rollback(false);
    let Err(error) = call.send().await.explain("cloudformation:ExecuteChangeSet") else { return Ok(()) };
    // Refused because it is under way: the answer to the first try was lost.
    let call = client.describe_change_set().stack_name(stack.as_str()).change_set_name(id);
    let found = call.send().await.ok().and_then(|found| found.execution_status);
    match found.as_ref().map(|status| status.as_str()) {
        Some("EXECUTE_IN_PROGRESS" | "EXECUTE_COMPLETE") => Ok(()),
        _ => Err(error),
    }
}

/// Goes on with a rollback that failed; `skip` is left as it is.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html> (read 2026-11).
pub(crate) async fn continue_rollback(client: &Client, stack: &StackName, skip: &[LogicalId]) -> Result<(), AwsError> {
    // An empty list is refused.
    let skip = (!skip.is_empty()).then(|| skip.iter().map(ToString::to_string).collect());
    let call = client.continue_update_rollback().stack_name(stack.as_str()).set_resources_to_skip(skip);
    call.send().await.explain("cloudformation:ContinueUpdateRollback").map(drop)
}

pub(crate) async fn set_termination_protection(client: &Client, stack: &StackName, on: bool) -> Result<(), AwsError> {
    let call = client.update_termination_protection().stack_name(stack.as_str()).enable_termination_protection(on);
    call.send().await.explain("cloudformation:UpdateTerminationProtection").map(drop)
}

pub(crate) async fn delete_stack(client: &Client, stack_id: &str) -> Result<(), AwsError> {
    client.delete_stack().stack_name(stack_id).send().await.explain("cloudformation:DeleteStack").map(drop)
}

/// `UPDATE_COMPLETE` and the like; `None` when the stack is gone.
pub(crate) async fn status(client: &Client, stack: &str) -> Result<Option<String>, AwsError> {
    let answer = match client.describe_stacks().stack_name(stack).send().await.explain("cloudformation:DescribeStacks")
    {
        Ok(answer) => answer,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    let stack = answer.stacks.unwrap_or_default().into_iter().next();
    Ok(stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned()))
}

/// Outputs of the stack; empty when there is none.
pub(crate) async fn outputs(client: &Client, stack: &StackName) -> Result<BTreeMap<String, String>, AwsError> {
    let answer =
        client.describe_stacks().stack_name(stack.as_str()).send().await.explain("cloudformation:DescribeStacks")?;
    let outputs = answer.stacks.unwrap_or_default().into_iter().flat_map(|stack| stack.outputs.unwrap_or_default());
    Ok(outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect())
}

/// Events newer than `after`, oldest first; all of them when `after` is `None`.
pub(crate) async fn events(client: &Client, stack: &str, after: Option<&str>) -> Result<Vec<StackEvent>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client.describe_stack_events().stack_name(stack).into_paginator().send();
    'pages: while let Some(page) = pages.next().await {
        let page = match page.explain("cloudformation:DescribeStackEvents") {
            Ok(page) => page,
            Err(error) if error.is_missing() => break,
            Err(error) => return Err(error),
        };
        for event in page.stack_events.unwrap_or_default() {
            let id = event.event_id.unwrap_or_default();
            if Some(id.as_str()) == after {
                break 'pages;
            }
            found.push(StackEvent {
                id,
                logical_id: event.logical_resource_id.unwrap_or_default(),
                physical_id: event.physical_resource_id.unwrap_or_default(),
                kind: event.resource_type.unwrap_or_default(),
                status: event.resource_status.map_or_else(String::new, |status| status.as_str().to_owned()),
                reason: event.resource_status_reason,
            });
        }
    }
    found.reverse();
    Ok(found)
}

/// Id of the newest event, the point from which a change is followed.
pub(crate) async fn newest_event(client: &Client, stack: &str) -> Result<Option<String>, AwsError> {
    let answer =
        client.describe_stack_events().stack_name(stack).send().await.explain("cloudformation:DescribeStackEvents");
    match answer {
        Ok(answer) => Ok(answer.stack_events.unwrap_or_default().into_iter().next().and_then(|event| event.event_id)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_change_set_is_no_error() {
        assert!(says_no_changes(
            "The submitted information didn't contain changes. Submit different information to create a change set."
        ));
        assert!(says_no_changes("No updates are to be performed."));
        assert!(!says_no_changes("Template error: instance of Fn::GetAtt references undefined resource Queue"));
    }
}
