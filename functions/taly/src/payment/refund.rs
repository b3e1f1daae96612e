//! Giving back: never more than was captured, each request once.

use jiff::Timestamp;
use shared::{Problem, http::Response};
use uuid::Uuid;

use super::{
    Deps, NAMESPACE, busy, given_back, later,
    ledger::Reserved,
    other, outcome, paypal,
    provider::{Made, Order},
    replayed,
    request::{ProviderName, Refund},
    shown, unclear,
};
use crate::{
    claims::{Claim, fingerprint},
    money::Currency,
    table::{Item, get, number, text},
};

/// `POST /payments/{id}/refunds`
pub(super) async fn give_back(
    payment: &str,
    key: &str,
    refund: &Refund,
    lease: Timestamp,
    deps: &Deps,
) -> Result<Response, Problem> {
    let unclear_read = |error: String| Problem::internal("read the payment", error);
    let found = deps.ledger.get(payment).await.map_err(unclear_read)?;
    let found = found.filter(|item| get(item, "kind") == "payment");
    let found = found.ok_or_else(|| Problem::not_found("no such payment"))?;
    let provider = ProviderName::parse(get(&found, "provider"));
    let currency = Currency::try_from(get(&found, "currency").to_owned()).ok();
    let (Some(provider), Some(currency)) = (provider, currency) else {
        return Err(Problem::internal("read the payment", "an item without provider or currency"));
    };
    if refund.amount == 0 {
        return Err(Problem::bad_request("amount: minor units, at least 1"));
    }
    if provider == ProviderName::Paypal && !paypal::is_payable(refund.amount, currency) {
        return Err(Problem::bad_request("amount: PayPal takes this currency in whole units only"));
    }
    let id = Uuid::new_v5(&NAMESPACE, format!("refund/{payment}/{key}").as_bytes()).to_string();
    let print = fingerprint(format!("{payment} {}", refund.amount).as_bytes());
    let now = Timestamp::now();
    let own = [
        ("kind", text("refund")),
        ("payment", text(payment)),
        ("amount", number(refund.amount)),
        ("at", text(now.to_string())),
        ("day", text(now.strftime("%Y-%m-%d").to_string())),
    ];
    let copied = ["provider", "currency", "customer", "booking"];
    let copied = copied.into_iter().filter_map(|name| Some((name.to_owned(), found.get(name)?.clone())));
    let own: Item = own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(copied).collect();
    let reserved = deps.ledger.reserve(&id, &print, lease, now, own.clone(), refund.amount).await;
    let right = match reserved.map_err(unclear)? {
        Reserved::Claim(Claim::Granted(right)) => right,
        Reserved::Claim(Claim::Done(item)) => return Ok(replayed(&item)),
        Reserved::Claim(Claim::Busy) => return Ok(busy()),
        Reserved::Claim(Claim::Other) => return Err(other()),
        Reserved::TooMuch => {
            return Err(Problem::bad_request("amount: more than what was captured and not given back yet"));
        }
    };
    let order = Order { id: &id, from: get(&found, "reference"), amount: refund.amount, currency, description: None };
    let claims = deps.ledger.claims();
    let made = match deps.provider(provider).refund(order).await {
        Ok(made) => made,
        Err(error) => return Err(given_back(&claims, &right, later(error)).await),
    };
    let outcome = match made {
        // A refund that was accepted is on its way.
        Made::Done(reference) | Made::Pending(reference) => {
            Item::from([("status".to_owned(), text("refunded")), ("reference".to_owned(), text(reference))])
        }
        declined => outcome(&declined),
    };
    claims.done(&right, outcome.clone()).await.map_err(unclear)?;
    if get(&outcome, "status") == "declined" {
        deps.ledger
            .restore(payment, refund.amount)
            .await
            .map_err(|error| Problem::internal("free the amount", error))?;
    }
    let mut item = own;
    item.insert("id".to_owned(), text(&id));
    item.extend(outcome);
    tracing::info!(payment, refund = id, provider = provider.word(), status = get(&item, "status"), "given back");
    Ok(shown(&item))
}
