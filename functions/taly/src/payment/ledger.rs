//! The payments' table: one item for each payment and each refund, by id; an index by day for reports.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::Timestamp;

use crate::{
    claims::{Claim, ClaimError, Claims, Right, item, standing},
    table::{Item, get, number, reason, text},
};

#[derive(Debug)]
pub struct Ledger {
    pub client: Client,
    pub table: String,
}

/// What came of asking for a refund.
#[derive(Debug)]
pub enum Reserved {
    Claim(Claim),
    /// There is not so much left to give back.
    TooMuch,
}

impl Ledger {
    pub fn claims(&self) -> Claims<'_> {
        Claims { client: &self.client, table: &self.table }
    }

    /// # Errors
    /// DynamoDB's code.
    pub async fn get(&self, id: &str) -> Result<Option<Item>, String> {
        let request = self.client.get_item().table_name(&self.table).key("id", text(id)).consistent_read(true);
        request.send().await.map(|output| output.item).map_err(|error| reason(&error))
    }

    /// Claims a refund and takes its amount off what can still be given back, both or neither. A refund that was begun
    /// before has its amount already and is claimed alone.
    ///
    /// # Errors
    /// When DynamoDB cannot say.
    pub async fn reserve(
        &self,
        id: &str,
        print: &str,
        lease: Timestamp,
        now: Timestamp,
        with: Item,
        amount: u64,
    ) -> Result<Reserved, ClaimError> {
        let payment = get(&with, "payment").to_owned();
        let whole = item(id, print, lease, with.clone());
        let right = Right::of(&whole);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(whole))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let update = Update::builder()
            .table_name(&self.table)
            .key("id", text(payment))
            .update_expression("SET refundable = refundable - :amount")
            .condition_expression("refundable >= :amount")
            .expression_attribute_values(":amount", number(amount))
            .build();
        let failed = |reason: String| ClaimError::of("reserve", id, &self.table, reason);
        let (put, update) = match (put, update) {
            (Ok(put), Ok(update)) => (put, update),
            (Err(error), _) | (_, Err(error)) => return Err(failed(error.to_string())),
        };
        let items =
            [TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().update(update).build()];
        let sent = self.client.transact_write_items().set_transact_items(Some(items.into())).send().await;
        let error = match sent {
            Ok(_) => return Ok(Reserved::Claim(Claim::Granted(right))),
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return Err(failed(reason(&error)));
        };
        let reasons = canceled.cancellation_reasons();
        let is_condition = |at: usize| reasons.get(at).and_then(|one| one.code()) == Some("ConditionalCheckFailed");
        match (is_condition(0), is_condition(1)) {
            (true, _) => {
                let existing = reasons[0].item().cloned().unwrap_or_default();
                match standing(existing, print) {
                    // Perhaps its lease is over: then it is ours.
                    Claim::Busy => self.claims().claim(id, print, lease, now, with).await.map(Reserved::Claim),
                    claim => Ok(Reserved::Claim(claim)),
                }
            }
            (false, true) => Ok(Reserved::TooMuch),
            _ => Err(failed("another transaction was faster".to_owned())),
        }
    }

    /// Makes an amount refundable again.
    ///
    /// # Errors
    /// DynamoDB's code.
    pub async fn restore(&self, payment: &str, amount: u64) -> Result<(), String> {
        let request = self.client.update_item().table_name(&self.table).key("id", text(payment));
        let request = request.update_expression("SET refundable = refundable + :amount");
        let sent = request.expression_attribute_values(":amount", number(amount)).send().await;
        sent.map(|_| ()).map_err(|error| reason(&error))
    }

    /// Ends a payment that is pending; whether it was.
    ///
    /// # Errors
    /// DynamoDB's code.
    pub async fn settle(&self, id: &str, status: &str, refundable: u64) -> Result<bool, String> {
        let request = self.client.update_item().table_name(&self.table).key("id", text(id));
        let request = request
            .update_expression("SET #status = :status, refundable = :refundable")
            .condition_expression("#status = :pending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status))
            .expression_attribute_values(":pending", text("pending"))
            .expression_attribute_values(":refundable", number(refundable));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(service))
                if matches!(service.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(false)
            }
            Err(error) => Err(reason(&error)),
        }
    }
}
