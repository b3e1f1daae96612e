//! Templates for MiniStack's CloudFormation: what it cannot hold is taken out, and named.

use crate::cfn::Template;
use crate::ids::LogicalId;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// A template for the sandbox.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Adapted {
    pub(crate) template: Template,
    /// Properties that are set by the service's own API after the stack was changed.
    pub(crate) by_api: IndexMap<LogicalId, Map<String, Value>>,
    /// What was taken out or replaced, a line each.
    pub(crate) notes: Vec<String>,
}

/// Takes out of a template what the sandbox cannot hold; each change is named in one line, for the story.
pub(crate) fn adapt(template: &Template) -> Adapted {
    Adapted { template: template.clone(), ..Adapted::default() }
}
