//! Mail, activity, reports and the clean-up, and what goes wrong with them.

use super::{BUCKET, REGION, Taly, body};
use crate::aws;
use serde_json::{Value, json};

impl Taly {
    pub(super) fn mails(&self) {
        let event = |id: &str, kind: &str, to: &str| {
            json!({ "event_id": id, "type": kind, "to": { "name": "Inès Moreau", "email": to }, "booking": "7731",
                    "company": "Salon Lumière", "service": "Coupe", "starts_at": "Tuesday, 14:30", "place": "Lyon" })
        };
        let booked = event("booking-7731", "booking.confirmed", "ines@example.com").to_string();
        let reminder = event("reminder-7731", "booking.reminder", "slow-ines@example.com").to_string();
        self.publish("bookings", &booked);
        self.publish("reminders", &reminder);
        self.publish("bookings", "poison");
        self.system.eventually("the booking is confirmed", "send-email", || {
            (self.mails_to("ines@example.com").len() == 1).then_some(())
        });
        self.system.eventually("a throttled mail goes out later", "send-email", || {
            (self.mails_to("slow-ines@example.com").len() == 1).then_some(())
        });
        let (poison, reason) =
            self.system.eventually("poison is put aside", "send-email", || self.system.message("mails-dead"));
        assert!(poison == "poison" && reason.starts_with("not an event of ours"), "{poison} {reason}");
        // The same again, from the topic and from the queue.
        for _ in 0..2 {
            self.publish("bookings", &booked);
            self.system.sqs("SendMessage", "mails", json!({ "MessageBody": booked }));
        }
        let last = event("booking-7732", "booking.confirmed", "last@example.com").to_string();
        self.publish("bookings", &last);
        self.system.eventually("what comes after them is sent", "send-email", || {
            (self.mails_to("last@example.com").len() == 1).then_some(())
        });
        self.system.eventually("the queue is empty", "send-email", || self.is_empty("mails").then_some(()));
        for to in ["ines@example.com", "slow-ines@example.com", "last@example.com"] {
            assert_eq!(self.mails_to(to).len(), 1, "{to}");
        }
        let mail = &self.mails_to("ines@example.com")[0];
        assert_eq!(mail["Subject"], "Your booking at Salon Lumière: Coupe", "{mail}");
        assert!(mail["BodyText"].as_str().is_some_and(|text| text.contains("Where: Lyon")), "{mail}");
    }

    pub(super) fn activity(&self) {
        let now = jiff::Timestamp::now();
        let day = now.strftime("%Y-%m-%d").to_string();
        let at = |second: &str| format!("{day}T00:00:{second}Z");
        let entry = |id: &str, second: &str| json!({ "id": id, "user": "u-9", "kind": "booking.viewed", "at": at(second), "data": { "n": id } });
        let batch =
            json!({ "entries": [entry("c", "03"), entry("a", "01.25"), entry("b", "02"), entry("a", "01.25")] });
        for _ in 0..2 {
            let answer = self.signed("POST", "/activity", &[], &batch.to_string());
            assert_eq!((answer.status, body(&answer)["written"].clone()), (202, json!(3)), "{answer:?}");
        }
        let ids = || -> Vec<String> {
            let answer = body(&self.signed("GET", &format!("/activity/u-9?day={day}"), &[], ""));
            let entries = answer["entries"].as_array().unwrap_or_else(|| panic!("{answer}"));
            entries
                .iter()
                .map(|entry| {
                    entry["kind"].as_str().unwrap_or_default().to_owned()
                        + " "
                        + entry["data"]["n"].as_str().unwrap_or("-")
                })
                .collect()
        };
        assert_eq!(ids(), ["booking.viewed a", "booking.viewed b", "booking.viewed c"]);
        let wrong = [
            json!({ "entries": [entry("d", "04"), { "id": "e" }] }).to_string(),
            json!({ "entries": vec![entry("d", "04"); 101] }).to_string(),
            format!("{{\"entries\": [{}]}}", " ".repeat(70_000)),
            "[]".to_owned(),
        ];
        for wrong in wrong {
            assert_eq!(self.signed("POST", "/activity", &[], &wrong).status, 400);
        }
        let event = json!({ "EventBusName": "taly-dev", "Source": "taly.bookings", "DetailType": "booking.cancelled",
                            "Detail": json!({ "user": "u-9", "n": "bus" }).to_string() });
        let sent = self.system.server.json(REGION, "events", "AWSEvents.PutEvents", &json!({ "Entries": [event] }));
        assert_eq!(sent["FailedEntryCount"], 0, "{sent}");
        self.system.eventually("the bus's event is there", "user-activity-logger", || {
            (ids().last()? == "booking.cancelled bus").then_some(())
        });
        assert_eq!(ids().len(), 4, "what was wrong left nothing");
        let day_before = self.signed("GET", "/activity/u-9?day=2020-01-01", &[], "");
        assert_eq!(body(&day_before)["entries"], json!([]));
    }

    /// After the payments: one of 15.00 that was given back, one of 20.50 of which 0.50 was kept, one of 20.50 that came late.
    pub(super) fn reports(&self) {
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        for (id, amount, status) in
            [("7731", "1500", "confirmed"), ("7732", "2000", "cancelled"), ("7733", "100", "confirmed")]
        {
            let text = |value: &str| json!({ "S": value });
            let item = json!({ "id": text(id), "day": text(&day), "at": text(&format!("{day}T10:00:00Z")), "status": text(status),
                "company": text("Salon Lumière"), "service": text("=Coupe"), "customer": text("u-1"), "currency": text("EUR"),
                "amount": { "N": amount } });
            let put = json!({ "TableName": "taly-dev-bookings", "Item": item });
            self.system.server.json(REGION, "dynamodb", "DynamoDB_20120810.PutItem", &put);
        }
        let ask = |kind: &str, format: &str| {
            let order = json!({ "kind": kind, "format": format, "from": day, "to": day });
            let answer = self.signed("POST", "/reports", &[], &order.to_string());
            assert_eq!(answer.status, 200, "{answer:?}");
            let made = body(&answer);
            let url = made["url"].as_str().expect("a link").to_owned();
            assert!(url.contains("X-Amz-Signature=") && url.contains("/temp/reports/"), "{url}");
            let file = self
                .system
                .server
                .object(REGION, BUCKET, made["key"].as_str().expect("a key"))
                .expect("the file is there");
            assert_eq!(made["bytes"].as_u64(), Some(file.len() as u64));
            (made, file, url)
        };
        let (made, file, url) = ask("bookings", "csv");
        let text = String::from_utf8(file).expect("text");
        assert_eq!((made["rows"].as_u64(), &made["totals"]), (Some(3), &json!([["EUR", "16.00"]])), "{made}");
        assert!(
            text.starts_with("at,id,company,") && text.contains("7732,Salon Lumière,'=Coupe,u-1,cancelled,20.00,EUR"),
            "{text}"
        );
        let address = url.replace("localhost", "127.0.0.1");
        assert_eq!(aws::get(&address).body, text, "the link leads to it");
        let (made, file, _) = ask("payments", "xlsx");
        assert_eq!((made["rows"].as_u64(), &made["totals"]), (Some(8), &json!([["EUR", "21.00"]])), "{made}");
        assert!(file.starts_with(b"PK"));
        let (made, file, _) = ask("activity", "pdf");
        assert_eq!(made["rows"], 4, "{made}");
        assert!(file.starts_with(b"%PDF-1.7"));
        for wrong in [json!({}), json!({ "kind": "payments", "format": "csv", "from": day, "to": "2020-01-01" })] {
            assert_eq!(self.signed("POST", "/reports", &[], &wrong.to_string()).status, 400);
        }
        let scheduled =
            json!({ "report": "activity", "format": "csv", "period": "yesterday", "mail_to": "owner@example.com" });
        let answer = self.system.invoke("generate-reports", &scheduled);
        assert_eq!(answer["rows"], 0, "{answer}");
        let mails = self.system.eventually("the summary is sent", "generate-reports", || {
            Some(self.mails_to("owner@example.com")).filter(|all| all.len() == 1)
        });
        assert!(
            mails[0]["Subject"].as_str().is_some_and(|subject| subject.starts_with("Report activity, ")),
            "{mails:?}"
        );
        assert!(mails[0]["BodyText"].as_str().is_some_and(|text| text.contains("X-Amz-Signature=")), "{mails:?}");
    }

    pub(super) fn cleanup(&self) {
        let keys = |prefix: &str| {
            let list = self
                .system
                .server
                .request(REGION, "s3", &format!("GET /{BUCKET}?list-type=2&prefix={prefix}"), &[], "")
                .body;
            list.matches("<Key>").count()
        };
        // More than a batch of 1,000.
        for number in 0..1_050 {
            let key = if number % 2 == 0 { "temp/uploads" } else { "temp/old" };
            self.put_object(&format!("{key}/{number}"));
        }
        self.put_object("uploads/kept");
        let age = self.system.invoke("cleanup-temp-files", &json!({}));
        assert_eq!((&age["deleted"], &age["complete"]), (&json!(0), &json!(true)), "nothing is old yet: {age}");
        // S3 counts whole seconds.
        let dry = self.system.eventually("all of it is of an earlier second", "cleanup-temp-files", || {
            let report = self.system.invoke("cleanup-temp-files", &json!({ "dry_run": true, "max_age_hours": 0 }));
            (report["deleted"] == report["examined"]).then_some(report)
        });
        let count = dry["deleted"].as_u64().expect("a number");
        assert!(count > 1_050 && keys("temp/uploads") > 0, "a dry run deletes nothing: {dry}");
        let report = self.system.invoke("cleanup-temp-files", &json!({ "max_age_hours": 0 }));
        assert_eq!((report["deleted"].as_u64(), &report["failed"]), (Some(count), &json!(0)), "{report}");
        assert_eq!((keys("temp/"), keys("uploads/")), (0, 1));
        let list =
            self.system.server.object(REGION, BUCKET, report["list"].as_str().expect("a list")).expect("it is there");
        let list = String::from_utf8(list).expect("text");
        assert_eq!(list.lines().filter(|line| line.ends_with(",deleted")).count() as u64, count);
    }

    /// The same code, told to clean up elsewhere: its role does not let it.
    pub(super) fn the_role_ends_at_the_prefix(&self) {
        let ask = |method: &str, rest: &str, body: &Value| {
            let head = format!("{method} /2015-03-31/functions/taly-dev-cleanup-temp-files/{rest}");
            self.system.server.lambda(REGION, &head, body)
        };
        let variables = json!({ "FILES_BUCKET": BUCKET, "TEMP_PREFIX": "uploads/", "REPORTS_PREFIX": "cleanup/", "MAX_AGE_HOURS": "1" });
        ask("PUT", "configuration", &json!({ "Environment": { "Variables": variables } }));
        let answer = ask("POST", "invocations", &json!({ "max_age_hours": 0 })).to_string();
        assert!(answer.contains("list the files: AccessDenied"), "{answer}");
        assert!(self.system.server.object(REGION, BUCKET, "uploads/kept").is_some());
    }
}
