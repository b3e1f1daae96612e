//! How many points a store has left, as one value. No effects: the clock is an argument.
//!
//! Shopify fills each store's bucket steadily and takes a request's cost before it runs. Who takes points here takes
//! them at once, also into debt, and learns how long to wait until they are there: so every run has a place in the queue, and
//! nobody asks twice.
//!
//! Source: <https://shopify.dev/docs/api/usage/limits> (read 2026-11).

use std::time::Duration;

use serde::Deserialize;

/// The part of a bucket that stays in it: a request is on its way for a while, in which a full bucket fills no further.
const KEPT: f64 = 0.05;

/// `extensions.cost.throttleStatus` of an answer. Points, and points per second.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThrottleStatus {
    pub maximum_available: f64,
    pub currently_available: f64,
    pub restore_rate: f64,
}

/// What a run has learned since it took points last.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Learned {
    /// Points that were taken and not used; below zero when more were.
    pub unused: f64,
    /// The latest status, and when it came. Milliseconds since 1970.
    pub status: Option<(ThrottleStatus, i64)>,
}

impl Learned {
    pub fn add(&mut self, unused: f64, status: Option<ThrottleStatus>, at: i64) {
        self.unused += unused;
        if let Some(status) = status {
            self.status = Some((status, at));
        }
    }
}

/// The bucket of one store at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Points; below zero when they are promised already.
    pub level: f64,
    pub maximum: f64,
    /// Points per second.
    pub restore: f64,
    /// Milliseconds since 1970.
    pub at: i64,
}

/// More points at once than the bucket ever holds.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{cost} points at once, but the store grants {maximum} at most: a smaller batch costs less")]
pub struct TooDear {
    pub cost: f64,
    pub maximum: f64,
}

impl Bucket {
    /// Before the first answer: a full bucket of the smallest plan.
    pub fn unknown(now: i64) -> Self {
        Self { level: 1_000.0, maximum: 1_000.0, restore: 50.0, at: now }
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds between two moments are far below 2^53")]
    fn refilled(self, now: i64) -> Self {
        // Another machine's clock may be ahead: time never runs backwards here.
        let seconds = now.saturating_sub(self.at).max(0) as f64 / 1_000.0;
        Self { level: self.level + seconds * self.restore, at: self.at.max(now), ..self }
    }

    /// The bucket after `cost` points were taken and those given back that were not used, both at once and by nothing but an
    /// addition: held against its brim, and against what Shopify told last, since others may use the same bucket.
    #[must_use]
    pub fn settled(self, cost: f64, learned: &Learned, now: i64) -> Self {
        let mut bucket = self.refilled(now);
        if let Some((status, at)) = learned.status {
            (bucket.maximum, bucket.restore) = (status.maximum_available, status.restore_rate);
            let told = Self { level: status.currently_available, at, ..bucket }.refilled(now);
            bucket.level = bucket.level.min(told.level - cost);
        }
        bucket.level = bucket.level.min(bucket.maximum - cost);
        bucket
    }

    /// How long it takes until the `cost` points are there that were taken just now.
    ///
    /// # Errors
    /// When they never will be.
    pub fn wait(self, cost: f64) -> Result<Duration, TooDear> {
        if cost > self.maximum {
            return Err(TooDear { cost, maximum: self.maximum });
        }
        let kept = (self.maximum * KEPT).min(self.maximum - cost);
        Ok(Duration::from_secs_f64(((kept - self.level) / self.restore.max(1.0)).max(0.0)))
    }

    /// Whether `settled`, which was made of this one, says more than that time has passed.
    pub fn is_corrected(self, settled: Self) -> bool {
        let plain = self.refilled(settled.at);
        (self.maximum, self.restore) != (settled.maximum, settled.restore) || plain.level > settled.level + 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(available: f64) -> ThrottleStatus {
        ThrottleStatus { maximum_available: 2_000.0, currently_available: available, restore_rate: 100.0 }
    }

    fn take(bucket: Bucket, cost: f64, learned: &Learned, now: i64) -> (Bucket, u128) {
        let taken = Bucket { level: bucket.level + learned.unused - cost, ..bucket };
        let settled = taken.settled(cost, learned, now);
        (settled, settled.wait(cost).expect("not too dear").as_millis())
    }

    const NOTHING: Learned = Learned { unused: 0.0, status: None };

    #[test]
    fn who_comes_later_waits_longer() {
        let bucket = Bucket::unknown(0);
        let (bucket, first) = take(bucket, 800.0, &NOTHING, 0);
        let (bucket, second) = take(bucket, 800.0, &NOTHING, 0);
        let (_, third) = take(bucket, 800.0, &NOTHING, 0);
        // Five percent are kept: 50 points, a second.
        assert_eq!((first, second, third), (0, 13_000, 29_000));
    }

    #[test]
    fn points_come_back_with_time_and_never_above_the_brim() {
        let (bucket, _) = take(Bucket::unknown(0), 1_000.0, &NOTHING, 0);
        assert_eq!(take(bucket, 400.0, &NOTHING, 10_000).1, 0);
        let (full, _) = take(bucket, 10.0, &NOTHING, 3_600_000);
        assert_eq!(full.level, 990.0);
        assert_eq!(take(bucket, 0.0, &NOTHING, -5).0.level, 0.0, "a clock that is behind changes nothing");
    }

    #[test]
    fn what_was_not_used_comes_back_and_what_others_took_is_gone() {
        let (bucket, _) = take(Bucket::unknown(0), 752.0, &NOTHING, 0);
        let mut learned = Learned::default();
        learned.add(700.0, Some(status(1_948.0)), 1_000);
        let (settled, _) = take(bucket, 10.0, &learned, 1_000);
        // 248, refilled by 50, given back 700, taken 10; the larger bucket that Shopify told of fills from now on.
        assert_eq!((settled.level, settled.maximum, settled.restore), (988.0, 2_000.0, 100.0));
        learned.add(0.0, Some(status(30.0)), 2_000);
        assert_eq!(take(bucket, 10.0, &learned, 3_000).0.level, 120.0, "others use the same bucket");
    }

    #[test]
    fn only_what_time_does_not_explain_is_a_correction() {
        let bucket = Bucket { level: 100.0, ..Bucket::unknown(0) };
        let is_corrected = |learned: &Learned, now| bucket.is_corrected(bucket.settled(10.0, learned, now));
        assert!(!is_corrected(&NOTHING, 1_000));
        assert!(is_corrected(&NOTHING, 60_000), "over the brim");
        let told = Learned {
            unused: 0.0,
            status: Some((
                ThrottleStatus { restore_rate: 50.0, maximum_available: 1_000.0, currently_available: 90.0 },
                1_000,
            )),
        };
        assert!(is_corrected(&told, 1_000), "somebody else was there");
    }

    #[test]
    fn what_never_fits_is_refused() {
        assert!(Bucket::unknown(0).wait(1_000.5).is_err());
    }
}
