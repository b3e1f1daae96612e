//! What IAM says of a role beside its policies: when what it allows was last used, and what it would allow.

use super::kinds::SIDE_BY_SIDE;
use super::{AwsError, Explain};
use crate::iam::last_accessed::{Service, Services};
use crate::iam::simulation::Question;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    AccessAdvisorUsageGranularityType, ContextEntry, ContextKeyTypeEnum, JobStatusType, PolicyEvaluationDecisionType,
};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::time::Duration;

/// How often the report is asked for before it counts as not coming. It takes seconds as a rule.
const LOOKS: u32 = 60;

/// When the role at `arn` called which service, and which action where IAM keeps count of actions.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html> (read 2026-11).
///
/// # Errors
/// Also when IAM gives up the report, or does not finish it.
pub(crate) async fn last_accessed(client: &Client, arn: &str) -> Result<Services, AwsError> {
    let call = client.generate_service_last_accessed_details().arn(arn);
    let call = call.granularity(AccessAdvisorUsageGranularityType::ActionLevel);
    let job = call.send().await.explain("iam:GenerateServiceLastAccessedDetails")?.job_id.unwrap_or_default();
    let mut found = Services::new();
    let (mut marker, mut looks) = (None, 0);
    loop {
        let call = client.get_service_last_accessed_details().job_id(&job).set_marker(marker.clone());
        let answer = call.send().await.explain("iam:GetServiceLastAccessedDetails")?;
        match answer.job_status {
            JobStatusType::Completed => {}
            JobStatusType::InProgress if looks < LOOKS => {
                looks += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            status => {
                let why = answer.error.map(|error| error.message).unwrap_or_default();
                return Err(AwsError::unable(format!("IAM's report on {arn} ended as {}: {why}", status.as_str())));
            }
        }
        for service in answer.services_last_accessed {
            let actions = service.tracked_actions_last_accessed.unwrap_or_default().into_iter();
            let actions =
                actions.filter_map(|action| Some((action.action_name?, action.last_accessed_time.and_then(time))));
            let last = service.last_authenticated.and_then(time);
            found.insert(service.service_namespace, Service { last, actions: actions.collect() });
        }
        marker = answer.marker.filter(|_| answer.is_truncated);
        if marker.is_none() {
            // AWS names every service that the role may call, called or not.
            return match found.is_empty() {
                true => Err(AwsError::unable(format!("IAM's report on {arn} names no service"))),
                false => Ok(found),
            };
        }
    }
}

fn time(at: aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

/// ARN of a role, and when it was made.
pub(crate) async fn role(client: &Client, name: &str) -> Result<(String, Option<Timestamp>), AwsError> {
    let role = client.get_role().role_name(name).send().await.explain("iam:GetRole")?.role;
    Ok(role.map_or((String::new(), None), |role| (role.arn, time(role.create_date))))
}

/// Whether the role would be allowed what is asked, in the order of the questions. Resource policies are left aside: they are
/// not the role's.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html> (read 2026-11).
pub(crate) async fn simulate(client: &Client, arn: &str, questions: &[Question]) -> Result<Vec<bool>, AwsError> {
    let answers = questions.iter().map(|question| async move {
        let context = question.context.iter().map(|(key, value)| {
            let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
            entry.context_key_type(ContextKeyTypeEnum::String).build()
        });
        let call = client.simulate_principal_policy().policy_source_arn(arn).action_names(&question.action);
        let call = call.resource_arns(&question.resource).set_context_entries(Some(context.collect()));
        let answer = call.send().await.explain("iam:SimulatePrincipalPolicy")?;
        let found = answer.evaluation_results.unwrap_or_default().into_iter().next().map(|found| found.eval_decision);
        Ok(found == Some(PolicyEvaluationDecisionType::Allowed))
    });
    futures::stream::iter(answers).buffered(SIDE_BY_SIDE).try_collect().await
}
