//! What Stripe and PayPal have in common: money goes there, comes back, and they tell of it.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use futures::future::BoxFuture;

use crate::money::Currency;

/// The headers of a request.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a>(pub &'a ApiGatewayV2httpRequest);

impl Headers<'_> {
    /// Empty when it is not there, or no text.
    pub fn get(&self, name: &str) -> &str {
        self.0.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A charge or a refund to be made. Making it twice with the same `id` makes it once.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Ours; the provider sees it as the key of idempotency.
    pub id: &'a str,
    /// What pays: the provider's token. Of a refund: its reference of the charge.
    pub from: &'a str,
    /// In minor units.
    pub amount: u64,
    pub currency: Currency,
    pub description: Option<&'a str>,
}

/// What a provider made of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The money has moved; the provider's reference of that.
    Done(String),
    /// It may move later; a webhook will tell.
    Pending(String),
    /// It will not: the provider's code of why.
    Declined(String),
}

/// Why nothing can be said yet. Making the order again, with the same id, is right.
#[derive(Debug, thiserror::Error)]
#[error("{provider} {doing}: {reason}")]
pub struct Unavailable {
    pub provider: &'static str,
    pub doing: &'static str,
    /// Status or kind of error; nothing of request or answer.
    pub reason: String,
}

/// What a webhook tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Our payment of this id came to an end.
    Payment { id: String, status: Status },
    /// Genuine, and nothing to us.
    Nothing(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Captured,
    Declined,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Declined => "declined",
        }
    }
}

/// Why a webhook is not believed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("the signature is not the provider's")]
    Forged,
    #[error("not an event of the provider's")]
    Malformed,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A payment provider.
pub trait Provider: Sync {
    fn charge<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Made, Unavailable>>;

    /// Gives money back from the charge `order.from`.
    fn refund<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Made, Unavailable>>;

    /// What the webhook tells, if it is genuine. `now`: seconds since 1970.
    fn told<'a>(&'a self, headers: Headers<'a>, body: &'a [u8], now: i64) -> BoxFuture<'a, Result<Told, WebhookError>>;
}
