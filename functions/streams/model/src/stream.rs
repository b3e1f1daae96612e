//! A stream as it is stored and told. Amounts are whole numbers of wei as text: 256 bits fit into no number of JSON or
//! DynamoDB.

use std::collections::HashMap;

use alloy_primitives::U256;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::units::ether;

/// A stream, as its contract told at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub id: U256,
    /// Addresses are lower-case hexadecimal with `0x`.
    pub sender: String,
    pub recipient: String,
    pub is_active: bool,
    pub balance: U256,
    /// Per second.
    pub flow_rate: U256,
    /// Seconds since 1970.
    pub start_time: u64,
    pub withdrawn: U256,
    /// The block at which this was so.
    pub block: u64,
}

impl Stream {
    /// As the API tells it: the members of the payment function's answer, and the exact numbers beside them.
    pub fn json(&self) -> Value {
        json!({
            "streamId": self.id.to_string(),
            "isActive": self.is_active,
            "currentBalance": ether(self.balance),
            "recipient": self.recipient,
            "flowRate": format!("{} tokens/sec", ether(self.flow_rate)),
            "sender": self.sender,
            "currentBalanceWei": self.balance.to_string(),
            "flowRateWei": self.flow_rate.to_string(),
            "withdrawnWei": self.withdrawn.to_string(),
            "startTime": self.start_time,
            "block": self.block,
        })
    }

    /// As the table keeps it. The key is `id`.
    pub fn item(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &dyn ToString| AttributeValue::S(value.to_string());
        let number = |value: u64| AttributeValue::N(value.to_string());
        HashMap::from([
            ("id".to_owned(), text(&self.id)),
            ("sender".to_owned(), text(&self.sender)),
            ("recipient".to_owned(), text(&self.recipient)),
            ("active".to_owned(), AttributeValue::Bool(self.is_active)),
            ("balance".to_owned(), text(&self.balance)),
            ("flow_rate".to_owned(), text(&self.flow_rate)),
            ("withdrawn".to_owned(), text(&self.withdrawn)),
            ("start_time".to_owned(), number(self.start_time)),
            ("block".to_owned(), number(self.block)),
        ])
    }

    /// From the table.
    ///
    /// # Errors
    /// The name of the first attribute that is missing or wrong.
    pub fn from_item(item: &HashMap<String, AttributeValue>) -> Result<Self, &'static str> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).ok_or(name);
        let amount = |name| text(name)?.parse::<U256>().map_err(|_| name);
        let number = |name| {
            let number = item.get(name).and_then(|value| value.as_n().ok());
            number.and_then(|number| number.parse().ok()).ok_or(name)
        };
        Ok(Self {
            id: amount("id")?,
            sender: text("sender")?.clone(),
            recipient: text("recipient")?.clone(),
            is_active: *item.get("active").and_then(|value| value.as_bool().ok()).ok_or("active")?,
            balance: amount("balance")?,
            flow_rate: amount("flow_rate")?,
            withdrawn: amount("withdrawn")?,
            start_time: number("start_time")?,
            block: number("block")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_comes_back_to_the_last_digit() {
        let stream = Stream {
            id: U256::MAX,
            sender: "0x00".into(),
            recipient: "0x01".into(),
            is_active: true,
            balance: U256::MAX - U256::from(1),
            flow_rate: U256::from(1),
            start_time: 1_795_168_800,
            withdrawn: U256::ZERO,
            block: 7,
        };
        let mut item = stream.item();
        assert_eq!(Stream::from_item(&item), Ok(stream));
        item.remove("balance");
        assert_eq!(Stream::from_item(&item), Err("balance"));
    }
}
