//! From the typed stack to a CloudFormation template. Walks the stack, calls one function per family, merges.
//!
//! Deterministic: the same stack gives the same bytes. What cannot be a sound template is a finding of [`check`].

mod alarm;
mod bucket;
pub(crate) mod dashboard;
mod draft;
mod event;
mod function;
mod graph;
mod http;
mod limits;
pub(crate) mod logical_ids;
mod pipe;
mod queue;
mod raw;
pub(crate) mod role;
mod schedule;
mod secret;
mod table;
mod topic;
mod url;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use alarm::{name as alarm_name, service_name as service_alarm_name};

use crate::cfn::Template;
use crate::diag::Diagnostics;
use crate::model::Stack;
use draft::Draft;

/// The template of `stack`. Artifacts do not appear in it: code and traffic are parameters (`logical_ids`).
pub(crate) fn synth(stack: &Stack) -> Template {
    draft(stack).template
}

/// What is wrong with the template that [`synth`] gives: clashing logical ids, raw parts that are no resources, patches
/// of nothing, references to nothing, circles, and too many of anything.
pub(crate) fn check(stack: &Stack) -> Diagnostics {
    let draft = draft(stack);
    let mut findings = draft.findings;
    findings.extend(graph::check(&draft.template, stack));
    findings.extend(limits::check(&draft.template, stack));
    findings
}

fn draft(stack: &Stack) -> Draft<'_> {
    let mut draft = Draft::new(stack);
    draft.template.format_version = Some("2010-09-09".to_owned());
    draft.template.description = stack.file.description.clone();
    secret::secrets(&mut draft);
    queue::queues(&mut draft);
    topic::topics(&mut draft);
    bucket::buckets(&mut draft);
    table::tables(&mut draft);
    http::api(&mut draft);
    function::functions(&mut draft);
    pipe::pipes(&mut draft);
    alarm::alarms(&mut draft);
    dashboard::dashboards(&mut draft);
    raw::exports(&mut draft);
    raw::merge(&mut draft);
    raw::patch(&mut draft);
    draft
}
