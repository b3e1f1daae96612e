//! Statements of functions' resource policies: those that permissions made, and those that nobody declared.

use super::super::kinds::{self, Wanted};
use super::super::lambda::ALIAS;
use super::super::{AwsError, Explain};
use super::{PERMISSION, object, optional, own_id, qualified, short, text};
use crate::ids::LogicalId;
use crate::state::{Known, Properties, Stranger};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Statements of a resource policy by their ids.
pub(super) type Statements = BTreeMap<String, Value>;

/// The policies on these functions, bare and on the alias, and those that the permissions stand in, by function and
/// qualifier.
pub(super) async fn policies(
    client: &Client,
    permissions: &[&Wanted],
    functions: &[(&LogicalId, &str)],
) -> BTreeMap<String, Result<Statements, AwsError>> {
    let named = permissions.iter().filter_map(|wanted| optional(&wanted.declared, "FunctionName"));
    let all = functions.iter().flat_map(|(_, name)| [(*name).to_owned(), format!("{name}:{}", ALIAS)]);
    let targets: BTreeSet<String> = named.map(short).chain(all).collect();
    futures::stream::iter(targets)
        .map(|target| async move {
            let statements = statements(client, &target).await;
            (target, statements)
        })
        .buffer_unordered(kinds::SIDE_BY_SIDE)
        .collect()
        .await
}

pub(super) fn permission_of(
    wanted: &Wanted,
    policies: &BTreeMap<String, Result<Statements, AwsError>>,
) -> Result<Known<Properties>, AwsError> {
    let function = short(text(&wanted.declared, "FunctionName")?);
    let statements = match policies.get(&function) {
        Some(statements) => statements.as_ref().map_err(Clone::clone)?,
        None => return Ok(Known::Absent),
    };
    let found = statements.get(own_id(&wanted.physical_id)).map(|statement| permission(&function, statement));
    Ok(found.map_or(Known::Absent, Known::Present))
}

pub(super) fn strange_statements<'a>(
    owner: &'a LogicalId,
    function: &'a str,
    policies: &'a BTreeMap<String, Result<Statements, AwsError>>,
    own: &'a [&'a str],
) -> impl Iterator<Item = Stranger> {
    let alias = format!("{function}:{}", ALIAS);
    let of = |target: &str| policies.get(target).and_then(|statements| statements.as_ref().ok());
    let aliased = of(&alias);
    let bare = of(function).into_iter().flatten();
    // Some answers about the function hold the statements on its alias as well.
    let bare = bare.filter(move |(id, _)| aliased.is_none_or(|aliased| !aliased.contains_key(*id)));
    let bare = bare.map(|(id, statement)| (function.to_owned(), id, statement));
    let aliased = aliased.into_iter().flatten().map(move |(id, statement)| (alias.clone(), id, statement));
    bare.chain(aliased).filter(|(_, id, _)| !own.contains(&id.as_str())).map(|(target, id, statement)| {
        let mut properties = permission(&target, statement);
        properties.retain(|_, value| !value.is_null());
        Stranger { owner: owner.clone(), kind: PERMISSION.to_owned(), identifier: id.clone(), properties }
    })
}

/// The statements of a function's resource policy by their ids. `function` is a name or an ARN, with or without qualifier.
pub(super) async fn statements(client: &Client, function: &str) -> Result<Statements, AwsError> {
    let (name, qualifier) = qualified(function);
    let call = client.get_policy().function_name(name).set_qualifier(qualifier.map(str::to_owned));
    let policy = match call.send().await.explain("lambda:GetPolicy") {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(error) if error.is_missing() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default().into_iter();
    Ok(statements.filter_map(|statement| Some((statement["Sid"].as_str()?.to_owned(), statement))).collect())
}

/// A statement in the shape of `AWS::Lambda::Permission`.
pub(super) fn permission(function: &str, statement: &Value) -> Properties {
    let condition = |key: &str| {
        let operators = statement["Condition"].as_object().into_iter().flat_map(Map::values);
        let mut values = operators.filter_map(Value::as_object).flatten();
        values.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.clone())
    };
    let principal = match &statement["Principal"] {
        Value::Object(principal) => principal.values().next().cloned().unwrap_or_default(),
        other => other.clone(),
    };
    let value = json!({
        "Action": statement["Action"],
        "FunctionName": function,
        "Principal": principal,
        "SourceArn": condition("AWS:SourceArn"),
        "SourceAccount": condition("AWS:SourceAccount"),
        "PrincipalOrgID": condition("aws:PrincipalOrgID"),
        "EventSourceToken": condition("lambda:EventSourceToken"),
        "FunctionUrlAuthType": condition("lambda:FunctionUrlAuthType"),
    });
    object(value)
}

pub(super) async fn put_permission(client: &Client, physical_id: &str, desired: &Properties) -> Result<(), AwsError> {
    let id = own_id(physical_id);
    let (name, qualifier) = qualified(text(desired, "FunctionName")?);
    remove_permission(client, name, qualifier, id).await?;
    let auth = optional(desired, "FunctionUrlAuthType").map(FunctionUrlAuthType::from);
    let call = client
        .add_permission()
        .function_name(name)
        .set_qualifier(qualifier.map(str::to_owned))
        .statement_id(id)
        .action(text(desired, "Action")?)
        .principal(text(desired, "Principal")?)
        .set_source_arn(optional(desired, "SourceArn").map(str::to_owned))
        .set_source_account(optional(desired, "SourceAccount").map(str::to_owned))
        .set_principal_org_id(optional(desired, "PrincipalOrgID").map(str::to_owned))
        .set_event_source_token(optional(desired, "EventSourceToken").map(str::to_owned))
        .set_invoked_via_function_url(desired.get("InvokedViaFunctionUrl").and_then(Value::as_bool))
        .set_function_url_auth_type(auth);
    call.send().await.explain("lambda:AddPermission").map(drop)
}

pub(super) async fn remove_permission(
    client: &Client,
    name: &str,
    qualifier: Option<&str>,
    id: &str,
) -> Result<(), AwsError> {
    let call =
        client.remove_permission().function_name(name).set_qualifier(qualifier.map(str::to_owned)).statement_id(id);
    match call.send().await.explain("lambda:RemovePermission") {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}
