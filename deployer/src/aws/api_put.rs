//! API Gateway v2, the other way: an API's parts made what they ought to be.
//!
//! Updates leave alone what they do not name, so what is not desired is named with the value that takes it away.

use super::apis::{API, INTEGRATION, ROUTE, STAGE, own_id};
use super::shape::{Shape, gone, place};
use super::{AwsError, Explain};
use crate::state::Properties;
use aws_sdk_apigatewayv2::Client;
use aws_sdk_apigatewayv2::types::{
    AccessLogSettings, AuthorizationType, AuthorizerType, ConnectionType, ContentHandlingStrategy, Cors,
    IntegrationType, IpAddressType, JwtConfiguration, LoggingLevel, ParameterConstraints, PassthroughBehavior,
    RouteSettings, TlsConfigInput,
};
use std::collections::HashMap;

/// From `desired` in its normal form. Only a stage can be made again: every other id is API Gateway's choice.
pub(crate) async fn put(
    client: &Client,
    kind: &str,
    id: &str,
    desired: &Properties,
    changed: &[String],
) -> Result<(), AwsError> {
    let put = match kind {
        API => api(client, id, desired, changed).await,
        ROUTE => route(client, own_id(id), desired, changed).await,
        INTEGRATION => integration(client, own_id(id), desired, changed).await,
        STAGE => return stage(client, own_id(id), desired, changed).await,
        _ => authorizer(client, own_id(id), desired).await,
    };
    put.map_err(|error| match error.is_missing() {
        true => gone(kind.rsplit("::").next().unwrap_or(kind).to_lowercase().as_str(), id),
        false => error,
    })
}

/// Text that is told only where it changed: empty where nothing is desired any more.
fn told(desired: &Properties, changed: &[String], key: &str) -> Option<String> {
    changed.iter().any(|property| property == key).then(|| desired.text(key).unwrap_or_default())
}

/// A map with what is live and not desired under it, each with the value that takes it away.
fn emptied<T: Default>(live: Option<HashMap<String, T>>, desired: HashMap<String, T>) -> HashMap<String, T> {
    let stale = live.unwrap_or_default().into_keys().map(|key| (key, T::default()));
    stale.chain(desired).collect()
}

/// A word of a list of the SDK's.
fn word<T: for<'a> From<&'a str>>(desired: &Properties, key: &str) -> Option<T> {
    desired.text(key).map(|word| T::from(word.as_str()))
}

async fn api(client: &Client, id: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    let cors = desired.inner("CorsConfiguration").map(|own| {
        Cors::builder()
            .set_allow_credentials(own.flag("AllowCredentials"))
            .set_allow_headers(own.some_texts("AllowHeaders"))
            .set_allow_methods(own.some_texts("AllowMethods"))
            .set_allow_origins(own.some_texts("AllowOrigins"))
            .set_expose_headers(own.some_texts("ExposeHeaders"))
            .set_max_age(own.int("MaxAge"))
            .build()
    });
    let has_cors = changed.iter().any(|property| property == "CorsConfiguration");
    if cors.is_none() && has_cors {
        let call = client.delete_cors_configuration().api_id(id);
        call.send().await.explain("apigateway:DELETE /apis/cors")?;
    }
    // Said only where they differ: some are refused for one of the two protocols.
    let has = |key: &str| changed.iter().any(|property| property == key);
    client
        .update_api()
        .api_id(id)
        .set_name(desired.text("Name"))
        .set_description(told(desired, changed, "Description"))
        .set_version(told(desired, changed, "Version"))
        .set_cors_configuration(cors.filter(|_| has_cors))
        .set_disable_execute_api_endpoint(desired.flag("DisableExecuteApiEndpoint"))
        .set_disable_schema_validation(
            desired.flag("DisableSchemaValidation").filter(|_| has("DisableSchemaValidation")),
        )
        .set_route_selection_expression(
            desired.text("RouteSelectionExpression").filter(|_| has("RouteSelectionExpression")),
        )
        .set_api_key_selection_expression(
            desired.text("ApiKeySelectionExpression").filter(|_| has("ApiKeySelectionExpression")),
        )
        .set_ip_address_type(word::<IpAddressType>(desired, "IpAddressType").filter(|_| has("IpAddressType")))
        .send()
        .await
        .explain("apigateway:PATCH /apis")
        .map(drop)
}

async fn route(client: &Client, id: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    let has = |key: &str| changed.iter().any(|property| property == key);
    let parameters = desired.inner("RequestParameters").into_iter().flatten().filter_map(|(key, own)| {
        let required = own.as_object()?.flag("Required");
        Some((key.clone(), ParameterConstraints::builder().set_required(required).build()))
    });
    let told = |key: &str| told(desired, changed, key);
    client
        .update_route()
        .api_id(place(desired, "ApiId")?)
        .route_id(id)
        .set_route_key(told("RouteKey"))
        .set_target(told("Target"))
        .set_authorization_type(word::<AuthorizationType>(desired, "AuthorizationType"))
        .set_authorizer_id(told("AuthorizerId"))
        .set_authorization_scopes(has("AuthorizationScopes").then(|| desired.texts("AuthorizationScopes")))
        .set_api_key_required(desired.flag("ApiKeyRequired").filter(|_| has("ApiKeyRequired")))
        .set_operation_name(told("OperationName"))
        .set_model_selection_expression(told("ModelSelectionExpression"))
        .set_request_models(has("RequestModels").then(|| desired.pairs("RequestModels").unwrap_or_default()))
        .set_request_parameters(has("RequestParameters").then(|| parameters.collect()))
        .set_route_response_selection_expression(told("RouteResponseSelectionExpression"))
        .send()
        .await
        .explain("apigateway:PATCH /routes")
        .map(drop)
}

/// Parameters go when they are set to nothing, one by one.
///
/// Source: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html>
/// (read 2026-11).
async fn integration(client: &Client, id: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    let api = place(desired, "ApiId")?;
    let call = client.get_integration().api_id(&api).integration_id(id);
    let live = call.send().await.explain("apigateway:GET /integrations")?;
    let has = |key: &str| changed.iter().any(|property| property == key);
    let pairs = |key: &str| desired.pairs(key).unwrap_or_default();
    let told = |key: &str| told(desired, changed, key);
    let responses = desired.inner("ResponseParameters").into_iter().flatten().filter_map(|(status, own)| {
        let list = own.as_object()?.items("ResponseParameters").into_iter();
        let pairs = list.filter_map(|own| Some((own.text("Destination")?, own.text("Source")?)));
        Some((status.clone(), pairs.collect::<HashMap<_, _>>()))
    });
    let tls = desired.inner("TlsConfig").and_then(|own| own.text("ServerNameToVerify"));
    let tls = has("TlsConfig").then(|| TlsConfigInput::builder().set_server_name_to_verify(tls).build());
    // The method of a function's integration goes without saying.
    let method = desired.text("IntegrationMethod").or_else(|| {
        let is_function = desired.text("IntegrationType").as_deref() == Some("AWS_PROXY");
        (is_function && !desired.contains_key("IntegrationSubtype")).then(|| "POST".to_owned())
    });
    client
        .update_integration()
        .api_id(&api)
        .integration_id(id)
        .set_integration_type(word::<IntegrationType>(desired, "IntegrationType"))
        .set_integration_subtype(desired.text("IntegrationSubtype"))
        .set_integration_uri(desired.text("IntegrationUri"))
        .set_integration_method(method)
        .set_payload_format_version(desired.text("PayloadFormatVersion"))
        .set_timeout_in_millis(desired.int("TimeoutInMillis"))
        .set_connection_type(word::<ConnectionType>(desired, "ConnectionType"))
        .set_connection_id(told("ConnectionId"))
        .set_credentials_arn(told("CredentialsArn"))
        .set_description(told("Description"))
        .set_content_handling_strategy(word::<ContentHandlingStrategy>(desired, "ContentHandlingStrategy"))
        .set_passthrough_behavior(word::<PassthroughBehavior>(desired, "PassthroughBehavior"))
        .set_request_parameters(
            has("RequestParameters").then(|| emptied(live.request_parameters, pairs("RequestParameters"))),
        )
        .set_request_templates(
            has("RequestTemplates").then(|| emptied(live.request_templates, pairs("RequestTemplates"))),
        )
        .set_response_parameters(
            has("ResponseParameters").then(|| emptied(live.response_parameters, responses.collect())),
        )
        .set_template_selection_expression(told("TemplateSelectionExpression"))
        .set_tls_config(tls)
        .send()
        .await
        .explain("apigateway:PATCH /integrations")
        .map(drop)
}

fn to_settings(own: &Properties) -> RouteSettings {
    RouteSettings::builder()
        .set_data_trace_enabled(own.flag("DataTraceEnabled"))
        // What is not said stays, so off is said. A limit is never set to nothing: 0 would stop all traffic.
        .detailed_metrics_enabled(own.flag("DetailedMetricsEnabled").unwrap_or_default())
        .set_logging_level(word::<LoggingLevel>(own, "LoggingLevel"))
        .set_throttling_burst_limit(own.int("ThrottlingBurstLimit"))
        .set_throttling_rate_limit(own.real("ThrottlingRateLimit"))
        .build()
}

async fn stage(client: &Client, name: &str, desired: &Properties, changed: &[String]) -> Result<(), AwsError> {
    let api = place(desired, "ApiId")?;
    let logs = desired.inner("AccessLogSettings").map(|own| {
        let settings = AccessLogSettings::builder().set_destination_arn(own.text("DestinationArn"));
        settings.set_format(own.text("Format")).build()
    });
    let routes = desired.inner("RouteSettings").into_iter().flatten();
    let routes: HashMap<String, RouteSettings> =
        routes.filter_map(|(key, own)| Some((key.clone(), to_settings(own.as_object()?)))).collect();
    let variables = desired.pairs("StageVariables").unwrap_or_default();
    let defaults = desired.inner("DefaultRouteSettings").map(to_settings);
    let auto_deploy = desired.flag("AutoDeploy");
    // A stage that deploys by itself refuses to be told which deployment it serves.
    let deployment = desired.text("DeploymentId").filter(|_| auto_deploy != Some(true));
    let create = client
        .create_stage()
        .api_id(&api)
        .stage_name(name)
        .set_access_log_settings(logs.clone())
        .set_auto_deploy(auto_deploy)
        .set_client_certificate_id(desired.text("ClientCertificateId"))
        .set_default_route_settings(defaults.clone())
        .set_deployment_id(deployment.clone())
        .set_description(desired.text("Description"))
        .set_route_settings(Some(routes.clone()))
        .set_stage_variables(Some(variables.clone()));
    let live = client.get_stage().api_id(&api).stage_name(name).send().await.explain("apigateway:GET /stages");
    let live = match live {
        Ok(live) => live,
        Err(error) if error.is_missing() => return create.send().await.explain("apigateway:POST /stages").map(drop),
        Err(error) => return Err(error),
    };
    if logs.is_none() && live.access_log_settings.is_some() {
        let call = client.delete_access_log_settings().api_id(&api).stage_name(name);
        call.send().await.explain("apigateway:DELETE /stages/accesslogsettings")?;
    }
    for key in live.route_settings.unwrap_or_default().into_keys().filter(|key| !routes.contains_key(key)) {
        let call = client.delete_route_settings().api_id(&api).stage_name(name).route_key(key);
        call.send().await.explain("apigateway:DELETE /stages/routesettings")?;
    }
    let update = client
        .update_stage()
        .api_id(&api)
        .stage_name(name)
        .set_access_log_settings(logs)
        .set_auto_deploy(auto_deploy)
        .set_client_certificate_id(told(desired, changed, "ClientCertificateId"))
        .default_route_settings(defaults.unwrap_or_else(|| to_settings(&Properties::new())))
        .set_deployment_id(deployment)
        .set_description(told(desired, changed, "Description"))
        .set_route_settings(Some(routes).filter(|routes| !routes.is_empty()))
        // An empty value takes a variable away.
        .set_stage_variables(Some(emptied(live.stage_variables, variables)));
    match update.send().await.explain("apigateway:PATCH /stages") {
        // Gone in between.
        Err(error) if error.is_missing() => create.send().await.explain("apigateway:POST /stages").map(drop),
        other => other.map(drop),
    }
}

async fn authorizer(client: &Client, id: &str, desired: &Properties) -> Result<(), AwsError> {
    let jwt = desired.inner("JwtConfiguration").map(|own| {
        JwtConfiguration::builder().set_audience(own.some_texts("Audience")).set_issuer(own.text("Issuer")).build()
    });
    client
        .update_authorizer()
        .api_id(place(desired, "ApiId")?)
        .authorizer_id(id)
        .set_name(desired.text("Name"))
        .set_authorizer_type(word::<AuthorizerType>(desired, "AuthorizerType"))
        .set_authorizer_uri(desired.text("AuthorizerUri"))
        .set_authorizer_credentials_arn(desired.text("AuthorizerCredentialsArn"))
        .set_authorizer_payload_format_version(desired.text("AuthorizerPayloadFormatVersion"))
        .set_authorizer_result_ttl_in_seconds(desired.int("AuthorizerResultTtlInSeconds"))
        .set_enable_simple_responses(desired.flag("EnableSimpleResponses").filter(|simple| *simple))
        .set_identity_source(desired.some_texts("IdentitySource"))
        .set_identity_validation_expression(desired.text("IdentityValidationExpression"))
        .set_jwt_configuration(jwt)
        .send()
        .await
        .explain("apigateway:PATCH /authorizers")
        .map(drop)
}
