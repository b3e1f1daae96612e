//! What a stack must obey beyond its types: one table, one file per family.
//!
//! A rule only reads; it pushes what it finds, under its own code and title. To add one: write the function, add its
//! line here, add a case to `tests/cases/diagnostics/`.

mod access;
mod environment;
mod functions;
mod names;
mod queues;
mod ranges;
mod references;
mod stages;
mod suppressions;
mod tables;
mod triggers;

use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Stack;

/// A check with its stable code. The title carries no names of the user's.
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    check: fn(&Rule, &Stack, &mut Diagnostics),
}

impl Rule {
    fn error(&self) -> Diagnostic {
        Diagnostic::error(self.code, self.title)
    }

    fn warning(&self) -> Diagnostic {
        Diagnostic::warning(self.code, self.title)
    }
}

const fn rule(code: &'static str, title: &'static str, check: fn(&Rule, &Stack, &mut Diagnostics)) -> Rule {
    Rule { code, title, check }
}

/// Every rule. D02xx: values that do not fit. D04xx: names. D05xx: access. A code is never used again for something
/// else; the other codes are in `diag::CODES`.
pub(crate) static RULES: &[Rule] = &[
    rule("D0201", "a value out of its range", ranges::ranges),
    rule("D0202", "a time that CloudWatch does not keep logs for", functions::log_retention),
    rule("D0203", "not a schedule", triggers::schedules),
    rule("D0204", "visibility timeout shorter than function timeout", queues::visibility),
    rule("D0205", "exactly one of these keys is needed", functions::exactly_one),
    rule("D0206", "code that does not say how to run", functions::runtime),
    rule("D0207", "not a route", triggers::routes),
    rule("D0208", "the same route twice", triggers::same_route),
    rule("D0209", "not a name for an environment variable", environment::names),
    rule("D0210", "an environment variable that Lambda keeps for itself", environment::reserved),
    rule("D0211", "more environment than Lambda takes", environment::size),
    rule("D0212", "not an AWS account", stages::accounts),
    rule("D0213", "a large batch without a window", triggers::windows),
    rule("D0214", "what looks like a secret in plain text", environment::secret_names),
    rule("D0215", "a credential in plain text", environment::credentials),
    rule("D0216", "FIFO and standard do not go together", queues::fifo),
    rule("D0217", "not an AWS region", stages::regions),
    rule("D0218", "a file system without a network", functions::file_systems),
    rule("D0219", "an event that S3 does not send", triggers::bucket_events),
    rule("D0220", "credentials for any origin", triggers::cors),
    rule("D0221", "a network that is not complete", functions::networks),
    rule("D0222", "keys that a table cannot have", tables::keys),
    rule("D0230", "not a permissions boundary", functions::boundaries),
    rule("D0401", "a name that refers to nothing", references::declared),
    rule("D0402", "a name that AWS does not take", names::valid),
    rule("D0403", "two names that become the same logical id", names::logical_ids),
    rule("D0404", "dead-letter queues in a circle", queues::dead_letter_cycles),
    rule("D0408", "two things with the same name in AWS", names::same_name),
    rule("D0501", "unknown verb", access::verbs),
    rule("D0502", "`*` without a reason", access::wildcards),
    rule("D0503", "access to nothing", access::empty),
    rule("D0504", "not an action", access::actions),
    rule("D0505", "access beside a role that exists already", access::beside_role),
    rule("D0506", "a prefix where there are no keys", access::prefixes),
    rule("D0507", "an action that AWS does not have", access::known_actions),
    rule("D0508", "an action that never applies to its resource", access::resource_types),
    rule("D0509", "access to an index that is none", tables::indexes),
    rule("D0510", "a suppression without a reason", suppressions::reasons),
    rule("D0511", "a suppression of what cannot be found", suppressions::targets),
];

/// Runs every rule over `stack`.
pub(crate) fn check(stack: &Stack, diagnostics: &mut Diagnostics) {
    for rule in RULES {
        (rule.check)(rule, stack, diagnostics);
    }
}
