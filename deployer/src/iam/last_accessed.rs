//! What AWS remembers of a role's use, against what the role may do: used, not used, or not told.
//!
//! IAM remembers for every service when a role last called it, and for some services which action. Of what it does not
//! remember nothing is concluded. Pure.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed-action-last-accessed.html> (read 2026-11).

use jiff::Timestamp;
use std::collections::BTreeMap;

/// Days that IAM looks back, at most.
pub(crate) const TRACKED_DAYS: i64 = 400;

/// One service, as IAM remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Service {
    /// Any call of the role, whether or not it was allowed.
    pub(crate) last: Option<Timestamp>,
    /// The actions that IAM keeps count of, by name; `None`: not called. Empty: of this service it does not tell actions.
    pub(crate) actions: BTreeMap<String, Option<Timestamp>>,
}

/// By prefix: `sqs`.
pub(crate) type Services = BTreeMap<String, Service>;

/// What is known of an action that a role allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Use {
    Last(Timestamp),
    /// Not in all the time that IAM looked.
    Never,
    /// Why nothing is concluded.
    Untold(String),
}

/// Actions that IAM tells nothing of, though it does of others of their service: calls of the data plane.
const UNTRACKED: &[(&str, &str)] =
    &[("sqs", "IAM keeps no count of operations on messages"), ("s3", "IAM keeps no count of operations on objects")];

/// What `services` say of `action`. `since` is how long IAM can know of the role.
pub(crate) fn used(action: &str, services: &Services, since: Timestamp, enough: Timestamp) -> Use {
    let (prefix, name) = action.split_once(':').unwrap_or((action, ""));
    if name.contains(['*', '?']) {
        return Use::Untold("it is a pattern; look at the actions that it stands for".to_owned());
    }
    let Some(service) = services.get(prefix) else {
        return Use::Untold("IAM tells nothing of this service".to_owned());
    };
    let counted = service.actions.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, last)| *last);
    match (service.last, counted) {
        (_, Some(Some(last))) => Use::Last(last),
        // Whoever never called the service never used an action of it.
        (None, _) | (_, Some(None)) if since <= enough => Use::Never,
        (None, _) | (_, Some(None)) => Use::Untold(format!("the role is there only since {}", day(since))),
        (Some(last), None) => {
            let why = UNTRACKED
                .iter()
                .find(|(known, _)| *known == prefix)
                .map_or("IAM keeps no count of this action", |(_, why)| why);
            Use::Untold(format!("{why}; the service was called last on {}", day(last)))
        }
    }
}

/// `2026-11-20`
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn services() -> Services {
        let lambda = Service {
            last: Some(at("2026-11-01T00:00:00Z")),
            actions: BTreeMap::from([
                ("InvokeFunction".to_owned(), Some(at("2026-11-01T00:00:00Z"))),
                ("GetFunction".to_owned(), None),
            ]),
        };
        let sqs = Service { last: Some(at("2026-11-02T00:00:00Z")), ..Service::default() };
        [("lambda", lambda), ("sqs", sqs), ("ses", Service::default())].map(|(name, of)| (name.to_owned(), of)).into()
    }

    fn told(action: &str) -> Use {
        used(action, &services(), at("2026-01-01T00:00:00Z"), at("2026-08-01T00:00:00Z"))
    }

    #[test]
    fn an_action_was_used_or_not_where_iam_keeps_count_of_it() {
        assert_eq!(told("lambda:InvokeFunction"), Use::Last(at("2026-11-01T00:00:00Z")));
        assert_eq!(told("lambda:getfunction"), Use::Never);
        assert_eq!(told("ses:SendEmail"), Use::Never, "the service was never called");
    }

    #[test]
    fn of_what_is_not_counted_nothing_is_concluded() {
        let untold = |action: &str, words: &str| match told(action) {
            Use::Untold(why) => assert!(why.contains(words), "{action}: {why}"),
            other => panic!("{action}: {other:?}"),
        };
        untold("sqs:SendMessage", "no count of operations on messages; the service was called last on 2026-11-02");
        untold("lambda:UpdateAlias", "no count of this action");
        untold("kms:Decrypt", "nothing of this service");
        untold("s3:Get*", "a pattern");
    }

    #[test]
    fn a_young_role_is_not_called_unused() {
        let young = at("2026-11-10T00:00:00Z");
        let told = used("ses:SendEmail", &services(), young, at("2026-08-01T00:00:00Z"));
        assert_eq!(told, Use::Untold("the role is there only since 2026-11-10".to_owned()));
        let told = used("lambda:InvokeFunction", &services(), young, at("2026-08-01T00:00:00Z"));
        assert!(matches!(told, Use::Last(_)), "what was used was used");
    }
}
