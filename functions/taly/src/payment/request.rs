//! What callers may ask for, checked. No type here can hold a card's number: what pays is a token of the provider's.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{Problem, http, mail::is_address};

use crate::money::Currency;

/// Largest body that is looked at. Bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// Largest amount: what Stripe takes. Minor units.
///
/// Source: <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts> (read 2026-11).
const MOST: u64 = 99_999_999;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    Stripe,
    Paypal,
}

impl ProviderName {
    pub fn word(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Paypal => "paypal",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Stripe, Self::Paypal].into_iter().find(|name| name.word() == word)
    }
}

/// `POST /payments`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    pub provider: ProviderName,
    /// In minor units.
    pub amount: u64,
    pub currency: Currency,
    /// The provider's token of what pays: Stripe's payment method, PayPal's vaulted payment token.
    pub method: String,
    pub customer: Customer,
    pub booking: Option<String>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    pub id: String,
    pub name: String,
    pub email: String,
}

/// `POST /payments/{id}/refunds`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// In minor units.
    pub amount: u64,
}

impl Charge {
    /// # Errors
    /// What is wrong, without the values.
    pub fn checked(self) -> Result<Self, Problem> {
        let is_short = |text: &str| (1..=128).contains(&text.chars().count());
        let is_token = |text: &str| {
            text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                // Digits alone may be a card's number, which has no business here.
                && text.chars().any(|c| c.is_ascii_alphabetic())
        };
        let wrong = if !(1..=MOST).contains(&self.amount) {
            "amount: minor units, 1 to 99999999"
        } else if !is_token(&self.method) {
            "method: the provider's token of what pays, never a card's number"
        } else if !is_address(&self.customer.email) {
            "customer.email: not a mail address"
        } else if !is_short(&self.customer.id) || !is_short(&self.customer.name) {
            "customer: id and name of 1 to 128 characters"
        } else if ![&self.booking, &self.description].into_iter().flatten().all(|text| is_short(text)) {
            "booking, description: 1 to 128 characters, or left out"
        } else if self.provider == ProviderName::Paypal && !super::paypal::is_payable(self.amount, self.currency) {
            "amount: PayPal takes this currency in whole units only"
        } else {
            return Ok(self);
        };
        Err(Problem::bad_request(wrong))
    }
}

/// The body as `T`.
///
/// # Errors
/// Where it stops being one; never with any of its text.
pub fn body<T: DeserializeOwned>(request: &ApiGatewayV2httpRequest) -> Result<T, Problem> {
    let bytes = http::body(request, BODY_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                Problem::bad_request(format!("a member is missing, unknown or of another kind, before {at}"))
            }
            _ => Problem::bad_request(format!("not JSON at {at}")),
        }
    })
}

/// The header that makes a request safe to repeat.
///
/// # Errors
/// When it is missing or not 1 to 255 visible ASCII characters.
pub fn idempotency_key(request: &ApiGatewayV2httpRequest) -> Result<&str, Problem> {
    let key = request.headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_key = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then_some(key).ok_or_else(|| {
        Problem::bad_request("the header Idempotency-Key is needed: 1 to 255 visible characters, new for each payment")
    })
}
