//! Keeps requests below the rates that AWS grants an account, so that a large stack waits its turn instead of being refused.
//!
//! Sits around the HTTP client, where every attempt of every call passes, and tells services apart by what a request is signed
//! for. What is refused all the same is tried again by the SDK, with jitter, and only when trying again can help.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Requests per second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    per_second: f64,
    burst: f64,
}

/// What a family of operations is granted. Lambda's are published, "API requests" in
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>; others are what is commonly seen, since AWS
/// publishes none (both read 2026-11). A tenth is left to others.
fn granted(family: &str) -> Option<Rate> {
    let (per_second, burst) = match family {
        "lambda GetFunction" => (90.0, 90.0),
        "lambda GetPolicy" | "lambda" => (13.5, 10.0),
        "cloudformation" => (9.0, 20.0),
        "iam" => (18.0, 40.0),
        "apigateway" => (9.0, 20.0),
        "events" | "scheduler" => (45.0, 45.0),
        "monitoring" | "logs" => (9.0, 20.0),
        _ => return None,
    };
    Some(Rate { per_second, burst })
}

/// The family that a request counts for. Lambda counts reading a function and its policy apart from everything else.
fn family(method: &str, path: &str, authorization: &str) -> String {
    // `AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-west-1/lambda/aws4_request, …`
    let service = authorization.split('/').nth(3).unwrap_or_default();
    let parts: Vec<&str> = path.split('?').next().unwrap_or_default().trim_matches('/').split('/').collect();
    match (service, method, parts.as_slice()) {
        ("lambda", "GET", [_, "functions", _]) => "lambda GetFunction".to_owned(),
        ("lambda", "GET", [_, "functions", _, "policy"]) => "lambda GetPolicy".to_owned(),
        _ => service.to_owned(),
    }
}

/// When the next request of each family may go.
#[derive(Debug, Default)]
struct Turns(Mutex<BTreeMap<String, Instant>>);

impl Turns {
    /// Takes a turn; how long to wait for it.
    fn take(&self, family: &str, now: Instant) -> Duration {
        let Some(rate) = granted(family) else { return Duration::ZERO };
        let step = Duration::from_secs_f64(1.0 / rate.per_second);
        let ahead = Duration::from_secs_f64((rate.burst - 1.0) / rate.per_second);
        let mut turns = self.0.lock().expect("no thread panics while it takes a turn");
        // The time at which all requests so far would have gone at the even rate.
        let even = turns.get(family).copied().unwrap_or(now).max(now);
        turns.insert(family.to_owned(), even + step);
        even.saturating_duration_since(now + ahead)
    }
}

/// A client whose requests wait for their turn.
#[derive(Debug, Clone)]
pub(super) struct Paced {
    inner: SharedHttpClient,
    turns: Arc<Turns>,
}

impl Paced {
    pub(super) fn new(inner: SharedHttpClient) -> Self {
        Self { inner, turns: Arc::default() }
    }
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { inner, turns: Arc::clone(&self.turns) })
    }
}

#[derive(Debug)]
struct PacedConnector {
    inner: SharedHttpConnector,
    turns: Arc<Turns>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().splitn(4, '/').nth(3).unwrap_or_default().to_owned();
        let family = family(request.method(), &path, request.headers().get("authorization").unwrap_or_default());
        let wait = self.turns.take(&family, Instant::now());
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            inner.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_for_the_service_that_they_are_signed_for() {
        let signed =
            |service: &str| format!("AWS4-HMAC-SHA256 Credential=A/20261120/eu-west-1/{service}/aws4_request, X");
        let of = |method, path, service| family(method, path, &signed(service));
        assert_eq!(of("GET", "2015-03-31/functions/f", "lambda"), "lambda GetFunction");
        assert_eq!(of("GET", "2015-03-31/functions/f/policy?Qualifier=live", "lambda"), "lambda GetPolicy");
        assert_eq!(of("GET", "2015-03-31/functions/f/configuration", "lambda"), "lambda");
        assert_eq!(of("DELETE", "2015-03-31/functions/f", "lambda"), "lambda");
        assert_eq!(of("POST", "", "cloudformation"), "cloudformation");
        assert_eq!(granted("s3"), None, "S3 grants thousands");
    }

    /// As AWS counts: a bucket of tokens that fills at the granted rate.
    #[tokio::test(start_paused = true)]
    async fn a_thousand_functions_stay_below_fifteen_a_second() {
        let (turns, start) = (Turns::default(), Instant::now());
        let (mut tokens, mut last) = (15.0_f64, start);
        for number in 0..3_000 {
            tokio::time::sleep(turns.take("lambda", Instant::now())).await;
            let now = Instant::now();
            tokens = (tokens + now.duration_since(last).as_secs_f64() * 15.0).min(15.0) - 1.0;
            last = now;
            assert!(tokens >= 0.0, "request {number} is refused after {:?}", now - start);
        }
        assert!(start.elapsed() < Duration::from_secs(230), "{:?} for 3,000 requests", start.elapsed());
    }
}
