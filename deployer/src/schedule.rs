//! When which share of the traffic goes to the new version: strategies as points in time, and several functions on one
//! clock. Pure; who waits and who watches is `apply/shift.rs`.

use crate::model::release::Strategy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// From here on the new version gets this share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stage {
    /// Since the shift began.
    pub(crate) after: Duration,
    /// In per cent, 1 to 100.
    pub(crate) share: u8,
}

/// The functions whose share changes at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Tick {
    /// Milliseconds since the shift began.
    pub(crate) at_ms: u64,
    /// Share of the new version in per cent, by function.
    pub(crate) shares: BTreeMap<String, u8>,
}

/// The stages of a strategy: the first begins at once, the last is everything.
pub(crate) fn stages(strategy: &Strategy) -> Vec<Stage> {
    match strategy {
        Strategy::AllAtOnce => vec![Stage { after: Duration::ZERO, share: 100 }],
        Strategy::Canary { share, bake } => {
            vec![Stage { after: Duration::ZERO, share: share.0 }, Stage { after: *bake, share: 100 }]
        }
        Strategy::Linear { share, every } => {
            let steps = 100_u32.div_ceil(u32::from(share.0.max(1)));
            let stage = |step: u32| Stage {
                after: *every * step,
                share: u8::try_from((u32::from(share.0) * (step + 1)).min(100)).unwrap_or(100),
            };
            (0..steps).map(stage).collect()
        }
    }
}

/// What is left of `stages` for a function that stands at `share`: its stage begins anew.
pub(crate) fn remaining(stages: &[Stage], share: u8) -> Vec<Stage> {
    let Some(current) = stages.iter().rev().find(|stage| stage.share <= share) else { return stages.to_vec() };
    let later = stages.iter().filter(|stage| stage.share > share);
    let later = later.map(|stage| Stage { after: stage.after.saturating_sub(current.after), share: stage.share });
    std::iter::once(Stage { after: Duration::ZERO, share }).chain(later).collect()
}

/// All functions on one clock.
pub(crate) fn ticks(all: &[(String, Vec<Stage>)]) -> Vec<Tick> {
    let mut ticks: BTreeMap<u64, BTreeMap<String, u8>> = BTreeMap::new();
    for (function, stages) in all {
        for stage in stages {
            let at = u64::try_from(stage.after.as_millis()).unwrap_or(u64::MAX);
            // Of two stages at one time the later counts.
            ticks.entry(at).or_default().insert(function.clone(), stage.share);
        }
    }
    ticks.into_iter().map(|(at_ms, shares)| Tick { at_ms, shares }).collect()
}

/// How often the alarms are looked at, in milliseconds: several times a stage, and no more often than they change.
///
/// Source: alarms are evaluated every minute, those of high resolution every ten seconds;
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html> (read 2026-11).
pub(crate) fn poll_ms(ticks: &[Tick]) -> u64 {
    let shortest = ticks.windows(2).map(|two| two[1].at_ms - two[0].at_ms).min();
    (shortest.unwrap_or(0) / 4).clamp(100, 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::release::Strategy;
    use crate::units::Percent;
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
    use proptest::strategy::Strategy as Generator;

    fn text(text: &str) -> Vec<(u64, u8)> {
        let strategy = Strategy::parse(text).expect("a strategy");
        stages(&strategy).iter().map(|stage| (stage.after.as_secs(), stage.share)).collect()
    }

    #[test]
    fn strategies_are_points_in_time() {
        assert_eq!(text("all-at-once"), [(0, 100)]);
        assert_eq!(text("canary 10% for 5m"), [(0, 10), (300, 100)]);
        assert_eq!(text("linear 40% every 1m"), [(0, 40), (60, 80), (120, 100)]);
        assert_eq!(text("linear 50% every 10s"), [(0, 50), (10, 100)]);
    }

    #[test]
    fn what_is_left_begins_with_the_stage_that_it_stands_in() {
        let stages = stages(&Strategy::parse("linear 25% every 1m").expect("a strategy"));
        let left = |share: u8| -> Vec<(u64, u8)> {
            remaining(&stages, share).iter().map(|stage| (stage.after.as_secs(), stage.share)).collect()
        };
        assert_eq!(left(0), [(0, 25), (60, 50), (120, 75), (180, 100)]);
        assert_eq!(left(50), [(0, 50), (60, 75), (120, 100)]);
        assert_eq!(left(60), [(0, 60), (60, 75), (120, 100)]);
    }

    #[test]
    fn functions_with_strategies_of_their_own_share_a_clock() {
        let of = |text: &str| stages(&Strategy::parse(text).expect("a strategy"));
        let all = [
            ("a".to_owned(), of("canary 10% for 2m")),
            ("b".to_owned(), of("all-at-once")),
            ("c".to_owned(), of("linear 50% every 1m")),
        ];
        let ticks: Vec<_> = ticks(&all).into_iter().map(|tick| (tick.at_ms, format!("{:?}", tick.shares))).collect();
        let expected = [
            (0, "{\"a\": 10, \"b\": 100, \"c\": 50}".to_owned()),
            (60_000, "{\"c\": 100}".to_owned()),
            (120_000, "{\"a\": 100}".to_owned()),
        ];
        assert_eq!(ticks, expected);
    }

    fn strategy() -> impl Generator<Value = Strategy> {
        (1_u8..=99, 0_u64..100_000, any::<bool>()).prop_map(|(share, seconds, canary)| {
            let (share, time) = (Percent(share), Duration::from_secs(seconds));
            match canary {
                true => Strategy::Canary { share, bake: time },
                false => Strategy::Linear { share, every: time },
            }
        })
    }

    proptest! {
        #[test]
        fn every_schedule_begins_at_once_rises_and_ends_with_everything(strategy in strategy(), at in 0_u8..100) {
            for stages in [stages(&strategy), remaining(&stages(&strategy), at)] {
                prop_assert_eq!(stages[0].after, Duration::ZERO);
                prop_assert_eq!(stages.last().map(|stage| stage.share), Some(100));
                for two in stages.windows(2) {
                    prop_assert!(two[0].share < two[1].share && two[0].after <= two[1].after, "{:?}", stages);
                }
            }
        }

        #[test]
        fn one_clock_loses_no_function(strategies in prop::collection::vec(strategy(), 1..6)) {
            let all: Vec<_> =
                strategies.iter().enumerate().map(|(index, one)| (index.to_string(), stages(one))).collect();
            let ticks = ticks(&all);
            prop_assert!(ticks.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
            prop_assert_eq!(ticks[0].shares.len(), all.len());
            for (function, _) in &all {
                let shares: Vec<u8> = ticks.iter().filter_map(|tick| tick.shares.get(function).copied()).collect();
                prop_assert!(shares.windows(2).all(|two| two[0] < two[1]), "{:?}", shares);
                prop_assert_eq!(shares.last(), Some(&100));
            }
        }
    }
}
