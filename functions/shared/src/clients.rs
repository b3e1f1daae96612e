//! The SDK configuration that every AWS client of a function is made from.
//!
//! Region, credentials and `AWS_ENDPOINT_URL` (also per service, as in `AWS_ENDPOINT_URL_SQS`) come
//! from the environment that Lambda, or a local emulator, gives. Reads no function variable.

use std::time::Duration;

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_smithy_http_client::{Builder, tls};
use aws_types::SdkConfig;

/// Longest that one attempt of an AWS call may take. A Lambda that waits longer than this is better off
/// trying again: without a limit a lost packet costs the whole invocation.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Longest wait for a TCP and TLS connection to AWS.
const CONNECT: Duration = Duration::from_secs(3);

/// Configuration for all clients: rustls over ring, standard retries, bounded attempts.
pub async fn sdk_config() -> SdkConfig {
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts).load().await
}
