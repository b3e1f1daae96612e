//! Real batches from the queue, the PDFs that come of them, and what one sees on their pages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hayro::{
    PixmapSettings, RenderCache, RenderSettings, hayro_interpret::InterpreterSettings, hayro_syntax::Pdf, render,
    vello_cpu::color::palette::css::WHITE,
};
use lambda_runtime::Context;
use pdf_generator::{deps::Deps, handler::handle, text::Fonts, ticket};
use serde_json::{Value, json};
use shared::{Env, Secrets};
use testkit::FakeAws;
use ticketbottle_outbox::{PaymentEvent, message::payment_event};

const BATCH: &str = include_str!("../events/batch.json");
const BASE: &str = "https://tickets.example/check";
const KEY: &str = "tickets/6f1c2f4e-62c1-5d59-9d0a-3f5a6f1f2b11.pdf";

async fn deps(aws: &FakeAws) -> Deps {
    let pairs = [
        ("S3_BUCKET_TICKETS", "tickets"),
        ("QR_CODE_BASE_URL", "https://tickets.example/check/"),
        ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/0/dead"),
    ];
    let env = Env::from_variables(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())), &Secrets::none(), &[]).await;
    Deps::from_env(env, &aws.config()).expect("all variables are right")
}

/// The example batch with its first event changed.
fn batch(change: impl FnOnce(&mut Value)) -> SqsEvent {
    let mut event: SqsEvent = serde_json::from_str(BATCH).expect("a real event");
    let body = event.records[0].body.as_deref().expect("a body");
    let mut payment = serde_json::to_value(payment_event(body).expect("an event")).expect("plain data");
    change(&mut payment);
    let mut record: Value = serde_json::from_str(body).expect("JSON");
    record["value"] = json!(STANDARD.encode(payment.to_string()));
    event.records[0].body = Some(record.to_string());
    event
}

async fn run(event: SqsEvent, aws: &FakeAws) -> SqsBatchResponse {
    let mut context = Context::default();
    context.deadline = u64::MAX / 2;
    handle(event, context, &deps(aws).await).await.expect("a batch always has an answer")
}

fn sample() -> PaymentEvent {
    let event: SqsEvent = serde_json::from_str(BATCH).expect("a real event");
    payment_event(event.records[0].body.as_deref().expect("a body")).expect("an event")
}

fn pdf(event: &PaymentEvent) -> Vec<u8> {
    ticket::pdf(event, event.order.as_ref().expect("an order"), BASE, &Fonts::embedded()).expect("can be drawn")
}

/// A page as grey pixels, at three pixels per point.
struct Picture {
    width: usize,
    height: usize,
    grey: Vec<u8>,
}

fn pictures(pdf: &[u8]) -> Vec<Picture> {
    let pdf = Pdf::new(pdf.to_vec()).expect("a PDF");
    let (cache, scale) = (RenderCache::new(), PixmapSettings { x_scale: 3.0, y_scale: 3.0, bg_color: WHITE });
    pdf.pages()
        .iter()
        .map(|page| {
            let pixels = render(page, &cache, &InterpreterSettings::default(), &RenderSettings::default(), &scale);
            let grey = pixels
                .data()
                .iter()
                .map(|pixel| ((u16::from(pixel.r) + u16::from(pixel.g) + u16::from(pixel.b)) / 3) as u8)
                .collect();
            Picture { width: pixels.width().into(), height: pixels.height().into(), grey }
        })
        .collect()
}

impl Picture {
    /// What a door's camera reads.
    fn codes(&self) -> Vec<String> {
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(self.width, self.height, |x, y| self.grey[y * self.width + x]);
        image.detect_grids().iter().map(|grid| grid.decode().expect("a readable code").1).collect()
    }

    /// How many pixels of a band (in points from the top) are dark.
    fn ink(&self, from: usize, to: usize) -> usize {
        self.grey[from * 3 * self.width..to * 3 * self.width].iter().filter(|grey| **grey < 128).count()
    }
}

#[tokio::test]
async fn a_batch_stores_the_tickets_of_the_paid_order_only() {
    let aws = FakeAws::default();
    let response = run(batch(|_| ()), &aws).await;
    assert_eq!(response.batch_item_failures, [], "the failed payment of the batch is passed over");
    assert_eq!(aws.keys(), [format!("tickets/{KEY}")]);
    let (bytes, content_type) = aws.object("tickets", KEY).expect("stored");
    assert_eq!(content_type, "application/pdf");
    assert!(
        bytes.starts_with(b"%PDF-") && bytes.len() < 100_000,
        "{} bytes: the fonts are cut down to what is used",
        bytes.len()
    );
}

#[tokio::test]
async fn a_repeated_message_stores_nothing_again() {
    let aws = FakeAws::default();
    for _ in 0..3 {
        assert_eq!(run(batch(|_| ()), &aws).await.batch_item_failures, []);
    }
    assert_eq!(aws.writes(), 1);
}

#[test]
fn each_page_carries_the_code_of_its_ticket() {
    let codes: Vec<_> = pictures(&pdf(&sample())).iter().map(Picture::codes).collect();
    assert_eq!(codes, [[format!("{BASE}/TB-240817-1")], [format!("{BASE}/TB-240817-2")]]);
}

#[test]
fn the_longest_texts_stay_on_the_page_and_the_code_stays_readable() {
    let mut event = sample();
    let order = event.order.as_mut().expect("an order");
    order.tickets.truncate(1);
    let ticket = &mut order.tickets[0];
    ticket.id = format!("{}/é", "A1B2C3D4-".repeat(8));
    ticket.event = "Đêm nhạc Trịnh Công Sơn ".repeat(9);
    ticket.venue = "Trung tâm Hội nghị Quốc gia Mỹ Đình ".repeat(5);
    ticket.holder = "Công Tằng Tôn Nữ Hoàng Thị Ngọc Trân ".repeat(3);
    event.order_id = "200904_2553_1598435687208".repeat(3);
    let [picture] = &pictures(&pdf(&event))[..] else { panic!("one page") };
    let expected = ticket::code_url(BASE, &event.order.as_ref().expect("an order").tickets[0].id);
    assert!(expected.ends_with("-%2F%C3%A9"), "{expected}");
    assert_eq!(picture.codes(), [expected]);
    for row in picture.grey.chunks(picture.width).skip(70 * 3) {
        assert!(
            row[..30 * 3].iter().chain(&row[picture.width - 30 * 3..]).all(|grey| *grey > 200),
            "the margins are empty"
        );
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(pdf(&sample()), pdf(&sample()));
}

/// The pages are what one sees: a name in Vietnamese is drawn, letter by letter, as the font has it.
#[test]
fn vietnamese_names_are_drawn_with_their_marks() {
    let with = |holder: &str| {
        let mut event = sample();
        event.order.as_mut().expect("an order").tickets[0].holder = holder.to_owned();
        pictures(&pdf(&event)).swap_remove(0)
    };
    let (plain, marked) = (with("Nguyen Thi Hong Anh"), with("Nguyễn Thị Hồng Ánh"));
    let decomposed = with("Nguye\u{302}\u{303}n Thi\u{323} Ho\u{302}\u{300}ng A\u{301}nh");
    let middle = (100, 320);
    assert!(marked.ink(middle.0, middle.1) > plain.ink(middle.0, middle.1), "the marks are there");
    assert!(marked.grey == decomposed.grey, "however the name was typed");
}

#[tokio::test]
async fn poison_and_orders_that_someone_must_look_at_go_to_the_dead_letters_with_a_reason() {
    let aws = FakeAws::default();
    let mut poison = batch(|_| ());
    poison.records.truncate(1);
    poison.records[0].body = Some("hello".into());
    for event in [poison, batch(|event| event["order"] = Value::Null), batch(|event| event["amount"] = json!(1))] {
        assert_eq!(run(event, &aws).await.batch_item_failures, [], "what cannot work does not come again");
    }
    let reasons: Vec<_> = aws
        .messages()
        .iter()
        .map(|message| message["MessageAttributes"]["Reason"]["StringValue"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(reasons[0].starts_with("the message is not a Kafka record"), "{reasons:?}");
    assert_eq!(
        reasons[1..],
        [
            "order 240817 was paid, but the shop left no snapshot of it",
            "order 240817 costs 1250000 VND, and only 1 was paid"
        ]
    );
    assert_eq!((aws.messages()[0]["MessageBody"].clone(), aws.keys()), (json!("hello"), vec![]));
}

#[tokio::test]
async fn when_s3_cannot_take_it_the_message_comes_again() {
    let aws = FakeAws::default();
    aws.refuse_put(503, "SlowDown");
    let response = run(batch(|_| ()), &aws).await;
    let again: Vec<_> = response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(again, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
    assert_eq!(run(batch(|_| ()), &aws).await.batch_item_failures, []);
    assert_eq!(aws.writes(), 1);
}

#[tokio::test]
async fn a_deadline_in_the_middle_of_a_batch_puts_off_the_rest_and_loses_nothing() {
    let aws = FakeAws::default();
    let mut event = batch(|_| ());
    event.records = (1..=3).map(|number| message(&event, number)).collect();
    let sent: Vec<_> = event.records.iter().filter_map(|message| message.message_id.clone()).collect();
    aws.slow_puts(Duration::from_millis(1_500));
    let deps = deps(&aws).await;
    let mut context = Context::default();
    let end = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") + Duration::from_millis(3_200);
    context.deadline = u64::try_from(end.as_millis()).expect("fits");
    let response = handle(event.clone(), context, &deps).await.expect("a batch always has an answer");
    let again: Vec<_> = response.batch_item_failures.iter().map(|failure| failure.item_identifier.clone()).collect();
    assert_eq!(again, sent[1..], "less is left than one more needs");
    assert_eq!(aws.writes(), 1);

    aws.slow_puts(Duration::ZERO);
    event.records.retain(|message| message.message_id.as_ref().is_some_and(|id| again.contains(id)));
    assert_eq!(run(event, &aws).await.batch_item_failures, []);
    assert_eq!((aws.writes(), aws.keys().len()), (3, 3), "each once");
}

/// The first message of a batch as another one, of another event.
fn message(batch: &SqsEvent, number: u32) -> SqsMessage {
    let mut message = batch.records[0].clone();
    let mut record: Value = serde_json::from_str(message.body.as_deref().expect("a body")).expect("JSON");
    let mut event = serde_json::to_value(sample()).expect("plain data");
    event["event_id"] = json!(format!("00000000-0000-4000-8000-{number:012}"));
    record["value"] = json!(STANDARD.encode(event.to_string()));
    message.body = Some(record.to_string());
    message.message_id = Some(number.to_string());
    message
}
