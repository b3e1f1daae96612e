use serde_json::{Value, json};

use super::{Incoming, as_batch, event, template::Templates};

fn booking(kind: &str) -> Value {
    json!({
        "event_id": "e-1", "type": kind, "to": { "name": "Inès <b>Moreau</b>", "email": "ines@example.com" },
        "booking": "7731", "company": "Salon & Co", "service": "Cut\r\nBcc: x@example.com", "starts_at": "14:30",
        "place": "Lyon", "manage_url": "javascript:alert(1)",
    })
}

fn letter(event: &Value) -> shared::mail::Letter {
    let event = event::parse(&event.to_string()).expect("an event");
    Templates::embedded().letter(&event).expect("renders")
}

#[test]
fn every_kind_has_its_mail_and_no_value_becomes_markup_or_a_line() {
    for (kind, begins) in
        [("booking.confirmed", "Your booking at Salon & Co"), ("booking.reminder", "Reminder: Cut Bcc")]
    {
        let letter = letter(&booking(kind));
        assert!(letter.subject.starts_with(begins) && !letter.subject.contains('\n'), "{}", letter.subject);
        assert!(letter.text.contains("Hello Inès <b>Moreau</b>") && letter.text.contains("Cut Bcc: x@example.com"));
        assert!(letter.html.contains("Inès &lt;b&gt;Moreau") && letter.html.contains("Salon &amp; Co"));
        assert!(!letter.html.contains("javascript") && !letter.text.contains("javascript"));
        assert!(letter.html.contains("<title>") && letter.html.ends_with("</html>"), "the frame is around it");
    }
    let receipt = json!({
        "event_id": "e-2", "type": "payment.receipt", "to": { "name": "Ana", "email": "ana@example.com" },
        "payment": "p-1", "amount": 123_450, "currency": "EUR",
    });
    let letter = letter(&receipt);
    assert_eq!(letter.subject, "Receipt for 1234.50 EUR");
    assert!(letter.text.contains("we have received 1234.50 EUR. Thank you!"), "{}", letter.text);
}

#[test]
fn what_is_no_event_is_refused_without_its_values() {
    let mut without_id = booking("booking.confirmed");
    without_id["event_id"] = json!("");
    let mut other = booking("booking.confirmed");
    other["type"] = json!("secret-type");
    for wrong in ["hello secret".to_owned(), without_id.to_string(), other.to_string(), "{}".to_owned()] {
        let said = event::parse(&wrong).expect_err("refused");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_topic_and_a_queue_are_told_apart() {
    let topic: Incoming = serde_json::from_str(include_str!("../../events/booking.json")).expect("SNS's event");
    let Incoming::Topic(event) = topic else { panic!("a topic's event") };
    let batch = as_batch(event);
    assert!(event::parse(batch.records[0].body.as_deref().expect("a body")).is_ok());
    let queue = json!({ "Records": [{ "messageId": "m", "body": "b", "attributes": {}, "messageAttributes": {} }] });
    assert!(matches!(serde_json::from_value(queue).expect("SQS's event"), Incoming::Queue(_)));
}
