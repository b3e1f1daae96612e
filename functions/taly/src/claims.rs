//! Who may do a thing that must happen once, and what came of it: a lease and a memory in one item of a table.
//!
//! An item is `working` until a time, or `done`. Whoever dies while working leaves `working` behind; after that time (the
//! invocation's own end, when Lambda has ended it for certain) another may try. A fingerprint tells whether the same thing is
//! asked for again, or another under the same id.

use aws_sdk_dynamodb::{
    Client,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::table::{Item, get, integer, number, reason, text};

/// The claims in one table, whose partition key is `id`.
#[derive(Debug, Clone, Copy)]
pub struct Claims<'a> {
    pub client: &'a Client,
    pub table: &'a str,
}

/// The right to do it, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    id: String,
    until: i64,
}

#[derive(Debug)]
pub enum Claim {
    Granted(Right),
    /// It was done before; what was written down then.
    Done(Item),
    /// Someone else is at it.
    Busy,
    /// Another thing was done, or is, under this id.
    Other,
}

/// DynamoDB did not answer, or refused.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {id} in {table}: {reason}")]
pub struct ClaimError {
    doing: &'static str,
    id: String,
    table: String,
    reason: String,
}

impl ClaimError {
    /// For writes of claims that are part of a transaction.
    pub fn of(doing: &'static str, id: &str, table: &str, reason: String) -> Self {
        Self { doing, id: id.to_owned(), table: table.to_owned(), reason }
    }
}

/// What a thing is, in 64 hexadecimal digits.
pub fn fingerprint(of: &[u8]) -> String {
    hex::encode(Sha256::digest(of))
}

/// The condition under which an item may be claimed, and its values; `now` in milliseconds.
fn condition(print: &str, now: Timestamp) -> (&'static str, [(&'static str, AttributeValue); 3]) {
    let values = [(":working", text("working")), (":now", number(now.as_millisecond())), (":print", text(print))];
    ("attribute_not_exists(id) OR (claim = :working AND claimed_until < :now AND fingerprint = :print)", values)
}

/// The item of a claim.
pub fn item(id: &str, print: &str, until: Timestamp, with: Item) -> Item {
    let own = [
        ("id", text(id)),
        ("claim", text("working")),
        ("claimed_until", number(until.as_millisecond())),
        ("fingerprint", text(print)),
    ];
    own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(with).collect()
}

/// What an item that is there already means to whoever asks for `print`.
pub fn standing(existing: Item, print: &str) -> Claim {
    if get(&existing, "fingerprint") != print {
        return Claim::Other;
    }
    if get(&existing, "claim") == "done" { Claim::Done(existing) } else { Claim::Busy }
}

impl Claims<'_> {
    /// Asks for the right to do what `print` stands for, until `until`; `with` is written beside.
    ///
    /// # Errors
    /// When DynamoDB cannot say.
    pub async fn claim(
        &self,
        id: &str,
        print: &str,
        until: Timestamp,
        now: Timestamp,
        with: Item,
    ) -> Result<Claim, ClaimError> {
        let (condition, values) = condition(print, now);
        let mut request = self
            .client
            .put_item()
            .table_name(self.table)
            .set_item(Some(item(id, print, until, with)))
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        match request.send().await {
            Ok(_) => Ok(Claim::Granted(Right { id: id.to_owned(), until: until.as_millisecond() })),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(standing(failed.item.clone().unwrap_or_default(), print))
                }
                _ => Err(self.error("claim", id, reason(&error))),
            },
        }
    }

    /// Writes down that it was done, with what came of it.
    ///
    /// # Errors
    /// When DynamoDB refuses, also since the right was another's by then.
    pub async fn done(&self, right: &Right, outcome: Item) -> Result<(), ClaimError> {
        self.update(right, text("done"), right.until, outcome, "finish").await
    }

    /// Gives the right back: nothing was done for certain, or doing it again does no harm.
    ///
    /// # Errors
    /// When DynamoDB refuses: then the next must wait for the end of the right.
    pub async fn release(&self, right: &Right) -> Result<(), ClaimError> {
        self.update(right, text("working"), 0, Item::new(), "release").await
    }

    async fn update(
        &self,
        right: &Right,
        claim: AttributeValue,
        until: i64,
        with: Item,
        doing: &'static str,
    ) -> Result<(), ClaimError> {
        let mut sets = vec!["claim = :claim".to_owned(), "claimed_until = :until".to_owned()];
        let mut request = self
            .client
            .update_item()
            .table_name(self.table)
            .key("id", text(&right.id))
            .condition_expression("claimed_until = :mine")
            .expression_attribute_values(":claim", claim)
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":mine", number(right.until));
        for (at, (name, value)) in with.into_iter().enumerate() {
            sets.push(format!("#n{at} = :v{at}"));
            request = request.expression_attribute_names(format!("#n{at}"), name);
            request = request.expression_attribute_values(format!(":v{at}"), value);
        }
        let sent = request.update_expression(format!("SET {}", sets.join(", "))).send().await;
        sent.map(|_| ()).map_err(|error| self.error(doing, &right.id, reason(&error)))
    }

    fn error(&self, doing: &'static str, id: &str, reason: String) -> ClaimError {
        ClaimError::of(doing, id, self.table, reason)
    }
}

impl Right {
    /// The right of whoever wrote this item of a claim in another way than by [`Claims::claim`].
    pub fn of(item: &Item) -> Self {
        Self { id: get(item, "id").to_owned(), until: integer(item, "claimed_until").unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_is_the_same_thing_done_or_in_work_or_another() {
        let now = Timestamp::UNIX_EPOCH;
        let working = item("a", "one", now, Item::new());
        assert!(matches!(standing(working.clone(), "one"), Claim::Busy));
        assert!(matches!(standing(working.clone(), "two"), Claim::Other));
        let done = working.into_iter().chain([("claim".to_owned(), text("done"))]).collect();
        assert!(matches!(standing(done, "one"), Claim::Done(_)));
    }
}
