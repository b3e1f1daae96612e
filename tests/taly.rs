//! Taly from end to end: the repository's own stack in the sandbox, with IAM enforced, against localstripe and a stand-in for
//! PayPal. One deployment; each function's part puts in what its callers would, and looks at what comes out. What fails is
//! tried too: events that come again, poison, a throttled SES, a provider that is down, cards that are declined.
//!
//! Of the stack only the stage is completed: the addresses of what stands in for Stripe, PayPal and a throttling SES.

mod measure;
mod others;
mod payments;
pub(crate) mod prove;
pub(crate) mod stand_ins;

use crate::aws::{self, Answer};
use crate::system::System;
use serde_json::{Value, json};
use stand_ins::{Stripe, throttling_ses};
use testkit::PayPal;

/// What the stack's stage `dev` says.
const REGION: &str = "eu-west-1";
const BUCKET: &str = "taly-dev-files-000000000000";
const WEBHOOK_SECRET: &str = "whsec_taly";

/// Taly, deployed, and all that it talks to.
pub(crate) struct Taly {
    pub(crate) system: System,
    stripe: Stripe,
    paypal: PayPal,
    /// Path of the API, without a slash at its end.
    api: String,
}

#[test]
fn taly_does_each_thing_once_whatever_fails() {
    let taly = Taly::deploy();
    std::thread::scope(|scope| {
        scope.spawn(|| taly.mails());
        scope.spawn(|| taly.activity());
        taly.stripe_payments();
        taly.paypal_payments();
    });
    taly.reports();
    taly.cleanup();
    taly.system.is_settled();
    taly.the_role_ends_at_the_prefix();
}

impl Taly {
    pub(crate) fn deploy() -> Self {
        let server = aws::shared();
        let (stripe, paypal, ses) = (Stripe::start(), PayPal::start(), throttling_ses(server.port));
        let addresses = format!(
            "    override: {{ functions: {{ process-payment: {{ env: {{ STRIPE_URL: \"http://127.0.0.1:{}\", PAYPAL_URL: \"{}\" }} }}, \
             send-email: {{ env: {{ AWS_ENDPOINT_URL_SESV2: \"{}\" }} }} }} }}\n",
            stripe.port,
            paypal.server.url(),
            ses.url(),
        );
        let system = System::deploy("taly", REGION, &addresses);
        let (_, path) = system.url.split_once(&format!(":{}", server.port)).expect("the sandbox serves the API");
        let api = path.trim_end_matches('/').to_owned();
        system.set_secret(
            "stripe",
            &json!({ "secret_key": "sk_test_taly", "webhook_secret": WEBHOOK_SECRET }).to_string(),
        );
        system.set_secret("paypal", &json!({ "client_id": "client", "client_secret": "secret" }).to_string());
        // In AWS its owner proves that the address is theirs; the sandbox takes their word.
        let sender = json!({ "EmailIdentity": "noreply@taly.example" }).to_string();
        let kind = [("Content-Type", "application/json")];
        let answer = server.request(REGION, "ses", "POST /v2/email/identities", &kind, &sender);
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { system, stripe, paypal, api }
    }

    /// A request to the API as another service makes it.
    fn signed(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let kind = [("Content-Type", "application/json")];
        let headers: Vec<_> = kind.into_iter().chain(headers.iter().copied()).collect();
        self.system.server.request(REGION, "execute-api", &format!("{method} {}{path}", self.api), &headers, body)
    }

    fn pay(&self, key: &str, charge: &Value) -> Answer {
        self.signed("POST", "/payments", &[("Idempotency-Key", key)], &charge.to_string())
    }

    fn refund(&self, payment: &str, key: &str, amount: u64) -> Answer {
        let path = format!("/payments/{payment}/refunds");
        self.signed("POST", &path, &[("Idempotency-Key", key)], &json!({ "amount": amount }).to_string())
    }

    fn webhook(&self, provider: &str, headers: &[(&str, String)], body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        aws::exchange(self.system.server.port, &format!("POST {}/webhooks/{provider}", self.api), &headers, body)
    }

    fn publish(&self, topic: &str, message: &str) {
        let encoded: String = message.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = format!(
            "Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:{REGION}:{}:taly-dev-{topic}&Message={encoded}",
            aws::ACCOUNT
        );
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.system.server.request(REGION, "sns", "POST /", &form, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn is_empty(&self, queue: &str) -> bool {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let answer = self.system.sqs("GetQueueAttributes", queue, json!({ "AttributeNames": names }));
        names.iter().all(|name| answer["Attributes"][name] == "0")
    }

    fn mails_to(&self, to: &str) -> Vec<Value> {
        let url =
            format!("http://127.0.0.1:{}/_ministack/ses/messages?account={}", self.system.server.port, aws::ACCOUNT);
        let answer: Value = serde_json::from_str(&aws::get(&url).body).expect("JSON");
        let mails = answer["messages"][aws::ACCOUNT].as_array().cloned().unwrap_or_default();
        mails.into_iter().filter(|mail| mail["To"][0] == to).collect()
    }

    fn put_object(&self, key: &str) {
        let answer = self.system.server.request(REGION, "s3", &format!("PUT /{BUCKET}/{key}"), &[], "x");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("not JSON: {answer:?}"))
}
