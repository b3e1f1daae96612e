//! PayPal's API as far as payments need it, on loopback.
//!
//! What it keeps to:
//!
//! - `POST /v1/oauth2/token`: Basic authentication with id and secret, `grant_type=client_credentials`; a bearer token for
//!   nine hours. <https://developer.paypal.com/api/rest/authentication/>
//! - `POST /v2/checkout/orders` with a vaulted payment source: created and captured at once (201); needs `PayPal-Request-Id`,
//!   and the same one again gives the same answer. <https://developer.paypal.com/docs/api/orders/v2/#orders_create>
//! - `POST /v2/payments/captures/{id}/refund`: not more than was captured. The same page's errors: 422 with `details`.
//! - `POST /v1/notifications/verify-webhook-signature`: whether the signature is that of id, time, webhook and the event as
//!   it was written. PayPal signs with RSA over a checksum; here a hash over the same parts stands for that.
//! - Without a good token 401, and 503 while a test has it down. (All read 2026-11.)
//!
//! The source `declined` is declined, and one that begins with `later` is captured only when [`PayPal::webhook`] says so.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use crate::http_server::{HttpRequest, HttpServer};

/// `client:secret` in base64.
const LOGIN: &str = "Basic Y2xpZW50OnNlY3JldA==";

/// The stand-in. Its client id is `client`, its secret `secret`. Clones share its state.
#[derive(Debug, Clone)]
pub struct PayPal {
    pub server: HttpServer,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    down: bool,
    /// Tokens that were given out; only the last is good.
    tokens: u64,
    /// Answers by `PayPal-Request-Id`.
    orders: BTreeMap<String, (u16, Value)>,
    /// Cents that can still be refunded, by the capture's id.
    captures: BTreeMap<String, u64>,
    refunds: BTreeMap<String, (u16, Value)>,
}

impl PayPal {
    pub fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let own = Arc::clone(&state);
        let server = HttpServer::start(move |request| {
            let mut state = own.lock().unwrap_or_else(PoisonError::into_inner);
            let (status, body) = state.answer(request);
            (status, body.to_string())
        });
        Self { server, state }
    }

    /// From now on every request is answered with 503, or no longer.
    pub fn set_down(&self, down: bool) {
        self.lock().down = down;
    }

    /// No token that was given out is good any more.
    pub fn forget_tokens(&self) {
        self.lock().tokens += 1;
    }

    /// How many payments there are, and how many refunds.
    pub fn made(&self) -> (usize, usize) {
        let state = self.lock();
        (state.captures.len(), state.refunds.values().filter(|(status, _)| *status < 300).count())
    }

    /// The headers and the body that tell of a capture of our payment `id`.
    pub fn webhook(&self, id: &str, kind: &str, webhook_id: &str) -> (Vec<(&'static str, String)>, String) {
        // Written by hand, with a space that no serialiser would set: the signature is over the bytes.
        let event = format!(
            "{{ \"id\":\"WH-1\",\"event_type\":\"{kind}\",  \"resource\":{{\"id\":\"C-1\",\"custom_id\":\"{id}\"}}}}"
        );
        let (transmission, time) = ("69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2026-11-20T10:00:00Z");
        let headers = vec![
            ("paypal-transmission-id", transmission.to_owned()),
            ("paypal-transmission-time", time.to_owned()),
            ("paypal-transmission-sig", signature(transmission, time, webhook_id, &event)),
            ("paypal-cert-url", "https://api.paypal.com/v1/notifications/certs/CERT-1".to_owned()),
            ("paypal-auth-algo", "SHA256withRSA".to_owned()),
        ];
        (headers, event)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signature(transmission: &str, time: &str, webhook: &str, event: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (transmission, time, webhook, event.trim()).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn refusal(issue: &str) -> (u16, Value) {
    (422, json!({ "name": "UNPROCESSABLE_ENTITY", "details": [{ "issue": issue }] }))
}

/// `12.34` in cents.
fn cents(amount: &Value) -> u64 {
    let text = amount["value"].as_str().unwrap_or_default().replace('.', "");
    text.parse().unwrap_or_default()
}

impl State {
    fn answer(&mut self, request: &HttpRequest) -> (u16, Value) {
        if self.down {
            return (503, json!({ "name": "SERVICE_UNAVAILABLE" }));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if request.path == "/v1/oauth2/token" {
            let is_right =
                request.header("authorization") == LOGIN && request.body == b"grant%5Ftype=client%5Fcredentials";
            if !is_right {
                return (401, json!({ "error": "invalid_client" }));
            }
            self.tokens += 1;
            let token = format!("token-{}", self.tokens);
            return (200, json!({ "access_token": token, "token_type": "Bearer", "expires_in": 32_400 }));
        }
        if request.header("authorization") != format!("Bearer token-{}", self.tokens) {
            return (401, json!({ "error": "invalid_token" }));
        }
        let id = request.header("paypal-request-id").to_owned();
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v2/checkout/orders") => self.order(id, &body),
            ("POST", "/v1/notifications/verify-webhook-signature") => (200, verified(request, &body)),
            ("POST", path) if path.starts_with("/v2/payments/captures/") && path.ends_with("/refund") => {
                let capture = path["/v2/payments/captures/".len()..path.len() - "/refund".len()].to_owned();
                self.refund(id, &capture, &body)
            }
            _ => (404, json!({ "name": "RESOURCE_NOT_FOUND" })),
        }
    }

    fn order(&mut self, id: String, body: &Value) -> (u16, Value) {
        let source = body["payment_source"]["paypal"]["vault_id"].as_str().unwrap_or_default();
        if id.is_empty() || body["intent"] != "CAPTURE" || source.is_empty() {
            return (400, json!({ "name": "INVALID_REQUEST", "details": [{ "issue": "MISSING_REQUIRED_PARAMETER" }] }));
        }
        if let Some(answer) = self.orders.get(&id) {
            return answer.clone();
        }
        let unit = &body["purchase_units"][0];
        let capture = format!("C-{}", self.orders.len() + 1);
        let answer = if source == "declined" {
            refusal("INSTRUMENT_DECLINED")
        } else {
            self.captures.insert(capture.clone(), cents(&unit["amount"]));
            let status = if source.starts_with("later") { "PENDING" } else { "COMPLETED" };
            let capture =
                json!({ "id": capture, "status": status, "amount": unit["amount"], "custom_id": unit["custom_id"] });
            let units = json!([{ "payments": { "captures": [capture] } }]);
            (
                201,
                json!({ "id": format!("O-{}", self.orders.len() + 1), "status": "COMPLETED", "purchase_units": units }),
            )
        };
        self.orders.insert(id, answer.clone());
        answer
    }

    fn refund(&mut self, id: String, capture: &str, body: &Value) -> (u16, Value) {
        if let Some(answer) = self.refunds.get(&id) {
            return answer.clone();
        }
        let Some(left) = self.captures.get_mut(capture) else { return (404, json!({ "name": "RESOURCE_NOT_FOUND" })) };
        let amount = cents(&body["amount"]);
        let answer = if amount > *left {
            refusal("REFUND_AMOUNT_EXCEEDED")
        } else {
            *left -= amount;
            (201, json!({ "id": format!("R-{}", self.refunds.len() + 1), "status": "COMPLETED" }))
        };
        self.refunds.insert(id, answer.clone());
        answer
    }
}

fn verified(request: &HttpRequest, body: &Value) -> Value {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let whole = String::from_utf8_lossy(&request.body);
    // As it was written, and not as a parser would write it again.
    let event = whole.split_once("\"webhook_event\":").map(|(_, rest)| &rest[..rest.len() - 1]).unwrap_or_default();
    let right = signature(text("transmission_id"), text("transmission_time"), text("webhook_id"), event);
    let is_right = text("transmission_sig") == right && text("auth_algo") == "SHA256withRSA";
    json!({ "verification_status": if is_right { "SUCCESS" } else { "FAILURE" } })
}
