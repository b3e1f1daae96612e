//! Real batches from the queue, and the mails that SES is asked to send for them.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use email_sender::{deps::Deps, handler::handle};
use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::{Env, Secrets};
use testkit::FakeAws;
use ticketbottle_outbox::message::payment_event;

const BATCH: &str = include_str!("../events/batch.json");
const EVENT: &str = "6f1c2f4e-62c1-5d59-9d0a-3f5a6f1f2b11";

async fn deps(aws: &FakeAws) -> Deps {
    let pairs = [
        ("SES_FROM_EMAIL", "tickets@example.com"),
        ("SES_REGION", "ap-southeast-1"),
        ("S3_BUCKET_TICKETS", "tickets"),
        ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/0/dead"),
    ];
    let env = Env::from_variables(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())), &Secrets::none(), &[]).await;
    Deps::from_env(env, &aws.config()).expect("all variables are right")
}

/// A shop whose tickets are made already.
fn aws_with_tickets() -> FakeAws {
    let aws = FakeAws::default();
    aws.put_object("tickets", &format!("tickets/{EVENT}.pdf"), "%PDF-1.7 two tickets");
    aws
}

/// The paid order of the example batch, changed, in its so-many-th delivery.
fn paid(delivery: u32, change: impl FnOnce(&mut Value)) -> SqsEvent {
    let mut event: SqsEvent = serde_json::from_str(BATCH).expect("a real event");
    event.records.truncate(1);
    let message = &mut event.records[0];
    let body = message.body.as_deref().expect("a body");
    let mut payment = serde_json::to_value(payment_event(body).expect("an event")).expect("plain data");
    change(&mut payment);
    let mut record: Value = serde_json::from_str(body).expect("JSON");
    record["value"] = json!(STANDARD.encode(payment.to_string()));
    message.body = Some(record.to_string());
    message.attributes.insert("ApproximateReceiveCount".into(), delivery.to_string());
    event
}

async fn run(event: SqsEvent, aws: &FakeAws) -> Vec<String> {
    let mut context = Context::default();
    context.deadline = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970") + 30_000;
    let response: SqsBatchResponse =
        handle(event, context, &deps(aws).await).await.expect("a batch always has an answer");
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn reasons(aws: &FakeAws) -> Vec<String> {
    let reason =
        |message: &Value| message["MessageAttributes"]["Reason"]["StringValue"].as_str().unwrap_or_default().to_owned();
    aws.messages().iter().map(reason).collect()
}

const NONE: [String; 0] = [];

#[tokio::test]
async fn a_batch_sends_the_confirmation_with_its_tickets_and_the_notice() {
    let aws = aws_with_tickets();
    assert_eq!(run(serde_json::from_str(BATCH).expect("a real event"), &aws).await, NONE);
    let mails = aws.mails();
    let to = |address: &str| {
        mails.iter().find(|mail| mail["Destination"]["ToAddresses"] == json!([address])).expect("a mail to them")
    };
    let confirmation = to("anh@example.com");
    assert_eq!(confirmation["FromEmailAddress"], "tickets@example.com");
    let simple = &confirmation["Content"]["Simple"];
    assert_eq!(simple["Subject"]["Data"], "Vé của bạn cho đơn hàng 240817");
    assert!(simple["Body"]["Html"]["Data"].as_str().is_some_and(|html| html.contains("1.250.000 ₫")));
    assert!(simple["Body"]["Text"]["Data"].as_str().is_some_and(|text| text.contains("đính kèm")));
    assert_eq!(simple["Attachments"].as_array().map(Vec::len), Some(1));
    let attachment = &simple["Attachments"][0];
    assert_eq!(
        (attachment["FileName"].clone(), attachment["ContentType"].clone()),
        (json!("tickets-240817.pdf"), json!("application/pdf"))
    );
    assert_eq!(attachment["RawContent"], json!(STANDARD.encode("%PDF-1.7 two tickets")));
    let notice = &to("dat@example.com")["Content"]["Simple"];
    assert_eq!(notice["Subject"]["Data"], "Thanh toán cho đơn hàng 240818 không thành công");
    assert_eq!((mails.len(), notice.get("Attachments").cloned()), (2, None));
}

#[tokio::test]
async fn the_same_message_three_times_sends_one_mail() {
    let aws = aws_with_tickets();
    for delivery in 1..=3 {
        assert_eq!(run(paid(delivery, |_| ()), &aws).await, NONE);
    }
    assert_eq!(aws.mails().len(), 1);
}

#[tokio::test]
async fn two_deliveries_at_once_send_one_mail() {
    let aws = aws_with_tickets();
    let (one, two) = tokio::join!(run(paid(1, |_| ()), &aws), run(paid(1, |_| ()), &aws));
    assert_eq!(aws.mails().len(), 1);
    assert!(one.len() + two.len() <= 1, "one of them may have to come again: {one:?} {two:?}");
    assert_eq!(run(paid(2, |_| ()), &aws).await, NONE);
    assert_eq!(aws.mails().len(), 1);
}

#[tokio::test]
async fn a_throttled_mail_comes_again_and_is_sent_then() {
    let aws = aws_with_tickets();
    aws.refuse_mail(429, "TooManyRequestsException");
    assert_eq!(run(paid(1, |_| ()), &aws).await.len(), 1);
    assert_eq!((aws.mails().len(), aws.messages().len()), (0, 0));
    assert_eq!(run(paid(2, |_| ()), &aws).await, NONE);
    assert_eq!(aws.mails().len(), 1);
}

#[tokio::test]
async fn after_an_uncertain_answer_nobody_sends_until_the_invocation_is_over() {
    let aws = aws_with_tickets();
    aws.refuse_mail(500, "InternalFailure");
    assert_eq!(run(paid(1, |_| ()), &aws).await.len(), 1);
    assert_eq!(run(paid(2, |_| ()), &aws).await.len(), 1, "SES may have sent it: not yet");
    assert_eq!(aws.mails().len(), 0);
    let marker = format!("mail/{EVENT}.json");
    let (bytes, _) = aws.object("tickets", &marker).expect("the right is taken");
    assert!(String::from_utf8_lossy(&bytes).contains("sending"));
    // As when the lease has passed.
    aws.put_object("tickets", &marker, r#"{"state":"sending","until":"2020-01-01T00:00:00Z"}"#);
    assert_eq!(run(paid(3, |_| ()), &aws).await, NONE);
    assert_eq!(aws.mails().len(), 1);
}

#[tokio::test]
async fn what_ses_will_never_take_goes_to_the_dead_letters_and_can_be_sent_from_there() {
    let aws = aws_with_tickets();
    aws.refuse_mail(400, "MessageRejected");
    assert_eq!(run(paid(1, |_| ()), &aws).await, NONE);
    assert_eq!(reasons(&aws), ["SES: MessageRejected: MessageRejected"]);
    assert_eq!(run(paid(1, |_| ()), &aws).await, NONE, "once the cause is mended");
    assert_eq!(aws.mails().len(), 1);
}

#[tokio::test]
async fn poison_and_orders_that_someone_must_look_at_go_to_the_dead_letters() {
    let aws = aws_with_tickets();
    let mut poison = paid(1, |_| ());
    poison.records[0].body = Some("{}".into());
    let events = [
        poison,
        paid(1, |event| event["order"] = Value::Null),
        paid(1, |event| event["amount"] = json!(1)),
        paid(1, |event| event["order"]["buyer"]["email"] = json!("a@example.com, b@example.com")),
    ];
    for event in events {
        assert_eq!(run(event, &aws).await, NONE);
    }
    let reasons = reasons(&aws);
    assert_eq!((aws.mails().len(), reasons.len()), (0, 4));
    assert!(reasons[3].contains("not a mail address"), "{reasons:?}");
}

#[tokio::test]
async fn a_failed_payment_of_an_unknown_order_has_nobody_to_write_to() {
    let aws = FakeAws::default();
    let event = paid(1, |event| {
        event["order"] = Value::Null;
        event["event_type"] = json!("payment.failed");
    });
    assert_eq!(run(event, &aws).await, NONE);
    assert_eq!((aws.mails().len(), aws.messages().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_mail_waits_for_its_tickets_and_goes_without_them_in_the_end() {
    let aws = FakeAws::default();
    for delivery in 1..=2 {
        assert_eq!(run(paid(delivery, |_| ()), &aws).await.len(), 1, "not there yet");
    }
    assert_eq!(aws.keys(), NONE, "the right to send was not taken for that");
    assert_eq!(run(paid(3, |_| ()), &aws).await, NONE);
    let [mail] = &aws.mails()[..] else { panic!("one mail") };
    assert_eq!(mail["Content"]["Simple"].get("Attachments"), None);
    assert!(
        mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().is_some_and(|text| text.contains("đang được tạo"))
    );
}

#[tokio::test(start_paused = true)]
async fn tickets_that_come_while_a_mail_waits_are_attached() {
    let aws = FakeAws::default();
    let other = aws.clone();
    let maker = async move {
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        other.put_object("tickets", &format!("tickets/{EVENT}.pdf"), "%PDF-1.7");
    };
    let (again, ()) = tokio::join!(run(paid(1, |_| ()), &aws), maker);
    assert_eq!(again, NONE);
    assert!(aws.mails()[0]["Content"]["Simple"]["Attachments"].is_array());
}

#[tokio::test]
async fn the_memory_of_a_sent_mail_can_be_written_at_a_second_try() {
    let aws = aws_with_tickets();
    let event = paid(1, |_| ());
    let deps = deps(&aws).await;
    let once = email_sender::once::Once { s3: &deps.s3, bucket: "tickets" };
    let id = EVENT.parse().expect("an id");
    let claim = once.claim(id, std::time::Duration::from_secs(60), jiff::Timestamp::now()).await.expect("S3 answers");
    let email_sender::once::Claim::Granted(right) = claim else { panic!("nobody was here before") };
    aws.refuse_put(503, "SlowDown");
    once.sent(&right, "mail-1", jiff::Timestamp::now()).await.expect_err("S3 did not take it");
    once.sent(&right, "mail-1", jiff::Timestamp::now()).await.expect("the next try does");
    assert_eq!(run(event, &aws).await, NONE);
    assert_eq!(aws.mails().len(), 0, "it counts as sent");
}
