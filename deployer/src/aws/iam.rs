//! IAM: roles with their policies, as they are and as they ought to be.

use super::kinds::{self, Reading, Wanted};
use super::{AwsError, Explain};
use crate::state::{Known, Properties};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, RoleDetail};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// From this many roles on, one listing of the account's roles is cheaper than four calls for each.
const LISTED_FROM: usize = 12;

/// Roles by name, in the shape of `AWS::IAM::Role`, but `Policies` as a map from name to document.
pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    if wanted.len() >= LISTED_FROM
        && let Ok(listed) = listed(client).await
    {
        return wanted
            .into_iter()
            .map(|wanted| {
                let found = listed.get(&wanted.physical_id).cloned();
                (wanted.id.clone(), Ok(found.map_or(Known::Absent, Known::Present)))
            })
            .collect();
    }
    kinds::each(wanted, |wanted| one(client, &wanted.physical_id)).await
}

/// Every role of the account, in pages of a thousand.
async fn listed(client: &Client) -> Result<BTreeMap<String, Properties>, AwsError> {
    let mut found = BTreeMap::new();
    let mut pages =
        client.get_account_authorization_details().filter(EntityType::Role).max_items(1000).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.explain("iam:GetAccountAuthorizationDetails")?;
        for role in page.role_detail_list.unwrap_or_default() {
            found.insert(role.role_name.clone().unwrap_or_default(), detailed(role));
        }
    }
    Ok(found)
}

fn detailed(role: RoleDetail) -> Properties {
    let policies = role.role_policy_list.unwrap_or_default().into_iter();
    let policies = policies.filter_map(|policy| Some((policy.policy_name?, document(policy.policy_document?))));
    let managed = role.attached_managed_policies.unwrap_or_default();
    let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    properties(
        role.assume_role_policy_document,
        policies.collect(),
        managed.into_iter().filter_map(|policy| policy.policy_arn).collect(),
        boundary,
    )
}

async fn one(client: &Client, name: &str) -> Result<Known<Properties>, AwsError> {
    let role = async { client.get_role().role_name(name).send().await.explain("iam:GetRole") };
    let (role, policies, managed) = futures::join!(role, inline(client, name), attached(client, name));
    let role = match role {
        Ok(answer) => answer.role,
        Err(error) if error.is_missing() => return Ok(Known::Absent),
        Err(error) => return Err(error),
    };
    let Some(role) = role else { return Ok(Known::Absent) };
    let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    let mut found = properties(role.assume_role_policy_document, policies?, managed?, boundary);
    found.insert(
        "Description".to_owned(),
        role.description.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from),
    );
    found.insert("MaxSessionDuration".to_owned(), role.max_session_duration.map_or(Value::Null, Value::from));
    Ok(Known::Present(found))
}

fn properties(
    trust: Option<String>,
    policies: Map<String, Value>,
    managed: Vec<String>,
    boundary: Option<String>,
) -> Properties {
    let value = json!({
        "AssumeRolePolicyDocument": trust.map(document),
        "Policies": policies,
        "ManagedPolicyArns": managed,
        "PermissionsBoundary": boundary,
    });
    match value {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

/// Inline policies by name.
async fn inline(client: &Client, name: &str) -> Result<Map<String, Value>, AwsError> {
    let mut names = Vec::new();
    let mut pages = client.list_role_policies().role_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        names.extend(page.explain("iam:ListRolePolicies")?.policy_names);
    }
    let policies = names.into_iter().map(|policy| async move {
        let call = client.get_role_policy().role_name(name).policy_name(&policy);
        let answer = call.send().await.explain("iam:GetRolePolicy")?;
        Ok::<_, AwsError>((policy, document(answer.policy_document)))
    });
    Ok(futures::future::try_join_all(policies).await?.into_iter().collect())
}

/// ARNs of attached managed policies.
async fn attached(client: &Client, name: &str) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client.list_attached_role_policies().role_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let policies = page.explain("iam:ListAttachedRolePolicies")?.attached_policies.unwrap_or_default();
        found.extend(policies.into_iter().filter_map(|policy| policy.policy_arn));
    }
    Ok(found)
}

/// IAM returns documents URL-encoded. What is no JSON stays text.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html> (read 2026-11).
fn document(text: impl AsRef<str>) -> Value {
    let decoded = percent_decode_str(text.as_ref()).decode_utf8_lossy().into_owned();
    serde_json::from_str(&decoded).unwrap_or(Value::String(decoded))
}

/// Makes the role's trust, policies and boundary what `desired` says. A role that is gone is not made again: its unique id,
/// by which policies of others know it, would be another.
pub(crate) async fn put(client: &Client, role: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    let has = |name: &str| changed.iter().any(|property| property == name);
    if has("AssumeRolePolicyDocument")
        && let Some(trust) = desired.get("AssumeRolePolicyDocument").filter(|value| !value.is_null())
    {
        let call = client.update_assume_role_policy().role_name(role).policy_document(trust.to_string());
        call.send().await.explain("iam:UpdateAssumeRolePolicy")?;
    }
    if has("Policies") {
        put_inline(client, role, desired.get("Policies").and_then(Value::as_object)).await?;
    }
    if has("ManagedPolicyArns") {
        put_attached(client, role, desired.get("ManagedPolicyArns")).await?;
    }
    if has("PermissionsBoundary") {
        match desired.get("PermissionsBoundary").and_then(Value::as_str) {
            Some(arn) => {
                let call = client.put_role_permissions_boundary().role_name(role).permissions_boundary(arn);
                call.send().await.explain("iam:PutRolePermissionsBoundary").map(drop)?;
            }
            None => {
                let call = client.delete_role_permissions_boundary().role_name(role);
                match call.send().await.explain("iam:DeleteRolePermissionsBoundary") {
                    Err(error) if !error.is_missing() => return Err(error),
                    _ => {}
                }
            }
        }
    }
    if has("Description") || has("MaxSessionDuration") {
        let text = desired.get("Description").and_then(Value::as_str).unwrap_or_default();
        let longest =
            desired.get("MaxSessionDuration").and_then(Value::as_i64).and_then(|secs| i32::try_from(secs).ok());
        let call = client.update_role().role_name(role).description(text).set_max_session_duration(longest);
        call.send().await.explain("iam:UpdateRole")?;
    }
    Ok(())
}

async fn put_inline(client: &Client, role: &str, desired: Option<&Map<String, Value>>) -> Result<(), AwsError> {
    let live = inline(client, role).await?;
    for (policy, document) in desired.into_iter().flatten() {
        if live.get(policy) != Some(document) {
            let call =
                client.put_role_policy().role_name(role).policy_name(policy).policy_document(document.to_string());
            call.send().await.explain("iam:PutRolePolicy")?;
        }
    }
    for policy in live.keys().filter(|policy| desired.is_none_or(|desired| !desired.contains_key(*policy))) {
        let call = client.delete_role_policy().role_name(role).policy_name(policy);
        call.send().await.explain("iam:DeleteRolePolicy")?;
    }
    Ok(())
}

async fn put_attached(client: &Client, role: &str, desired: Option<&Value>) -> Result<(), AwsError> {
    let live = attached(client, role).await?;
    let desired: Vec<&str> =
        desired.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for arn in desired.iter().filter(|arn| !live.iter().any(|own| own == *arn)) {
        client.attach_role_policy().role_name(role).policy_arn(*arn).send().await.explain("iam:AttachRolePolicy")?;
    }
    for arn in live.iter().filter(|arn| !desired.contains(&arn.as_str())) {
        client.detach_role_policy().role_name(role).policy_arn(arn).send().await.explain("iam:DetachRolePolicy")?;
    }
    Ok(())
}
