//! TicketBottle from end to end: the repository's own stacks in the sandbox, with IAM enforced, a real PostgreSQL and a
//! Kafka cluster behind TLS and SCRAM. What is put in is a provider's signed callback; what is looked at is what comes out:
//! the outbox row, the Kafka record, the queues, the PDF in the bucket, the mail at the emulated SES.
//!
//! Of the stacks, only the stage is completed, as their users do: the brokers' addresses, which nobody knows before the
//! first deployment, and the authority that signed the brokers' certificates, since it is none of the public ones.

use crate::aws::{self, Answer, Server};
use crate::bridge::Bridge;
use crate::harness::{Project, Run, repository};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fs;
use std::time::{Duration, Instant};
use testkit::{Kafka, Postgres, SecureKafka, TestDatabase};
use tokio::runtime::Runtime;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, NoTls};

/// What the stacks' stage `dev` says.
pub(crate) const REGION: &str = "ap-southeast-1";
pub(crate) const BUCKET: &str = "ticketbottle-dev-tickets-000000000000";
pub(crate) const COMPLETED: &str = "payment.completed";
const FAILED: &str = "payment.failed";
pub(crate) const SENDER: &str = "noreply@ticketbottle.example";
const KEY2: &str = "a-key-of-zalopay";
const CHECKSUM_KEY: &str = "a-key-of-payos";
/// How long anything may take that happens by itself. Met long before, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// TicketBottle, deployed, and all that it talks to.
pub(crate) struct Shop {
    pub(crate) project: Project,
    pub(crate) server: &'static Server,
    runtime: Runtime,
    /// Holds on to its server.
    _database: TestDatabase,
    client: Client,
    pub(crate) kafka: Kafka,
    bridge: Bridge,
    /// Ends in a slash.
    api: String,
}

/// All that a repetition must leave as it is.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Rows of the outbox and accepted webhooks.
    rows: (i64, i64),
    /// In both topics.
    records: usize,
    /// Recipient and subject.
    mails: Vec<(String, String)>,
    /// Keys and versions, as S3 lists them.
    objects: Vec<(String, String)>,
}

#[test]
fn a_payment_becomes_a_ticket_and_a_mail_and_a_repetition_nothing_more() {
    let mut shop = Shop::deploy();
    let (order, other) = ("261120_240817", 240_818);
    shop.checkout(order, "anh@example.com", 1_250_000);
    shop.checkout(&other.to_string(), "dat@example.com", 300_000);
    let paid = zalopay(order, 1_250_000);
    let refused = payos(other, 300_000, "01");

    let forged = shop.webhook("zalopay", &paid.replace("1250000", "1"));
    assert_eq!((forged.status, shop.outcome().rows), (401, (0, 0)), "{forged:?}");
    assert_eq!(body(&shop.webhook("zalopay", &paid)), json!({"return_code": 1, "return_message": "success"}));
    assert_eq!(body(&shop.webhook("payos", &refused)), json!({"success": true}));
    assert_eq!(shop.outcome().rows, (2, 2));

    // Its schedule may have been faster.
    let report = shop.invoke("outbox-processor", "functions/ticketbottle/outbox-processor/events/every-minute.json");
    assert_eq!(report["complete"], true, "{report}");
    shop.eventually("both events are published", |shop| (shop.unpublished() == 0).then_some(()));
    let records = [shop.kafka.records(COMPLETED), shop.kafka.records(FAILED)];
    let keys: Vec<Vec<&str>> =
        records.iter().map(|all| all.iter().map(|record| record.key.as_str()).collect()).collect();
    assert_eq!(keys, [[order], ["240818"]]);
    let event = &records[0][0].headers["event_id"];
    let trace = records[0][0].headers.get("X-Amzn-Trace-Id");
    assert!(trace.is_some_and(|trace| trace.starts_with("Root=1-")), "the callback's trace goes on: {trace:?}");

    assert_eq!(shop.bridge.carry(&shop.kafka, "payment-completed-pdfs"), 1);
    let key = format!("tickets/{event}.pdf");
    let pdf = shop.eventually("the tickets are drawn", |shop| shop.server.object(REGION, BUCKET, &key));
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 5_000, "{} bytes", pdf.len());
    assert_eq!(shop.bridge.carry(&shop.kafka, "emails"), 2);
    let mails = shop.eventually("both mails are sent", |shop| Some(shop.mails()).filter(|mails| mails.len() >= 2));
    let text = |to: &str| mails.iter().find(|mail| mail["To"][0] == to).expect("a mail to them")["BodyText"].clone();
    assert!(text("anh@example.com").as_str().is_some_and(|text| text.contains("đính kèm")), "{mails:?}");
    assert!(mails.iter().all(|mail| mail["Source"] == SENDER), "{mails:?}");
    shop.is_quiet();
    let once = shop.outcome();
    let subjects: Vec<&str> = once.mails.iter().map(|(_, subject)| subject.as_str()).collect();
    assert!(subjects.contains(&"Vé của bạn cho đơn hàng 261120_240817"), "{subjects:?}");
    assert!(subjects.contains(&"Thanh toán cho đơn hàng 240818 không thành công"), "{subjects:?}");
    assert_eq!(
        (once.mails.len(), once.records, once.objects.len()),
        (2, 2, 5),
        "one PDF, two markers of two versions: {once:?}"
    );

    // The same again, everywhere it can be repeated: callback, schedule, and each message twice.
    for _ in 0..2 {
        assert_eq!(shop.webhook("zalopay", &paid).status, 200);
        assert_eq!(shop.webhook("payos", &refused).status, 200);
        shop.bridge.rewind();
        assert_eq!(shop.bridge.carry(&shop.kafka, ""), 3);
    }
    let report = shop.invoke("outbox-processor", "functions/ticketbottle/outbox-processor/events/every-minute.json");
    assert_eq!(report, json!({"published": 0, "failed": 0, "complete": true}));
    shop.is_quiet();
    assert_eq!(shop.outcome(), once);
    assert_eq!(shop.server.object(REGION, BUCKET, &key), Some(pdf));
    for queue in ["emails", "pdfs"] {
        assert_eq!(shop.dead_letters(queue), Vec::<(String, String)>::new());
    }

    // What can never be handled is put aside at once, with the reason.
    for queue in ["emails", "pdfs"] {
        shop.sqs("SendMessage", queue, json!({ "MessageBody": "hello" }));
        let found = shop.eventually("poison is put aside", |shop| shop.dead_letters(queue).pop());
        let reason = "the message is not a Kafka record from a pipe: expected value at line 1 column 1";
        assert_eq!(found, ("hello".to_owned(), reason.to_owned()));
    }

    // A week later.
    let old = "UPDATE outbox_events SET published_at = published_at - interval '8 days'";
    assert_eq!(shop.runtime.block_on(shop.client.execute(old, &[])).expect("rows can be changed"), 2);
    let report = shop.invoke("outbox-cleanup", "functions/ticketbottle/outbox-cleanup/events/daily.json");
    assert_eq!(report, json!({"deleted": 2, "complete": true, "unpublished": 0, "stuck": 0, "failed": 0}));
    let log = shop.log("outbox-cleanup");
    let metrics =
        log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["_aws"].is_object());
    let metrics = metrics.unwrap_or_else(|| panic!("no metrics in {log}"));
    assert_eq!(metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"], "TicketBottle/Lambda", "{metrics}");
    assert_eq!(
        (metrics["OutboxDeleted"].as_f64(), metrics["OutboxStuck"].as_f64()),
        (Some(2.0), Some(0.0)),
        "{metrics}"
    );
    assert_eq!(shop.webhook("zalopay", &paid).status, 200);
    assert_eq!(shop.outcome().rows, (0, 2), "a callback is known for longer than its event");

    let again = shop.deployer(&["plan", "--exit-code"]);
    assert_eq!(again.stdout.matches("No changes.").count(), 2, "{}", again.text());
}

impl Shop {
    /// As the README says: the foundation first, then the brokers' addresses, then all; then the secrets.
    pub(crate) fn deploy() -> Self {
        let server = aws::shared();
        let mut project = Project::of_this_workspace("ticketbottle");
        project.environment("DEPLOYER_SANDBOX_PORT", &server.port.to_string());
        for stack in ["foundation", "ticketbottle"] {
            project.write(&format!("stacks/{stack}.yaml"), stack_file(stack));
        }
        deployer(&project, &["deploy", "--yes", "foundation"]);

        let kafka = Kafka::start(&[(COMPLETED, 3), (FAILED, 3)]);
        let login: Value = serde_json::from_str(&server.secret(REGION, "AmazonMSK_foundation-dev")).expect("JSON");
        let password = login["password"].as_str().expect("the foundation makes a password").to_owned();
        let secure = SecureKafka::in_front_of(&kafka, "SCRAM-SHA-512", "ticketbottle", password.leak());
        let authority = project.write("kafka.pem", &secure.authority.authority).root.join("kafka.pem");
        let brokers = format!("vars: {{ kafka_brokers: \"{}\" }}", secure.brokers());
        project.write("stacks/foundation.yaml", in_stage(&stack_file("foundation"), &brokers));
        let authority = format!(
            "override: {{ functions: {{ outbox-processor: {{ env: {{ KAFKA_SSL_CA: {} }} }} }} }}",
            authority.display()
        );
        project.write("stacks/ticketbottle.yaml", in_stage(&stack_file("ticketbottle"), &authority));
        let run = deployer(&project, &["deploy", "--yes"]);
        let api = aws::address(&run, "");

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the kernel gives threads");
        let (database, client) = runtime.block_on(database());
        let secrets = [
            ("foundation", "database", database.url.as_str()),
            ("ticketbottle", "zalopay", KEY2),
            ("ticketbottle", "payos", CHECKSUM_KEY),
        ];
        for (stack, name, value) in secrets {
            let run = project.run_with(&["--sandbox", "--stage", "dev", "secret", "set", stack, name], value);
            assert_eq!(run.code, 0, "{}", run.text());
        }
        // In AWS its owner proves that the address is theirs; the sandbox takes their word.
        let sender = json!({ "EmailIdentity": SENDER }).to_string();
        let answer = server.request(
            REGION,
            "ses",
            "POST /v2/email/identities",
            &[("Content-Type", "application/json")],
            &sender,
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        let template = deployer(&project, &["synth", "ticketbottle"]).stdout;
        let template = serde_json::from_str(&template).expect("a template in JSON");
        let bridge = Bridge::of(server, REGION, &template);
        Self { project, server, runtime, _database: database, client, kafka, bridge, api }
    }

    pub(crate) fn deployer(&self, arguments: &[&str]) -> Run {
        deployer(&self.project, arguments)
    }

    /// What the shop writes down before it sends a customer to the provider.
    pub(crate) fn checkout(&self, order: &str, email: &str, total: u64) {
        let ticket = |number: u8| {
            json!({"id": format!("TB-{order}-{number}"), "event": "Đêm nhạc Trịnh Công Sơn", "venue": "Nhà hát Lớn Hà Nội",
                   "starts_at": "20:00 24/12/2026", "seat": format!("A-{number}"), "holder": "Nguyễn Thị Hồng Ánh"})
        };
        let buyer = json!({"name": "Nguyễn Thị Hồng Ánh", "email": email});
        let snapshot = json!({"buyer": buyer, "total": total, "locale": "vi", "tickets": [ticket(1), ticket(2)]});
        let sql = "INSERT INTO order_snapshots (order_id, snapshot) VALUES ($1, $2)";
        self.runtime.block_on(self.client.execute(sql, &[&order, &Json(&snapshot)])).expect("the schema is there");
    }

    pub(crate) fn webhook(&self, provider: &str, body: &str) -> Answer {
        aws::post(&format!("{}webhooks/{provider}", self.api), body)
    }

    /// Calls a function as its schedule does, with the event in that file of the repository.
    fn invoke(&self, function: &str, event: &str) -> Value {
        let event = fs::read_to_string(repository().join(event)).expect("the example is there");
        let event = serde_json::from_str(&event).expect("the example is JSON");
        let head = format!("POST /2015-03-31/functions/ticketbottle-dev-{function}/invocations?Qualifier=live");
        self.server.lambda(REGION, &head, &event)
    }

    pub(crate) fn sqs(&self, operation: &str, queue: &str, mut body: Value) -> Value {
        let port = self.server.port;
        body["QueueUrl"] = json!(format!("http://localhost:{port}/{}/ticketbottle-dev-{queue}", aws::ACCOUNT));
        self.server.json(REGION, "sqs", &format!("AmazonSQS.{operation}"), &body)
    }

    pub(crate) fn unpublished(&self) -> i64 {
        let sql = "SELECT count(*) FROM outbox_events WHERE published_at IS NULL";
        self.runtime.block_on(self.client.query_one(sql, &[])).expect("the schema is there").get(0)
    }

    /// All mails to those who bought something here, in the order of sending.
    pub(crate) fn mails(&self) -> Vec<Value> {
        let answer = aws::get(&format!(
            "http://127.0.0.1:{}/_ministack/ses/messages?account={}",
            self.server.port,
            aws::ACCOUNT
        ));
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        let mails = answer["messages"][aws::ACCOUNT].as_array().cloned().unwrap_or_default();
        // Other systems of the shared sandbox send mails too.
        let is_ours =
            |mail: &Value| mail["Source"].as_str().is_some_and(|from| from.ends_with("@ticketbottle.example"));
        mails.into_iter().filter(is_ours).collect()
    }

    /// Body and reason of what lies in a queue's dead letters; takes it out.
    pub(crate) fn dead_letters(&self, queue: &str) -> Vec<(String, String)> {
        let body = json!({ "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
        let answer = self.sqs("ReceiveMessage", &format!("{queue}-dead"), body);
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let one =
            |message: &Value| (text(&message["Body"]), text(&message["MessageAttributes"]["Reason"]["StringValue"]));
        messages.iter().map(one).collect()
    }

    fn outcome(&self) -> Outcome {
        let sql = "SELECT (SELECT count(*) FROM outbox_events), (SELECT count(*) FROM payment_webhooks)";
        let row = self.runtime.block_on(self.client.query_one(sql, &[])).expect("the schema is there");
        let mail = |mail: &Value| (mail["To"][0].to_string(), mail["Subject"].as_str().unwrap_or_default().to_owned());
        let list = self.server.request(REGION, "s3", &format!("GET /{BUCKET}?versions"), &[], "").body;
        let between = |text: &str, tag: &str| {
            let (_, rest) = text.split_once(&format!("<{tag}>")).unwrap_or_default();
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        let objects = list.split("<Version>").skip(1).map(|one| (between(one, "Key"), between(one, "VersionId")));
        Outcome {
            rows: (row.get(0), row.get(1)),
            records: self.kafka.records(COMPLETED).len() + self.kafka.records(FAILED).len(),
            mails: self.mails().iter().map(mail).collect(),
            objects: objects.collect(),
        }
    }

    /// Waits until no message is left in the queues, neither waiting nor being handled.
    fn is_quiet(&self) {
        let attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        for queue in ["emails", "pdfs"] {
            self.eventually("the queues are empty", |shop| {
                let answer = shop.sqs("GetQueueAttributes", queue, json!({ "AttributeNames": attributes }));
                attributes.iter().all(|name| answer["Attributes"][name] == "0").then_some(())
            });
        }
    }

    /// What a function wrote down, a line each.
    fn log(&self, function: &str) -> String {
        let body = json!({ "logGroupName": format!("/aws/lambda/ticketbottle-dev-{function}") });
        let answer = self.server.json(REGION, "logs", "Logs_20140328.FilterLogEvents", &body);
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| format!("{}\n", event["message"].as_str().unwrap_or_default().trim_end())).collect()
    }

    /// Looks again and again until there is something.
    fn eventually<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let logs = || ["email-sender", "pdf-generator"].map(|function| self.log(function)).concat();
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

fn stack_file(stack: &str) -> String {
    fs::read_to_string(repository().join(format!("stacks/{stack}.yaml"))).expect("the repository has its stacks")
}

/// The stack file with a line more in its stage `dev`.
fn in_stage(text: &str, line: &str) -> String {
    let head = format!("  dev:\n    region: {REGION}\n");
    assert_eq!(text.matches(&head).count(), 1, "the stage looks different:\n{text}");
    text.replace(&head, &format!("{head}    {line}\n"))
}

async fn database() -> (TestDatabase, Client) {
    let database = Postgres::shared().database("ticketbottle").await;
    let (mut client, connection) = tokio_postgres::connect(&database.url, NoTls).await.expect("the server runs");
    tokio::spawn(connection);
    ticketbottle_outbox::migrations::migrate(&mut client).await.expect("an empty database takes the schema");
    (database, client)
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("providers are answered in JSON")
}

fn sign(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// ZaloPay's callback for a paid order: <https://docs.zalopay.vn/docs/specs/callback-api>.
pub(crate) fn zalopay(order: &str, amount: u64) -> String {
    let digits: String = order.chars().filter(char::is_ascii_digit).collect();
    let transaction: u64 = digits.parse().expect("an order has digits");
    let data = json!({"app_id": 2553, "app_trans_id": order, "amount": amount, "zp_trans_id": transaction,
                      "embed_data": "{}", "item": "[]", "server_time": 1_795_140_013_498_u64, "channel": 38});
    let data = data.to_string();
    json!({"data": data, "mac": sign(KEY2, &data), "type": 1}).to_string()
}

/// payOS's webhook for a transfer with that result: <https://payos.vn/docs/du-lieu-tra-ve/webhook/>.
pub(crate) fn payos(order: u64, amount: u64, code: &str) -> String {
    let data = json!({"amount": amount, "code": code, "currency": "VND", "desc": "Thất bại", "orderCode": order,
                      "paymentLinkId": "link-1", "reference": "TF230204212323", "transactionDateTime": "2026-11-20 09:00:12"});
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // The members above stand in the order of their names.
    let pairs = data.as_object().expect("an object").iter().map(|(name, value)| format!("{name}={}", text(value)));
    let signature = sign(CHECKSUM_KEY, &pairs.collect::<Vec<_>>().join("&"));
    json!({"code": code, "desc": "x", "success": false, "data": data, "signature": signature}).to_string()
}
