//! Stripe: payment intents that are confirmed at once, refunds, signed webhooks.
//!
//! Sources: <https://docs.stripe.com/api/payment_intents/create>, <https://docs.stripe.com/api/refunds/create>,
//! <https://docs.stripe.com/api/idempotent_requests>, <https://docs.stripe.com/webhooks/signature> (read 2026-11).

use std::sync::Arc;

use futures::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use serde_json::Value;
use sha2::Sha256;
use shared::{Secrets, secrets::Source};
use subtle::ConstantTimeEq as _;

use super::provider::{Headers, Made, Order, Provider, Status, Told, Unavailable, WebhookError};

/// How far a webhook's time may be from ours. Seconds; what Stripe's own libraries take.
const TOLERANCE: i64 = 300;

/// The version of the API that this code was written against.
const VERSION: &str = "2025-10-29.clover";

#[derive(Debug)]
pub struct Stripe {
    pub http: Client,
    pub secrets: Arc<Secrets>,
    /// `https://api.stripe.com`
    pub url: String,
    pub key: Source,
    pub webhook_secret: Source,
}

impl Stripe {
    async fn post(
        &self,
        doing: &'static str,
        path: &str,
        id: &str,
        pairs: &[(&str, &str)],
    ) -> Result<Made, Unavailable> {
        let unavailable = |reason: String| Unavailable { provider: "Stripe", doing, reason };
        let key = self.secrets.value(&self.key).await.map_err(|error| unavailable(error.to_string()))?;
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(key.expose());
        let request = request.header("Idempotency-Key", id).header("Stripe-Version", VERSION);
        let answer =
            super::form(request, pairs).send().await.map_err(|error| unavailable(shared::https::reason(error)))?;
        let status = answer.status().as_u16();
        let body: Value = match answer.json().await {
            Ok(body) => body,
            Err(_) => return Err(unavailable(format!("status {status} without JSON"))),
        };
        judge(status, &body).map_err(unavailable)
    }
}

/// What an answer means. An error is something that another try may change.
fn judge(status: u16, body: &Value) -> Result<Made, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match status {
        200..=299 => match body["status"].as_str().unwrap_or_default() {
            "succeeded" => Ok(Made::Done(text(&body["id"]))),
            "processing" | "requires_action" | "pending" => Ok(Made::Pending(text(&body["id"]))),
            other => Ok(Made::Declined(other.to_owned())),
        },
        // Another request with this key is under way, we are too fast, or our key is wrong.
        401 | 403 | 409 | 429 | 500.. => Err(format!("status {status}")),
        _ => {
            let error = &body["error"];
            let code = ["decline_code", "code", "type"].into_iter().find_map(|name| error[name].as_str());
            Ok(Made::Declined(code.unwrap_or("refused").to_owned()))
        }
    }
}

impl Provider for Stripe {
    fn charge<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Made, Unavailable>> {
        Box::pin(async move {
            let (amount, currency) = (order.amount.to_string(), order.currency.code().to_lowercase());
            let mut pairs = vec![
                ("amount", amount.as_str()),
                ("currency", currency.as_str()),
                ("payment_method", order.from),
                ("confirm", "true"),
                ("off_session", "true"),
                ("metadata[payment]", order.id),
            ];
            pairs.extend(order.description.map(|text| ("metadata[description]", text)));
            self.post("charge", "/v1/payment_intents", order.id, &pairs).await
        })
    }

    fn refund<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Made, Unavailable>> {
        Box::pin(async move {
            let amount = order.amount.to_string();
            let pairs = [("payment_intent", order.from), ("amount", &amount), ("metadata[refund]", order.id)];
            self.post("refund", "/v1/refunds", order.id, &pairs).await
        })
    }

    fn told<'a>(&'a self, headers: Headers<'a>, body: &'a [u8], now: i64) -> BoxFuture<'a, Result<Told, WebhookError>> {
        Box::pin(async move {
            let unavailable = |error: shared::secrets::SecretError| Unavailable {
                provider: "Stripe",
                doing: "webhook",
                reason: error.to_string(),
            };
            let secret = self.secrets.value(&self.webhook_secret).await.map_err(unavailable)?;
            if !is_genuine(secret.expose(), headers.get("stripe-signature"), body, now) {
                return Err(WebhookError::Forged);
            }
            let event: Value = serde_json::from_slice(body).map_err(|_| WebhookError::Malformed)?;
            let kind = event["type"].as_str().ok_or(WebhookError::Malformed)?;
            let payment = event["data"]["object"]["metadata"]["payment"].as_str();
            let status = match kind {
                "payment_intent.succeeded" => Some(Status::Captured),
                "payment_intent.payment_failed" | "payment_intent.canceled" => Some(Status::Declined),
                _ => None,
            };
            Ok(match (status, payment) {
                (Some(status), Some(id)) => Told::Payment { id: id.to_owned(), status },
                _ => Told::Nothing(kind.to_owned()),
            })
        })
    }
}

/// Whether one of the header's `v1` signatures is that of time and body, and the time is near.
fn is_genuine(secret: &str, header: &str, body: &[u8], now: i64) -> bool {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = value.parse::<i64>().ok(),
            Some(("v1", value)) => signatures.push(value),
            _ => {}
        }
    }
    let Some(time) = time.filter(|time| time.abs_diff(now) <= TOLERANCE.unsigned_abs()) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let expected = hex::encode(mac.finalize().into_bytes());
    // Each one is looked at, so that the time does not tell which was right.
    signatures.iter().fold(false, |found, given| found | bool::from(expected.as_bytes().ct_eq(given.as_bytes())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Computed with `printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test`.
    const SIGNATURE: &str = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";

    #[test]
    fn a_webhook_is_believed_with_its_signature_and_near_its_time_only() {
        let header = format!("t=1700000000,v1=00,v1={SIGNATURE},v0=x");
        assert!(is_genuine("whsec_test", &header, b"{}", 1_700_000_300));
        assert!(!is_genuine("whsec_test", &header, b"{}", 1_700_000_301), "too old");
        assert!(!is_genuine("whsec_test", &header, b"{} ", 1_700_000_000), "another body");
        assert!(!is_genuine("whsec_other", &header, b"{}", 1_700_000_000), "another key");
        for header in ["", "t=1700000000", &format!("v1={SIGNATURE}"), &format!("t=x,v1={SIGNATURE}")] {
            assert!(!is_genuine("whsec_test", header, b"{}", 1_700_000_000), "{header}");
        }
    }

    #[test]
    fn an_answer_is_money_a_promise_a_refusal_or_nothing_yet() {
        assert_eq!(judge(200, &json!({ "id": "pi_1", "status": "succeeded" })), Ok(Made::Done("pi_1".into())));
        assert_eq!(judge(200, &json!({ "id": "pi_1", "status": "processing" })), Ok(Made::Pending("pi_1".into())));
        let declined =
            json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": "lost_card" } });
        assert_eq!(judge(402, &declined), Ok(Made::Declined("lost_card".into())));
        for status in [401, 409, 429, 500, 503] {
            assert!(judge(status, &json!({})).is_err(), "{status}");
        }
    }
}
