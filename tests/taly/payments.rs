//! Charges, refunds and webhooks of both providers, and what goes wrong with them.

use super::{Taly, WEBHOOK_SECRET, body};
use crate::aws;
use serde_json::json;

impl Taly {
    pub(super) fn stripe_payments(&self) {
        self.stripe
            .tell(&format!("http://127.0.0.1:{}{}/webhooks/stripe", self.system.server.port, self.api), WEBHOOK_SECRET);
        let charge = |amount: u64, method: &str| {
            json!({ "provider": "stripe", "amount": amount, "currency": "EUR", "method": method, "booking": "7731",
                    "customer": { "id": "u-1", "name": "Ana", "email": "ana@example.com" } })
        };
        let unsigned = aws::exchange(self.system.server.port, &format!("POST {}/payments", self.api), &[], "{}");
        assert_eq!(unsigned.status, 403, "{unsigned:?}");
        let wrong = [
            self.pay("", &charge(1_500, "pm_card_visa")),
            self.pay("k-wrong", &charge(1_500, "4242424242424242")),
            self.pay("k-wrong", &charge(0, "pm_card_visa")),
            self.pay("k-wrong", &json!({ "card": "4242424242424242" })),
        ];
        assert!(wrong.iter().all(|answer| body(answer)["code"] == "BAD_REQUEST"), "{wrong:?}");

        let paid = self.pay("k-1", &charge(1_500, "pm_card_visa"));
        let first = body(&paid);
        assert_eq!(
            (paid.status, &first["status"], &first["amount"]),
            (200, &json!("captured"), &json!(1_500)),
            "{paid:?}"
        );
        for _ in 0..2 {
            assert_eq!(body(&self.pay("k-1", &charge(1_500, "pm_card_visa"))), first, "the same answer again");
        }
        let other = self.pay("k-1", &charge(1_600, "pm_card_visa"));
        assert!(other.status == 400 && other.body.contains("used for another request"), "{other:?}");
        assert_eq!(self.stripe.charges(), 1);
        self.system.eventually("the receipt is sent", "send-email", || {
            (self.mails_to("ana@example.com").len() == 1).then_some(())
        });
        assert_eq!(self.mails_to("ana@example.com")[0]["Subject"], "Receipt for 15.00 EUR");

        let card = "type=card&card[number]=4000000000000341&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123";
        let declining = self.stripe.call("POST /v1/payment_methods", card);
        let declining = declining["id"].as_str().expect("a payment method");
        for _ in 0..2 {
            let declined = self.pay("k-2", &charge(900, declining));
            assert_eq!((declined.status, body(&declined)["code"].clone()), (402, json!("DECLINED")), "{declined:?}");
        }
        assert_eq!(self.stripe.charges(), 1);

        let id = first["id"].as_str().expect("an id");
        let refund = |key: &str, amount: u64| self.refund(id, key, amount);
        let (part, again) = (refund("r-1", 1_000), refund("r-1", 1_000));
        assert_eq!(body(&part)["status"], "refunded", "{part:?}");
        assert_eq!(body(&part), body(&again));
        let too_much = refund("r-2", 501);
        assert!(too_much.status == 400 && too_much.body.contains("more than"), "{too_much:?}");
        assert_eq!(refund("r-3", 500).status, 200);
        assert_eq!(self.refund("nobody", "r-1", 1).status, 404);
        let refunds = self.stripe.call("GET /v1/refunds?limit=100", "");
        let amounts: Vec<_> =
            refunds["data"].as_array().expect("a list").iter().map(|one| one["amount"].as_u64()).collect();
        assert_eq!((amounts.len(), amounts.iter().flatten().sum::<u64>()), (2, 1_500), "{refunds}");

        // Stripe's own webhook, which it signed; and one that somebody else made.
        self.system.eventually("the webhook comes", "process-payment", || {
            self.system.log("process-payment").contains("told of what is settled").then_some(())
        });
        let forged =
            json!({ "type": "payment_intent.succeeded", "data": { "object": { "metadata": { "payment": id } } } });
        let forged = self.webhook("stripe", &[("Stripe-Signature", "t=1,v1=00".to_owned())], &forged.to_string());
        assert_eq!(forged.status, 401, "{forged:?}");
        assert_eq!(self.webhook("other", &[], "{}").status, 404);
    }

    pub(super) fn paypal_payments(&self) {
        let charge = |method: &str, to: &str| {
            json!({ "provider": "paypal", "amount": 2_050, "currency": "EUR", "method": method,
                    "customer": { "id": "u-2", "name": "Bo", "email": to } })
        };
        self.paypal.set_down(true);
        let down = self.pay("p-1", &charge("vault1", "bo@example.com"));
        assert_eq!((down.status, body(&down)["code"].clone()), (500, json!("INTERNAL_ERROR")), "{down:?}");
        self.paypal.set_down(false);
        let paid = self.pay("p-1", &charge("vault1", "bo@example.com"));
        assert_eq!((paid.status, body(&paid)["status"].clone()), (200, json!("captured")), "{paid:?}");
        assert_eq!(self.paypal.made(), (1, 0));
        self.paypal.forget_tokens();
        let declined = self.pay("p-2", &charge("declined", "bo@example.com"));
        assert_eq!((declined.status, body(&declined)["declined"].clone()), (402, json!("INSTRUMENT_DECLINED")));

        let id = body(&paid)["id"].as_str().expect("an id").to_owned();
        self.paypal.set_down(true);
        assert_eq!(self.refund(&id, "r-1", 2_000).status, 500);
        // What could not be asked for stays reserved for the same key.
        assert_eq!(self.refund(&id, "r-2", 51).status, 400);
        self.paypal.set_down(false);
        assert_eq!(body(&self.refund(&id, "r-1", 2_000))["status"], "refunded");
        assert_eq!(body(&self.refund(&id, "r-1", 2_000))["status"], "refunded");
        assert_eq!(self.paypal.made(), (1, 1));

        let later = self.pay("p-3", &charge("later1", "cy@example.com"));
        assert_eq!(body(&later)["status"], "pending", "{later:?}");
        assert_eq!(self.refund(body(&later)["id"].as_str().expect("an id"), "r-1", 1).status, 400, "not captured yet");
        let (headers, event) =
            self.paypal.webhook(body(&later)["id"].as_str().expect("an id"), "PAYMENT.CAPTURE.COMPLETED", "WH-SANDBOX");
        let forged = self.webhook("paypal", &headers, &event.replace("C-1", "C-2"));
        assert_eq!(forged.status, 401, "{forged:?}");
        assert!(self.mails_to("cy@example.com").is_empty());
        for _ in 0..2 {
            assert_eq!(self.webhook("paypal", &headers, &event).status, 200);
        }
        self.system.eventually("a receipt after the webhook", "send-email", || {
            (self.mails_to("cy@example.com").len() == 1).then_some(())
        });
        assert_eq!(body(&self.pay("p-3", &charge("later1", "cy@example.com")))["status"], "captured");

        let log = self.system.log("process-payment");
        for secret in
            ["4242", "4000000000000341", "pm_", "vault1", "later1", "sk_test", "whsec", "token-", "@example.com"]
        {
            assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        }
    }
}
