//! The gate of a shift: whether traffic may move on, from what the alarms and the metrics say. Pure; `apply/shift.rs` asks.

use std::collections::BTreeMap;

/// What was read at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sample {
    /// The watched alarms that exist.
    pub(crate) alarms: Vec<Alarm>,
    /// Invocations of the new version since the shift began, by function.
    pub(crate) traffic: BTreeMap<String, u64>,
}

/// An alarm as CloudWatch reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`
    pub(crate) state: String,
    pub(crate) reason: String,
}

/// What the gate goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Policy {
    pub(crate) watched: Vec<String>,
    pub(crate) functions: Vec<Least>,
}

/// How much traffic a function needs to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Least {
    pub(crate) function: String,
    pub(crate) invocations: u64,
    /// Whether less than that stops the shift.
    pub(crate) hold: bool,
}

/// Where in the schedule the question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing has moved yet.
    Before,
    /// The time of a stage is not over.
    Within,
    /// It is over; after the last stage everything moves.
    Due { last: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Stays where it is.
    Hold(Reason),
    /// Goes on; `unjudged` are functions that nobody called often enough.
    Advance { unjudged: Vec<Quiet> },
    /// Everything goes back, because of these alarms.
    RollBack { alarms: Vec<Alarm> },
}

/// Why a shift stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is not time yet.
    NotDue,
    /// These functions were called too seldom.
    TooLittle(Vec<Quiet>),
    /// Alarms that ought to be watched are gone.
    Gone(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quiet {
    pub(crate) function: String,
    pub(crate) seen: u64,
    pub(crate) needed: u64,
}

/// An alarm outweighs everything; an alarm that is gone stops the shift; traffic is judged before the last step, when as
/// much of it as there will be has been seen.
pub(crate) fn verdict(sample: &Sample, policy: &Policy, moment: Moment) -> Verdict {
    let firing: Vec<Alarm> = sample
        .alarms
        .iter()
        .filter(|alarm| alarm.state == "ALARM" && policy.watched.contains(&alarm.name))
        .cloned()
        .collect();
    if !firing.is_empty() {
        return Verdict::RollBack { alarms: firing };
    }
    if moment == Moment::Within {
        return Verdict::Hold(Reason::NotDue);
    }
    let is_gone = |name: &&String| !sample.alarms.iter().any(|alarm| alarm.name == **name);
    let gone: Vec<String> = policy.watched.iter().filter(is_gone).cloned().collect();
    if !gone.is_empty() {
        return Verdict::Hold(Reason::Gone(gone));
    }
    if moment != (Moment::Due { last: true }) {
        return Verdict::Advance { unjudged: Vec::new() };
    }
    let seen = |least: &Least| sample.traffic.get(&least.function).copied().unwrap_or_default();
    let quiet = |hold: bool| -> Vec<Quiet> {
        let few = policy.functions.iter().filter(|least| least.hold == hold && seen(least) < least.invocations);
        few.map(|least| Quiet { function: least.function.clone(), seen: seen(least), needed: least.invocations })
            .collect()
    };
    match quiet(true) {
        held if held.is_empty() => Verdict::Advance { unjudged: quiet(false) },
        held => Verdict::Hold(Reason::TooLittle(held)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(alarms: &[(&str, &str)], traffic: u64) -> Sample {
        let alarm = |(name, state): &(&str, &str)| Alarm {
            name: (*name).to_owned(),
            state: (*state).to_owned(),
            reason: String::new(),
        };
        Sample { alarms: alarms.iter().map(alarm).collect(), traffic: [("f".to_owned(), traffic)].into() }
    }

    fn policy(hold: bool) -> Policy {
        let least = Least { function: "f".to_owned(), invocations: 10, hold };
        Policy { watched: vec!["errors".to_owned()], functions: vec![least] }
    }

    const LAST: Moment = Moment::Due { last: true };

    #[test]
    fn an_alarm_takes_back_at_any_moment() {
        let firing = sample(&[("errors", "ALARM"), ("other", "ALARM")], 0);
        for moment in [Moment::Before, Moment::Within, Moment::Due { last: false }, LAST] {
            let Verdict::RollBack { alarms } = verdict(&firing, &policy(true), moment) else { panic!("{moment:?}") };
            assert_eq!(alarms.len(), 1, "only watched alarms count");
        }
    }

    #[test]
    fn too_little_traffic_is_an_outcome_of_its_own() {
        let quiet = vec![Quiet { function: "f".to_owned(), seen: 9, needed: 10 }];
        let nine = sample(&[("errors", "OK")], 9);
        assert_eq!(verdict(&nine, &policy(true), LAST), Verdict::Hold(Reason::TooLittle(quiet.clone())));
        assert_eq!(verdict(&nine, &policy(false), LAST), Verdict::Advance { unjudged: quiet });
        let early = Verdict::Advance { unjudged: Vec::new() };
        assert_eq!(verdict(&nine, &policy(true), Moment::Due { last: false }), early);
        assert_eq!(verdict(&sample(&[("errors", "INSUFFICIENT_DATA")], 10), &policy(true), LAST), early);
    }

    #[test]
    fn what_cannot_be_watched_stops_the_shift() {
        let gone = Verdict::Hold(Reason::Gone(vec!["errors".to_owned()]));
        assert_eq!(verdict(&sample(&[], 99), &policy(false), LAST), gone);
        assert_eq!(verdict(&sample(&[], 99), &policy(false), Moment::Within), Verdict::Hold(Reason::NotDue));
    }

    proptest! {
        #[test]
        fn nothing_moves_on_while_an_alarm_is_on_or_before_its_time(on in any::<bool>(), traffic in 0_u64..20, hold in any::<bool>(), moment in 0..4) {
            let moment = [Moment::Before, Moment::Within, Moment::Due { last: false }, LAST][moment as usize];
            let state = if on { "ALARM" } else { "OK" };
            let verdict = verdict(&sample(&[("errors", state)], traffic), &policy(hold), moment);
            let may = !on && moment != Moment::Within && (moment != LAST || traffic >= 10 || !hold);
            let is_advance = matches!(verdict, Verdict::Advance { .. });
            prop_assert_eq!(is_advance, may);
            let is_back = matches!(verdict, Verdict::RollBack { .. });
            prop_assert_eq!(is_back, on);
        }
    }
}
