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

use crate::aws::{self, Answer, Server};
use crate::harness::{Project, Run, repository};
use serde_json::{Value, json};
use stand_ins::{Stripe, throttling_ses};
use std::fs;
use std::time::{Duration, Instant};
use testkit::PayPal;

/// What the stack's stage `dev` says.
const REGION: &str = "eu-west-1";
const BUCKET: &str = "taly-dev-files-000000000000";
const WEBHOOK_SECRET: &str = "whsec_taly";
/// How long anything may take that happens by itself. Met long before, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Taly, deployed, and all that it talks to.
pub(crate) struct Taly {
    pub(crate) project: Project,
    pub(crate) server: &'static Server,
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
    let again = taly.deployer(&["plan", "--exit-code"]);
    assert!(again.stdout.contains("No changes."), "{}", again.text());
    taly.the_role_ends_at_the_prefix();
}

impl Taly {
    pub(crate) fn deploy() -> Self {
        let server = aws::shared();
        let (stripe, paypal, ses) = (Stripe::start(), PayPal::start(), throttling_ses(server.port));
        let mut project = Project::of_this_workspace("taly");
        project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
        let addresses = format!(
            "override: {{ functions: {{ process-payment: {{ env: {{ STRIPE_URL: \"http://127.0.0.1:{}\", PAYPAL_URL: \"{}\" }} }}, \
             send-email: {{ env: {{ AWS_ENDPOINT_URL_SESV2: \"{}\" }} }} }} }}",
            stripe.port,
            paypal.server.url(),
            ses.url(),
        );
        let text = fs::read_to_string(repository().join("stacks/taly.yaml")).expect("the repository has its stacks");
        let head = format!("  dev:\n    region: {REGION}\n");
        assert_eq!(text.matches(&head).count(), 1, "the stage looks different:\n{text}");
        project.write("stacks/taly.yaml", text.replace(&head, &format!("{head}    {addresses}\n")));
        let run = deployer(&project, &["deploy", "--yes"]);
        let api = aws::address(&run, "");
        let (_, path) = api.split_once(&format!(":{}", server.port)).expect("the sandbox serves the API");
        let api = path.trim_end_matches('/').to_owned();
        for (name, value) in [
            ("stripe", json!({ "secret_key": "sk_test_taly", "webhook_secret": WEBHOOK_SECRET })),
            ("paypal", json!({ "client_id": "client", "client_secret": "secret" })),
        ] {
            let run =
                project.run_with(&["--sandbox", "--stage", "dev", "secret", "set", "taly", name], &value.to_string());
            assert_eq!(run.code, 0, "{}", run.text());
        }
        // In AWS its owner proves that the address is theirs; the sandbox takes their word.
        let sender = json!({ "EmailIdentity": "noreply@taly.example" }).to_string();
        let kind = [("Content-Type", "application/json")];
        let answer = server.request(REGION, "ses", "POST /v2/email/identities", &kind, &sender);
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { project, server, stripe, paypal, api }
    }

    pub(crate) fn deployer(&self, arguments: &[&str]) -> Run {
        deployer(&self.project, arguments)
    }

    /// A request to the API as another service makes it.
    fn signed(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let kind = [("Content-Type", "application/json")];
        let headers: Vec<_> = kind.into_iter().chain(headers.iter().copied()).collect();
        self.server.request(REGION, "execute-api", &format!("{method} {}{path}", self.api), &headers, body)
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
        aws::exchange(self.server.port, &format!("POST {}/webhooks/{provider}", self.api), &headers, body)
    }

    pub(crate) fn invoke(&self, function: &str, qualifier: &str, event: &Value) -> Value {
        let head = format!("POST /2015-03-31/functions/taly-dev-{function}/invocations?Qualifier={qualifier}");
        self.server.lambda(REGION, &head, event)
    }

    fn publish(&self, topic: &str, message: &str) {
        let encoded: String = message.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = format!(
            "Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:{REGION}:{}:taly-dev-{topic}&Message={encoded}",
            aws::ACCOUNT
        );
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.server.request(REGION, "sns", "POST /", &form, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn sqs(&self, operation: &str, queue: &str, mut body: Value) -> Value {
        let port = self.server.port;
        body["QueueUrl"] = json!(format!("http://localhost:{port}/{}/taly-dev-{queue}", aws::ACCOUNT));
        self.server.json(REGION, "sqs", &format!("AmazonSQS.{operation}"), &body)
    }

    fn is_empty(&self, queue: &str) -> bool {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let answer = self.sqs("GetQueueAttributes", queue, json!({ "AttributeNames": names }));
        names.iter().all(|name| answer["Attributes"][name] == "0")
    }

    /// Body and reason of what lies in a queue of dead letters; takes it out.
    fn dead_letters(&self, queue: &str) -> Vec<(String, String)> {
        let body = json!({ "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
        let answer = self.sqs("ReceiveMessage", queue, body);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let one =
            |message: &Value| (text(&message["Body"]), text(&message["MessageAttributes"]["Reason"]["StringValue"]));
        answer["Messages"].as_array().map(|all| all.iter().map(one).collect()).unwrap_or_default()
    }

    fn mails_to(&self, to: &str) -> Vec<Value> {
        let url = format!("http://127.0.0.1:{}/_ministack/ses/messages?account={}", self.server.port, aws::ACCOUNT);
        let answer: Value = serde_json::from_str(&aws::get(&url).body).expect("JSON");
        let mails = answer["messages"][aws::ACCOUNT].as_array().cloned().unwrap_or_default();
        mails.into_iter().filter(|mail| mail["To"][0] == to).collect()
    }

    fn put_object(&self, key: &str) {
        let answer = self.server.request(REGION, "s3", &format!("PUT /{BUCKET}/{key}"), &[], "x");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What a function wrote down.
    fn log(&self, function: &str) -> String {
        let body = json!({ "logGroupName": format!("/aws/lambda/taly-dev-{function}") });
        let answer = self.server.json(REGION, "logs", "Logs_20140328.FilterLogEvents", &body);
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| format!("{}\n", event["message"].as_str().unwrap_or_default().trim_end())).collect()
    }

    /// Looks again and again until there is something.
    fn eventually<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            let logs = || {
                ["send-email", "process-payment", "user-activity-logger"].map(|function| self.log(function)).concat()
            };
            assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn deployer(project: &Project, arguments: &[&str]) -> Run {
    let run = project.run(&[&["--sandbox", "--stage", "dev"], arguments].concat());
    assert_eq!(run.code, 0, "deployer {}\n{}", arguments.join(" "), run.text());
    run
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("not JSON: {answer:?}"))
}
