//! ZaloPay's callback: `{"data": "<JSON text>", "mac": "<hex>", "type": 1}`.
//!
//! `mac` is the HMAC-SHA256 of the text `data` under key2. ZaloPay calls only when it has the money, so a
//! callback of type 1 is a completed payment; type 2 confirms a recurring-payment agreement, which
//! TicketBottle does not offer: it is acknowledged and noted.
//!
//! The answer is `return_code` 1 for accepted; 2 would say that this transaction was accepted before; 0 asks
//! for up to three more calls; anything else ends the matter. A repetition gets 1 again, as the first
//! call did: to ZaloPay both mean "settled", and the same request then always has the same answer.
//!
//! Sources (read 2026-11): <https://docs.zalopay.vn/docs/specs/callback-api>,
//! <https://beta-docs.zalopay.vn/docs/developer-tools/knowledge-base/callback>; the codes of the answer:
//! <https://docs.zalopay.vn/v2/general/overview.html#callback>.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    payment::{Facts, Refusal, Verified, malformed},
    signature,
};

pub const PROVIDER: &str = "zalopay";

#[derive(Deserialize)]
struct Callback {
    data: String,
    mac: String,
    #[serde(rename = "type")]
    kind: Option<i64>,
}

#[derive(Deserialize)]
struct Data {
    app_trans_id: String,
    zp_trans_id: Value,
    amount: Value,
    server_time: Option<i64>,
}

/// `received_at` stands in for a missing `server_time`.
pub fn verify(body: &[u8], key2: &str, received_at: Timestamp) -> Result<Verified, Refusal> {
    let callback: Callback =
        serde_json::from_slice(body).map_err(|_| malformed("the body must be JSON with the texts `data` and `mac`"))?;
    if !signature::matches(key2, callback.data.as_bytes(), &callback.mac) {
        return Err(Refusal::BadSignature);
    }
    // `type` stands outside the signature; an agreement is also known by what its data lacks.
    if callback.kind == Some(2) {
        return Ok(Verified::Notice { what: "ZaloPay agreement callback (type 2)" });
    }
    let data: Data = serde_json::from_str(&callback.data)
        .map_err(|_| malformed("`data` must be JSON with `app_trans_id`, `zp_trans_id` and `amount`"))?;
    let transaction_id = match &data.zp_trans_id {
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::String(text) if !text.is_empty() => text.clone(),
        _ => return Err(malformed("`zp_trans_id` must be a whole number")),
    };
    let amount = data.amount.as_u64().ok_or_else(|| malformed("`amount` must be a whole number of dong"))?;
    if data.app_trans_id.is_empty() {
        return Err(malformed("`app_trans_id` must not be empty"));
    }
    let occurred_at =
        data.server_time.and_then(|millis| Timestamp::from_millisecond(millis).ok()).unwrap_or(received_at);
    let facts = Facts {
        provider: PROVIDER,
        transaction_id,
        order_id: data.app_trans_id,
        amount,
        currency: "VND".into(),
        occurred_at,
        failure: None,
    };
    Ok(Verified::Payment { event: Box::new(facts.into_event()), signed: callback.data.into_bytes() })
}

pub fn acknowledgement() -> Value {
    json!({"return_code": 1, "return_message": "success"})
}

/// The wording of ZaloPay's own samples.
pub fn refusal(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::BadSignature => json!({"return_code": -1, "return_message": "mac not equal"}),
        Refusal::Malformed(what) => json!({"return_code": -1, "return_message": what}),
    }
}

/// Asks for another call.
pub fn try_again() -> Value {
    json!({"return_code": 0, "return_message": "try again"})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sample of ZaloPay's documentation, and the key2 of the sandbox application 2553 that it publishes.
    /// Checked on its own with Python: `hmac.new(KEY2, data, hashlib.sha256).hexdigest()` gives the sample's mac.
    const KEY2: &str = "kLtgPl8HHhfvMuDHPwKfgfsY4Ydm9eIz";
    const SAMPLE: &str = r#"{"data":"{\"app_id\":2553,\"app_trans_id\":\"200904_2553_1598435687208\",\"app_time\":1599189392817,\"app_user\":\"demo\",\"amount\":10000,\"embed_data\":\"{\\\"merchantinfo\\\":\\\"embeddata123\\\",\\\"promotioninfo\\\":\\\"\\\"}\",\"item\":\"[{\\\"itemid\\\":\\\"knb\\\",\\\"itemname\\\":\\\"kim nguyen bao\\\",\\\"itemprice\\\":198400,\\\"itemquantity\\\":1}]\",\"zp_trans_id\":200904000000389,\"server_time\":1599189413498,\"channel\":38,\"merchant_user_id\":\"7ZMSl3nEg5sOUJzOLSoUFT8xKNQVaLOLXHB--8Eytqc\",\"user_fee_amount\":0,\"discount_amount\":0}","mac":"d8d33baf449b31d7f9b94fa50d7c942c08cd4d83f28fa185557da21acb104f67","type":1}"#;

    fn check(body: &str) -> Result<Verified, Refusal> {
        verify(body.as_bytes(), KEY2, Timestamp::UNIX_EPOCH)
    }

    fn signed(data: &str) -> String {
        json!({"data": data, "mac": signature::sign(KEY2, data.as_bytes()), "type": 1}).to_string()
    }

    #[test]
    fn the_documented_sample_is_a_completed_payment() {
        let Ok(Verified::Payment { event, .. }) = check(SAMPLE) else { panic!("the sample is right") };
        assert_eq!(
            (event.order_id.as_str(), event.transaction_id.as_str()),
            ("200904_2553_1598435687208", "200904000000389")
        );
        assert_eq!(
            (event.amount, event.currency.as_str(), event.event_type.as_str()),
            (10_000, "VND", "payment.completed")
        );
        assert_eq!(event.occurred_at.to_string(), "2020-09-04T03:16:53.498Z");
    }

    #[test]
    fn another_key_is_a_bad_signature() {
        assert_eq!(
            verify(SAMPLE.as_bytes(), "PcY4iZIKFCIdgZvA6ueMcMHHUbRLYjPL", Timestamp::UNIX_EPOCH),
            Err(Refusal::BadSignature)
        );
    }

    #[test]
    fn an_amount_is_exact_or_refused() {
        let data = |amount: &str| signed(&format!(r#"{{"app_trans_id":"a","zp_trans_id":1,"amount":{amount}}}"#));
        let Ok(Verified::Payment { event, .. }) = check(&data("9007199254740993")) else {
            panic!("a large amount is right")
        };
        assert_eq!(event.amount, 9_007_199_254_740_993, "beyond what a double holds");
        for wrong in ["10000.5", "-1", "\"10000\"", "1e4", "null", "18446744073709551616"] {
            assert!(matches!(check(&data(wrong)), Err(Refusal::Malformed(_))), "{wrong}");
        }
    }

    #[test]
    fn an_agreement_is_acknowledged_without_an_event() {
        let data = r#"{"app_id":2553,"binding_id":"b"}"#;
        let body = json!({"data": data, "mac": signature::sign(KEY2, data.as_bytes()), "type": 2}).to_string();
        assert!(matches!(check(&body), Ok(Verified::Notice { .. })));
    }

    #[test]
    fn other_bodies_are_malformed() {
        for body in ["", "null", "[]", "{", r#"{"data":"{}"}"#, r#"{"data":{},"mac":""}"#, &signed("{}"), &signed("x")]
        {
            assert!(matches!(check(body), Err(Refusal::Malformed(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_of_data_or_mac_is_refused(at in 0_usize..1000, byte: u8, in_mac: bool) {
            let mut callback: Value = serde_json::from_str(SAMPLE).expect("JSON");
            let member = if in_mac { "mac" } else { "data" };
            let mut bytes = callback[member].as_str().expect("a text").as_bytes().to_vec();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            callback[member] = json!(text);
            prop_assert_eq!(check(&callback.to_string()), Err(Refusal::BadSignature));
        }

        #[test]
        fn no_body_breaks_it(body: Vec<u8>) {
            prop_assert!(verify(&body, KEY2, Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
