//! PayPal: orders that a vaulted payment token pays at once, refunds of captures, webhooks that PayPal itself verifies.
//!
//! Sources: <https://developer.paypal.com/api/rest/authentication/>, <https://developer.paypal.com/docs/api/orders/v2/#orders_create>,
//! <https://developer.paypal.com/docs/api/payments/v2/#captures_refund>,
//! <https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post>,
//! <https://developer.paypal.com/api/rest/reference/idempotency/> (read 2026-11).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use reqwest::Client;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use shared::{Secret, Secrets, secrets::Source};

use super::provider::{Headers, Made, Order, Provider, Status, Told, Unavailable, WebhookError};
use crate::money::Currency;

/// A token is asked for anew this long before its end.
const RESERVE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct PayPal {
    pub http: Client,
    pub secrets: Arc<Secrets>,
    /// `https://api-m.paypal.com`
    pub url: String,
    pub client_id: Source,
    pub client_secret: Source,
    /// PayPal's id of our webhook, which its verification asks for.
    pub webhook_id: String,
    pub token: Mutex<Option<(Secret, Instant)>>,
}

/// PayPal takes no decimals of these, though ISO 4217 has them.
pub fn is_payable(minor: u64, currency: Currency) -> bool {
    !["HUF", "TWD"].contains(&currency.code()) || minor.is_multiple_of(100)
}

fn amount(order: &Order<'_>) -> Value {
    let whole = ["HUF", "TWD"].contains(&order.currency.code());
    let value = if whole { (order.amount / 100).to_string() } else { order.currency.decimal(order.amount) };
    json!({ "currency_code": order.currency.code(), "value": value })
}

impl PayPal {
    fn unavailable(doing: &'static str) -> impl Fn(String) -> Unavailable {
        move |reason| Unavailable { provider: "PayPal", doing, reason }
    }

    /// The token that is still good, or a new one.
    async fn access(&self, doing: &'static str) -> Result<Secret, Unavailable> {
        let unavailable = Self::unavailable(doing);
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((token, _)) = known.filter(|(_, until)| Instant::now() < *until) {
            return Ok(token);
        }
        let id = self.secrets.value(&self.client_id).await.map_err(|error| unavailable(error.to_string()))?;
        let secret = self.secrets.value(&self.client_secret).await.map_err(|error| unavailable(error.to_string()))?;
        let request = self.http.post(format!("{}/v1/oauth2/token", self.url));
        let request = request.basic_auth(id.expose(), Some(secret.expose()));
        let request = super::form(request, &[("grant_type", "client_credentials")]);
        let answer = request.send().await.map_err(|error| unavailable(shared::https::reason(error)))?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let (Some(token), Some(seconds)) = (body["access_token"].as_str(), body["expires_in"].as_u64()) else {
            return Err(unavailable(format!("no access token: status {status}")));
        };
        let token = Secret::new(token);
        let until = Instant::now() + Duration::from_secs(seconds).saturating_sub(RESERVE);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.clone(), until));
        Ok(token)
    }

    /// Status and answer; once more with a new token when the old one is refused.
    async fn post(
        &self,
        doing: &'static str,
        path: &str,
        id: Option<&str>,
        body: String,
    ) -> Result<(u16, Value), Unavailable> {
        let unavailable = Self::unavailable(doing);
        for attempt in 1.. {
            let token = self.access(doing).await?;
            let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token.expose());
            let request = request.header("Content-Type", "application/json").header("Prefer", "return=representation");
            let request = match id {
                Some(id) => request.header("PayPal-Request-Id", id),
                None => request,
            };
            let answer =
                request.body(body.clone()).send().await.map_err(|error| unavailable(shared::https::reason(error)))?;
            let status = answer.status().as_u16();
            if status == 401 && attempt == 1 {
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                continue;
            }
            let body = answer.json().await.map_err(|_| unavailable(format!("status {status} without JSON")))?;
            return Ok((status, body));
        }
        unreachable!("the second attempt returns")
    }
}

/// What an answer means; `part` is the capture or the refund in it.
fn judge(status: u16, body: &Value, part: &Value) -> Result<Made, String> {
    let id = || part["id"].as_str().unwrap_or_default().to_owned();
    match status {
        200..=299 => match part["status"].as_str().unwrap_or_default() {
            "COMPLETED" => Ok(Made::Done(id())),
            "PENDING" => Ok(Made::Pending(id())),
            "" => Ok(Made::Declined(body["status"].as_str().unwrap_or("no capture").to_owned())),
            other => Ok(Made::Declined(other.to_owned())),
        },
        400 | 404 | 422 => {
            let code = body["details"][0]["issue"].as_str().or(body["name"].as_str());
            Ok(Made::Declined(code.unwrap_or("refused").to_owned()))
        }
        _ => Err(format!("status {status}")),
    }
}

impl Provider for PayPal {
    fn charge<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Made, Unavailable>> {
        Box::pin(async move {
            let mut unit = json!({ "custom_id": order.id, "amount": amount(&order) });
            if let Some(description) = order.description {
                unit["description"] = json!(description.chars().take(127).collect::<String>());
            }
            let body = json!({
                "intent": "CAPTURE", "purchase_units": [unit],
                "payment_source": { "paypal": { "vault_id": order.from } },
            });
            let (status, body) = self.post("charge", "/v2/checkout/orders", Some(order.id), body.to_string()).await?;
            let capture = &body["purchase_units"][0]["payments"]["captures"][0];
            judge(status, &body, capture).map_err(Self::unavailable("charge"))
        })
    }

    fn refund<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Made, Unavailable>> {
        Box::pin(async move {
            let path = format!("/v2/payments/captures/{}/refund", order.from);
            let body = json!({ "amount": amount(&order), "custom_id": order.id });
            let (status, body) = self.post("refund", &path, Some(order.id), body.to_string()).await?;
            judge(status, &body, &body).map_err(Self::unavailable("refund"))
        })
    }

    fn told<'a>(&'a self, headers: Headers<'a>, body: &'a [u8], _: i64) -> BoxFuture<'a, Result<Told, WebhookError>> {
        Box::pin(async move {
            // As it came: a body that was parsed and written again would have another checksum.
            let text = std::str::from_utf8(body).map_err(|_| WebhookError::Malformed)?;
            serde_json::from_str::<IgnoredAny>(text).map_err(|_| WebhookError::Malformed)?;
            let header = |name: &str| json!(headers.get(&format!("paypal-{name}"))).to_string();
            let question = format!(
                "{{\"auth_algo\":{},\"cert_url\":{},\"transmission_id\":{},\"transmission_sig\":{},\"transmission_time\":{},\"webhook_id\":{},\"webhook_event\":{}}}",
                header("auth-algo"),
                header("cert-url"),
                header("transmission-id"),
                header("transmission-sig"),
                header("transmission-time"),
                json!(self.webhook_id),
                text,
            );
            let path = "/v1/notifications/verify-webhook-signature";
            let (status, answer) = self.post("webhook", path, None, question).await?;
            match (status, answer["verification_status"].as_str()) {
                (200, Some("SUCCESS")) => {}
                (200 | 400 | 422, _) => return Err(WebhookError::Forged),
                _ => return Err(Self::unavailable("webhook")(format!("status {status}")).into()),
            }
            let event: Value = serde_json::from_str(text).map_err(|_| WebhookError::Malformed)?;
            let kind = event["event_type"].as_str().ok_or(WebhookError::Malformed)?;
            let status = match kind {
                "PAYMENT.CAPTURE.COMPLETED" => Some(Status::Captured),
                "PAYMENT.CAPTURE.DENIED" | "PAYMENT.CAPTURE.DECLINED" => Some(Status::Declined),
                _ => None,
            };
            Ok(match (status, event["resource"]["custom_id"].as_str()) {
                (Some(status), Some(id)) => Told::Payment { id: id.to_owned(), status },
                _ => Told::Nothing(kind.to_owned()),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::try_from(code.to_owned()).expect("a currency")
    }

    #[test]
    fn amounts_are_written_as_paypal_takes_them() {
        let of = |minor, code| {
            amount(&Order { id: "i", from: "f", amount: minor, currency: currency(code), description: None })["value"]
                .clone()
        };
        assert_eq!(
            [of(1234, "EUR"), of(1234, "JPY"), of(120_000, "HUF")],
            [json!("12.34"), json!("1234"), json!("1200")]
        );
        assert!(
            is_payable(120_000, currency("HUF"))
                && !is_payable(120_050, currency("TWD"))
                && is_payable(5, currency("EUR"))
        );
    }

    #[test]
    fn an_answer_is_money_a_promise_a_refusal_or_nothing_yet() {
        let part = |status: &str| json!({ "id": "c-1", "status": status });
        let of =
            |status, part: &Value| judge(status, &json!({ "details": [{ "issue": "INSTRUMENT_DECLINED" }] }), part);
        assert_eq!(of(201, &part("COMPLETED")), Ok(Made::Done("c-1".into())));
        assert_eq!(of(201, &part("PENDING")), Ok(Made::Pending("c-1".into())));
        assert_eq!(of(422, &Value::Null), Ok(Made::Declined("INSTRUMENT_DECLINED".into())));
        for status in [401, 403, 429, 500, 503] {
            assert!(of(status, &Value::Null).is_err(), "{status}");
        }
    }
}
