//! What a user did: what may be said of it, and where it lies.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::SHARDS;

/// An entry may be so old, since a phone may have been without a network, and so far ahead, since clocks differ.
const PAST: SignedDuration = SignedDuration::from_hours(7 * 24);
const FUTURE: SignedDuration = SignedDuration::from_mins(5);

/// Largest `data`. Bytes of JSON.
const DATA: usize = 4 * 1024;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Made where it happened, so that sending it again is seen.
    pub id: String,
    pub user: String,
    /// `booking.viewed`
    pub kind: String,
    pub at: Timestamp,
    #[serde(default)]
    pub data: Value,
}

/// Source: <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html> (read 2026-11).
#[derive(Debug, Deserialize)]
pub struct BusEvent {
    id: String,
    time: Timestamp,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    entries: Vec<Value>,
}

/// The entries of a body, every one of them right.
///
/// # Errors
/// What is wrong with the first that is not, by its place.
pub fn batch(body: &[u8], most: usize, now: Timestamp) -> Result<Vec<Entry>, String> {
    let batch: Batch =
        serde_json::from_slice(body).map_err(|_| "not JSON of the form {\"entries\": […]}".to_owned())?;
    if batch.entries.is_empty() || batch.entries.len() > most {
        return Err(format!("1 to {most} entries, not {}", batch.entries.len()));
    }
    let entries = batch.entries.into_iter().enumerate().map(|(at, value)| {
        let entry: Entry = serde_json::from_value(value)
            .map_err(|_| format!("entry {at}: id, user, kind, at (a time in UTC) and perhaps data, nothing else"))?;
        entry.checked(now).map_err(|wrong| format!("entry {at}: {wrong}"))
    });
    entries.collect()
}

/// Where the entries of a user's day lie.
pub fn partition(user: &str, day: Date) -> String {
    format!("{user}#{day}")
}

impl Entry {
    /// Another service's event: its `detail` names the `user` and is the data.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_bus(event: BusEvent, now: Timestamp) -> Result<Self, String> {
        let user = event.detail.get("user").and_then(Value::as_str).ok_or("the detail names no user")?.to_owned();
        let data = Value::Object(event.detail);
        Self { id: event.id, user, kind: event.detail_type, at: event.time, data }.checked(now)
    }

    fn checked(self, now: Timestamp) -> Result<Self, String> {
        let is_name = |text: &str| {
            (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@ ".contains(c))
        };
        if ![&self.id, &self.user, &self.kind].into_iter().all(|text| is_name(text)) {
            return Err("id, user and kind: 1 to 128 letters, digits and -_.:@".to_owned());
        }
        if self.at < now.saturating_sub(PAST).unwrap_or(Timestamp::MIN)
            || self.at > now.saturating_add(FUTURE).unwrap_or(Timestamp::MAX)
        {
            return Err("at: not within the last 7 days".to_owned());
        }
        if self.data.to_string().len() > DATA {
            return Err(format!("data: more than {DATA} bytes"));
        }
        Ok(self)
    }

    /// Partition and sort key. The time has always as many digits, so that their order is that of the times.
    pub fn key(&self) -> (String, String) {
        let day = self.at.to_zoned(TimeZone::UTC).date();
        (partition(&self.user, day), format!("{}#{}", self.at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"), self.id))
    }

    /// Partition of the index over all users.
    pub fn shard(&self) -> String {
        let hash = Sha256::digest(self.user.as_bytes());
        shard(self.at.to_zoned(TimeZone::UTC).date(), u32::from(hash[0]) % SHARDS)
    }
}

/// The `number`th partition of a day, of [`SHARDS`].
pub fn shard(day: Date, number: u32) -> String {
    format!("{day}#{number}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().expect("a time")
    }

    fn entry() -> Value {
        json!({ "id": "e-1", "user": "u-1", "kind": "booking.viewed", "at": "2026-11-20T09:59:59.5Z" })
    }

    fn of(entries: &[Value]) -> Result<Vec<Entry>, String> {
        batch(json!({ "entries": entries }).to_string().as_bytes(), 3, now())
    }

    #[test]
    fn times_of_any_precision_lie_in_order() {
        let key = |at: &str| {
            let mut entry = entry();
            entry["at"] = json!(at);
            of(&[entry]).expect("right")[0].key()
        };
        let keys =
            ["2026-11-20T09:00:00Z", "2026-11-20T09:00:00.05Z", "2026-11-20T10:00:00.5+01:00", "2026-11-20T09:00:01Z"]
                .map(key);
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(keys[0], ("u-1#2026-11-20".to_owned(), "2026-11-20T09:00:00.000000Z#e-1".to_owned()));
    }

    #[test]
    fn one_wrong_entry_refuses_the_batch_and_is_named() {
        let wrong: [(&str, Value, &str); 7] = [
            ("id", json!(""), "entry 1: id, user and kind"),
            ("user", json!("a#b"), "entry 1: id, user and kind"),
            ("at", json!("2026-11-13T09:59:59Z"), "entry 1: at"),
            ("at", json!("2026-11-20T10:05:01Z"), "entry 1: at"),
            ("at", json!("yesterday"), "entry 1: id, user, kind, at"),
            ("data", json!("x".repeat(DATA)), "entry 1: data"),
            ("role", json!("admin"), "entry 1: id, user, kind, at"),
        ];
        for (member, value, said) in wrong {
            let mut other = entry();
            other[member] = value;
            let error = of(&[entry(), other]).expect_err(member);
            assert!(error.starts_with(said), "{error}");
        }
        assert!(of(&[]).is_err() && of(&[entry(), entry(), entry(), entry()]).is_err());
        assert_eq!(of(&[entry(), entry()]).map(|all| all.len()), Ok(2));
    }

    #[test]
    fn an_event_of_the_bus_is_an_entry_of_its_user() {
        let event = |detail: Value| -> BusEvent {
            serde_json::from_value(
                json!({ "version": "0", "id": "b-1", "detail-type": "booking.cancelled", "source": "taly.bookings",
                "time": "2026-11-20T09:00:00Z", "detail": detail }),
            )
            .expect("EventBridge's event")
        };
        let entry = Entry::from_bus(event(json!({ "user": "u-1", "booking": "7731" })), now()).expect("right");
        assert_eq!((entry.kind.as_str(), entry.data["booking"].as_str()), ("booking.cancelled", Some("7731")));
        assert!(Entry::from_bus(event(json!({})), now()).is_err());
    }
}
