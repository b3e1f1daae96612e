//! What hangs on a function: permissions, event source mappings, URLs, asynchronous invocation. Read, put right, and
//! searched for what nobody declared.

use super::kinds::{self, Reading, Wanted};
use super::{AwsError, Explain};
use crate::ids::LogicalId;
use crate::state::{Known, Properties, Stranger};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{
    Cors, DestinationConfig, EventSourceMappingConfiguration, Filter, FilterCriteria, FunctionResponseType,
    FunctionUrlAuthType, InvokeMode, OnFailure, OnSuccess, ScalingConfig,
};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const PERMISSION: &str = "AWS::Lambda::Permission";
pub(crate) const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const URL: &str = "AWS::Lambda::Url";
const ASYNC: &str = "AWS::Lambda::EventInvokeConfig";

pub(crate) const KINDS: [&str; 4] = [PERMISSION, MAPPING, URL, ASYNC];

/// What was found on functions: what was asked for, and what nobody declared.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) readings: Vec<Reading>,
    pub(crate) strangers: Vec<Stranger>,
    /// Why what nobody declared could not be looked for, by reason; empty when it could.
    pub(crate) unsearched: Vec<String>,
}

/// From this many functions on, one listing of the region's mappings is cheaper than two calls for each function.
const LISTED_FROM: usize = 4;

/// Reads `wanted`, and looks at every function of `functions` (logical id and name) for statements and mappings that are not
/// among them. Policies take one call per function and qualifier, whoever asks.
///
/// A search that is denied finds nothing and says so; what was asked for and could not be read is an error of its reading.
pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>, functions: &[(&LogicalId, &str)]) -> Found {
    let own: Vec<&str> = wanted.iter().map(|wanted| own_id(&wanted.physical_id)).collect();
    let (permissions, others): (Vec<&Wanted>, Vec<&Wanted>) =
        wanted.into_iter().partition(|wanted| wanted.kind == PERMISSION);
    let others = kinds::each(others, |wanted| async move {
        let declared = &wanted.declared;
        let found = match wanted.kind.as_str() {
            MAPPING => return mapping(client, &wanted.physical_id).await,
            URL => url(client, text(declared, "TargetFunctionArn")?, optional(declared, "Qualifier")).await?,
            _ => asynchronous(client, text(declared, "FunctionName")?, text(declared, "Qualifier")?).await?,
        };
        Ok(identified(found, declared))
    });
    let (policies, mappings, others) =
        futures::join!(policies(client, &permissions, functions), mappings(client, functions), others);
    let mut found = Found { readings: others, ..Found::default() };
    let mappings = mappings.unwrap_or_else(|error| {
        found.unsearched.push(error.reason());
        Vec::new()
    });
    found.unsearched.extend(policies.values().filter_map(|policy| Some(policy.as_ref().err()?.reason())));
    for wanted in permissions {
        found.readings.push((wanted.id.clone(), permission_of(wanted, &policies)));
    }
    for (owner, name) in functions {
        found.strangers.extend(strange_statements(owner, name, &policies, &own));
        let theirs = mappings.iter().filter(|mapping| is_of(mapping, name));
        found.strangers.extend(theirs.filter_map(|mapping| strange_mapping(owner, mapping, &own)));
    }
    found
}

/// With the properties that say whose it is: whoever puts it right needs them.
fn identified(found: Known<Properties>, declared: &Properties) -> Known<Properties> {
    let Known::Present(mut found) = found else { return found };
    let own = ["TargetFunctionArn", "FunctionName", "Qualifier"].into_iter();
    found.extend(own.filter_map(|key| Some((key.to_owned(), declared.get(key)?.clone()))));
    Known::Present(found)
}

fn optional<'a>(properties: &'a Properties, key: &str) -> Option<&'a str> {
    properties.get(key).and_then(Value::as_str)
}

fn text<'a>(properties: &'a Properties, key: &str) -> Result<&'a str, AwsError> {
    optional(properties, key).ok_or_else(|| AwsError::unable(format!("its {key} cannot be evaluated from here")))
}

// permissions

/// Statements of a resource policy by their ids.
type Statements = BTreeMap<String, Value>;

/// The policies on these functions, bare and on the alias, and those that the permissions stand in, by function and
/// qualifier.
async fn policies(
    client: &Client,
    permissions: &[&Wanted],
    functions: &[(&LogicalId, &str)],
) -> BTreeMap<String, Result<Statements, AwsError>> {
    let named = permissions.iter().filter_map(|wanted| optional(&wanted.declared, "FunctionName"));
    let all = functions.iter().flat_map(|(_, name)| [(*name).to_owned(), format!("{name}:{}", super::lambda::ALIAS)]);
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

/// `name` or `name:qualifier` of any form in which a function is named.
fn short(function: &str) -> String {
    function.split_once(":function:").map_or(function, |(_, short)| short).to_owned()
}

fn permission_of(
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

fn strange_statements<'a>(
    owner: &'a LogicalId,
    function: &'a str,
    policies: &'a BTreeMap<String, Result<Statements, AwsError>>,
    own: &'a [&'a str],
) -> impl Iterator<Item = Stranger> {
    let alias = format!("{function}:{}", super::lambda::ALIAS);
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

/// CloudFormation's physical id of a permission is the statement's id, behind the function's name where both are needed.
pub(crate) fn own_id(physical_id: &str) -> &str {
    physical_id.rsplit('|').next().unwrap_or(physical_id)
}

/// The statements of a function's resource policy by their ids. `function` is a name or an ARN, with or without qualifier.
async fn statements(client: &Client, function: &str) -> Result<Statements, AwsError> {
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

/// `name`, `name:qualifier` or an ARN of either: the part without qualifier, and the qualifier.
fn qualified(function: &str) -> (&str, Option<&str>) {
    let colons = if function.starts_with("arn:") { 7 } else { 1 };
    match function.match_indices(':').nth(colons - 1) {
        Some((at, _)) => (&function[..at], Some(&function[at + 1..])),
        None => (function, None),
    }
}

/// A statement in the shape of `AWS::Lambda::Permission`.
fn permission(function: &str, statement: &Value) -> Properties {
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

fn object(value: Value) -> Properties {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

async fn put_permission(client: &Client, physical_id: &str, desired: &Properties) -> Result<(), AwsError> {
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

async fn remove_permission(client: &Client, name: &str, qualifier: Option<&str>, id: &str) -> Result<(), AwsError> {
    let call =
        client.remove_permission().function_name(name).set_qualifier(qualifier.map(str::to_owned)).statement_id(id);
    match call.send().await.explain("lambda:RemovePermission") {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}

// event source mappings

async fn mapping(client: &Client, uuid: &str) -> Result<Known<Properties>, AwsError> {
    match client.get_event_source_mapping().uuid(uuid).send().await.explain("lambda:GetEventSourceMapping") {
        Ok(answer) if answer.state.as_deref() == Some("Deleting") => Ok(Known::Absent),
        Ok(answer) => {
            let found = EventSourceMappingConfiguration::builder()
                .set_batch_size(answer.batch_size)
                .set_state(answer.state)
                .set_maximum_batching_window_in_seconds(answer.maximum_batching_window_in_seconds)
                .set_parallelization_factor(answer.parallelization_factor)
                .set_event_source_arn(answer.event_source_arn)
                .set_filter_criteria(answer.filter_criteria)
                .set_function_arn(answer.function_arn)
                .set_destination_config(answer.destination_config)
                .set_topics(answer.topics)
                .set_queues(answer.queues)
                .set_maximum_record_age_in_seconds(answer.maximum_record_age_in_seconds)
                .set_bisect_batch_on_function_error(answer.bisect_batch_on_function_error)
                .set_maximum_retry_attempts(answer.maximum_retry_attempts)
                .set_tumbling_window_in_seconds(answer.tumbling_window_in_seconds)
                .set_function_response_types(answer.function_response_types)
                .set_scaling_config(answer.scaling_config);
            Ok(Known::Present(mapped(&found.build())))
        }
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

/// Lambda's answer in the shape of `AWS::Lambda::EventSourceMapping`.
fn mapped(found: &EventSourceMappingConfiguration) -> Properties {
    let enabled = found.state.as_deref().map(|state| matches!(state, "Enabled" | "Enabling" | "Creating" | "Updating"));
    let filters = found.filter_criteria.as_ref().and_then(|criteria| criteria.filters.as_ref());
    let filters = filters.filter(|filters| !filters.is_empty()).map(|filters| {
        let patterns = filters.iter().map(|filter| json!({ "Pattern": filter.pattern }));
        json!({ "Filters": patterns.collect::<Vec<_>>() })
    });
    let failure = found.destination_config.as_ref().and_then(|config| config.on_failure.as_ref()?.destination.clone());
    let responses = found
        .function_response_types
        .as_ref()
        .map(|types| types.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>());
    object(json!({
        "BatchSize": found.batch_size,
        "Enabled": enabled,
        "EventSourceArn": found.event_source_arn,
        "FunctionName": found.function_arn,
        "MaximumBatchingWindowInSeconds": found.maximum_batching_window_in_seconds,
        "ParallelizationFactor": found.parallelization_factor,
        "FilterCriteria": filters,
        "DestinationConfig": failure.map(|arn| json!({ "OnFailure": { "Destination": arn } })),
        "Topics": found.topics,
        "Queues": found.queues,
        "MaximumRecordAgeInSeconds": found.maximum_record_age_in_seconds,
        "BisectBatchOnFunctionError": found.bisect_batch_on_function_error,
        "MaximumRetryAttempts": found.maximum_retry_attempts,
        "TumblingWindowInSeconds": found.tumbling_window_in_seconds,
        "FunctionResponseTypes": responses,
        "ScalingConfig": found.scaling_config.as_ref().and_then(|scaling| scaling.maximum_concurrency)
            .map(|most| json!({ "MaximumConcurrency": most })),
    }))
}

async fn put_mapping(client: &Client, uuid: &str, desired: &Properties) -> Result<(), AwsError> {
    let number = |key: &str| desired.get(key).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
    let filters = desired.get("FilterCriteria").and_then(|criteria| criteria.get("Filters")).and_then(Value::as_array);
    let filters = filters.into_iter().flatten().map(|filter| {
        let pattern = &filter["Pattern"];
        Filter::builder().pattern(pattern.as_str().map_or_else(|| pattern.to_string(), str::to_owned)).build()
    });
    let criteria = FilterCriteria::builder().set_filters(Some(filters.collect())).build();
    let responses = desired.get("FunctionResponseTypes").and_then(Value::as_array).into_iter().flatten();
    let responses = responses.filter_map(Value::as_str).map(FunctionResponseType::from).collect();
    let most = desired.get("ScalingConfig").and_then(|scaling| scaling["MaximumConcurrency"].as_i64());
    let scaling = ScalingConfig::builder().set_maximum_concurrency(most.and_then(|most| i32::try_from(most).ok()));
    let call = client
        .update_event_source_mapping()
        .uuid(uuid)
        .enabled(desired.get("Enabled").and_then(Value::as_bool).unwrap_or(true))
        .set_function_name(optional(desired, "FunctionName").map(str::to_owned))
        .set_batch_size(number("BatchSize"))
        .set_maximum_batching_window_in_seconds(number("MaximumBatchingWindowInSeconds"))
        .set_parallelization_factor(number("ParallelizationFactor"))
        .set_maximum_record_age_in_seconds(number("MaximumRecordAgeInSeconds"))
        .set_maximum_retry_attempts(number("MaximumRetryAttempts"))
        .set_tumbling_window_in_seconds(number("TumblingWindowInSeconds"))
        .set_bisect_batch_on_function_error(desired.get("BisectBatchOnFunctionError").and_then(Value::as_bool))
        .filter_criteria(criteria)
        .set_function_response_types(Some(responses))
        .set_destination_config(destinations(desired))
        .scaling_config(scaling.build());
    call.send().await.explain("lambda:UpdateEventSourceMapping").map(drop)
}

fn destinations(desired: &Properties) -> Option<DestinationConfig> {
    let config = desired.get("DestinationConfig")?;
    let to = |key: &str| config[key]["Destination"].as_str().map(str::to_owned);
    let failure = to("OnFailure").map(|arn| OnFailure::builder().destination(arn).build());
    let success = to("OnSuccess").map(|arn| OnSuccess::builder().destination(arn).build());
    Some(DestinationConfig::builder().set_on_failure(failure).set_on_success(success).build())
}

// URLs

async fn url(client: &Client, function: &str, qualifier: Option<&str>) -> Result<Known<Properties>, AwsError> {
    let (name, embedded) = qualified(function);
    let qualifier = qualifier.or(embedded).map(str::to_owned);
    let call = client.get_function_url_config().function_name(name).set_qualifier(qualifier);
    match call.send().await.explain("lambda:GetFunctionUrlConfig") {
        Ok(found) => Ok(Known::Present(object(json!({
            "AuthType": found.auth_type.as_str(),
            "InvokeMode": found.invoke_mode.as_ref().map(|mode| mode.as_str()),
            "Cors": found.cors.as_ref().map(cors),
        })))),
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

fn cors(found: &Cors) -> Value {
    let mut value = object(json!({
        "AllowCredentials": found.allow_credentials,
        "AllowHeaders": found.allow_headers,
        "AllowMethods": found.allow_methods,
        "AllowOrigins": found.allow_origins,
        "ExposeHeaders": found.expose_headers,
        "MaxAge": found.max_age,
    }));
    value.retain(|_, value| !value.is_null());
    Value::Object(value)
}

async fn put_url(client: &Client, declared: &Properties) -> Result<(), AwsError> {
    let (name, embedded) = qualified(text(declared, "TargetFunctionArn")?);
    let cors = declared.get("Cors").cloned().unwrap_or_default();
    let words = |key: &str| {
        let items = cors[key].as_array()?;
        Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let age = cors["MaxAge"].as_i64().and_then(|age| i32::try_from(age).ok());
    let cors = Cors::builder()
        .set_allow_credentials(cors["AllowCredentials"].as_bool())
        .set_allow_headers(words("AllowHeaders"))
        .set_allow_methods(words("AllowMethods"))
        .set_allow_origins(words("AllowOrigins"))
        .set_expose_headers(words("ExposeHeaders"))
        .set_max_age(age)
        .build();
    let call = client
        .update_function_url_config()
        .function_name(name)
        .set_qualifier(optional(declared, "Qualifier").or(embedded).map(str::to_owned))
        .auth_type(FunctionUrlAuthType::from(text(declared, "AuthType")?))
        .invoke_mode(InvokeMode::from(optional(declared, "InvokeMode").unwrap_or("BUFFERED")))
        .cors(cors);
    call.send().await.explain("lambda:UpdateFunctionUrlConfig").map(drop)
}

// asynchronous invocation

async fn asynchronous(client: &Client, function: &str, qualifier: &str) -> Result<Known<Properties>, AwsError> {
    let (name, _) = qualified(function);
    let call = client.get_function_event_invoke_config().function_name(name).qualifier(qualifier);
    match call.send().await.explain("lambda:GetFunctionEventInvokeConfig") {
        Ok(found) => {
            let to = found.destination_config.as_ref();
            let failure = to.and_then(|to| to.on_failure.as_ref()?.destination.clone()).filter(|arn| !arn.is_empty());
            let success = to.and_then(|to| to.on_success.as_ref()).and_then(|to| to.destination.clone());
            let success = success.filter(|arn| !arn.is_empty());
            let mut destinations = Map::new();
            destinations.extend(failure.map(|arn| ("OnFailure".to_owned(), json!({ "Destination": arn }))));
            destinations.extend(success.map(|arn| ("OnSuccess".to_owned(), json!({ "Destination": arn }))));
            Ok(Known::Present(object(json!({
                "MaximumRetryAttempts": found.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": found.maximum_event_age_in_seconds,
                "DestinationConfig": (!destinations.is_empty()).then_some(destinations),
            }))))
        }
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

async fn put_asynchronous(client: &Client, physical_id: &str, desired: &Properties) -> Result<(), AwsError> {
    let number = |key: &str| desired.get(key).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
    let (function, qualifier) = match (optional(desired, "FunctionName"), optional(desired, "Qualifier")) {
        (Some(function), Some(qualifier)) => (function, qualifier),
        _ => physical_id.split_once([':', '|']).unwrap_or((physical_id, "$LATEST")),
    };
    let call = client
        .put_function_event_invoke_config()
        .function_name(qualified(function).0)
        .qualifier(qualifier)
        .set_maximum_retry_attempts(number("MaximumRetryAttempts"))
        .set_maximum_event_age_in_seconds(number("MaximumEventAgeInSeconds"))
        .set_destination_config(destinations(desired));
    call.send().await.explain("lambda:PutFunctionEventInvokeConfig").map(drop)
}

/// Makes one of [`KINDS`] what `desired` says.
pub(crate) async fn put(client: &Client, kind: &str, physical_id: &str, desired: &Properties) -> Result<(), AwsError> {
    match kind {
        PERMISSION => put_permission(client, physical_id, desired).await,
        MAPPING => put_mapping(client, physical_id, desired).await,
        URL => put_url(client, desired).await,
        _ => put_asynchronous(client, physical_id, desired).await,
    }
}

/// Mappings that call one of `functions`, by name or by alias, and perhaps others.
async fn mappings(
    client: &Client,
    functions: &[(&LogicalId, &str)],
) -> Result<Vec<EventSourceMappingConfiguration>, AwsError> {
    let targets: Vec<Option<String>> = match functions.len() {
        0 => Vec::new(),
        count if count >= LISTED_FROM => vec![None],
        _ => functions
            .iter()
            .flat_map(|(_, name)| [Some((*name).to_owned()), Some(format!("{name}:{}", super::lambda::ALIAS))])
            .collect(),
    };
    let mut found: BTreeMap<String, EventSourceMappingConfiguration> = BTreeMap::new();
    for target in targets {
        let mut pages = client.list_event_source_mappings().set_function_name(target).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page.explain("lambda:ListEventSourceMappings") {
                Ok(page) => page,
                // Gone by hand: nothing hangs on it.
                Err(error) if error.is_missing() => break,
                Err(error) => return Err(error),
            };
            let all = page.event_source_mappings.unwrap_or_default().into_iter();
            found.extend(all.filter_map(|mapping| Some((mapping.uuid.clone()?, mapping))));
        }
    }
    Ok(found.into_values().collect())
}

fn is_of(mapping: &EventSourceMappingConfiguration, function: &str) -> bool {
    let target = short(mapping.function_arn.as_deref().unwrap_or_default());
    qualified(&target).0 == function
}

fn strange_mapping(owner: &LogicalId, mapping: &EventSourceMappingConfiguration, own: &[&str]) -> Option<Stranger> {
    let uuid = mapping.uuid.clone()?;
    if own.contains(&uuid.as_str()) || mapping.state.as_deref() == Some("Deleting") {
        return None;
    }
    let mut properties = mapped(mapping);
    let telling = ["EventSourceArn", "Topics", "BatchSize", "Enabled"];
    properties.retain(|key, value| !value.is_null() && telling.contains(&key.as_str()));
    Some(Stranger { owner: owner.clone(), kind: MAPPING.to_owned(), identifier: uuid, properties })
}

/// Takes away what somebody attached.
pub(crate) async fn remove(client: &Client, stranger: &Stranger) -> Result<(), AwsError> {
    match stranger.kind.as_str() {
        PERMISSION => {
            let (name, qualifier) = qualified(text(&stranger.properties, "FunctionName")?);
            remove_permission(client, name, qualifier, &stranger.identifier).await
        }
        _ => {
            let call = client.delete_event_source_mapping().uuid(&stranger.identifier);
            match call.send().await.explain("lambda:DeleteEventSourceMapping") {
                Err(error) if !error.is_missing() => Err(error),
                _ => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_is_what_follows_the_name() {
        assert_eq!(qualified("f"), ("f", None));
        assert_eq!(qualified("f:live"), ("f", Some("live")));
        let arn = "arn:aws:lambda:eu-west-1:1:function:f";
        assert_eq!(qualified(arn), (arn, None));
        assert_eq!(qualified(&format!("{arn}:live")), (arn, Some("live")));
    }

    #[test]
    fn a_statement_reads_as_the_permission_that_made_it() {
        let statement = json!({
            "Sid": "s", "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
            "Action": "lambda:InvokeFunction", "Resource": "arn",
            "Condition": { "ArnLike": { "AWS:SourceArn": "arn:rule" } },
        });
        let mut found = permission("f:live", &statement);
        found.retain(|_, value| !value.is_null());
        let expected = json!({
            "Action": "lambda:InvokeFunction", "FunctionName": "f:live", "Principal": "events.amazonaws.com",
            "SourceArn": "arn:rule",
        });
        assert_eq!(Value::Object(found), expected);
    }
}
