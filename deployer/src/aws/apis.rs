//! API Gateway v2: APIs, their routes, integrations, stages and authorizers.

use super::kinds::{Reading, Wanted};
use super::shape::{Shape as _, covered, place, some};
use super::{AwsError, Explain};
use crate::state::{Known, Properties};
use aws_sdk_apigatewayv2::Client;
use aws_sdk_apigatewayv2::types::{Authorizer, Integration, Route, RouteSettings, Stage};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

pub(super) const API: &str = "AWS::ApiGatewayV2::Api";
pub(super) const ROUTE: &str = "AWS::ApiGatewayV2::Route";
pub(super) const INTEGRATION: &str = "AWS::ApiGatewayV2::Integration";
pub(super) const STAGE: &str = "AWS::ApiGatewayV2::Stage";
const AUTHORIZER: &str = "AWS::ApiGatewayV2::Authorizer";
pub(crate) const KINDS: &[&str] = &[API, ROUTE, INTEGRATION, STAGE, AUTHORIZER];

/// Listings that run at the same time.
const SIDE_BY_SIDE: usize = 8;

/// APIs one by one, what belongs to them by one listing for each API and kind.
pub(crate) async fn read(client: &Client, wanted: Vec<&Wanted>) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut listings: BTreeMap<(String, &str), Vec<&Wanted>> = BTreeMap::new();
    for wanted in wanted {
        let api = match wanted.kind.as_str() {
            API => Ok(wanted.physical_id.clone()),
            _ => place(&wanted.declared, "ApiId"),
        };
        match api {
            Ok(api) => listings.entry((api, wanted.kind.as_str())).or_default().push(wanted),
            Err(error) => readings.push((wanted.id.clone(), Err(error))),
        }
    }
    let listed = futures::stream::iter(listings)
        .map(|((api, kind), wanted)| async move {
            let found = list(client, &api, kind).await;
            wanted.into_iter().map(|wanted| (wanted.id.clone(), pick(wanted, &found))).collect::<Vec<_>>()
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect::<Vec<_>>()
        .await;
    readings.extend(listed.into_iter().flatten());
    readings
}

/// Properties by identifier.
type Listed = HashMap<String, Properties>;

fn pick(wanted: &Wanted, found: &Result<Listed, AwsError>) -> Result<Known<Properties>, AwsError> {
    let found = match found {
        Ok(found) => found,
        // The API is gone, and what belongs to it.
        Err(error) if error.is_missing() => return Ok(Known::Absent),
        Err(error) => return Err(error.clone()),
    };
    let Some(properties) = found.get(own_id(&wanted.physical_id)) else { return Ok(Known::Absent) };
    let mut properties = properties.clone();
    let is_declared = |key: &str| wanted.declared.contains_key(key);
    match wanted.kind.as_str() {
        // What an OpenAPI document says is no property.
        API if is_declared("Body") || is_declared("BodyS3Location") => properties.retain(|key, _| is_declared(key)),
        // Both have defaults that hang on other things.
        INTEGRATION if !is_declared("TimeoutInMillis") && properties.long("TimeoutInMillis") == Some(29_000) => {
            properties.insert("TimeoutInMillis".to_owned(), Value::Null);
        }
        AUTHORIZER if !is_declared("AuthorizerResultTtlInSeconds") => {
            properties.remove("AuthorizerResultTtlInSeconds");
        }
        // A stage that deploys by itself moves on by itself.
        STAGE if !is_declared("DeploymentId") => {
            properties.remove("DeploymentId");
        }
        _ => {}
    }
    if wanted.kind != API {
        properties.extend(wanted.declared.get("ApiId").map(|api| ("ApiId".to_owned(), api.clone())));
    }
    Ok(Known::Present(properties))
}

/// The id itself where the API's stands before it.
pub(super) fn own_id(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, own)| own)
}

/// Everything of one kind that belongs to an API.
async fn list(client: &Client, api: &str, kind: &str) -> Result<Listed, AwsError> {
    macro_rules! pages {
        ($call:ident, $action:literal, $id:ident, $of:ident) => {{
            let mut found = Listed::new();
            let mut token: Option<String> = None;
            loop {
                let page = client.$call().api_id(api).set_next_token(token).send().await.explain($action)?;
                for item in page.items.unwrap_or_default() {
                    found.insert(item.$id.clone().unwrap_or_default(), $of(item));
                }
                token = some(page.next_token);
                if token.is_none() {
                    return Ok(found);
                }
            }
        }};
    }
    match kind {
        ROUTE => pages!(get_routes, "apigateway:GET /routes", route_id, of_route),
        INTEGRATION => pages!(get_integrations, "apigateway:GET /integrations", integration_id, of_integration),
        STAGE => pages!(get_stages, "apigateway:GET /stages", stage_name, of_stage),
        AUTHORIZER => pages!(get_authorizers, "apigateway:GET /authorizers", authorizer_id, of_authorizer),
        _ => Ok(Listed::from([(api.to_owned(), the_api(client, api).await?)])),
    }
}

async fn the_api(client: &Client, id: &str) -> Result<Properties, AwsError> {
    let api = client.get_api().api_id(id).send().await.explain("apigateway:GET /apis")?;
    let cors = api.cors_configuration.map(|own| {
        json!({
            "AllowCredentials": own.allow_credentials,
            "AllowHeaders": own.allow_headers,
            "AllowMethods": own.allow_methods,
            "AllowOrigins": own.allow_origins,
            "ExposeHeaders": own.expose_headers,
            "MaxAge": own.max_age,
        })
    });
    Ok(covered(json!({
        "Name": api.name,
        "Description": some(api.description),
        "Version": some(api.version),
        "ProtocolType": api.protocol_type.map(|kind| kind.as_str().to_owned()),
        "CorsConfiguration": cors,
        "DisableExecuteApiEndpoint": api.disable_execute_api_endpoint,
        "DisableSchemaValidation": api.disable_schema_validation,
        "RouteSelectionExpression": some(api.route_selection_expression),
        "ApiKeySelectionExpression": some(api.api_key_selection_expression),
        "IpAddressType": api.ip_address_type.map(|kind| kind.as_str().to_owned()),
    })))
}

fn of_route(route: Route) -> Properties {
    let parameters = route.request_parameters.filter(|map| !map.is_empty()).map(|map| {
        let own = map.into_iter().map(|(key, own)| (key, json!({ "Required": own.required })));
        own.collect::<BTreeMap<_, _>>()
    });
    covered(json!({
        "RouteKey": route.route_key,
        "Target": some(route.target),
        "AuthorizationType": route.authorization_type.map(|kind| kind.as_str().to_owned()),
        "AuthorizerId": some(route.authorizer_id),
        "AuthorizationScopes": route.authorization_scopes,
        "ApiKeyRequired": route.api_key_required,
        "OperationName": some(route.operation_name),
        "ModelSelectionExpression": some(route.model_selection_expression),
        "RequestModels": sorted(route.request_models),
        "RequestParameters": parameters,
        "RouteResponseSelectionExpression": some(route.route_response_selection_expression),
    }))
}

/// A map in a fixed order, `null` where it is empty.
fn sorted(map: Option<HashMap<String, String>>) -> Value {
    let map: BTreeMap<String, String> = map.unwrap_or_default().into_iter().collect();
    if map.is_empty() { Value::Null } else { json!(map) }
}

fn of_integration(own: Integration) -> Properties {
    let responses: BTreeMap<String, Value> = own
        .response_parameters
        .unwrap_or_default()
        .into_iter()
        .map(|(status, map)| {
            let map: BTreeMap<String, String> = map.into_iter().collect();
            let list = map.into_iter().map(|(to, from)| json!({ "Destination": to, "Source": from }));
            (status, json!({ "ResponseParameters": list.collect::<Vec<_>>() }))
        })
        .collect();
    covered(json!({
        "IntegrationType": own.integration_type.map(|kind| kind.as_str().to_owned()),
        "IntegrationSubtype": some(own.integration_subtype),
        "IntegrationUri": some(own.integration_uri),
        "IntegrationMethod": some(own.integration_method),
        "PayloadFormatVersion": some(own.payload_format_version),
        "TimeoutInMillis": own.timeout_in_millis,
        "ConnectionType": own.connection_type.map(|kind| kind.as_str().to_owned()),
        "ConnectionId": some(own.connection_id),
        "CredentialsArn": some(own.credentials_arn),
        "Description": some(own.description),
        "ContentHandlingStrategy": own.content_handling_strategy.map(|word| word.as_str().to_owned()),
        "PassthroughBehavior": own.passthrough_behavior.map(|word| word.as_str().to_owned()),
        "RequestParameters": sorted(own.request_parameters),
        "RequestTemplates": sorted(own.request_templates),
        "ResponseParameters": Some(responses).filter(|map| !map.is_empty()),
        "TemplateSelectionExpression": some(own.template_selection_expression),
        "TlsConfig": own.tls_config.map(|tls| json!({ "ServerNameToVerify": tls.server_name_to_verify })),
    }))
}

fn of_settings(settings: RouteSettings) -> Value {
    json!({
        "DataTraceEnabled": settings.data_trace_enabled,
        "DetailedMetricsEnabled": settings.detailed_metrics_enabled,
        "LoggingLevel": settings.logging_level.map(|level| level.as_str().to_owned()),
        "ThrottlingBurstLimit": settings.throttling_burst_limit,
        "ThrottlingRateLimit": settings.throttling_rate_limit,
    })
}

fn of_stage(stage: Stage) -> Properties {
    let routes: Map<String, Value> =
        stage.route_settings.unwrap_or_default().into_iter().map(|(key, own)| (key, of_settings(own))).collect();
    let logs = stage.access_log_settings;
    covered(json!({
        "StageName": stage.stage_name,
        "AutoDeploy": stage.auto_deploy,
        "Description": some(stage.description),
        "DeploymentId": some(stage.deployment_id),
        "ClientCertificateId": some(stage.client_certificate_id),
        "StageVariables": sorted(stage.stage_variables),
        "AccessLogSettings": logs.map(|own| json!({ "DestinationArn": own.destination_arn, "Format": own.format })),
        "DefaultRouteSettings": stage.default_route_settings.map(of_settings),
        "RouteSettings": routes,
    }))
}

fn of_authorizer(own: Authorizer) -> Properties {
    let jwt = own.jwt_configuration.map(|jwt| json!({ "Audience": jwt.audience, "Issuer": some(jwt.issuer) }));
    covered(json!({
        "Name": own.name,
        "AuthorizerType": own.authorizer_type.map(|kind| kind.as_str().to_owned()),
        "AuthorizerUri": some(own.authorizer_uri),
        "AuthorizerCredentialsArn": some(own.authorizer_credentials_arn),
        "AuthorizerPayloadFormatVersion": some(own.authorizer_payload_format_version),
        "AuthorizerResultTtlInSeconds": own.authorizer_result_ttl_in_seconds,
        "EnableSimpleResponses": own.enable_simple_responses,
        "IdentitySource": own.identity_source,
        "IdentityValidationExpression": some(own.identity_validation_expression),
        "JwtConfiguration": jwt,
    }))
}
