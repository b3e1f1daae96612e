//! Executes a change set, follows the stack's events and names the first cause of a failure.

use super::StepError;
use super::event::Event;
use crate::aws::cloudformation::{self, StackEvent};
use crate::aws::{AwsError, Clients};
use crate::ids::{LogicalId, StackName};
use std::time::Duration;

/// How a followed operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The status it ended in.
    Complete,
    Gone,
    Failed {
        status: String,
        cause: String,
    },
}

/// Executes the change set `id` and waits for the end of it.
pub(crate) async fn execute(
    clients: &Clients,
    stack: &StackName,
    id: &str,
    tell: &impl Fn(Event),
) -> Result<(), StepError> {
    let client = &clients.cloudformation;
    let unchanged = |error: AwsError| unchanged(stack, &error);
    let newest = cloudformation::newest_event(client, stack.as_str()).await.map_err(unchanged)?;
    cloudformation::execute_change_set(client, stack, id).await.map_err(unchanged)?;
    match follow(clients, stack.as_str(), newest, tell).await {
        Ok(Followed::Complete) => Ok(()),
        Ok(Followed::Gone) => {
            Err(StepError { message: format!("stack {stack} disappeared"), now: "nothing is deployed".to_owned() })
        }
        Ok(Followed::Failed { status, cause }) => {
            let message = cloudformation::explained(client, stack, None, cause).await;
            Err(StepError { message, now: after(&status, stack) })
        }
        Err(error) => Err(StepError {
            message: error.to_string(),
            now: format!("CloudFormation goes on by itself with stack {stack}"),
        }),
    }
}

/// Goes on with a rollback that failed, and waits for the end of it.
pub(crate) async fn go_on_back(
    clients: &Clients,
    stack: &StackName,
    skip: &[LogicalId],
    tell: &impl Fn(Event),
) -> Result<(), StepError> {
    let client = &clients.cloudformation;
    let stays = |message: String| StepError { message, now: format!("stack {stack} is still stuck half-way back") };
    let newest =
        cloudformation::newest_event(client, stack.as_str()).await.map_err(|error| stays(error.to_string()))?;
    cloudformation::continue_rollback(client, stack, skip).await.map_err(|error| stays(error.to_string()))?;
    match follow(clients, stack.as_str(), newest, tell).await {
        // The end of a rollback is no `_COMPLETE` of a change.
        Ok(Followed::Failed { status, .. }) if status == "UPDATE_ROLLBACK_COMPLETE" => Ok(()),
        Ok(Followed::Complete | Followed::Gone) => Ok(()),
        Ok(Followed::Failed { cause, .. }) => Err(stays(cause)),
        Err(error) => Err(stays(error.to_string())),
    }
}

/// The stack's change never began: somebody else was faster, or CloudFormation refused it.
pub(super) fn unchanged(stack: &StackName, error: &AwsError) -> StepError {
    let late = ["AlreadyExistsException", "InvalidChangeSetStatus", "ChangeSetNotFound"].contains(&error.code.as_str());
    let message = match late {
        true => format!("another deployment changed stack {stack} since this plan was made"),
        false => error.to_string(),
    };
    StepError { message, now: format!("this deployment changed nothing in stack {stack}") }
}

/// What a final status means.
fn after(status: &str, stack: &StackName) -> String {
    match status {
        "UPDATE_ROLLBACK_COMPLETE" => format!("CloudFormation put stack {stack} back to where it was"),
        "ROLLBACK_COMPLETE" => {
            format!("CloudFormation removed what it had made; stack {stack} stands empty in {status}")
        }
        _ => format!("stack {stack} is in {status}"),
    }
}

/// Tells every event until the stack is at rest. `stack` is a name, or the ARN where the stack is to be deleted.
pub(crate) async fn follow(
    clients: &Clients,
    stack: &str,
    mut newest: Option<String>,
    tell: &impl Fn(Event),
) -> Result<Followed, AwsError> {
    let client = &clients.cloudformation;
    let mut seen: Vec<StackEvent> = Vec::new();
    let mut wait = Duration::from_millis(100);
    loop {
        let status = cloudformation::status(client, stack).await?;
        let events = cloudformation::events(client, stack, newest.as_deref()).await?;
        if let Some(last) = events.last() {
            newest = Some(last.id.clone());
            wait = Duration::from_millis(100);
        }
        for (index, event) in events.iter().enumerate() {
            // What was overtaken before anybody looked is no news.
            let is_overtaken = events[index + 1..].iter().any(|later| later.logical_id == event.logical_id);
            if is_overtaken && !event.status.ends_with("_FAILED") {
                continue;
            }
            tell(Event::Resource {
                logical_id: event.logical_id.clone(),
                kind: event.kind.clone(),
                status: event.status.clone(),
                reason: event.reason.clone(),
            });
        }
        seen.extend(events);
        match status.as_deref() {
            None | Some("DELETE_COMPLETE") => return Ok(Followed::Gone),
            Some("CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE") => return Ok(Followed::Complete),
            Some(status) if !status.ends_with("_IN_PROGRESS") => {
                return Ok(Followed::Failed { status: status.to_owned(), cause: first_cause(&seen) });
            }
            // UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: the update stands, the old resources are being removed.
            Some(_) => {}
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(3));
    }
}

/// The first resource that failed by itself; the others were only cancelled because of it.
fn first_cause(events: &[StackEvent]) -> String {
    let failed = events.iter().filter(|event| event.status.ends_with("_FAILED"));
    let own = failed.clone().find(|event| {
        let reason = event.reason.as_deref().unwrap_or_default();
        event.kind != "AWS::CloudFormation::Stack" && !reason.contains("cancelled") && !reason.is_empty()
    });
    match own.or_else(|| failed.clone().next()) {
        Some(event) => {
            let reason = event.reason.as_deref().unwrap_or("no reason given");
            format!("{} ({}) failed: {reason}", event.logical_id, event.kind)
        }
        None => events
            .iter()
            .rev()
            .find_map(|event| event.reason.clone())
            .unwrap_or_else(|| "CloudFormation gave no reason".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_is_not_one_that_was_only_cancelled() {
        let event = |id: &str, kind: &str, status: &str, reason: &str| StackEvent {
            id: id.to_owned(),
            logical_id: id.to_owned(),
            physical_id: String::new(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
        };
        let events = [
            event("shop", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("B", "AWS::SQS::Queue", "CREATE_FAILED", "Resource creation cancelled"),
            event("A", "AWS::S3::Bucket", "CREATE_FAILED", "x already exists"),
            event(
                "shop",
                "AWS::CloudFormation::Stack",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed to create: [A, B].",
            ),
        ];
        assert_eq!(first_cause(&events), "A (AWS::S3::Bucket) failed: x already exists");
    }
}
