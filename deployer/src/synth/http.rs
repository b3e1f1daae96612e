//! The stack's HTTP API: one API, one integration per function, one route per `http` trigger.

use super::draft::Draft;
use super::event::permission;
use super::function::{LOG_GROUP_KEY, retention_days};
use super::logical_ids as ids;
use crate::cfn::{Resource, get_att, reference, sub, without_nulls};
use crate::model::trigger::{Cors, Http, HttpAuth, TriggerKind};
use serde_json::{Value, json};
use std::time::Duration;

/// Steady requests per second and burst above them, where the stack says nothing; the same as `api:` has by default.
const RATE: (u32, u32) = (100, 200);

/// How long access logs are kept.
const ACCESS_LOG_RETENTION: Duration = Duration::from_secs(30 * 86_400);

/// Fields of an access log line.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html> (read 2026-11).
const ACCESS_LOG: [(&str, &str); 11] = [
    ("requestId", "$context.requestId"),
    ("time", "$context.requestTime"),
    ("ip", "$context.identity.sourceIp"),
    ("userAgent", "$context.identity.userAgent"),
    ("method", "$context.httpMethod"),
    ("path", "$context.path"),
    ("route", "$context.routeKey"),
    ("status", "$context.status"),
    ("latency", "$context.responseLatency"),
    ("integrationLatency", "$context.integrationLatency"),
    ("error", "$context.integrationErrorMessage"),
];

pub(crate) fn api(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    let mut triggers = stack.file.functions.values().flat_map(|function| &function.triggers);
    if !triggers.any(|trigger| matches!(trigger.kind, TriggerKind::Http(_))) {
        return;
    }
    let settings = stack.file.api.as_ref();
    let api = ids::api();
    let log_group = ids::api_log_group();
    draft.add(
        api.clone(),
        Resource::new(
            "AWS::ApiGatewayV2::Api",
            json!({
                "Name": stack.prefix(),
                "Description": stack.file.description,
                "ProtocolType": "HTTP",
                "CorsConfiguration": settings.and_then(|settings| settings.cors.as_ref()).map(cors),
                "Tags": stack.tags(),
            }),
        ),
    );
    let days = retention_days(ACCESS_LOG_RETENTION);
    let group = Resource::new(
        "AWS::Logs::LogGroup",
        json!({
            "LogGroupName": stack.api_log_group_name(),
            "RetentionInDays": days,
            "Tags": super::draft::tag_list(&stack.tags()),
        }),
    );
    draft.add(log_group.clone(), group.kept(false).skip("CKV_AWS_158", LOG_GROUP_KEY));
    let (rate, burst) = settings.map_or(RATE, |settings| (settings.rate, settings.burst));
    let fields: serde_json::Map<String, Value> =
        ACCESS_LOG.into_iter().map(|(field, variable)| (field.to_owned(), json!(variable))).collect();
    draft.add(
        ids::api_stage(),
        Resource::new(
            "AWS::ApiGatewayV2::Stage",
            json!({
                "ApiId": reference(&api),
                "StageName": "$default",
                "AutoDeploy": true,
                "AccessLogSettings": {
                    // Without the `:*` that the group's own attribute ends with.
                    "DestinationArn": sub(format!(
                        "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{{log_group}}}"
                    )),
                    "Format": Value::Object(fields).to_string(),
                },
                "DefaultRouteSettings": { "ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst },
                "Tags": stack.tags(),
            }),
        ),
    );
    for (name, jwt) in settings.iter().flat_map(|settings| &settings.jwt) {
        draft.add(
            ids::authorizer(name),
            Resource::new(
                "AWS::ApiGatewayV2::Authorizer",
                json!({
                    "ApiId": reference(&api),
                    "Name": name,
                    "AuthorizerType": "JWT",
                    "IdentitySource": ["$request.header.Authorization"],
                    "JwtConfiguration": { "Issuer": jwt.issuer.value, "Audience": jwt.audience },
                }),
            ),
        );
    }
    let endpoint = json!({ "Description": "Address of the HTTP API", "Value": get_att(&api, "ApiEndpoint") });
    draft.output(ids::API_OUTPUT, endpoint);
}

fn cors(cors: &Cors) -> Value {
    without_nulls(json!({
        "AllowOrigins": cors.origins,
        "AllowMethods": (!cors.methods.is_empty()).then_some(&cors.methods),
        "AllowHeaders": (!cors.headers.is_empty()).then_some(&cors.headers),
        "AllowCredentials": cors.credentials.then_some(true),
        "MaxAge": cors.max_age.map(|age| age.as_secs()),
    }))
}

pub(crate) fn route(draft: &mut Draft<'_>, function: &str, trigger: &Http) {
    let api = ids::api();
    let integration = ids::integration(function);
    if !draft.template.resources.contains_key(&integration) {
        let resource = Resource::new(
            "AWS::ApiGatewayV2::Integration",
            json!({
                "ApiId": reference(&api),
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": reference(ids::alias(function)),
                "PayloadFormatVersion": "2.0",
            }),
        );
        draft.add(integration.clone(), resource);
    }
    let route = ids::route(function, &trigger.route.value);
    let auth = trigger.auth.as_ref().map_or(&HttpAuth::None, |auth| &auth.value);
    let (kind, authorizer, scopes) = match auth {
        HttpAuth::None => ("NONE", None, None),
        HttpAuth::Iam => ("AWS_IAM", None, None),
        HttpAuth::Jwt { authorizer, scopes } => {
            let scopes = (!scopes.is_empty()).then_some(scopes);
            ("JWT", Some(reference(ids::authorizer(&authorizer.value))), scopes)
        }
    };
    let resource = Resource::new(
        "AWS::ApiGatewayV2::Route",
        json!({
            "ApiId": reference(&api),
            "RouteKey": trigger.route.value,
            "Target": sub(format!("integrations/${{{integration}}}")),
            "AuthorizationType": kind,
            "AuthorizerId": authorizer,
            "AuthorizationScopes": scopes,
        }),
    );
    draft.add(route.clone(), resource);
    let source = format!(
        "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api}}}/*/{}",
        source_path(&trigger.route.value)
    );
    permission(draft, function, &route, "apigateway.amazonaws.com", sub(source));
}

/// Method and path in the ARN that API Gateway invokes on behalf of: `POST /webhooks/{provider}` → `POST/webhooks/*`.
fn source_path(route: &str) -> String {
    let Some((method, path)) = route.split_once(' ') else { return route.to_owned() };
    let method = if method.eq_ignore_ascii_case("any") { "*" } else { method };
    let segments: Vec<&str> =
        path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment }).collect();
    format!("{method}{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::source_path;

    #[test]
    fn a_permission_is_as_narrow_as_its_route() {
        assert_eq!(source_path("POST /webhooks/{provider}"), "POST/webhooks/*");
        assert_eq!(source_path("ANY /v1/{proxy+}"), "*/v1/*");
        assert_eq!(source_path("GET /"), "GET/");
        assert_eq!(source_path("$default"), "$default");
    }
}
