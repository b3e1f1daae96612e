//! A payment by card or bank instead of the chain: a payment intent at a gateway that speaks Stripe's API. Card data goes from
//! the browser to the gateway and never comes by here.
//!
//! The caller's idempotency key goes along, so that a repetition, ours after a failure included, finds the same payment.
//!
//! Source: <https://docs.stripe.com/api/payment_intents/create>, <https://docs.stripe.com/api/idempotent_requests> (read 2026-11).

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{Problem, Secret, https};

/// How often the gateway is asked, and the first pause in between.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// Largest amount, in minor units: Stripe's own limit.
const MOST: u64 = 99_999_999;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payment {
    pub stream_id: String,
    /// In minor units: cents for `usd`.
    pub amount: u64,
    /// Three letters in lower case, ISO 4217.
    pub currency: String,
    /// The caller's own, 8 to 64 letters, digits, `-` or `_`: the same payment has the same one.
    pub idempotency_key: String,
}

/// What the gateway makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Intent {
    pub id: String,
    pub status: String,
    pub client_secret: Option<String>,
    pub amount: u64,
    pub currency: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalDetail,
}

#[derive(Deserialize)]
struct RefusalDetail {
    message: Option<String>,
}

impl Payment {
    /// # Errors
    /// [`Problem::bad_request`] with what is wrong.
    pub fn check(&self) -> Result<(), Problem> {
        let wrong = |what: &str| Err(Problem::bad_request(what));
        if !(1..=MOST).contains(&self.amount) {
            return wrong("amount must be 1 to 99999999, in minor units");
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return wrong("currency must be three lower-case letters, such as usd");
        }
        let key = &self.idempotency_key;
        let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !(8..=64).contains(&key.len()) || !is_plain {
            return wrong("idempotencyKey must be 8 to 64 letters, digits, - or _");
        }
        if self.stream_id.is_empty() || self.stream_id.len() > 78 || !self.stream_id.bytes().all(|b| b.is_ascii_digit())
        {
            return wrong("streamId must be a whole number");
        }
        Ok(())
    }
}

impl Intent {
    pub fn json(&self, payment: &Payment) -> Value {
        json!({
            "paymentId": self.id,
            "status": self.status,
            "clientSecret": self.client_secret,
            "amount": self.amount,
            "currency": self.currency,
            "streamId": payment.stream_id,
        })
    }
}

/// Creates the payment at the gateway at `base`, for the user with that id.
///
/// # Errors
/// [`Problem::bad_request`] with the gateway's words where it refuses the payment; internal where it does not answer.
pub async fn create(
    http: &reqwest::Client,
    base: &Url,
    key: &Secret,
    payment: &Payment,
    user_id: &str,
) -> Result<Intent, Problem> {
    let failed = |reason: String| Problem::internal("create the payment at the gateway", reason);
    let url = base.join("v1/payment_intents").map_err(|error| failed(error.to_string()))?;
    let amount = payment.amount.to_string();
    let form = [
        ("amount", amount.as_str()),
        ("currency", &payment.currency),
        ("metadata[stream_id]", &payment.stream_id),
        ("metadata[user_id]", user_id),
    ];
    // Nobody else's key can be met: it begins with who asks.
    let idempotency = format!("{user_id}-{}", payment.idempotency_key);
    let body = form_of(&form);
    let mut attempt = 1;
    loop {
        let sent = http
            .post(url.clone())
            .bearer_auth(key.expose())
            .header("idempotency-key", &idempotency)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.clone())
            .send()
            .await;
        let reason = match sent {
            Ok(answer) if answer.status().is_success() => {
                return answer.json().await.map_err(|error| failed(https::reason(error)));
            }
            Ok(answer) if matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED) => {
                let refusal = answer.json::<Refusal>().await.ok().and_then(|refusal| refusal.error.message);
                let said = refusal.unwrap_or_else(|| "the gateway refuses this payment".to_owned());
                return Err(Problem::bad_request(said));
            }
            Ok(answer) => {
                let status = answer.status();
                if !status.is_server_error() && !matches!(status.as_u16(), 409 | 429) {
                    return Err(failed(format!("HTTP {status}")));
                }
                format!("HTTP {status}")
            }
            Err(error) => https::reason(error),
        };
        if attempt == ATTEMPTS {
            return Err(failed(reason));
        }
        tracing::warn!(attempt, reason, "the gateway did not answer");
        tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
        attempt += 1;
    }
}

/// `name=value&…`, everything but letters and digits escaped.
fn form_of(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        text.bytes().fold(String::new(), |mut escaped, byte| {
            match byte {
                byte if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
                byte => escaped.push_str(&format!("%{byte:02X}")),
            }
            escaped
        })
    };
    pairs.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_payment_is_refused_before_anybody_is_asked() {
        let right = Payment {
            stream_id: "7".into(),
            amount: 1_250,
            currency: "usd".into(),
            idempotency_key: "order-0001".into(),
        };
        assert!(right.check().is_ok());
        for (said, wrong) in [
            ("amount", Payment { amount: 0, ..right.clone() }),
            ("amount", Payment { amount: MOST + 1, ..right.clone() }),
            ("currency", Payment { currency: "USD".into(), ..right.clone() }),
            ("idempotencyKey", Payment { idempotency_key: "short".into(), ..right.clone() }),
            ("idempotencyKey", Payment { idempotency_key: "with a space".into(), ..right.clone() }),
            ("streamId", Payment { stream_id: "seven".into(), ..right }),
        ] {
            assert!(wrong.check().expect_err("refused").to_string().starts_with(said), "{wrong:?}");
        }
    }

    #[test]
    fn a_form_is_escaped() {
        assert_eq!(form_of(&[("metadata[a]", "b&c=d é"), ("n", "1")]), "metadata%5Ba%5D=b%26c%3Dd%20%C3%A9&n=1");
    }
}
