//! payOS's webhook: `{"code", "desc", "success", "data": {…}, "signature": "<hex>"}`.
//!
//! `signature` is the HMAC-SHA256, under the checksum key, of the members of `data` as `key=value` joined
//! by `&`, in the order of the keys; nothing is percent-encoded; null (and the texts "null" and
//! "undefined") count as empty; lists and objects count as their JSON with sorted keys. The members beside
//! `data` are not signed, so nothing is decided by them.
//!
//! When a webhook URL is registered, payOS sends its documented sample there (order 123), signed, and
//! registers the URL only if it is acknowledged. It is nobody's payment: no event is written.
//!
//! Sources (read 2026-11): <https://payos.vn/docs/tich-hop-webhook/kiem-tra-du-lieu-voi-signature>,
//! <https://payos.vn/docs/du-lieu-tra-ve/webhook/>; details of the signed text from payOS's own library,
//! <https://github.com/payOSHQ/payos-lib-node>.

use jiff::{Timestamp, civil::DateTime, tz::offset};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    payment::{Facts, Refusal, Verified, malformed},
    signature,
};

pub const PROVIDER: &str = "payos";

/// What the sample of the registration carries.
const SAMPLE_ORDER: u64 = 123;
const SAMPLE_LINK: &str = "124c33293c43417ab7879e14c8d9eb18";

#[derive(Deserialize)]
struct Webhook {
    data: Map<String, Value>,
    signature: String,
}

/// `received_at` stands in for a time that cannot be read.
pub fn verify(body: &[u8], checksum_key: &str, received_at: Timestamp) -> Result<Verified, Refusal> {
    let webhook: Webhook = serde_json::from_slice(body)
        .map_err(|_| malformed("the body must be JSON with the object `data` and the text `signature`"))?;
    let signed = signed_text(&webhook.data);
    if !signature::matches(checksum_key, signed.as_bytes(), &webhook.signature) {
        return Err(Refusal::BadSignature);
    }
    let data = webhook.data;
    let text = |name: &str| data.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let order_code =
        data.get("orderCode").and_then(Value::as_u64).ok_or_else(|| malformed("`orderCode` must be a whole number"))?;
    let amount =
        data.get("amount").and_then(Value::as_u64).ok_or_else(|| malformed("`amount` must be a whole number"))?;
    if order_code == SAMPLE_ORDER && text("paymentLinkId") == Some(SAMPLE_LINK) {
        return Ok(Verified::Notice { what: "payOS registration sample" });
    }
    // One payment link can be paid by several transfers, each with a bank reference of its own.
    let transaction_id = match (text("paymentLinkId"), text("reference")) {
        (Some(link), Some(reference)) => format!("{link}/{reference}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => return Err(malformed("`paymentLinkId` or `reference` is needed")),
    };
    let failure = match text("code") {
        Some("00") => None,
        Some(code) => Some(format!("{code}: {}", text("desc").unwrap_or("no reason given"))),
        None => return Err(malformed("`code` must be a text")),
    };
    let facts = Facts {
        provider: PROVIDER,
        transaction_id,
        order_id: order_code.to_string(),
        amount,
        currency: text("currency").unwrap_or("VND").to_owned(),
        occurred_at: text("transactionDateTime").and_then(vietnamese_time).unwrap_or(received_at),
        failure,
    };
    Ok(Verified::Payment { event: Box::new(facts.into_event()), signed: signed.into_bytes() })
}

/// `2023-02-04 18:25:00` on the clocks of Vietnam, or a full timestamp.
fn vietnamese_time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| offset(7).to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

/// What is signed.
pub fn signed_text(data: &Map<String, Value>) -> String {
    let mut members: Vec<_> = data.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    let pairs: Vec<_> = members.into_iter().map(|(name, value)| format!("{name}={}", value_text(value))).collect();
    pairs.join("&")
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text == "null" || text == "undefined" => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // As JavaScript writes it: a whole number has no fraction.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::Bool(truth) => truth.to_string(),
        Value::Array(_) | Value::Object(_) => sorted(value).to_string(),
    }
}

/// The same value with every object's members in the order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}

pub fn acknowledgement() -> Value {
    json!({"success": true})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sample of payOS's documentation with the key that is published beside it. Checked on its own with
    /// Python: `hmac.new(KEY, "&".join(f"{k}={data[k]}" for k in sorted(data)), hashlib.sha256)`.
    const KEY: &str = "1a54716c8f0efb2744fb28b6e38b25da7f67a925d98bc1c18bd8faaecadd7675";
    const SAMPLE: &str = include_str!("../events/payos-sample-body.json");

    fn check(body: &str) -> Result<Verified, Refusal> {
        verify(body.as_bytes(), KEY, Timestamp::UNIX_EPOCH)
    }

    fn signed(change: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut webhook: Value = serde_json::from_str(SAMPLE).expect("JSON");
        let data = webhook["data"].as_object_mut().expect("an object");
        data.insert("orderCode".into(), json!(7001));
        change(data);
        let signature = signature::sign(KEY, signed_text(data).as_bytes());
        webhook["signature"] = json!(signature);
        webhook.to_string()
    }

    #[test]
    fn the_documented_sample_has_a_good_signature_and_is_nobodys_payment() {
        assert_eq!(check(SAMPLE), Ok(Verified::Notice { what: "payOS registration sample" }));
    }

    #[test]
    fn code_00_is_a_completed_payment() {
        let Ok(Verified::Payment { event, .. }) = check(&signed(|_| ())) else { panic!("right") };
        assert_eq!(
            (event.order_id.as_str(), event.amount, event.event_type.as_str()),
            ("7001", 3000, "payment.completed")
        );
        assert_eq!(event.transaction_id, "124c33293c43417ab7879e14c8d9eb18/TF230204212323");
        assert_eq!(event.occurred_at.to_string(), "2023-02-04T11:25:00Z", "Vietnam is seven hours ahead");
    }

    #[test]
    fn another_code_is_a_failed_payment_with_its_reason() {
        let body = signed(|data| {
            data.insert("code".into(), json!("07"));
            data.insert("desc".into(), json!("Hết hạn"));
        });
        let Ok(Verified::Payment { event, .. }) = check(&body) else { panic!("right") };
        assert_eq!((event.event_type.as_str(), event.reason.as_deref()), ("payment.failed", Some("07: Hết hạn")));
    }

    #[test]
    fn the_unsigned_members_decide_nothing() {
        let mut webhook: Value =
            serde_json::from_str(&signed(|data| drop(data.insert("code".into(), json!("07"))))).expect("JSON");
        webhook["code"] = json!("00");
        webhook["success"] = json!(true);
        let Ok(Verified::Payment { event, .. }) = check(&webhook.to_string()) else { panic!("right") };
        assert_eq!(event.event_type.as_str(), "payment.failed");
    }

    /// Expected text written by hand from the rules above.
    #[test]
    fn the_signed_text_follows_the_documented_rules() {
        let data = json!({"b": null, "a": "undefined", "d": [{"z": 1, "y": "x"}, 2], "c": true, "f": 1.0, "e": "Thành công & co", "g": {"n": 1, "m": null}});
        let text = signed_text(data.as_object().expect("an object"));
        assert_eq!(text, r#"a=&b=&c=true&d=[{"y":"x","z":1},2]&e=Thành công & co&f=1&g={"m":null,"n":1}"#);
    }

    #[test]
    fn other_bodies_are_malformed() {
        let no_order = signed(|data| drop(data.remove("orderCode")));
        let half_a_dong = signed(|data| drop(data.insert("amount".into(), json!(0.5))));
        for body in ["", "null", "{}", r#"{"data":{}}"#, r#"{"data":"","signature":""}"#, &no_order, &half_a_dong] {
            assert!(matches!(check(body), Err(Refusal::Malformed(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_a_value_or_of_the_signature_is_refused(member in 0_usize..17, at in 0_usize..64, to in "[ -~]") {
            let mut webhook: Value = serde_json::from_str(SAMPLE).expect("JSON");
            let name = webhook["data"].as_object().expect("an object").keys().nth(member).cloned();
            let slot = match &name {
                Some(name) => &mut webhook["data"][name],
                None => &mut webhook["signature"],
            };
            let before = value_text(slot);
            prop_assume!(!before.is_empty());
            let mut letters: Vec<char> = before.chars().collect();
            let at = at % letters.len();
            letters[at] = to.chars().next().expect("one letter");
            let after: String = letters.into_iter().collect();
            prop_assume!(after != before);
            *slot = json!(after);
            prop_assert_eq!(check(&webhook.to_string()), Err(Refusal::BadSignature));
        }

        #[test]
        fn no_body_breaks_it(body: Vec<u8>) {
            prop_assert!(verify(&body, KEY, Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
