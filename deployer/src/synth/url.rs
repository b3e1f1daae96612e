//! Function URLs, on the alias.

use super::draft::Draft;
use super::function::ALIAS;
use super::logical_ids as ids;
use crate::cfn::{Resource, get_att, reference, without_nulls};
use crate::ids::LogicalId;
use crate::model::trigger::{Url, UrlAuth};
use serde_json::json;

pub(crate) fn url(draft: &mut Draft<'_>, function: &str, trigger: &Url) {
    let id = ids::url(function);
    let auth = match trigger.auth {
        UrlAuth::Iam => "AWS_IAM",
        UrlAuth::None => "NONE",
    };
    let cors = trigger.cors.as_ref().map(|cors| {
        without_nulls(json!({
            "AllowOrigins": cors.origins,
            "AllowMethods": (!cors.methods.is_empty()).then_some(&cors.methods),
            "AllowHeaders": (!cors.headers.is_empty()).then_some(&cors.headers),
            "AllowCredentials": cors.credentials.then_some(true),
            "MaxAge": cors.max_age.map(|age| age.as_secs()),
        }))
    });
    let mut resource = Resource::new(
        "AWS::Lambda::Url",
        json!({
            "TargetFunctionArn": get_att(ids::function(function), "Arn"),
            "Qualifier": ALIAS,
            "AuthType": auth,
            "InvokeMode": trigger.stream.then_some("RESPONSE_STREAM"),
            "Cors": cors,
        }),
    )
    .after(&[ids::alias(function)]);
    if trigger.auth == UrlAuth::None {
        resource = resource.skip("CKV_AWS_258", "open on purpose: the stack file says `auth: none`");
        everybody(draft, function, &id);
    }
    draft.add(id.clone(), resource);
    let output = json!({ "Description": format!("URL of {function}"), "Value": get_att(&id, "FunctionUrl") });
    draft.output(id.as_str(), output);
}

/// Both permissions that an open URL made since October 2025 needs. With IAM authentication callers of this account
/// need none of them: their own policies decide.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html> (read 2026-11).
fn everybody(draft: &mut Draft<'_>, function: &str, url: &LogicalId) {
    let alias = reference(ids::alias(function));
    let call = Resource::new(
        "AWS::Lambda::Permission",
        json!({
            "Action": "lambda:InvokeFunctionUrl", "FunctionName": alias, "Principal": "*",
            "FunctionUrlAuthType": "NONE",
        }),
    );
    let invoke = Resource::new(
        "AWS::Lambda::Permission",
        json!({
            "Action": "lambda:InvokeFunction", "FunctionName": alias, "Principal": "*",
            "InvokedViaFunctionUrl": true,
        }),
    );
    draft.add(ids::permission(url), call);
    draft.add(LogicalId::new(format!("{url}InvokePermission")), invoke);
}
