//! What a stack file says about releases, with the files that it names: read for a plan, and by `check`.

use crate::cfn::Template;
use crate::checks::Check;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Stack;
use crate::model::release::{self, Event};
use crate::plan::traffic::Course;
use crate::state::State;
use crate::synth::logical_ids;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// By function. An event that cannot be read is missing: [`missing`] has said so.
pub(crate) fn of(root: &Path, stack: &Stack, template: &Template, state: Option<&State>) -> BTreeMap<String, Course> {
    let deployed = state.and_then(|state| state.stack());
    let each = stack.file.functions.iter().map(|(name, function)| {
        let checks = function.before.iter().filter_map(|check| read(root, check).ok()).collect();
        let declared = stack.course(function);
        let id = logical_ids::function(name);
        let course = Course::of(declared, name, &id, &stack.function_name(name), template, deployed, checks);
        (name.clone(), course)
    });
    each.collect()
}

/// Events of checks that are no JSON, or not there.
pub(crate) fn missing(root: &Path, stack: &Stack, diagnostics: &mut Diagnostics) {
    for check in stack.file.functions.values().flat_map(|function| &function.before) {
        let Event::File(path) = &check.event else { continue };
        if let Err(why) = read(root, check) {
            diagnostics.push(
                Diagnostic::error("D0117", "an event that cannot be read")
                    .at(path.span, why)
                    .help("a file of JSON, its path relative to the project"),
            );
        }
    }
}

fn read(root: &Path, check: &release::Check) -> Result<Check, String> {
    let (asks, event) = match &check.event {
        Event::Inline(event) => ("the event of the stack file".to_owned(), event.clone()),
        Event::File(path) => {
            let text = fs::read_to_string(root.join(&path.value)).map_err(|error| error.to_string())?;
            let event: Value = serde_json::from_str(&text).map_err(|error| format!("it is no JSON: {error}"))?;
            (path.value.clone(), event)
        }
    };
    let expect = check.expect.as_ref();
    Ok(Check {
        asks,
        event,
        status: expect.and_then(|expect| expect.status),
        contains: expect.map(|expect| expect.contains.clone()).unwrap_or_default(),
        json: expect.map(|expect| expect.json.clone().into_iter().collect()).unwrap_or_default(),
    })
}
