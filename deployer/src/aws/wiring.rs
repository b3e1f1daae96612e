//! What hangs on a function: permissions, event source mappings, URLs, asynchronous invocation. Read, put right, and
//! searched for what nobody declared.

mod mapping;
mod permission;

use super::kinds::{self, Reading, Wanted};
use super::{AwsError, Explain};
use crate::ids::LogicalId;
use crate::state::{Known, Properties, Stranger};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{Cors, DestinationConfig, FunctionUrlAuthType, InvokeMode, OnFailure, OnSuccess};
use serde_json::{Map, Value, json};

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
            MAPPING => return mapping::mapping(client, &wanted.physical_id).await,
            URL => url(client, text(declared, "TargetFunctionArn")?, optional(declared, "Qualifier")).await?,
            _ => asynchronous(client, text(declared, "FunctionName")?, text(declared, "Qualifier")?).await?,
        };
        Ok(identified(found, declared))
    });
    let (policies, mappings, others) = futures::join!(
        permission::policies(client, &permissions, functions),
        mapping::mappings(client, functions),
        others
    );
    let mut found = Found { readings: others, ..Found::default() };
    let mappings = mappings.unwrap_or_else(|error| {
        found.unsearched.push(error.reason());
        Vec::new()
    });
    found.unsearched.extend(policies.values().filter_map(|policy| Some(policy.as_ref().err()?.reason())));
    for wanted in permissions {
        found.readings.push((wanted.id.clone(), permission::permission_of(wanted, &policies)));
    }
    for (owner, name) in functions {
        found.strangers.extend(permission::strange_statements(owner, name, &policies, &own));
        let theirs = mappings.iter().filter(|mapping| mapping::is_of(mapping, name));
        found.strangers.extend(theirs.filter_map(|mapping| mapping::strange_mapping(owner, mapping, &own)));
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
/// `name` or `name:qualifier` of any form in which a function is named.
fn short(function: &str) -> String {
    function.split_once(":function:").map_or(function, |(_, short)| short).to_owned()
}

/// `name`, `name:qualifier` or an ARN of either: the part without qualifier, and the qualifier.
fn qualified(function: &str) -> (&str, Option<&str>) {
    let colons = if function.starts_with("arn:") { 7 } else { 1 };
    match function.match_indices(':').nth(colons - 1) {
        Some((at, _)) => (&function[..at], Some(&function[at + 1..])),
        None => (function, None),
    }
}

/// CloudFormation's physical id of a permission is the statement's id, behind the function's name where both are needed.
pub(crate) fn own_id(physical_id: &str) -> &str {
    physical_id.rsplit('|').next().unwrap_or(physical_id)
}

fn object(value: Value) -> Properties {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
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
        PERMISSION => permission::put_permission(client, physical_id, desired).await,
        MAPPING => mapping::put_mapping(client, physical_id, desired).await,
        URL => put_url(client, desired).await,
        _ => put_asynchronous(client, physical_id, desired).await,
    }
}

/// Takes away what somebody attached.
pub(crate) async fn remove(client: &Client, stranger: &Stranger) -> Result<(), AwsError> {
    match stranger.kind.as_str() {
        PERMISSION => {
            let (name, qualifier) = qualified(text(&stranger.properties, "FunctionName")?);
            permission::remove_permission(client, name, qualifier, &stranger.identifier).await
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
        let mut found = permission::permission("f:live", &statement);
        found.retain(|_, value| !value.is_null());
        let expected = json!({
            "Action": "lambda:InvokeFunction", "FunctionName": "f:live", "Principal": "events.amazonaws.com",
            "SourceArn": "arn:rule",
        });
        assert_eq!(Value::Object(found), expected);
    }
}
