//! Who belongs to which tier, and what that changes on a customer. No effects.
//!
//! A tier is reached by orders or by spend, whichever comes first; the last tier of the list that is reached counts.
//! Whoever has not bought anything for [`Rules::dropoff_months`] has none any more.

use std::{cmp::Ordering, collections::BTreeSet, str::FromStr};

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde::Deserialize;

/// An exact amount in the store's own currency, in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i128);

impl FromStr for Money {
    type Err = String;

    /// Reads a decimal number such as `-12.5`. Places after the sixth must be zero: no currency has them.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an amount such as 1250.00");
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (kept, beyond) = fraction.split_at_checked(6).unwrap_or((fraction, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 24
            || !is_number(whole)
            || !is_number(kept)
            || beyond.bytes().any(|b| b != b'0')
        {
            return Err(wrong());
        }
        let number = |part: &str| part.parse::<i128>().map_err(|_| wrong());
        Ok(Self(sign * (number(whole)? * 1_000_000 + number(&format!("{kept:0<6}"))?)))
    }
}

/// One tier, as written in `VIP_TIERS`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// What its customers are tagged with.
    pub tag: String,
    /// So many orders reach it.
    pub orders: Option<u64>,
    /// So much spent reaches it: a decimal number as text, in the store's own currency.
    #[serde(default, deserialize_with = "money")]
    pub spend: Option<Money>,
}

fn money<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

/// The rules of all runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// From the lowest to the highest.
    pub tiers: Vec<Tier>,
    /// Months without an order after which a tier is lost; at least 1.
    pub dropoff_months: i32,
    /// What those are tagged with who lost theirs, until they buy again: for a campaign that wins them back.
    pub lapsed_tag: Option<String>,
}

/// What counts about a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: String,
    pub tags: Vec<String>,
    pub orders: u64,
    pub spent: Money,
    pub last_order: Option<Timestamp>,
}

/// What a customer's tags have to become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether a tier is reached and kept.
    pub is_vip: bool,
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

impl Standing {
    pub fn is_settled(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

impl Rules {
    /// Reads the list of tiers.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence: not JSON, empty, a tier that everybody or nobody reaches, a tag twice, a
    /// tag that Shopify would not keep as it is.
    pub fn tiers(text: &str) -> Result<Vec<Tier>, String> {
        let tiers: Vec<Tier> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if tiers.is_empty() {
            return Err("there is no tier".to_owned());
        }
        let mut tags = BTreeSet::new();
        for tier in &tiers {
            is_tag(&tier.tag)?;
            if tier.orders.is_none() && tier.spend.is_none() {
                return Err(format!("tier `{}` says neither `orders` nor `spend`", tier.tag));
            }
            if tier.orders == Some(0) || tier.spend.is_some_and(|spend| spend <= Money::default()) {
                return Err(format!("everybody would reach tier `{}`", tier.tag));
            }
            if !tags.insert(tier.tag.to_lowercase()) {
                return Err(format!("two tiers have the tag `{}`", tier.tag));
            }
        }
        Ok(tiers)
    }

    /// The tier that orders and spend alone reach.
    fn reached(&self, customer: &Customer) -> Option<&Tier> {
        self.tiers.iter().rev().find(|tier| {
            tier.orders.is_some_and(|least| customer.orders >= least)
                || tier.spend.is_some_and(|least| customer.spent >= least)
        })
    }

    /// Whether the last order is so long ago that a tier is lost. Without any order, and on the very day, it is not.
    fn is_lapsed(&self, customer: &Customer, now: Timestamp) -> bool {
        let today = now.to_zoned(TimeZone::UTC);
        let since = today.saturating_sub(self.dropoff_months.months()).timestamp();
        customer.last_order.is_some_and(|last| last.cmp(&since) == Ordering::Less)
    }

    /// What `customer` is, and what that changes. Tags of others are never touched; case does not matter to Shopify.
    pub fn standing(&self, customer: &Customer, now: Timestamp) -> Standing {
        let reached = self.reached(customer);
        let is_lapsed = reached.is_some() && self.is_lapsed(customer, now);
        let tier = reached.filter(|_| !is_lapsed).map(|tier| &tier.tag);
        let has = |tag: &str| customer.tags.iter().any(|own| own.eq_ignore_ascii_case(tag));
        let ours = self.tiers.iter().map(|tier| &tier.tag);
        let had_tier = ours.clone().any(|tag| has(tag));
        let lapsed = self.lapsed_tag.as_ref();
        // Whoever never had a tier has lost none.
        let marked = lapsed.filter(|tag| is_lapsed && (had_tier || has(tag)));
        let wanted = [tier, marked].into_iter().flatten();
        let add = wanted.clone().filter(|tag| !has(tag)).cloned().collect();
        let remove = ours.chain(lapsed).filter(|tag| has(tag) && !wanted.clone().any(|kept| kept == *tag)).cloned();
        Standing { is_vip: tier.is_some(), add, remove: remove.collect() }
    }

    /// Who can be concerned at all, in Shopify's search syntax: a store's many one-time customers are never fetched.
    pub fn candidates(&self) -> String {
        let mut terms: BTreeSet<String> = BTreeSet::new();
        if let Some(orders) = self.tiers.iter().filter_map(|tier| tier.orders).min() {
            terms.insert(format!("orders_count:>={orders}"));
        }
        if let Some(Money(millionths)) = self.tiers.iter().filter_map(|tier| tier.spend).min() {
            // Rounded down: some too many are no harm.
            terms.insert(format!("total_spent:>={}", millionths / 1_000_000));
        }
        let ours = self.tiers.iter().map(|tier| &tier.tag).chain(&self.lapsed_tag);
        terms.extend(ours.map(|tag| format!("tag:'{tag}'")));
        terms.into_iter().collect::<Vec<_>>().join(" OR ")
    }
}

/// Whether Shopify keeps `tag` as it is: it splits at commas and takes at most 40 characters. Quotes would end the
/// search term that it becomes.
///
/// Source: <https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/tagsAdd> (read 2026-11).
pub fn is_tag(tag: &str) -> Result<(), String> {
    let is_fine = !tag.is_empty()
        && tag.trim() == tag
        && tag.chars().count() <= 40
        && !tag.chars().any(|c| c.is_control() || matches!(c, ',' | '\'' | '"' | '\\'));
    if is_fine { Ok(()) } else { Err(format!("`{tag}` cannot be a tag: 1 to 40 characters, no comma, no quotes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-20T10:00:00Z";

    fn rules() -> Rules {
        let tiers = r#"[{"tag": "VIP", "orders": 4}, {"tag": "VIP Gold", "orders": 10, "spend": "1000"}]"#;
        Rules { tiers: Rules::tiers(tiers).expect("right"), dropoff_months: 12, lapsed_tag: Some("VIP Lapsed".into()) }
    }

    /// Orders, spend, last order, tags → whether a VIP, what is added, what is removed.
    fn check(orders: u64, spent: &str, last: &str, tags: &[&str], vip: bool, add: &[&str], remove: &[&str]) {
        let customer = Customer {
            id: "1".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            orders,
            spent: spent.parse().expect("an amount"),
            last_order: last.parse().ok(),
        };
        let found = rules().standing(&customer, NOW.parse().expect("a time"));
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, Standing { is_vip: vip, add: texts(add), remove: texts(remove) }, "{customer:?}");
    }

    #[test]
    fn a_tier_comes_by_orders_or_by_spend_and_the_highest_counts() {
        let recent = "2026-11-01T00:00:00Z";
        check(3, "999.99", recent, &["newsletter"], false, &[], &[]);
        check(4, "0", recent, &["newsletter"], true, &["VIP"], &[]);
        check(1, "1000.00", recent, &[], true, &["VIP Gold"], &[]);
        check(10, "5", recent, &["VIP", "other"], true, &["VIP Gold"], &["VIP"]);
        check(5, "5", recent, &["vip"], true, &[], &[]);
        check(2, "5", recent, &["VIP"], false, &[], &["VIP"]);
    }

    #[test]
    fn a_year_without_an_order_costs_the_tier_and_a_new_order_brings_it_back() {
        check(9, "0", "2025-11-20T10:00:00Z", &["VIP"], true, &[], &[]);
        check(9, "0", "2025-11-20T09:59:59Z", &["VIP"], false, &["VIP Lapsed"], &["VIP"]);
        check(9, "0", "2025-01-01T00:00:00Z", &["VIP Lapsed"], false, &[], &[]);
        check(9, "0", "2025-01-01T00:00:00Z", &[], false, &[], &[]);
        check(9, "0", "2026-11-19T00:00:00Z", &["VIP Lapsed"], true, &["VIP"], &["VIP Lapsed"]);
        check(9, "0", "never", &["VIP"], true, &[], &[]);
    }

    #[test]
    fn amounts_are_exact() {
        let amount = |text: &str| text.parse::<Money>();
        assert_eq!(amount("0.1").expect("right"), Money(100_000));
        assert_eq!(amount("-12.50").expect("right"), Money(-12_500_000));
        assert_eq!(amount("99999999999999999999.000001").expect("right"), Money(99_999_999_999_999_999_999_000_001));
        for wrong in ["", ".5", "1e3", "1.0000001", "1,5", "--1", "1.2.3", "١"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tiers_that_make_no_sense_are_refused() {
        for (text, said) in [
            ("[]", "no tier"),
            (r#"[{"tag": "VIP"}]"#, "neither"),
            (r#"[{"tag": "VIP", "orders": 0}]"#, "everybody"),
            (r#"[{"tag": "VIP", "spend": "0.00"}]"#, "everybody"),
            (r#"[{"tag": "VIP", "spend": "many"}]"#, "not an amount"),
            (r#"[{"tag": "VIP", "orders": 1}, {"tag": "vip", "orders": 2}]"#, "two tiers"),
            (r#"[{"tag": "a,b", "orders": 1}]"#, "cannot be a tag"),
            (r#"[{"tag": "VIP", "order": 1}]"#, "unknown field"),
        ] {
            let error = Rules::tiers(text).expect_err(text);
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn candidates_are_those_who_could_gain_or_lose() {
        let expected = "orders_count:>=4 OR tag:'VIP Gold' OR tag:'VIP Lapsed' OR tag:'VIP' OR total_spent:>=1000";
        assert_eq!(rules().candidates(), expected);
    }
}
