//! Lambda: configuration, code, versions and the alias.

use super::{AwsError, Explain};
use crate::ids::{FunctionVersion, StackName};
use crate::plan::quotas::Quotas;
use crate::state::{Known, LiveAlias, LiveFunction, Snapshot, digest};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::FunctionConfiguration;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Name of the alias that all traffic goes through.
pub(crate) const ALIAS: &str = "live";

/// `$LATEST`, the alias and the version it serves: three calls, made side by side. `stack` salts the digests.
pub(crate) async fn read(client: &Client, name: &str, stack: &StackName) -> Result<Known<LiveFunction>, AwsError> {
    let latest = function(client, name, None);
    let alias = alias(client, name);
    let serving = function(client, name, Some(ALIAS));
    let (latest, alias, serving) = futures::join!(latest, alias, serving);
    let latest = match latest {
        Ok(latest) => snapshot(latest, stack),
        Err(error) if error.is_missing() => return Ok(Known::Absent),
        Err(error) => return Err(error),
    };
    let alias = match alias {
        Ok(alias) => alias,
        Err(error) => Known::Unknown(error.reason()),
    };
    let serving = match &alias {
        Known::Present(alias) if alias.version.as_str() != "$LATEST" => Some(snapshot(serving?, stack)),
        _ => None,
    };
    Ok(Known::Present(LiveFunction { name: name.to_owned(), latest, alias, serving, provisioned: BTreeMap::new() }))
}

/// By `GetFunction`, which says more than `GetFunctionConfiguration` (image, reserved concurrency) and may be called 100 times
/// a second instead of 15.
/// Source: "API requests" in <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> (read 2026-11).
async fn function(client: &Client, name: &str, qualifier: Option<&str>) -> Result<GetFunctionOutput, AwsError> {
    let call = client.get_function().function_name(name).set_qualifier(qualifier.map(str::to_owned));
    call.send().await.explain("lambda:GetFunction")
}

/// The configuration of `$LATEST` or of `qualifier`, with its state.
pub(super) async fn configuration(
    client: &Client,
    name: &str,
    qualifier: Option<&str>,
) -> Result<FunctionConfiguration, AwsError> {
    let answer = function(client, name, qualifier).await?;
    Ok(answer.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build()))
}

/// The environment's values as they are, for whoever writes them into a stack file; they go into no state and no plan.
pub(crate) async fn variables(client: &Client, name: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let answer = configuration(client, name, None).await?;
    Ok(answer.environment.and_then(|environment| environment.variables).unwrap_or_default().into_iter().collect())
}

/// The alias `live`.
pub(crate) async fn alias(client: &Client, name: &str) -> Result<Known<LiveAlias>, AwsError> {
    match client.get_alias().function_name(name).name(ALIAS).send().await.explain("lambda:GetAlias") {
        Ok(alias) => Ok(Known::Present(LiveAlias {
            version: FunctionVersion::new(alias.function_version.unwrap_or_default()),
            weights: alias
                .routing_config
                .and_then(|routing| routing.additional_version_weights)
                .unwrap_or_default()
                .into_iter()
                .collect(),
            revision_id: alias.revision_id.unwrap_or_default(),
        })),
        Err(error) if error.is_missing() => Ok(Known::Absent),
        Err(error) => Err(error),
    }
}

/// Lambda's answer in the shape of `AWS::Lambda::Function`.
fn snapshot(answer: GetFunctionOutput, stack: &StackName) -> Snapshot {
    let image = answer.code.and_then(|code| code.image_uri);
    let reserved = answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
    let answer = answer.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build());
    let mut properties = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            properties.insert(key.to_owned(), value);
        }
    };
    put("FunctionName", answer.function_name.clone().map(Value::from));
    put("Description", answer.description.clone().filter(|text| !text.is_empty()).map(Value::from));
    put("Runtime", answer.runtime.as_ref().map(|runtime| Value::from(runtime.as_str())));
    put("Handler", answer.handler.clone().filter(|text| !text.is_empty()).map(Value::from));
    put("Role", answer.role.clone().map(Value::from));
    put("MemorySize", answer.memory_size.map(Value::from));
    put("Timeout", answer.timeout.map(Value::from));
    put("EphemeralStorage", answer.ephemeral_storage.as_ref().map(|storage| json!({ "Size": storage.size })));
    put(
        "TracingConfig",
        answer.tracing_config.as_ref().and_then(|tracing| Some(json!({ "Mode": tracing.mode.as_ref()?.as_str() }))),
    );
    let words = |items: &[aws_sdk_lambda::types::Architecture]| {
        items.iter().map(|item| item.as_str().to_owned()).collect::<Vec<_>>()
    };
    put("Architectures", answer.architectures.as_deref().map(|items| json!(words(items))));
    put(
        "Layers",
        answer
            .layers
            .as_ref()
            .filter(|layers| !layers.is_empty())
            .map(|layers| json!(layers.iter().filter_map(|layer| layer.arn.clone()).collect::<Vec<_>>())),
    );
    let variables: BTreeMap<String, String> = answer
        .environment
        .as_ref()
        .and_then(|environment| environment.variables.as_ref())
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), digest(stack, key, value)))
        .collect();
    put("Environment", (!variables.is_empty()).then(|| json!({ "Variables": variables })));
    put(
        "VpcConfig",
        answer.vpc_config.as_ref().and_then(|vpc| {
            let subnets = vpc.subnet_ids.clone().unwrap_or_default();
            let groups = vpc.security_group_ids.clone().unwrap_or_default();
            (!subnets.is_empty()).then(|| json!({ "SubnetIds": subnets, "SecurityGroupIds": groups }))
        }),
    );
    put(
        "LoggingConfig",
        answer.logging_config.as_ref().map(|logging| {
            let mut config = Map::new();
            if let Some(format) = &logging.log_format {
                config.insert("LogFormat".to_owned(), json!(format.as_str()));
            }
            if let Some(group) = &logging.log_group {
                config.insert("LogGroup".to_owned(), json!(group));
            }
            if let Some(level) = &logging.application_log_level {
                config.insert("ApplicationLogLevel".to_owned(), json!(level.as_str()));
            }
            if let Some(level) = &logging.system_log_level {
                config.insert("SystemLogLevel".to_owned(), json!(level.as_str()));
            }
            Value::Object(config)
        }),
    );
    put(
        "DeadLetterConfig",
        answer
            .dead_letter_config
            .as_ref()
            .and_then(|config| config.target_arn.clone())
            .filter(|arn| !arn.is_empty())
            .map(|arn| json!({ "TargetArn": arn })),
    );
    put(
        "FileSystemConfigs",
        answer.file_system_configs.as_ref().filter(|systems| !systems.is_empty()).map(|systems| {
            json!(
                systems
                    .iter()
                    .map(|system| json!({ "Arn": system.arn, "LocalMountPath": system.local_mount_path }))
                    .collect::<Vec<_>>()
            )
        }),
    );
    put("KmsKeyArn", answer.kms_key_arn.clone().filter(|arn| !arn.is_empty()).map(Value::from));
    put("ReservedConcurrentExecutions", reserved.map(Value::from));
    // An image goes by its URI, as in the stack file; what Lambda calls its digest is another one.
    let is_image = answer.package_type == Some(aws_sdk_lambda::types::PackageType::Image);
    let code_sha256 = if is_image { image } else { answer.code_sha256.clone() };
    Snapshot {
        code_sha256: code_sha256.unwrap_or_default(),
        properties,
        state: answer.state.as_ref().map_or("Active", |state| state.as_str()).to_owned(),
        last_update: answer.last_update_status.as_ref().map_or("Successful", |status| status.as_str()).to_owned(),
        reason: answer.last_update_status_reason.or(answer.state_reason).filter(|reason| !reason.is_empty()),
    }
}

/// Waits until the function is usable and its last update is through.
///
/// # Errors
/// When Lambda says `Failed`, with its reason, or 5 minutes have passed.
pub(crate) async fn settled(client: &Client, name: &str) -> Result<(), AwsError> {
    let action = "lambda:GetFunction";
    let failed = |code: &str, message: String| AwsError { action, code: code.to_owned(), message, request_id: None };
    let mut wait = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    loop {
        let answer = configuration(client, name, None).await?;
        let state = answer.state.as_ref().map_or("Active", |state| state.as_str());
        let update = answer.last_update_status.as_ref().map_or("Successful", |status| status.as_str());
        if state == "Failed" || update == "Failed" {
            let reason = answer.last_update_status_reason.or(answer.state_reason).unwrap_or_default();
            return Err(failed("FunctionFailed", format!("{name} is {state}, its last update {update}: {reason}")));
        }
        if state != "Pending" && update != "InProgress" {
            return Ok(());
        }
        if waited > Duration::from_secs(300) {
            return Err(failed(
                "StillInProgress",
                format!("{name} is still {state} and its update {update} after 5 minutes"),
            ));
        }
        tokio::time::sleep(wait).await;
        waited += wait;
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

/// Puts the artifact at `bucket`/`key` (or the image) on `$LATEST` and waits until it is in place.
pub(crate) async fn update_code(client: &Client, name: &str, code: &crate::plan::Code) -> Result<(), AwsError> {
    let call = client.update_function_code().function_name(name);
    let call = match code {
        crate::plan::Code::Object { bucket, key } => call.s3_bucket(bucket).s3_key(key),
        crate::plan::Code::Image { uri } => call.image_uri(uri),
    };
    call.send().await.explain("lambda:UpdateFunctionCode")?;
    settled(client, name).await
}

/// Publishes `$LATEST`; Lambda answers the newest version when nothing differs from it.
pub(crate) async fn publish(
    client: &Client,
    name: &str,
    code_sha256: Option<&str>,
    description: &str,
) -> Result<FunctionVersion, AwsError> {
    let call = client
        .publish_version()
        .function_name(name)
        .set_code_sha256(code_sha256.map(str::to_owned))
        .description(description);
    let answer = call.send().await.explain("lambda:PublishVersion")?;
    Ok(FunctionVersion::new(answer.version.unwrap_or_default()))
}

/// Limits of the account in this region, and what is used of them.
pub(crate) async fn quotas(client: &Client) -> Result<Quotas, AwsError> {
    let answer = client.get_account_settings().send().await.explain("lambda:GetAccountSettings")?;
    let limit = answer.account_limit.unwrap_or_else(|| aws_sdk_lambda::types::AccountLimit::builder().build());
    Ok(Quotas {
        unreserved: limit.unreserved_concurrent_executions.unwrap_or_default().into(),
        code: answer.account_usage.map_or(0, |usage| usage.total_code_size),
        code_limit: limit.total_code_size,
    })
}

/// Numbers of the published versions.
pub(crate) async fn versions(client: &Client, name: &str) -> Result<Vec<FunctionVersion>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client.list_versions_by_function().function_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let versions = page.explain("lambda:ListVersionsByFunction")?.versions.unwrap_or_default();
        found.extend(versions.into_iter().filter_map(|version| version.version).map(FunctionVersion::new));
    }
    found.retain(|version| version.as_str() != "$LATEST");
    Ok(found)
}

/// Whether a published version is still there.
pub(crate) async fn has_version(client: &Client, name: &str, version: &FunctionVersion) -> Result<bool, AwsError> {
    match function(client, name, Some(version.as_str())).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_missing() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Versions that an alias, whoever made it, or provisioned concurrency refers to.
pub(crate) async fn referred(client: &Client, name: &str) -> Result<Vec<FunctionVersion>, AwsError> {
    let mut found = Vec::new();
    let mut pages = client.list_aliases().function_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        for alias in page.explain("lambda:ListAliases")?.aliases.unwrap_or_default() {
            let weights = alias.routing_config.and_then(|routing| routing.additional_version_weights);
            found.extend(alias.function_version.into_iter().chain(weights.unwrap_or_default().into_keys()));
        }
    }
    let mut pages = client.list_provisioned_concurrency_configs().function_name(name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page.explain("lambda:ListProvisionedConcurrencyConfigs") {
            // How the sandbox says that there are none.
            Err(error) if error.code == "ProvisionedConcurrencyConfigNotFoundException" => break,
            page => page?,
        };
        let arns = page
            .provisioned_concurrency_configs
            .unwrap_or_default()
            .into_iter()
            .filter_map(|config| config.function_arn);
        found.extend(arns.filter_map(|arn| arn.rsplit(':').next().map(str::to_owned)));
    }
    Ok(found.into_iter().map(FunctionVersion::new).collect())
}

/// Deletes one published version; Lambda refuses one that an alias refers to.
pub(crate) async fn delete_version(client: &Client, name: &str, version: &FunctionVersion) -> Result<(), AwsError> {
    let call = client.delete_function().function_name(name).qualifier(version.as_str());
    match call.send().await.explain("lambda:DeleteFunction") {
        Err(error) if error.is_missing() => Ok(()),
        answer => answer.map(drop),
    }
}

/// Moves the alias to `version`, all of the traffic, provided that nobody moved it since `revision_id`.
pub(crate) async fn move_alias(
    client: &Client,
    name: &str,
    version: &FunctionVersion,
    revision_id: &str,
) -> Result<LiveAlias, AwsError> {
    let routing = aws_sdk_lambda::types::AliasRoutingConfiguration::builder()
        .set_additional_version_weights(Some(std::collections::HashMap::new()))
        .build();
    let call = client
        .update_alias()
        .function_name(name)
        .name(ALIAS)
        .function_version(version.as_str())
        .routing_config(routing)
        .revision_id(revision_id);
    let answer = match call.send().await.explain("lambda:UpdateAlias") {
        Ok(answer) => answer,
        Err(error) => {
            // Refused because it is there already: the answer to the first try was lost.
            return match alias(client, name).await {
                Ok(Known::Present(found)) if found.version == *version && found.weights.is_empty() => Ok(found),
                _ => Err(error),
            };
        }
    };
    Ok(LiveAlias {
        version: FunctionVersion::new(answer.function_version.unwrap_or_default()),
        weights: BTreeMap::new(),
        revision_id: answer.revision_id.unwrap_or_default(),
    })
}

/// Sets the given properties, in the shape of `AWS::Lambda::Function`, by Lambda's own API, and waits.
pub(crate) async fn update_configuration(
    client: &Client,
    name: &str,
    properties: &Map<String, Value>,
) -> Result<(), AwsError> {
    use aws_sdk_lambda::types;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
    let list = |value: &Value, key: &str| -> Option<Vec<String>> {
        Some(value.get(key).and_then(Value::as_array).into_iter().flatten().map(text).collect())
    };
    let mut call = client.update_function_configuration().function_name(name);
    for (key, value) in properties {
        call = match key.as_str() {
            "Description" => call.description(text(value)),
            "Role" => call.role(text(value)),
            "Handler" => call.handler(text(value)),
            "Runtime" => call.runtime(types::Runtime::from(text(value).as_str())),
            "MemorySize" => call.set_memory_size(number(value)),
            "Timeout" => call.set_timeout(number(value)),
            "Environment" => {
                let variables = value.get("Variables").and_then(Value::as_object).into_iter().flatten();
                let variables = variables.map(|(key, value)| (key.clone(), text(value))).collect();
                call.environment(types::Environment::builder().set_variables(Some(variables)).build())
            }
            "VpcConfig" => call.vpc_config(
                types::VpcConfig::builder()
                    .set_subnet_ids(list(value, "SubnetIds"))
                    .set_security_group_ids(list(value, "SecurityGroupIds"))
                    .build(),
            ),
            "TracingConfig" => {
                let mode = types::TracingMode::from(text(&value["Mode"]).as_str());
                call.tracing_config(types::TracingConfig::builder().mode(mode).build())
            }
            "EphemeralStorage" => {
                match number(&value["Size"]).map(|size| types::EphemeralStorage::builder().size(size).build()) {
                    Some(Ok(storage)) => call.ephemeral_storage(storage),
                    _ => call,
                }
            }
            "Layers" => call.set_layers(Some(value.as_array().into_iter().flatten().map(text).collect())),
            "LoggingConfig" => {
                let format = value.get("LogFormat").map(|format| types::LogFormat::from(text(format).as_str()));
                let group = value.get("LogGroup").map(text);
                let level = |key: &str| value.get(key).map(text);
                let config = types::LoggingConfig::builder()
                    .set_log_format(format)
                    .set_log_group(group)
                    .set_application_log_level(level("ApplicationLogLevel").map(|level| level.as_str().into()))
                    .set_system_log_level(level("SystemLogLevel").map(|level| level.as_str().into()));
                call.logging_config(config.build())
            }
            "DeadLetterConfig" => call
                .dead_letter_config(types::DeadLetterConfig::builder().target_arn(text(&value["TargetArn"])).build()),
            "FileSystemConfigs" => {
                let systems = value.as_array().into_iter().flatten().filter_map(|system| {
                    let builder = types::FileSystemConfig::builder().arn(text(system.get("Arn")?));
                    builder.local_mount_path(text(system.get("LocalMountPath")?)).build().ok()
                });
                call.set_file_system_configs(Some(systems.collect()))
            }
            "KmsKeyArn" => call.kms_key_arn(text(value)),
            // The rest cannot be set by this call; the next plan still shows it.
            _ => call,
        };
    }
    match properties.get("ReservedConcurrentExecutions").map(number) {
        Some(Some(reserved)) => {
            let call = client.put_function_concurrency().function_name(name).reserved_concurrent_executions(reserved);
            call.send().await.explain("lambda:PutFunctionConcurrency").map(drop)?;
        }
        Some(None) => {
            let call = client.delete_function_concurrency().function_name(name);
            call.send().await.explain("lambda:DeleteFunctionConcurrency").map(drop)?;
        }
        None => {}
    }
    if properties.keys().all(|key| key == "ReservedConcurrentExecutions") {
        return Ok(());
    }
    call.send().await.explain("lambda:UpdateFunctionConfiguration")?;
    settled(client, name).await
}
