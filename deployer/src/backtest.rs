//! What an alarm would have done on past data. Pure: data and times are arguments.
//!
//! Follows what CloudWatch documents: of the last periods the most recent datapoints that are there count; only when fewer
//! are there than the alarm looks at does it matter how missing ones are taken.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html> (read 2026-11).

use crate::model::alarm_set::{Compare, Treat};

/// Periods that CloudWatch looks back beyond those that it evaluates. Its documentation gives no number; this is the one of
/// its examples, of five datapoints where three are evaluated.
const BEYOND: usize = 2;

/// What an alarm compares, over how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Test {
    pub(crate) compare: Compare,
    pub(crate) threshold: f64,
    /// N: datapoints that are evaluated.
    pub(crate) periods: usize,
    /// M: how many of them have to breach. 1 to N.
    pub(crate) needed: usize,
    pub(crate) treat: Treat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    Alarm,
    InsufficientData,
}

/// A time in ALARM, by the numbers of periods: from the end of `first` to the end of `last`, or on at the end of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spell {
    pub(crate) first: usize,
    /// The period with which it ended.
    pub(crate) last: Option<usize>,
}

/// The state after each period, the oldest first. At the beginning nothing is known.
pub(crate) fn states(values: &[Option<f64>], test: &Test) -> Vec<State> {
    let mut state = State::InsufficientData;
    let after = |at: usize, state: &mut State| {
        let range = &values[(at + 1).saturating_sub(test.periods + BEYOND)..=at];
        *state = next(range, test, *state);
        *state
    };
    (0..values.len()).map(|at| after(at, &mut state)).collect()
}

/// The state after the last datapoint of `range`, which is everything that CloudWatch looks at.
fn next(range: &[Option<f64>], test: &Test, before: State) -> State {
    let is_breach = |value: &f64| test.compare.is_breach(*value, test.threshold);
    // The newest first, each with its age in periods, 1 for the newest.
    let there: Vec<(usize, f64)> = range
        .iter()
        .rev()
        .enumerate()
        .filter_map(|(age, value)| Some((age + 1, (*value)?)))
        .take(test.periods)
        .collect();
    let breaching = there.iter().filter(|(_, value)| is_breach(value)).count();
    let missing = test.periods.saturating_sub(there.len());
    if there.is_empty() {
        return match test.treat {
            Treat::Breaching => State::Alarm,
            Treat::NotBreaching => State::Ok,
            Treat::Ignore => before,
            Treat::Missing => State::InsufficientData,
        };
    }
    if breaching >= test.needed || test.treat == Treat::Breaching && breaching + missing >= test.needed {
        return State::Alarm;
    }
    let all = breaching == there.len();
    match test.treat {
        Treat::Ignore if all && missing > 0 => before,
        // Not before the oldest breach is as old as an alarm needs to be: others may still come in.
        Treat::Missing if all && missing > 0 => {
            let oldest = there.iter().map(|(age, _)| *age).max().unwrap_or_default();
            if oldest >= test.needed { State::Alarm } else { before }
        }
        _ => State::Ok,
    }
}

/// The times in ALARM.
pub(crate) fn spells(states: &[State]) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    for (at, state) in states.iter().enumerate() {
        let open = spells.last_mut().filter(|spell| spell.last.is_none());
        match (open, *state == State::Alarm) {
            (None, true) => spells.push(Spell { first: at, last: None }),
            (Some(spell), false) => spell.last = Some(at),
            _ => {}
        }
    }
    spells
}

/// Datapoints as CloudWatch gives them, each at the beginning of its period, as one value for each period from `from` on.
/// Times in seconds since 1970.
pub(crate) fn filled(points: &[(i64, f64)], from: i64, until: i64, period: i64) -> Vec<Option<f64>> {
    let count = usize::try_from((until - from).div_euclid(period)).unwrap_or_default();
    let mut values = vec![None; count];
    for (at, value) in points {
        let place = usize::try_from((at - from).div_euclid(period)).ok().and_then(|place| values.get_mut(place));
        place.into_iter().for_each(|place| *place = Some(*value));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TREATS: [Treat; 4] = [Treat::Missing, Treat::Ignore, Treat::Breaching, Treat::NotBreaching];

    fn test(periods: usize, needed: usize, treat: Treat) -> Test {
        Test { compare: Compare::Above, threshold: 1.0, periods, needed, treat }
    }

    /// `X` breaches, `0` does not, `-` is missing.
    fn values(text: &str) -> Vec<Option<f64>> {
        let value = |letter| match letter {
            'X' => Some(2.0),
            '0' => Some(0.0),
            _ => None,
        };
        text.chars().map(value).collect()
    }

    /// One row of the tables in CloudWatch's documentation: the state by how missing data is taken, `=` for the one before.
    fn row(needed: usize, range: &str, expected: [&str; 4]) {
        for (treat, expected) in TREATS.into_iter().zip(expected) {
            for before in [State::Ok, State::Alarm, State::InsufficientData] {
                let expected = match expected {
                    "ALARM" => State::Alarm,
                    "OK" => State::Ok,
                    "=" => before,
                    _ => State::InsufficientData,
                };
                let found = next(&values(range), &test(3, needed, treat), before);
                assert_eq!(found, expected, "{range}, {needed} of 3, {treat:?}, {before:?}");
            }
        }
    }

    #[test]
    fn three_of_three_as_documented() {
        row(3, "0-X-X", ["OK"; 4]);
        row(3, "----0", ["OK"; 4]);
        row(3, "-----", ["INSUFFICIENT_DATA", "=", "ALARM", "OK"]);
        row(3, "0XX-X", ["ALARM"; 4]);
        row(3, "--X--", ["ALARM", "=", "ALARM", "OK"]);
    }

    #[test]
    fn two_of_three_as_documented() {
        row(2, "0-X-X", ["ALARM"; 4]);
        row(2, "00X0X", ["ALARM"; 4]);
        row(2, "0-X--", ["OK", "OK", "ALARM", "OK"]);
        row(2, "----0", ["OK", "OK", "ALARM", "OK"]);
        row(2, "---X-", ["ALARM", "=", "ALARM", "OK"]);
    }

    #[test]
    fn a_first_breach_waits_for_its_age_where_missing_data_says_nothing() {
        row(3, "----X", ["=", "=", "ALARM", "OK"]);
    }

    #[test]
    fn times_in_alarm_have_a_beginning_and_perhaps_an_end() {
        let states = states(&values("0XX0000XX"), &test(2, 2, Treat::NotBreaching));
        assert_eq!(spells(&states), [Spell { first: 2, last: Some(3) }, Spell { first: 8, last: None }]);
    }

    #[test]
    fn datapoints_find_their_period() {
        assert_eq!(filled(&[(120, 1.0), (61, 2.0), (500, 9.0)], 60, 240, 60), [Some(2.0), Some(1.0), None]);
    }

    proptest! {
        #[test]
        fn a_stricter_threshold_alarms_whenever_a_looser_one_does(
            values in prop::collection::vec(prop::option::weighted(0.7, 0.0..10.0), 0..60),
            periods in 1_usize..6, needed in 1_usize..6, low in 0.0..5.0, more in 0.0..5.0,
        ) {
            let needed = needed.min(periods);
            for treat in [Treat::Breaching, Treat::NotBreaching] {
                let strict = Test { threshold: low, ..test(periods, needed, treat) };
                let loose = Test { threshold: low + more, ..strict };
                let pairs = states(&values, &loose).into_iter().zip(states(&values, &strict));
                for (loose, strict) in pairs {
                    prop_assert!(loose != State::Alarm || strict == State::Alarm);
                }
            }
        }

        #[test]
        fn without_gaps_it_is_m_of_the_last_n(
            values in prop::collection::vec(0.0..3.0, 10..40), periods in 1_usize..5, needed in 1_usize..5, treat in 0_usize..4,
        ) {
            let needed = needed.min(periods);
            let test = test(periods, needed, TREATS[treat]);
            let all: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
            for (at, state) in states(&all, &test).into_iter().enumerate().skip(periods) {
                let breaches = values[at + 1 - periods..=at].iter().filter(|value| **value > 1.0).count();
                prop_assert_eq!(state == State::Alarm, breaches >= needed);
            }
        }

        #[test]
        fn what_is_good_when_missing_is_never_worse_than_what_is_bad_when_missing(
            values in prop::collection::vec(prop::option::of(0.0..3.0), 0..40), periods in 1_usize..5, needed in 1_usize..5,
        ) {
            let needed = needed.min(periods);
            let good = states(&values, &test(periods, needed, Treat::NotBreaching));
            let bad = states(&values, &test(periods, needed, Treat::Breaching));
            prop_assert!(good.iter().zip(&bad).all(|(good, bad)| *good != State::Alarm || *bad == State::Alarm));
            prop_assert!(spells(&good).iter().all(|spell| spell.last.is_none_or(|last| last > spell.first)));
        }
    }
}
