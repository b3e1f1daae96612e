//! A plan in a file, to be reviewed now and applied later; and a state in a file, to plan from without AWS.
//!
//! Pure: takes and gives text. A plan belongs to what it was made from ([`Saved::moved`]).

use crate::cfn::Template;
use crate::plan::Plan;
use crate::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const PLAN_VERSION: u32 = 1;
const STATE_VERSION: u32 = 1;

/// What `plan --out` writes. `format_version` 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    format_version: u32,
    pub(crate) plan: Plan,
    /// What ought to be; tells what has to be read again before the plan is applied.
    pub(crate) desired: Template,
}

/// What `state pull` writes. `format_version` 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pulled {
    format_version: u32,
    state: State,
}

/// Why a file is not what it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOurs {
    #[error("it holds no {what} that `deployer` wrote: {why}")]
    Unreadable { what: &'static str, why: String },
    #[error("it was written in format {found}, and this version reads format {known}")]
    OtherVersion { found: u64, known: u32 },
}

impl Saved {
    pub(crate) fn new(plan: Plan, desired: Template) -> Self {
        Self { format_version: PLAN_VERSION, plan, desired }
    }

    /// The parts of the world that are not as they were when the plan was made, by name.
    pub(crate) fn moved(&self, state: &State) -> Vec<String> {
        let (then, now) = (&self.plan.base, state.fingerprints());
        let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        names.into_iter().filter(|name| then.get(*name) != now.get(*name)).cloned().collect()
    }

    pub(crate) fn to_text(&self) -> String {
        text(self)
    }

    /// # Errors
    /// When the text is no plan of this version.
    pub(crate) fn parse(text: &str) -> Result<Self, NotOurs> {
        parsed(text, "plan", PLAN_VERSION)
    }
}

pub(crate) fn state_to_text(state: &State) -> String {
    text(&Pulled { format_version: STATE_VERSION, state: state.clone() })
}

/// # Errors
/// When the text is no state of this version.
pub(crate) fn parse_state(text: &str) -> Result<State, NotOurs> {
    parsed::<Pulled>(text, "state", STATE_VERSION).map(|pulled| pulled.state)
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plans and states hold only JSON values") + "\n"
}

fn parsed<T: for<'de> Deserialize<'de>>(text: &str, what: &'static str, known: u32) -> Result<T, NotOurs> {
    let unreadable = |error: serde_json::Error| NotOurs::Unreadable { what, why: error.to_string() };
    let value: Value = serde_json::from_str(text).map_err(unreadable)?;
    match value.get("format_version").and_then(Value::as_u64) {
        Some(found) if found != u64::from(known) => Err(NotOurs::OtherVersion { found, known }),
        _ => serde_json::from_value(value).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::{desired, state, template};
    use crate::ids::LogicalId;
    use crate::plan::{Policy, plan};
    use crate::state::Known;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_plan_and_a_state_come_back_from_their_text() {
        let state = state(("a", 256), ("a", 256, "aaaa"));
        let desired = desired(template("b", 512), "aaaa");
        let changes = crate::diff::diff(&desired, &state);
        let made = plan(changes, &desired, &state, None, &Policy::default(), jiff::Timestamp::UNIX_EPOCH);
        let saved = Saved::new(made, desired.template);
        assert_eq!(Saved::parse(&saved.to_text()), Ok(saved));
        assert_eq!(parse_state(&state_to_text(&state)), Ok(state));
    }

    #[test]
    fn what_moved_is_named() {
        let before = state(("a", 256), ("a", 256, "aaaa"));
        let desired = desired(template("b", 256), "aaaa");
        let changes = crate::diff::diff(&desired, &before);
        let made = plan(changes, &desired, &before, None, &Policy::default(), jiff::Timestamp::UNIX_EPOCH);
        let saved = Saved::new(made, desired.template);
        assert_eq!(saved.moved(&before), [""; 0]);
        let mut after = state(("a", 256), ("a", 512, "aaaa"));
        after.resources.insert(LogicalId::new("Q"), Known::Absent);
        assert_eq!(saved.moved(&after), ["function F", "resource Q"]);
    }

    #[test]
    fn other_files_and_other_versions_are_refused() {
        assert!(matches!(Saved::parse("hello"), Err(NotOurs::Unreadable { .. })));
        assert!(matches!(Saved::parse("{}"), Err(NotOurs::Unreadable { .. })));
        assert_eq!(Saved::parse(r#"{"format_version": 9}"#), Err(NotOurs::OtherVersion { found: 9, known: 1 }));
    }

    /// A part of `value`, by a walk that `path` decides.
    fn part<'a>(mut value: &'a mut Value, path: &[usize]) -> &'a mut Value {
        for step in path {
            let (keys, length) = match value {
                Value::Object(map) if !map.is_empty() => (map.keys().cloned().collect::<Vec<_>>(), map.len()),
                Value::Array(items) if !items.is_empty() => (Vec::new(), items.len()),
                _ => break,
            };
            value = match keys.get(step % length) {
                Some(key) => &mut value[key.as_str()],
                None => &mut value[step % length],
            };
        }
        value
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = Saved::parse(&text);
            let _ = parse_state(&text);
            let rules = crate::guard::Rules { name: "rules".to_owned(), text };
            let _ = crate::guard::violations(&Template::default(), &rules);
        }

        #[test]
        fn a_damaged_state_is_refused_or_planned_from(
            path in proptest::collection::vec(0..20usize, 1..9),
            damage in prop_oneof![Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!("x")), Just(json!(-1))],
        ) {
            let state = state(("a", 256), ("b", 512, "aaaa"));
            let mut value: Value = serde_json::from_str(&state_to_text(&state)).expect("it is JSON");
            *part(&mut value, &path) = damage;
            if let Ok(state) = parse_state(&value.to_string()) {
                let desired = desired(template("c", 512), "bbbb");
                let changes = crate::diff::diff(&desired, &state);
                let made = plan(changes, &desired, &state, None, &Policy::default(), jiff::Timestamp::UNIX_EPOCH);
                prop_assert_eq!(Saved::parse(&Saved::new(made.clone(), desired.template).to_text()).map(|saved| saved.plan), Ok(made));
            }
        }
    }
}
