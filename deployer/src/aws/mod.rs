//! Clients, how many calls they made, and one mapping of their errors. SDK types stop in this folder.

mod alarm;
mod api_put;
mod apis;
mod bucket;
pub(crate) mod cloudformation;
pub(crate) mod cloudwatch;
mod events;
pub(crate) mod evidence;
pub(crate) mod iam;
pub(crate) mod kinds;
pub(crate) mod lambda;
mod lifecycle;
pub(crate) mod log_events;
mod logs;
pub(crate) mod metric_data;
mod notification;
mod pace;
pub(crate) mod s3;
mod scheduler;
pub(crate) mod secrets;
mod shape;
mod sns;
mod sqs;
pub(crate) mod traffic;
pub(crate) mod version_metrics;
pub(crate) mod wiring;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Everything that talks to AWS, for one account and region.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) apis: aws_sdk_apigatewayv2::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) scheduler: aws_sdk_scheduler::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    sts: aws_sdk_sts::Client,
    pub(crate) region: String,
    pub(crate) is_sandbox: bool,
    pub(crate) calls: Calls,
}

/// Where to connect instead of AWS.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    pub(crate) url: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    /// Whether requests keep to the rates that AWS grants.
    pub(crate) is_paced: bool,
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Twelve digits.
    pub(crate) account: String,
    pub(crate) arn: String,
}

/// Counts requests by `Service.Operation`, every attempt of a retried call included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<BTreeMap<String, usize>>>);

impl Calls {
    pub(crate) fn by_operation(&self) -> BTreeMap<String, usize> {
        self.0.lock().expect("no thread panics while it counts").clone()
    }
}

#[derive(Debug)]
struct Counter {
    calls: Calls,
}

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "CallCounter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = bag.load::<aws_smithy_runtime_api::client::orchestrator::Metadata>() {
            let operation = format!("{}.{}", metadata.service(), metadata.name());
            tracing::trace!(%operation, "request");
            *self.calls.0.lock().expect("no thread panics while it counts").entry(operation).or_default() += 1;
        }
        Ok(())
    }
}

impl Clients {
    /// Clients for `region`, with the credentials of the environment, or for `over`. An answer that does not begin within
    /// `patience` counts as lost, and the request is made again.
    pub(crate) async fn new(region: Option<String>, over: Option<&Override>, patience: Duration) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let http = match over {
            Some(over) if !over.is_paced => http,
            _ => SharedHttpClient::new(pace::Paced::new(http)),
        };
        let retries = aws_config::retry::RetryConfig::standard().with_max_attempts(8);
        // What is on this machine is soon back, or not at all.
        let retries = if over.is_some() { retries.with_initial_backoff(Duration::from_millis(20)) } else { retries };
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).retry_config(retries);
        loader = loader.timeout_config(TimeoutConfig::builder().read_timeout(patience).build());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        if let Some(over) = over {
            let token = over.session_token.clone();
            let credentials =
                Credentials::new(&over.access_key_id, &over.secret_access_key, token, None, "deployer sandbox");
            loader = loader.endpoint_url(&over.url).credentials_provider(credentials);
        }
        let config = loader.load().await;
        let calls = Calls::default();
        let counter = || Counter { calls: calls.clone() };
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf($sdk::config::Builder::from(&config).interceptor(counter()).build())
            };
        }
        Self {
            cloudformation: client!(aws_sdk_cloudformation),
            cloudwatch: client!(aws_sdk_cloudwatch),
            apis: client!(aws_sdk_apigatewayv2),
            events: client!(aws_sdk_eventbridge),
            iam: client!(aws_sdk_iam),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            scheduler: client!(aws_sdk_scheduler),
            sns: client!(aws_sdk_sns),
            sqs: client!(aws_sdk_sqs),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&config)
                    .interceptor(counter())
                    .force_path_style(over.is_some())
                    // An upload is answered only after all of it was sent.
                    .timeout_config(TimeoutConfig::builder().read_timeout(patience * 10).build())
                    .build(),
            ),
            secrets: client!(aws_sdk_secretsmanager),
            sts: client!(aws_sdk_sts),
            is_sandbox: over.is_some(),
            region: config.region().map_or_else(String::new, ToString::to_string),
            calls,
        }
    }

    /// Account and ARN of the credentials in use.
    pub(crate) async fn identity(&self) -> Result<Identity, AwsError> {
        let answer = self.sts.get_caller_identity().send().await.explain("sts:GetCallerIdentity")?;
        Ok(Identity { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }
}

/// A call that AWS did not grant, kept as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsError {
    /// The IAM action: `lambda:UpdateAlias`.
    pub(crate) action: &'static str,
    /// AWS's error code; empty when no answer came.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
}

impl AwsError {
    /// Something that no call can do from here.
    pub(crate) fn unable(message: String) -> Self {
        Self { action: "deployer", code: "Unable".to_owned(), message, request_id: None }
    }

    pub(crate) fn is_denied(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden"].contains(&self.code.as_str())
    }

    /// The same words for the same reason, whoever it is about and whenever it is asked: what a state keeps and a plan groups
    /// by. Without request id, and of a denial without the ARNs.
    pub(crate) fn reason(&self) -> String {
        match self.is_denied() {
            true => format!("the caller may not {}", self.action),
            false => Self { request_id: None, ..self.clone() }.to_string(),
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        MISSING.contains(&self.code.as_str())
            || (self.code == "ValidationError" && self.message.contains("does not exist"))
    }

    pub(crate) fn is_conflict(&self) -> bool {
        ["PreconditionFailed", "PreconditionFailedException", "ConditionalRequestConflict", "ResourceConflictException"]
            .contains(&self.code.as_str())
    }
}

/// What the services call a thing that is not there.
const MISSING: [&str; 10] = [
    "ResourceNotFoundException",
    "ResourceNotFound",
    "NoSuchKey",
    "NoSuchBucket",
    "NotFound",
    "404",
    "NoSuchEntity",
    "NotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
];

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_denied() {
            write!(f, "the caller may not {} ({})", self.action, self.message)?;
        } else if self.code.is_empty() {
            write!(f, "{} got no answer: {}", self.action, self.message)?;
        } else {
            write!(f, "{} answered {}: {}", self.action, self.code, self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " [request {id}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for AwsError {}

/// Turns an SDK error into [`AwsError`].
pub(crate) trait Explain<T> {
    fn explain(self, action: &'static str) -> Result<T, AwsError>;
}

impl<T, E> Explain<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn explain(self, action: &'static str) -> Result<T, AwsError> {
        self.map_err(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let request_id = error.raw_response().and_then(|response| response.request_id()).map(str::to_owned);
            let code = error.code().map(str::to_owned).or_else(|| status.map(|status| status.to_string()));
            let message = match error.message() {
                Some(message) => message.to_owned(),
                None => chain(&error),
            };
            AwsError { action, code: code.unwrap_or_default(), message, request_id }
        })
    }
}

/// An error and its causes, none repeated.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests;
