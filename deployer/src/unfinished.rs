//! A shift that stands in the middle: held, interrupted, or left behind by a process that was killed.

use crate::ids::{FunctionVersion, LogicalId};
use crate::release::{Outcome, Release};
use crate::state::{LiveAlias, LiveFunction, State};

/// The release whose shift stands in the middle, and its functions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unfinished<'a> {
    pub(crate) release: &'a Release,
    /// In the order of the record; functions that are gone are left out.
    pub(crate) functions: Vec<Half<'a>>,
}

/// A function on its way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Half<'a> {
    /// Its name in the stack file.
    pub(crate) function: &'a str,
    pub(crate) id: &'a LogicalId,
    pub(crate) live: &'a LiveFunction,
    pub(crate) alias: &'a LiveAlias,
    pub(crate) from: &'a FunctionVersion,
    pub(crate) to: &'a FunctionVersion,
    /// What `to` gets, in per cent; `None` when the alias is at neither: somebody moved it.
    pub(crate) share: Option<u8>,
}

/// The newest release that began to shift, if it has come to no end and nothing has replaced it.
pub(crate) fn found(state: &State) -> Option<Unfinished<'_>> {
    for release in state.releases.present()?.iter().rev() {
        match &release.outcome {
            Outcome::Succeeded => return None,
            _ if release.shifting.is_empty() => {}
            Outcome::TakenBack { .. } | Outcome::Failed { .. } => return None,
            Outcome::Started | Outcome::Held { .. } => {
                let functions = release.shifting.iter().filter_map(|(function, shifting)| {
                    let (id, live) = state
                        .functions
                        .iter()
                        .filter_map(|(id, known)| Some((id, known.present()?)))
                        .find(|(_, live)| live.name == shifting.function)?;
                    let alias = live.alias.present()?;
                    let share = share(alias, &shifting.from, &shifting.to);
                    Some(Half { function, id, live, alias, from: &shifting.from, to: &shifting.to, share })
                });
                return Some(Unfinished { release, functions: functions.collect() });
            }
        }
    }
    None
}

/// The same, while nobody works on the stack: a shift under way is not left behind.
pub(crate) fn left(state: &State) -> Option<Unfinished<'_>> {
    found(state).filter(|_| state.busy.is_none())
}

fn share(alias: &LiveAlias, from: &FunctionVersion, to: &FunctionVersion) -> Option<u8> {
    let weights: Vec<_> = alias.weights.iter().collect();
    match weights.as_slice() {
        [] if alias.version == *to => Some(100),
        [] if alias.version == *from => Some(0),
        [(second, share)] if alias.version == *from && *second == to.as_str() => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0 to 1")]
            let percent = (**share * 100.0).round().clamp(0.0, 100.0) as u8;
            Some(percent)
        }
        _ => None,
    }
}

impl Half<'_> {
    /// `1 → 2 at 10 %`
    pub(crate) fn text(&self) -> String {
        match self.share {
            Some(share) => format!("{} → {} at {share} %", self.from, self.to),
            None => format!("{}, moved by somebody else", self.alias.version),
        }
    }
}

impl Unfinished<'_> {
    /// Where it stands, and the commands that go on or back.
    pub(crate) fn note(&self, state: &State) -> String {
        let each: Vec<_> = self.functions.iter().map(|half| format!("{} {}", half.function, half.text())).collect();
        format!(
            "the shift of release {} stands in the middle ({}): `{}` finishes it, `{}` takes it back",
            self.release.number,
            each.join(", "),
            state.place.command("promote"),
            state.place.command("abort"),
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::diff::tests::state;
    use crate::plan::blank_record;
    use crate::release::{Action, Shifting};
    use crate::state::Known;

    /// Release 1 in the middle of its shift of `f` from 1 to 2, at `share`, with this outcome.
    pub(crate) fn shifting(share: Option<f64>, outcome: Outcome) -> State {
        let mut state = state(("a", 256), ("a", 256, "aaaa"));
        let mut release = blank_record(&state, Action::Deploy, None, jiff::Timestamp::UNIX_EPOCH);
        let one = Shifting {
            function: "shop-dev-f".to_owned(),
            from: FunctionVersion::new("1"),
            to: FunctionVersion::new("2"),
        };
        release.shifting.insert("f".to_owned(), one);
        release.outcome = outcome;
        state.releases = Known::Present(vec![release]);
        let Some(Known::Present(live)) = state.functions.get_mut(&LogicalId::new("F")) else { panic!("it is there") };
        let Known::Present(alias) = &mut live.alias else { panic!("it is there") };
        alias.weights = share.map(|share| ("2".to_owned(), share)).into_iter().collect();
        state
    }

    #[test]
    fn a_killed_shift_says_where_it_stands() {
        let state = shifting(Some(0.1), Outcome::Started);
        let found = found(&state).expect("it is in the middle");
        assert_eq!(found.functions[0].text(), "1 → 2 at 10 %");
        let note = found.note(&state);
        assert!(note.contains("`deployer promote shop --stage dev`") && note.contains("`deployer abort"), "{note}");
    }

    #[test]
    fn one_that_came_to_an_end_is_finished() {
        for outcome in [Outcome::Succeeded, Outcome::TakenBack { reason: String::new() }] {
            assert_eq!(found(&shifting(None, outcome)), None);
        }
    }

    #[test]
    fn a_later_release_that_never_moved_anything_hides_nothing() {
        let mut state = shifting(None, Outcome::Held { reason: String::new() });
        let Known::Present(releases) = &mut state.releases else { panic!("they are there") };
        let mut later = releases[0].clone();
        later.number = 2;
        later.shifting.clear();
        later.outcome = Outcome::Failed { reason: "no role".to_owned() };
        releases.push(later);
        assert_eq!(found(&state).and_then(|found| found.functions[0].share), Some(0));
    }
}
